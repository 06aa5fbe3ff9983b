#include "audio/recording_sequence.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <map>

namespace baleen::audio {
namespace {

/// Fills in the gaps of entries that are in order.
void measure(RecordingSequence& sequence, std::int64_t tolerance_us) {
  std::int64_t end_us = 0;  // Of all before.
  bool is_first = true;
  for (SequenceEntry& entry : sequence.entries) {
    const std::int64_t gap_us = is_first ? 0 : entry.begin_us - end_us;
    entry.gap_us = std::abs(gap_us) <= tolerance_us ? 0 : gap_us;
    const std::int64_t duration_us = entry.end_us - entry.begin_us;
    const std::int64_t overlap_us = std::clamp<std::int64_t>(-gap_us, 0, duration_us);
    sequence.recorded_us += duration_us - overlap_us;
    if (entry.gap_us > 0) sequence.gaps_us += gap_us;
    if (entry.gap_us < 0) sequence.overlaps_us += overlap_us;
    end_us = is_first ? entry.end_us : std::max(end_us, entry.end_us);
    is_first = false;
  }
}

}  // namespace

RecordingOrder order_recordings(std::span<const SequenceFile> files, std::int64_t tolerance_us) {
  RecordingOrder order;
  std::map<std::string, RecordingSequence> by_recorder;
  for (std::size_t i = 0; i < files.size(); ++i) {
    const SequenceFile& file = files[i];
    if (!file.start_us) {
      order.unplaced.push_back(i);
      continue;
    }
    RecordingSequence& sequence = by_recorder[file.recorder];
    sequence.recorder = file.recorder;
    const std::int64_t duration_us = std::max<std::int64_t>(file.duration_us, 0);
    sequence.entries.push_back({i, *file.start_us, *file.start_us + duration_us, 0});
  }
  for (auto& [recorder, sequence] : by_recorder) {
    std::sort(sequence.entries.begin(), sequence.entries.end(),
              [&](const SequenceEntry& a, const SequenceEntry& b) {
                if (a.begin_us != b.begin_us) return a.begin_us < b.begin_us;
                const int by_name = files[a.file].name.compare(files[b.file].name);
                return by_name != 0 ? by_name < 0 : a.file < b.file;
              });
    measure(sequence, tolerance_us);
    order.sequences.push_back(std::move(sequence));
  }
  return order;
}

std::vector<std::string> describe_breaks(const RecordingSequence& sequence,
                                         std::span<const SequenceFile> files) {
  std::vector<std::string> lines;
  const std::string prefix = sequence.recorder.empty() ? "" : sequence.recorder + ": ";
  for (const SequenceEntry& entry : sequence.entries) {
    if (entry.gap_us == 0) continue;
    const double seconds = static_cast<double>(std::abs(entry.gap_us)) / 1e6;
    const std::string& name = files[entry.file].name;
    lines.push_back(entry.gap_us > 0
                        ? fmt::format("{}a gap of {:.1f} s before {}", prefix, seconds, name)
                        : fmt::format("{}{} begins {:.1f} s before what was recorded ends", prefix,
                                      name, seconds));
  }
  return lines;
}

}  // namespace baleen::audio
