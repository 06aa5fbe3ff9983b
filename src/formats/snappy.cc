#include "formats/snappy.h"

#include <cstdint>
#include <cstring>

namespace baleen::formats {
namespace {

/// Reads the stream from the front; what lies behind its end is refused by has().
class Stream {
 public:
  explicit Stream(std::string_view bytes) : bytes_(bytes) {}
  [[nodiscard]] bool has(std::size_t n) const { return bytes_.size() >= n; }
  [[nodiscard]] bool is_empty() const { return bytes_.empty(); }
  [[nodiscard]] const char* data() const { return bytes_.data(); }
  void skip(std::size_t n) { bytes_.remove_prefix(n); }
  /// Little-endian, of 1 to 4 bytes that are there.
  std::uint32_t number(std::size_t n_bytes) {
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < n_bytes; ++i)
      value |= static_cast<std::uint32_t>(static_cast<std::uint8_t>(bytes_[i])) << 8 * i;
    skip(n_bytes);
    return value;
  }

 private:
  std::string_view bytes_;
};

/// The length of the plain text, a varint of at most 32 bits.
bool read_length(Stream& in, std::uint64_t& length) {
  length = 0;
  for (unsigned shift = 0; shift < 35 && in.has(1); shift += 7) {
    const std::uint32_t byte = in.number(1);
    length |= static_cast<std::uint64_t>(byte & 0x7F) << shift;
    if (byte < 0x80) return true;
  }
  return false;
}

/// The plain text so far.
class Output {
 public:
  explicit Output(std::span<std::byte> bytes) : bytes_(bytes) {}
  [[nodiscard]] bool is_full() const { return filled_ == bytes_.size(); }

  bool literal(Stream& in, std::size_t n) {
    if (!in.has(n) || n > bytes_.size() - filled_) return false;
    std::memcpy(bytes_.data() + filled_, in.data(), n);
    in.skip(n);
    filled_ += n;
    return true;
  }
  bool copy(std::size_t offset, std::size_t n) {
    if (offset == 0 || offset > filled_ || n > bytes_.size() - filled_) return false;
    std::byte* to = bytes_.data() + filled_;
    const std::byte* from = to - offset;
    if (offset >= n) {
      std::memcpy(to, from, n);
    } else {
      for (std::size_t i = 0; i < n; ++i) to[i] = from[i];  // It reads what it writes.
    }
    filled_ += n;
    return true;
  }

 private:
  std::span<std::byte> bytes_;
  std::size_t filled_ = 0;
};

/// One literal or copy. The two lowest bits of a tag say which, and how its length and offset are written.
bool decode_element(Stream& in, Output& out) {
  const std::uint32_t tag = in.number(1);
  const std::uint32_t rest = tag >> 2;
  switch (tag & 3) {
    case 0: {
      constexpr std::uint32_t kShortMax = 60;  // From 60 on the length stands in 1 to 4 bytes.
      if (rest < kShortMax) return out.literal(in, rest + 1);
      const std::size_t n_bytes = rest - kShortMax + 1;
      return in.has(n_bytes) && out.literal(in, std::size_t{in.number(n_bytes)} + 1);
    }
    case 1: return in.has(1) && out.copy((rest >> 3) << 8 | in.number(1), (rest & 7) + 4);
    case 2: return in.has(2) && out.copy(in.number(2), rest + 1);
    default: return in.has(4) && out.copy(in.number(4), rest + 1);
  }
}

}  // namespace

Result<void> snappy_decompress(std::string_view stream, std::span<std::byte> out) {
  Stream in(stream);
  Output text(out);
  std::uint64_t length = 0;
  bool is_good = read_length(in, length) && length == out.size();
  while (is_good && !in.is_empty()) is_good = decode_element(in, text);
  if (!is_good || !text.is_full())
    return fail(ErrorCode::artifact_corrupt, "a damaged snappy stream");
  return {};
}

}  // namespace baleen::formats
