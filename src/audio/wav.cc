#include "audio/wav.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "audio/source_file.h"

namespace baleen::audio {
namespace {

static_assert(std::endian::native == std::endian::little, "WAV samples are written as they are");

constexpr std::uint16_t kFormatPcm = 1;
constexpr std::uint16_t kFormatExtensible = 0xFFFE;
constexpr int kChunksMax = 1000;
constexpr std::uint32_t kSizeElsewhere = 0xFFFFFFFF;  // RF64: the size is in ds64.

class HeaderBytes {
 public:
  void id(std::string_view text) {
    const auto bytes = std::as_bytes(std::span(text));
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
  }
  template <typename T>
  void number(T value) {
    const auto bytes = std::as_bytes(std::span(&value, 1));
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
  }
  std::vector<std::byte> take() { return std::move(bytes_); }

 private:
  std::vector<std::byte> bytes_;
};

template <typename T>
T number_at(std::span<const std::byte> bytes, std::size_t offset) {
  T value{};
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

std::string id_at(std::span<const std::byte> bytes, std::size_t offset) {
  return {reinterpret_cast<const char*>(bytes.data()) + offset, 4};
}

struct Layout {
  Hertz sample_rate;
  std::int64_t data_begin = 0;
  std::int64_t data_bytes = 0;
};

Result<Hertz> parse_format(std::span<const std::byte> body) {
  const auto format = number_at<std::uint16_t>(body, 0);
  const auto channels = number_at<std::uint16_t>(body, 2);
  const auto rate = number_at<std::uint32_t>(body, 4);
  const auto bits = number_at<std::uint16_t>(body, 14);
  if ((format != kFormatPcm && format != kFormatExtensible) || channels != 1 || bits != 16 ||
      rate == 0 || rate > 10'000'000) {
    return fail(ErrorCode::not_supported,
                "format {} with {} channels of {} bits at {} Hz: only mono 16-bit PCM is read here",
                format, channels, bits, rate);
  }
  return Hertz{static_cast<std::int32_t>(rate)};
}

/// Walks the chunks up to "data".
Result<Layout> parse_layout(const core::Fd& file) {
  std::array<std::byte, 12> head{};
  BALEEN_ASSIGN_OR_RETURN(const std::size_t head_size, read_at(file, 0, head));
  const std::string riff = id_at(head, 0);
  if (head_size < head.size() || (riff != "RIFF" && riff != "RF64") || id_at(head, 8) != "WAVE") {
    return fail(ErrorCode::artifact_corrupt, "it is no WAV file");
  }
  std::optional<Hertz> rate;
  std::int64_t data_bytes_64 = -1;
  std::int64_t offset = 12;
  for (int i = 0; i < kChunksMax; ++i) {
    std::array<std::byte, 8> chunk{};
    BALEEN_ASSIGN_OR_RETURN(const std::size_t chunk_size, read_at(file, offset, chunk));
    if (chunk_size < chunk.size()) break;
    const std::string id = id_at(chunk, 0);
    const auto size = number_at<std::uint32_t>(chunk, 4);
    std::array<std::byte, 28> body{};
    BALEEN_ASSIGN_OR_RETURN(const std::size_t body_size, read_at(file, offset + 8, body));
    if (id == "ds64" && body_size == body.size()) data_bytes_64 = number_at<std::int64_t>(body, 8);
    if (id == "fmt " && body_size >= 16) {
      BALEEN_ASSIGN_OR_RETURN(rate, parse_format(body));
    }
    if (id == "data" && rate) {
      const bool is_elsewhere = size == kSizeElsewhere && data_bytes_64 >= 0;
      return Layout{*rate, offset + 8, is_elsewhere ? data_bytes_64 : std::int64_t{size}};
    }
    offset += 8 + std::int64_t{size} + size % 2;
  }
  return fail(ErrorCode::artifact_corrupt, "it has no samples");
}

}  // namespace

std::vector<std::byte> wav_header(std::int64_t header_bytes,
                                  Hertz sample_rate,
                                  std::int64_t data_bytes,
                                  std::int64_t riff_data_bytes_max) {
  const bool is_rf64 = data_bytes > riff_data_bytes_max;
  BALEEN_CHECK(header_bytes == kRoomyHeaderBytes ||
               (header_bytes == kPlainHeaderBytes && !is_rf64));
  const std::int64_t riff_bytes = header_bytes - 8 + data_bytes;
  HeaderBytes header;
  header.id(is_rf64 ? "RF64" : "RIFF");
  header.number(is_rf64 ? kSizeElsewhere : static_cast<std::uint32_t>(riff_bytes));
  header.id("WAVE");
  if (header_bytes == kRoomyHeaderBytes) {
    header.id(is_rf64 ? "ds64" : "JUNK");
    header.number(std::uint32_t{28});
    header.number(is_rf64 ? riff_bytes : std::int64_t{0});
    header.number(is_rf64 ? data_bytes : std::int64_t{0});
    header.number(is_rf64 ? data_bytes / 2 : std::int64_t{0});
    header.number(std::uint32_t{0});  // No table of other large chunks.
  }
  header.id("fmt ");
  header.number(std::uint32_t{16});
  header.number(kFormatPcm);
  header.number(std::uint16_t{1});
  header.number(static_cast<std::uint32_t>(sample_rate.value));
  header.number(static_cast<std::uint32_t>(sample_rate.value) * 2);
  header.number(std::uint16_t{2});
  header.number(std::uint16_t{16});
  header.id("data");
  header.number(is_rf64 ? kSizeElsewhere : static_cast<std::uint32_t>(data_bytes));
  return header.take();
}

Result<WavWriter> WavWriter::start(core::Fd file,
                                   const WavWriterOptions& options,
                                   std::int64_t n_samples) {
  WavWriter writer(std::move(file), options, n_samples);
  if (::ftruncate(writer.file_.get(), options.header_bytes + 2 * n_samples) != 0) {
    return core::errno_error(errno, "truncate");
  }
  const std::vector<std::byte> header =
      wav_header(options.header_bytes, options.sample_rate, 0, options.riff_data_bytes_max);
  BALEEN_RETURN_IF_ERROR(core::write_all_at(writer.file_, header, 0));
  return writer;
}

Result<void> WavWriter::append(std::span<const std::int16_t> samples) {
  BALEEN_RETURN_IF_ERROR(
      core::write_all_at(file_, std::as_bytes(samples), options_.header_bytes + 2 * n_samples_));
  n_samples_ += std::ssize(samples);
  return {};
}

Result<void> WavWriter::sync() { return core::sync_file(file_); }

Result<void> WavWriter::finish() {
  const std::vector<std::byte> header = wav_header(options_.header_bytes, options_.sample_rate,
                                                   2 * n_samples_, options_.riff_data_bytes_max);
  BALEEN_RETURN_IF_ERROR(core::write_all_at(file_, header, 0));
  return sync();
}

bool WavWriter::has_room_for(std::int64_t n_more) const {
  return options_.header_bytes == kRoomyHeaderBytes ||
         2 * (n_samples_ + n_more) <= options_.riff_data_bytes_max;
}

Result<WavReader> WavReader::open(const std::filesystem::path& path) {
  BALEEN_ASSIGN_OR_RETURN(SourceFile source, open_source(path));
  Result<Layout> layout = parse_layout(source.fd);
  if (!layout.ok()) return std::move(layout).error().context(path.string());
  if (layout->data_bytes < 0 || layout->data_bytes > source.size_bytes - layout->data_begin) {
    return fail(ErrorCode::artifact_corrupt, "{}: {} bytes of samples promised, {} there",
                path.string(), layout->data_bytes, source.size_bytes - layout->data_begin);
  }
  WavReader reader;
  reader.file_ = std::move(source.fd);
  reader.sample_rate_ = layout->sample_rate;
  reader.data_begin_ = layout->data_begin;
  reader.n_samples_ = layout->data_bytes / 2;
  return reader;
}

Result<std::size_t> WavReader::read(std::int64_t begin, std::span<std::int16_t> out) const {
  if (begin < 0) return fail(ErrorCode::invalid_argument, "sample {} does not exist", begin);
  const std::int64_t n = std::clamp<std::int64_t>(n_samples_ - begin, 0, std::ssize(out));
  if (n == 0) return std::size_t{0};  // Also where the place in the file would be no number.
  const auto bytes = std::as_writable_bytes(out.first(static_cast<std::size_t>(n)));
  BALEEN_ASSIGN_OR_RETURN(const std::size_t size, read_at(file_, data_begin_ + 2 * begin, bytes));
  if (size != bytes.size()) return fail(ErrorCode::artifact_corrupt, "the file became shorter");
  return size / 2;
}

Result<std::size_t> WavReader::read(std::int64_t begin, std::span<float> out) const {
  std::array<std::int16_t, 4096> buffer;
  std::size_t filled = 0;
  while (filled < out.size()) {
    const std::size_t n = std::min(buffer.size(), out.size() - filled);
    BALEEN_ASSIGN_OR_RETURN(
        const std::size_t n_read,
        read(begin + static_cast<std::int64_t>(filled), std::span(buffer).first(n)));
    for (std::size_t i = 0; i < n_read; ++i) {
      out[filled + i] = static_cast<float>(buffer[i]) * (1.0F / 32768.0F);
    }
    filled += n_read;
    if (n_read < n) break;
  }
  return filled;
}

}  // namespace baleen::audio
