#pragma once

/// Waveform outlines in audiowaveform's binary format, version 2, with 16 bits: a header of 24 bytes, then
/// the least and the greatest sample of each block (docs/formats/waveform.md). peaks.js and wavesurfer read it.

#include <cstdint>
#include <filesystem>
#include <span>

#include "core/file.h"
#include "core/result.h"

namespace baleen::formats {

struct WaveformInfo {
  int sample_rate_hz = 0;
  int samples_per_pixel = 0;
  std::int64_t n_pixels = 0;
};

/// Writes a waveform of one channel; the number of blocks must be known before.
class WaveformWriter {
 public:
  /// Writes the header at the beginning of `file`. INVALID_ARGUMENT for an impossible info.
  static Result<WaveformWriter> start(const core::Fd& file, const WaveformInfo& info);
  /// Pairs of least and greatest sample: 2 · n values.
  [[nodiscard]] Result<void> append(std::span<const std::int16_t> pairs);
  /// INTERNAL if the pairs are not as many as announced. Does not sync.
  [[nodiscard]] Result<void> finish();

 private:
  WaveformWriter(const core::Fd& file, const WaveformInfo& info) : file_(&file), info_(info) {}
  const core::Fd* file_;
  WaveformInfo info_;
  std::int64_t n_written_ = 0;
};

/// Thread-safe after open().
class WaveformReader {
 public:
  /// FILE_NOT_FOUND; ARTIFACT_CORRUPT for a file that is none, is shorter than its header says, or has
  /// another version, width or number of channels.
  static Result<WaveformReader> open(const std::filesystem::path& path);

  [[nodiscard]] const WaveformInfo& info() const { return info_; }
  /// Pairs [first, first + pairs.size() / 2). INVALID_ARGUMENT outside the file.
  [[nodiscard]] Result<void> read(std::int64_t first, std::span<std::int16_t> pairs) const;

 private:
  WaveformReader() = default;
  core::Fd file_;
  WaveformInfo info_;
};

}  // namespace baleen::formats
