#include "formats/parquet_column.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <unordered_map>

#include "core/check.h"
#include "core/json.h"
#include "formats/parquet_levels.h"

namespace baleen::formats::parquet {
namespace {

/// Longer least or greatest texts are left out of the statistics.
constexpr std::size_t kTextStatisticMax = 64;
/// A dictionary pays where values come twice and more; beyond this size it is not worth its memory.
constexpr std::size_t kDictionaryBytesMax = std::size_t{1} << 20;
constexpr std::size_t kLengthBytes = sizeof(std::uint32_t);  // Before each text.

std::string_view text_at(std::string_view plain) {
  std::uint32_t size = 0;
  std::memcpy(&size, plain.data(), kLengthBytes);
  return plain.substr(kLengthBytes, size);
}

void append_text(std::string_view text, std::string& plain) {
  const auto size = static_cast<std::uint32_t>(text.size());
  plain.append(reinterpret_cast<const char*>(&size), kLengthBytes);
  plain.append(text);
}

bool is_ascii(std::string_view text) {
  return std::none_of(text.begin(), text.end(), [](char byte) { return (byte & 0x80) != 0; });
}

template <typename T>
std::string bytes_of_value(T value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

template <typename T>
Statistics number_statistics(std::string_view plain) {
  Statistics statistics;
  T least{};
  T greatest{};
  bool is_any = false;
  for (std::size_t i = 0; i + sizeof(T) <= plain.size(); i += sizeof(T)) {
    T value{};
    std::memcpy(&value, plain.data() + i, sizeof value);
    if constexpr (std::is_floating_point_v<T>) {
      if (std::isnan(value)) continue;
    }
    least = is_any ? std::min(least, value) : value;
    greatest = is_any ? std::max(greatest, value) : value;
    is_any = true;
  }
  if (!is_any) return statistics;
  if constexpr (std::is_floating_point_v<T>) {
    if (least == 0) least = -T{0};  // Both zeros are equal, but readers may compare the bits.
    if (greatest == 0) greatest = T{0};
  }
  statistics.min = bytes_of_value(least);
  statistics.max = bytes_of_value(greatest);
  return statistics;
}

Statistics text_statistics(std::string_view plain) {
  Statistics statistics;
  if (plain.empty()) return statistics;
  std::string_view least = text_at(plain);  // string_view compares bytes as unsigned.
  std::string_view greatest = least;
  while (!plain.empty()) {
    const std::string_view text = text_at(plain);
    least = std::min(least, text);
    greatest = std::max(greatest, text);
    plain.remove_prefix(kLengthBytes + text.size());
  }
  if (least.size() > kTextStatisticMax || greatest.size() > kTextStatisticMax) return statistics;
  statistics.min = least;
  statistics.max = greatest;
  return statistics;
}

std::string packed_bits(std::string_view truths) {
  std::string bits((truths.size() + 7) / 8, '\0');
  for (std::size_t i = 0; i < truths.size(); ++i)
    bits[i / 8] = static_cast<char>(bits[i / 8] | (truths[i] != 0 ? 1 << i % 8 : 0));
  return bits;
}

void append_sized(const std::string& block, std::string& out) {
  const auto size = static_cast<std::uint32_t>(block.size());
  out.append(reinterpret_cast<const char*>(&size), sizeof size);
  out.append(block);
}

std::size_t size_of(const ParquetValues& values) {
  return std::visit([](const auto& span) { return span.size(); }, values);
}

bool is_of(const ParquetValues& values, ParquetType type) {
  switch (type) {
    case ParquetType::boolean: return values.index() == 0;
    case ParquetType::int32: return values.index() == 1;
    case ParquetType::int64: return values.index() == 2;
    case ParquetType::float32:
    case ParquetType::float_list: return values.index() == 3;
    case ParquetType::float64: return values.index() == 4;
    case ParquetType::string: return values.index() == 5;
  }
  return false;
}

void append_value(std::uint8_t value, std::string& plain) { plain.push_back(value != 0 ? 1 : 0); }
void append_value(std::string_view value, std::string& plain) {
  if (is_ascii(value))
    append_text(value, plain);
  else
    append_text(core::valid_utf8(value), plain);
}
template <typename T>
void append_value(T value, std::string& plain) {
  plain.append(reinterpret_cast<const char*>(&value), sizeof value);
}

template <typename T>
constexpr bool kIsPlainAlready = std::is_arithmetic_v<T> && sizeof(T) >= 4;

}  // namespace

Result<void> ColumnBuffer::check(const ParquetBatchColumn& batch, std::int64_t n_rows) const {
  const ParquetColumn& column = leaf_.column;
  if (!is_of(batch.values, column.type))
    return fail(ErrorCode::invalid_argument, "column {}: the values are no {}", column.name,
                parquet_type_name(column.type));
  const std::int64_t per_row = std::max(column.list_size, 1);
  const auto n_values = static_cast<std::int64_t>(size_of(batch.values));
  if (n_values != n_rows * per_row)
    return fail(ErrorCode::invalid_argument, "column {}: {} values for {} rows of {}", column.name,
                n_values, n_rows, per_row);
  const auto& valid = batch.is_valid;
  if (!valid.empty() && static_cast<std::int64_t>(valid.size()) != n_rows)
    return fail(ErrorCode::invalid_argument, "column {}: validity of {} rows instead of {}",
                column.name, valid.size(), n_rows);
  if (!column.is_nullable && std::find(valid.begin(), valid.end(), 0) != valid.end())
    return fail(ErrorCode::invalid_argument, "column {}: null in a column that has none",
                column.name);
  return {};
}

std::int64_t ColumnBuffer::bytes_of(const ParquetBatchColumn& batch, std::size_t row) const {
  if (const auto* texts = std::get_if<std::span<const std::string_view>>(&batch.values))
    // An invalid byte may become three.
    return static_cast<std::int64_t>(kLengthBytes + 3 * (*texts)[row].size());
  if (leaf_.column.type == ParquetType::float_list)
    return static_cast<std::int64_t>(sizeof(float)) * leaf_.column.list_size;
  return 8;
}

void ColumnBuffer::append(const ParquetBatchColumn& batch, std::size_t first, std::size_t count) {
  n_rows_ += static_cast<std::int64_t>(count);
  const auto per_row = static_cast<std::size_t>(std::max(leaf_.column.list_size, 1));
  const bool has_nulls = !batch.is_valid.empty();
  std::visit(
      [&](const auto& values) {
        using T = std::remove_cvref_t<decltype(values[0])>;
        if constexpr (kIsPlainAlready<T>) {
          if (!has_nulls) {
            const auto part = std::as_bytes(values.subspan(first * per_row, count * per_row));
            data_.append(reinterpret_cast<const char*>(part.data()), part.size());
            return;
          }
        }
        for (std::size_t i = first; i < first + count; ++i)
          if (!has_nulls || batch.is_valid[i] != 0) append_value(values[i], data_);
      },
      batch.values);
  if (!leaf_.column.is_nullable) return;
  for (std::size_t i = first; i < first + count; ++i) {
    const bool is_valid = !has_nulls || batch.is_valid[i] != 0;
    is_valid_.push_back(is_valid ? 1 : 0);
    n_nulls_ += is_valid ? 0 : 1;
  }
}

std::string ColumnBuffer::levels() const {
  std::string out;
  std::string block;
  if (leaf_.column.type == ParquetType::float_list) {
    const auto n = static_cast<std::uint64_t>(leaf_.column.list_size);
    for (std::int64_t row = 0; row < n_rows_; ++row) {
      append_run(1, 0, block);
      if (n > 1) append_run(n - 1, 1, block);
    }
    append_sized(block, out);
    block.clear();
    append_run(static_cast<std::uint64_t>(n_rows_) * n, 1, block);
    append_sized(block, out);
  } else if (leaf_.column.is_nullable) {
    append_hybrid(is_valid_, 1, block);
    append_sized(block, out);
  }
  return out;
}

EncodedPage ColumnBuffer::page(PageType type, Encoding encoding, std::int64_t n_values) const {
  EncodedPage page;
  page.header.type = type;
  page.header.encoding = encoding;
  page.header.n_values = static_cast<std::int32_t>(n_values);
  return page;
}

void ColumnBuffer::finish(EncodedPage& page, GzipCompressor* gzip) const {
  const std::size_t plain_bytes = page.levels.size() + page.values.size();
  page.header.uncompressed_bytes = static_cast<std::int32_t>(plain_bytes);
  if (gzip != nullptr) {
    const std::string plain = page.levels.append(page.values);
    page.levels.clear();
    gzip->compress(plain, page.storage);
    page.values = page.storage;
  }
  page.header.compressed_bytes = static_cast<std::int32_t>(page.levels.size() + page.values.size());
  page.header.crc = crc32(crc32(0, page.levels), page.values);
  append_page_header(page.header, page.head);
}

bool ColumnBuffer::encode_dictionary(EncodedPage& dictionary, EncodedPage& data) const {
  const auto n_values = static_cast<std::size_t>(n_rows_ - n_nulls_);
  std::unordered_map<std::string_view, std::uint32_t> places;
  std::vector<std::uint32_t> indices;
  for (std::string_view rest = data_; !rest.empty();) {
    const std::string_view text = text_at(rest);
    const auto [entry, is_new] = places.emplace(text, static_cast<std::uint32_t>(places.size()));
    if (is_new) {
      append_text(text, dictionary.storage);
      if (2 * places.size() > n_values || dictionary.storage.size() > kDictionaryBytesMax)
        return false;
    }
    indices.push_back(entry->second);
    rest.remove_prefix(kLengthBytes + text.size());
  }
  if (indices.empty()) return false;
  dictionary.header.n_values = static_cast<std::int32_t>(places.size());
  dictionary.values = dictionary.storage;
  const int bit_width = std::max(bit_width_of(static_cast<std::uint32_t>(places.size()) - 1), 1);
  data.storage.push_back(static_cast<char>(bit_width));
  append_hybrid(indices, bit_width, data.storage);
  data.values = data.storage;
  return true;
}

std::vector<EncodedPage> ColumnBuffer::encode(GzipCompressor* gzip) {
  const ParquetType type = leaf_.column.type;
  std::vector<EncodedPage> pages;
  pages.reserve(2);  // The views into a page's storage must not move.
  const std::int64_t n_values = n_rows_ * std::max(leaf_.column.list_size, 1);
  if (type == ParquetType::string) {
    EncodedPage& dictionary = pages.emplace_back(page(PageType::dictionary, Encoding::plain, 0));
    EncodedPage& data =
        pages.emplace_back(page(PageType::data, Encoding::rle_dictionary, n_values));
    if (!encode_dictionary(dictionary, data)) pages.clear();
  }
  if (pages.empty()) {
    EncodedPage& data = pages.emplace_back(page(PageType::data, Encoding::plain, n_values));
    data.values = data_;
    if (type == ParquetType::boolean) {
      data.storage = packed_bits(data_);
      data.values = data.storage;
    }
  }
  EncodedPage& data = pages.back();
  data.levels = levels();
  if (type != ParquetType::float_list) {
    data.header.statistics = statistics_of(type, data_);
    data.header.statistics.null_count = n_nulls_;
  }
  for (EncodedPage& each : pages) finish(each, gzip);
  return pages;
}

void ColumnBuffer::clear() {
  data_.clear();
  is_valid_.clear();
  n_rows_ = n_nulls_ = 0;
}

Statistics statistics_of(ParquetType type, std::string_view plain) {
  switch (type) {
    case ParquetType::boolean: return number_statistics<std::uint8_t>(plain);
    case ParquetType::int32: return number_statistics<std::int32_t>(plain);
    case ParquetType::int64: return number_statistics<std::int64_t>(plain);
    case ParquetType::float32: return number_statistics<float>(plain);
    case ParquetType::float64: return number_statistics<double>(plain);
    case ParquetType::string: return text_statistics(plain);
    case ParquetType::float_list: break;
  }
  return {};
}

}  // namespace baleen::formats::parquet
