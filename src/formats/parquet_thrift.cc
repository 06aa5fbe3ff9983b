#include "formats/parquet_thrift.h"

#include "core/check.h"

namespace baleen::formats::parquet {
namespace {

constexpr int kShortListMax = 14;  // Longer ones have their count behind the header.

bool is_valid_type(std::uint8_t type) {
  return type >= static_cast<std::uint8_t>(ThriftType::bool_true) &&
         type <= static_cast<std::uint8_t>(ThriftType::structure);
}

}  // namespace

void ThriftWriter::field(int id, ThriftType type) {
  const int delta = id - last_id_;
  BALEEN_CHECK(delta > 0 && delta < 16);
  out_->push_back(static_cast<char>(delta << 4 | static_cast<int>(type)));
  last_id_ = id;
}

void ThriftWriter::integer(int id, ThriftType type, std::int64_t value) {
  field(id, type);
  zigzag(value);
}

void ThriftWriter::binary(int id, std::string_view bytes) {
  field(id, ThriftType::binary);
  binary_element(bytes);
}

void ThriftWriter::binary_element(std::string_view bytes) {
  varint(bytes.size());
  out_->append(bytes);
}

void ThriftWriter::list(int id, ThriftType element, std::size_t count) {
  field(id, ThriftType::list);
  const int type = static_cast<int>(element);
  const bool is_short = count <= kShortListMax;
  out_->push_back(static_cast<char>((is_short ? static_cast<int>(count) : 15) << 4 | type));
  if (!is_short) varint(count);
}

void ThriftWriter::zigzag(std::int64_t value) {
  varint(static_cast<std::uint64_t>(value) << 1 ^ static_cast<std::uint64_t>(value >> 63));
}

void ThriftWriter::varint(std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) out_->push_back(static_cast<char>(value | 0x80));
  out_->push_back(static_cast<char>(value));
}

bool ThriftReader::next_field(int& id, ThriftType& type) {
  const std::uint8_t head = byte();
  if (failed_ || head == 0) return false;
  const int delta = head >> 4;
  const std::int64_t next = delta != 0 ? id + delta : zigzag();
  if (!is_valid_type(head & 15) || next < 0 || next > INT16_MAX) failed_ = true;
  id = static_cast<int>(next);
  type = static_cast<ThriftType>(head & 15);
  return !failed_;
}

bool ThriftReader::boolean(ThriftType type, bool& value) {
  if (type != ThriftType::bool_true && type != ThriftType::bool_false) return false;
  value = type == ThriftType::bool_true;
  return true;
}

bool ThriftReader::i32(ThriftType type, std::int32_t& value) {
  if (type != ThriftType::i32) return false;
  const std::int64_t wide = zigzag();
  if (wide < INT32_MIN || wide > INT32_MAX) failed_ = true;
  value = static_cast<std::int32_t>(wide);
  return true;
}

bool ThriftReader::i64(ThriftType type, std::int64_t& value) {
  if (type != ThriftType::i64) return false;
  value = zigzag();
  return true;
}

bool ThriftReader::binary(ThriftType type, std::string& value) {
  if (type != ThriftType::binary) return false;
  value = take(varint());
  return true;
}

ThriftType ThriftReader::list_header(std::size_t& count) {
  const std::uint8_t head = byte();
  const std::uint64_t n = head >> 4 == 15 ? varint() : head >> 4;
  // Every element has at least one byte, so a count that the bytes cannot hold ends here.
  if (n > bytes_.size() - position_ || !is_valid_type(head & 15)) failed_ = true;
  count = failed_ ? 0 : static_cast<std::size_t>(n);
  return static_cast<ThriftType>(head & 15);
}

void ThriftReader::skip_elements(ThriftType element, std::size_t count) {
  const bool is_bool = element == ThriftType::bool_true || element == ThriftType::bool_false;
  for (std::size_t i = 0; i < count && !failed_; ++i) {
    if (is_bool)
      (void)byte();
    else
      skip(element);
  }
}

void ThriftReader::skip(ThriftType type) {
  if (++depth_ > kDepthMax) failed_ = true;
  if (failed_) return;
  switch (type) {
    case ThriftType::stop:
    case ThriftType::bool_true:
    case ThriftType::bool_false: break;
    case ThriftType::byte: (void)byte(); break;
    case ThriftType::i16:
    case ThriftType::i32:
    case ThriftType::i64: (void)varint(); break;
    case ThriftType::float64: (void)take(8); break;
    case ThriftType::binary: (void)take(varint()); break;
    case ThriftType::list:
    case ThriftType::set: {
      std::size_t count = 0;
      const ThriftType element = list_header(count);
      skip_elements(element, count);
      break;
    }
    case ThriftType::map: failed_ = true; break;  // Parquet has none.
    case ThriftType::structure: structure([](int, ThriftType) { return false; }); break;
  }
  --depth_;
}

std::uint64_t ThriftReader::varint() {
  std::uint64_t value = 0;
  for (int shift = 0; shift < 64; shift += 7) {
    const std::uint8_t next = byte();
    value |= static_cast<std::uint64_t>(next & 0x7F) << shift;
    if (next < 0x80) return value;
  }
  failed_ = true;
  return 0;
}

std::int64_t ThriftReader::zigzag() {
  const std::uint64_t value = varint();
  return static_cast<std::int64_t>(value >> 1 ^ (~(value & 1) + 1));
}

std::uint8_t ThriftReader::byte() {
  if (failed_ || position_ >= bytes_.size()) {
    failed_ = true;
    return 0;
  }
  return static_cast<std::uint8_t>(bytes_[position_++]);
}

std::string_view ThriftReader::take(std::uint64_t count) {
  if (failed_ || count > bytes_.size() - position_) {
    failed_ = true;
    return {};
  }
  const std::string_view taken = bytes_.substr(position_, static_cast<std::size_t>(count));
  position_ += taken.size();
  return taken;
}

}  // namespace baleen::formats::parquet
