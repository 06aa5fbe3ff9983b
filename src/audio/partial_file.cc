#include "audio/partial_file.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "audio/source_file.h"

namespace baleen::audio {
namespace {

constexpr std::size_t kBufferSamples = 1 << 17;  // 256 KiB.

}  // namespace

Result<std::optional<PcmChecksum>> checksum_of(const core::Fd& file,
                                               std::int64_t header_bytes,
                                               std::int64_t n_samples) {
  PcmChecksum checksum;
  std::vector<std::int16_t> buffer(kBufferSamples);
  for (std::int64_t done = 0; done < n_samples;) {
    const auto n =
        static_cast<std::size_t>(std::min<std::int64_t>(n_samples - done, std::ssize(buffer)));
    const auto samples = std::span(buffer).first(n);
    BALEEN_ASSIGN_OR_RETURN(const std::size_t size, read_at(file, header_bytes + 2 * done,
                                                            std::as_writable_bytes(samples)));
    if (size != samples.size_bytes()) return std::optional<PcmChecksum>();
    checksum.update(samples);
    done += static_cast<std::int64_t>(n);
  }
  return std::optional(checksum);
}

PartialWriter::PartialWriter(WavWriter wav, const PcmChecksum& checksum)
    : wav_(std::move(wav)), checksum_(checksum), buffer_(kBufferSamples) {}

Result<PartialWriter> PartialWriter::start(core::Fd file,
                                           const WavWriterOptions& options,
                                           std::int64_t n_samples,
                                           const PcmChecksum& checksum) {
  BALEEN_ASSIGN_OR_RETURN(WavWriter wav, WavWriter::start(std::move(file), options, n_samples));
  return PartialWriter(std::move(wav), checksum);
}

Result<bool> PartialWriter::take(std::size_t n) {
  n_buffered_ += n;
  if (n_buffered_ < buffer_.size()) return true;
  return write_buffer();
}

Result<bool> PartialWriter::write_buffer() {
  const auto samples = std::span<const std::int16_t>(buffer_).first(n_buffered_);
  if (!wav_.has_room_for(std::ssize(samples))) return false;
  BALEEN_RETURN_IF_ERROR(wav_.append(samples));
  checksum_.update(samples);
  n_buffered_ = 0;
  return true;
}

Result<bool> PartialWriter::sync() {
  BALEEN_ASSIGN_OR_RETURN(const bool fits, write_buffer());
  if (fits) BALEEN_RETURN_IF_ERROR(wav_.sync());
  return fits;
}

Result<bool> PartialWriter::finish() {
  BALEEN_ASSIGN_OR_RETURN(const bool fits, write_buffer());
  if (fits) BALEEN_RETURN_IF_ERROR(wav_.finish());
  return fits;
}

}  // namespace baleen::audio
