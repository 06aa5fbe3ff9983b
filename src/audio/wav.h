#pragma once

/// Our own WAV files: mono, 16 bits, RIFF or (beyond 4 GiB) RF64 after EBU Tech 3306.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

#include "core/file.h"
#include "core/result.h"
#include "core/units.h"

namespace baleen::audio {

/// The most bytes of samples that a plain RIFF file holds: its size fields have 32 bits.
inline constexpr std::int64_t kRiffDataBytesMax = 0xFFFFFFFF - 128;
/// Where the samples begin: behind the plain header, or behind one with room for RF64's sizes.
inline constexpr std::int64_t kPlainHeaderBytes = 44;
inline constexpr std::int64_t kRoomyHeaderBytes = 80;

/// The header of a file whose samples begin at `header_bytes` (one of the two above). A roomy header
/// is RIFF with a JUNK chunk as long as `data_bytes` allow it, and RF64 with ds64 beyond; a plain one
/// requires data_bytes <= riff_data_bytes_max.
[[nodiscard]] std::vector<std::byte> wav_header(std::int64_t header_bytes,
                                                Hertz sample_rate,
                                                std::int64_t data_bytes,
                                                std::int64_t riff_data_bytes_max);

struct WavWriterOptions {
  Hertz sample_rate;
  std::int64_t header_bytes = kPlainHeaderBytes;
  std::int64_t riff_data_bytes_max = kRiffDataBytesMax;  ///< Smaller only in tests.
};

/// Writes samples behind each other; the header becomes right with finish(). Nothing is buffered.
class WavWriter {
 public:
  /// Takes over a file opened for writing, keeps its first `n_samples` samples and drops the rest.
  static Result<WavWriter> start(core::Fd file,
                                 const WavWriterOptions& options,
                                 std::int64_t n_samples = 0);

  Result<void> append(std::span<const std::int16_t> samples);
  /// After this, what was appended survives a power cut.
  Result<void> sync();
  /// Writes the final header and syncs. The file is complete.
  Result<void> finish();

  [[nodiscard]] std::int64_t n_samples() const { return n_samples_; }
  /// False where more samples do not fit behind a plain header.
  [[nodiscard]] bool has_room_for(std::int64_t n_more) const;

 private:
  WavWriter(core::Fd file, const WavWriterOptions& options, std::int64_t n_samples)
      : file_(std::move(file)), options_(options), n_samples_(n_samples) {}
  core::Fd file_;
  WavWriterOptions options_;
  std::int64_t n_samples_;
};

/// Reads such a file anywhere. Thread-safe after open().
class WavReader {
 public:
  /// FILE_NOT_FOUND; NOT_SUPPORTED for WAV that is not mono 16-bit PCM; ARTIFACT_CORRUPT for a file
  /// that is no WAV or is shorter than its header says.
  static Result<WavReader> open(const std::filesystem::path& path);

  [[nodiscard]] Hertz sample_rate() const { return sample_rate_; }
  [[nodiscard]] std::int64_t n_samples() const { return n_samples_; }
  [[nodiscard]] double duration_s() const {
    return static_cast<double>(n_samples_) / sample_rate_.value;
  }

  /// Samples [begin, begin + out.size()), full scale ±1. Returns how many exist; the rest is left.
  Result<std::size_t> read(std::int64_t begin, std::span<float> out) const;
  /// The same, as stored.
  Result<std::size_t> read(std::int64_t begin, std::span<std::int16_t> out) const;

 private:
  WavReader() = default;
  core::Fd file_;
  Hertz sample_rate_;
  std::int64_t data_begin_ = 0;
  std::int64_t n_samples_ = 0;
};

}  // namespace baleen::audio
