#include "support/npz.h"

#include <zlib.h>

#include <cstdint>
#include <fstream>
#include <functional>
#include <iterator>
#include <numeric>
#include <stdexcept>
#include <string_view>

namespace baleen::test_support {
namespace {

[[noreturn]] void refuse(const std::string& what) { throw std::runtime_error("npz: " + what); }

std::string read_bytes(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) refuse("open " + path.string());
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

template <typename T>
T little_endian(std::string_view bytes, std::size_t offset) {
  if (offset + sizeof(T) > bytes.size()) refuse("truncated");
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof(T));
  return value;
}

std::string inflate_raw(std::string_view deflated, std::size_t size) {
  std::string plain(size, '\0');
  z_stream stream{};
  if (inflateInit2(&stream, -MAX_WBITS) != Z_OK) refuse("inflateInit2");
  std::string input(deflated);  // zlib wants it mutable.
  stream.next_in = reinterpret_cast<Bytef*>(input.data());
  stream.avail_in = static_cast<uInt>(input.size());
  stream.next_out = reinterpret_cast<Bytef*>(plain.data());
  stream.avail_out = static_cast<uInt>(plain.size());
  const int status = inflate(&stream, Z_FINISH);
  inflateEnd(&stream);
  if (status != Z_STREAM_END || stream.avail_out != 0) refuse("damaged deflate stream");
  return plain;
}

/// The text between `before` and the next `after` of the header, which is a Python dict literal.
std::string between(const std::string& header, const std::string& before, char after) {
  const std::size_t begin = header.find(before);
  if (begin == std::string::npos) refuse("header without " + before);
  const std::size_t end = header.find(after, begin + before.size());
  if (end == std::string::npos) refuse("header cut short");
  return header.substr(begin + before.size(), end - begin - before.size());
}

NpyArray parse_npy(const std::string& bytes) {
  if (bytes.compare(0, 6, "\x93NUMPY") != 0) refuse("not an .npy");
  const bool is_version_1 = bytes.at(6) == 1;
  const std::size_t header_at = is_version_1 ? 10 : 12;
  const std::size_t header_size = is_version_1 ? little_endian<std::uint16_t>(bytes, 8)
                                               : little_endian<std::uint32_t>(bytes, 8);
  const std::string header = bytes.substr(header_at, header_size);
  if (header.find("'fortran_order': False") == std::string::npos) refuse("not in C order");
  NpyArray array;
  array.dtype = between(header, "'descr': '", '\'');
  std::string shape = between(header, "'shape': (", ')');
  for (std::size_t at = 0; at < shape.size();) {
    std::size_t n_read = 0;
    array.shape.push_back(std::stoul(shape.substr(at), &n_read));
    at += n_read;
    while (at < shape.size() && (shape[at] == ',' || shape[at] == ' ')) ++at;
  }
  array.bytes = bytes.substr(header_at + header_size);
  return array;
}

template <typename T>
const char* dtype_name();
template <>
const char* dtype_name<float>() {
  return "<f4";
}
template <>
const char* dtype_name<double>() {
  return "<f8";
}
template <>
const char* dtype_name<std::int8_t>() {
  return "|i1";
}
template <>
const char* dtype_name<std::int32_t>() {
  return "<i4";
}
template <>
const char* dtype_name<std::int64_t>() {
  return "<i8";
}

}  // namespace

std::size_t NpyArray::size() const {
  return std::accumulate(shape.begin(), shape.end(), std::size_t{1}, std::multiplies<>());
}

template <typename T>
std::vector<T> NpyArray::as() const {
  if (dtype != dtype_name<T>()) refuse("array of " + dtype + ", not " + dtype_name<T>());
  if (bytes.size() < size() * sizeof(T)) refuse("truncated array");
  std::vector<T> values(size());
  std::memcpy(values.data(), bytes.data(), values.size() * sizeof(T));
  return values;
}

template std::vector<float> NpyArray::as() const;
template std::vector<double> NpyArray::as() const;
template std::vector<std::int8_t> NpyArray::as() const;
template std::vector<std::int32_t> NpyArray::as() const;
template std::vector<std::int64_t> NpyArray::as() const;

std::vector<std::string> NpyArray::as_strings() const {
  if (dtype.compare(0, 2, "<U") != 0) refuse("array of " + dtype + ", not of text");
  const std::size_t width = std::stoul(dtype.substr(2));
  std::vector<std::string> texts(size());
  for (std::size_t i = 0; i < texts.size(); ++i) {
    for (std::size_t c = 0; c < width; ++c) {
      const char letter = bytes.at(4 * (i * width + c));  // UTF-32, little-endian.
      if (letter != '\0') texts[i].push_back(letter);
    }
  }
  return texts;
}

std::map<std::string, NpyArray> read_npz(const std::filesystem::path& path) {
  const std::string zip = read_bytes(path);
  const std::size_t end_record = zip.rfind("PK\x05\x06");
  if (end_record == std::string::npos) refuse(path.string() + " is no zip archive");
  const auto n_entries = little_endian<std::uint16_t>(zip, end_record + 10);
  std::size_t at = little_endian<std::uint32_t>(zip, end_record + 16);
  std::map<std::string, NpyArray> arrays;
  for (int i = 0; i < n_entries; ++i) {  // The central directory knows all sizes.
    const auto method = little_endian<std::uint16_t>(zip, at + 10);
    const std::size_t packed_size = little_endian<std::uint32_t>(zip, at + 20);
    const std::size_t size = little_endian<std::uint32_t>(zip, at + 24);
    const std::size_t name_size = little_endian<std::uint16_t>(zip, at + 28);
    const std::size_t extra_size = little_endian<std::uint16_t>(zip, at + 30);
    const std::size_t comment_size = little_endian<std::uint16_t>(zip, at + 32);
    const std::size_t local_at = little_endian<std::uint32_t>(zip, at + 42);
    const std::string name = zip.substr(at + 46, name_size);
    const std::size_t data_at = local_at + 30 + little_endian<std::uint16_t>(zip, local_at + 26) +
                                little_endian<std::uint16_t>(zip, local_at + 28);
    const std::string packed = zip.substr(data_at, packed_size);
    const std::string npy = method == 0 ? packed : inflate_raw(packed, size);
    arrays[name.substr(0, name.rfind(".npy"))] = parse_npy(npy);
    at += 46 + name_size + extra_size + comment_size;
  }
  return arrays;
}

std::vector<float> read_float32(const std::filesystem::path& path) {
  const std::string bytes = read_bytes(path);
  if (bytes.size() % sizeof(float) != 0) refuse(path.string() + ": not whole float32 values");
  std::vector<float> values(bytes.size() / sizeof(float));
  std::memcpy(values.data(), bytes.data(), bytes.size());
  return values;
}

}  // namespace baleen::test_support
