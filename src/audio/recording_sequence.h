#pragma once

/// Recordings that a recorder cut into files: their order, and what is missing or double between them.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace baleen::audio {

/// A file as the caller knows it. Starts must all be of one kind, UTC or the recorder's clock.
struct SequenceFile {
  std::string name;
  std::string recorder;  ///< What tells recorders apart: serial number, site; may be empty.
  std::optional<std::int64_t> start_us;
  std::int64_t duration_us = 0;
};

struct SequenceEntry {
  std::size_t file = 0;       ///< Index into the files.
  std::int64_t begin_us = 0;  ///< [begin, end)
  std::int64_t end_us = 0;
  /// To the end of all before: positive is a gap, negative an overlap, 0 where the file goes on within the tolerance,
  /// and of the first.
  std::int64_t gap_us = 0;
};

/// The files of one recorder, by start and then by name.
struct RecordingSequence {
  std::string recorder;
  std::vector<SequenceEntry> entries;
  std::int64_t recorded_us = 0;  ///< Covered by at least one file.
  std::int64_t gaps_us = 0;
  std::int64_t overlaps_us = 0;
};

struct RecordingOrder {
  std::vector<RecordingSequence> sequences;  ///< By recorder.
  std::vector<std::size_t> unplaced;         ///< Files without a start, in the order given.
};

/// @param tolerance_us  Starts are whole seconds in most names, and writing a file's end takes a moment: differences up
///                      to this are no gap and no overlap.
[[nodiscard]] RecordingOrder order_recordings(std::span<const SequenceFile> files,
                                              std::int64_t tolerance_us = 1'000'000);

/// "deployment-7/S4A03895: a gap of 3600.0 s before x.wav" and so on: one line for each gap and overlap.
[[nodiscard]] std::vector<std::string> describe_breaks(const RecordingSequence& sequence,
                                                       std::span<const SequenceFile> files);

}  // namespace baleen::audio
