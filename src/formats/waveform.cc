#include "formats/waveform.h"

#include <unistd.h>

#include <array>
#include <bit>
#include <cerrno>
#include <cstring>

namespace baleen::formats {
namespace {

static_assert(std::endian::native == std::endian::little, "the format is little-endian");

constexpr std::int64_t kHeaderBytes = 24;
constexpr std::int64_t kPairBytes = 2 * sizeof(std::int16_t);

/// version, flags (0: 16 bits), sample rate, samples per pixel, length, channels.
using Header = std::array<std::int32_t, 6>;
static_assert(sizeof(Header) == kHeaderBytes);

Result<void> read_all_at(const core::Fd& file, std::span<std::byte> bytes, std::int64_t offset) {
  while (!bytes.empty()) {
    const ssize_t n = ::pread(file.get(), bytes.data(), bytes.size(), offset);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return core::errno_error(errno, "read the waveform");
    if (n == 0) return fail(ErrorCode::artifact_corrupt, "the waveform is shorter than it says");
    bytes = bytes.subspan(static_cast<std::size_t>(n));
    offset += n;
  }
  return {};
}

}  // namespace

Result<WaveformWriter> WaveformWriter::start(const core::Fd& file, const WaveformInfo& info) {
  if (info.sample_rate_hz < 1 || info.samples_per_pixel < 1 || info.n_pixels < 0 ||
      info.n_pixels > INT32_MAX)
    return fail(ErrorCode::invalid_argument, "a waveform of {} pixels of {} samples at {} Hz",
                info.n_pixels, info.samples_per_pixel, info.sample_rate_hz);
  const Header header = {
      2, 0, info.sample_rate_hz, info.samples_per_pixel, static_cast<std::int32_t>(info.n_pixels),
      1};
  BALEEN_RETURN_IF_ERROR(core::write_all(file, std::as_bytes(std::span(header))));
  return WaveformWriter(file, info);
}

Result<void> WaveformWriter::append(std::span<const std::int16_t> pairs) {
  n_written_ += static_cast<std::int64_t>(pairs.size() / 2);
  return core::write_all(*file_, std::as_bytes(pairs));
}

Result<void> WaveformWriter::finish() {
  if (n_written_ != info_.n_pixels)
    return fail(ErrorCode::internal, "a waveform of {} pixels got {}", info_.n_pixels, n_written_);
  return {};
}

Result<WaveformReader> WaveformReader::open(const std::filesystem::path& path) {
  WaveformReader reader;
  BALEEN_ASSIGN_OR_RETURN(reader.file_, core::open_read(path));
  Header header{};
  BALEEN_RETURN_IF_ERROR(read_all_at(reader.file_, std::as_writable_bytes(std::span(header)), 0));
  const auto [version, flags, sample_rate_hz, samples_per_pixel, length, channels] = header;
  if (version != 2 || flags != 0 || channels != 1 || sample_rate_hz < 1 || samples_per_pixel < 1 ||
      length < 0)
    return fail(ErrorCode::artifact_corrupt, "{} is no waveform of 16 bits and one channel",
                path.string());
  reader.info_ = {sample_rate_hz, samples_per_pixel, length};
  BALEEN_ASSIGN_OR_RETURN(const std::int64_t bytes, core::file_size_bytes(path));
  if (bytes < kHeaderBytes + length * kPairBytes)
    return fail(ErrorCode::artifact_corrupt, "{} is shorter than it says", path.string());
  return reader;
}

Result<void> WaveformReader::read(std::int64_t first, std::span<std::int16_t> pairs) const {
  const auto count = static_cast<std::int64_t>(pairs.size() / 2);
  if (first < 0 || first > info_.n_pixels - count)
    return fail(ErrorCode::invalid_argument, "{} pixels from {} on, of {}", count, first,
                info_.n_pixels);
  return read_all_at(file_, std::as_writable_bytes(pairs), kHeaderBytes + first * kPairBytes);
}

}  // namespace baleen::formats
