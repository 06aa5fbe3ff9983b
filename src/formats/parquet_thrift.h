#pragma once

/// Thrift's compact protocol, as far as Parquet's headers and footer need it: structs of numbers, texts, lists and
/// structs. Sources: the Thrift compact protocol specification and parquet.thrift. Internal to the room.

#include <cstdint>
#include <string>
#include <string_view>

namespace baleen::formats::parquet {

/// What a field or element is, numbered as on disk.
enum class ThriftType : std::uint8_t {
  stop = 0,
  bool_true = 1,
  bool_false = 2,
  byte = 3,
  i16 = 4,
  i32 = 5,
  i64 = 6,
  float64 = 7,
  binary = 8,
  list = 9,
  set = 10,
  map = 11,
  structure = 12,
};

/// Appends structs to a text. The ids of a struct's fields must ascend.
class ThriftWriter {
 public:
  explicit ThriftWriter(std::string& out) : out_(&out) {}

  void i32(int id, std::int32_t value) { integer(id, ThriftType::i32, value); }
  void i64(int id, std::int64_t value) { integer(id, ThriftType::i64, value); }
  void binary(int id, std::string_view bytes);
  /// A list of `count` elements follows, each by one of the calls below.
  void list(int id, ThriftType element, std::size_t count);
  void i32_element(std::int32_t value) { zigzag(value); }
  void binary_element(std::string_view bytes);
  /// `write` writes the fields of a struct that is this field.
  template <typename Write>
  void structure(int id, const Write& write) {
    field(id, ThriftType::structure);
    element(write);
  }
  /// The same for an element of a list, and for the outermost struct.
  template <typename Write>
  void element(const Write& write) {
    const int outer = last_id_;
    last_id_ = 0;
    write();
    out_->push_back('\0');
    last_id_ = outer;
  }

 private:
  void field(int id, ThriftType type);
  void integer(int id, ThriftType type, std::int64_t value);
  void zigzag(std::int64_t value);
  void varint(std::uint64_t value);

  std::string* out_;  // The caller's.
  int last_id_ = 0;
};

/// Reads structs from foreign bytes. The first thing that does not fit makes it failed for good; what is read then is
/// worthless but harmless.
class ThriftReader {
 public:
  explicit ThriftReader(std::string_view bytes) : bytes_(bytes) {}

  /// Calls `on_field(id, type)` for every field of a struct. It reads the field with one of the functions below and
  /// returns true, or returns false without having read anything: then the field is skipped.
  template <typename OnField>
  void structure(const OnField& on_field) {
    if (++depth_ > kDepthMax) failed_ = true;
    int id = 0;
    ThriftType type = ThriftType::stop;
    while (next_field(id, type))
      if (!on_field(id, type) && !failed_) skip(type);
    --depth_;
  }

  // A field of another type than asked for is left alone: false.
  bool boolean(ThriftType type, bool& value);
  bool i32(ThriftType type, std::int32_t& value);
  bool i64(ThriftType type, std::int64_t& value);
  bool binary(ThriftType type, std::string& value);
  template <typename OnField>
  bool structure(ThriftType type, const OnField& on_field) {
    if (type != ThriftType::structure) return false;
    structure(on_field);
    return true;
  }
  /// Calls `on_element()` for every element of a list of `element`s, which must read it.
  template <typename OnElement>
  bool list(ThriftType type, ThriftType element, const OnElement& on_element) {
    if (type != ThriftType::list) return false;
    std::size_t count = 0;
    if (list_header(count) != element && count > 0) failed_ = true;
    for (std::size_t i = 0; i < count && !failed_; ++i) on_element();
    return true;
  }

  /// For the caller's own limits.
  void reject() { failed_ = true; }
  [[nodiscard]] bool failed() const { return failed_; }
  /// Bytes read so far.
  [[nodiscard]] std::size_t position() const { return position_; }

 private:
  static constexpr int kDepthMax = 16;
  bool next_field(int& id, ThriftType& type);
  void skip(ThriftType type);
  void skip_elements(ThriftType element, std::size_t count);
  ThriftType list_header(std::size_t& count);
  std::uint64_t varint();
  std::int64_t zigzag();
  std::uint8_t byte();
  std::string_view take(std::uint64_t count);

  std::string_view bytes_;  // The caller's.
  std::size_t position_ = 0;
  int depth_ = 0;
  bool failed_ = false;
};

}  // namespace baleen::formats::parquet
