#pragma once

/// The partial WAV file of `normalize`, with its checkpoint: locked, verified, continued.
/// Internal to this room.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "audio/checkpoint.h"
#include "audio/wav.h"
#include "core/file.h"
#include "core/result.h"

namespace baleen::audio {

/// The checksum of the first `n_samples` samples behind the header, if there are that many.
[[nodiscard]] Result<std::optional<PcmChecksum>> checksum_of(const core::Fd& file,
                                                             std::int64_t header_bytes,
                                                             std::int64_t n_samples);

/// Writes samples with their checksum, in pieces of bounded size.
class PartialWriter {
 public:
  /// Continues behind the checkpoint, whose samples have been verified; or starts anew.
  static Result<PartialWriter> start(core::Fd file,
                                     const WavWriterOptions& options,
                                     std::int64_t n_samples,
                                     const PcmChecksum& checksum);

  /// Space for the next samples: fill a part of it, then take(n). Never empty.
  [[nodiscard]] std::span<std::int16_t> space() { return std::span(buffer_).subspan(n_buffered_); }
  /// Takes the first n samples of space(). False if they would not fit behind a plain header.
  Result<bool> take(std::size_t n);
  /// Everything taken is safe on disk.
  Result<bool> sync();
  /// The same, with the final header.
  Result<bool> finish();

  [[nodiscard]] std::int64_t n_samples() const {
    return wav_.n_samples() + static_cast<std::int64_t>(n_buffered_);
  }
  /// Of everything written; call after sync() or finish().
  [[nodiscard]] std::string checksum() const { return checksum_.to_hex(); }

 private:
  PartialWriter(WavWriter wav, const PcmChecksum& checksum);
  Result<bool> write_buffer();

  WavWriter wav_;
  PcmChecksum checksum_;
  std::vector<std::int16_t> buffer_;
  std::size_t n_buffered_ = 0;
};

}  // namespace baleen::audio
