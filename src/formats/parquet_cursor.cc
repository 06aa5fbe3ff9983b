#include "formats/parquet_cursor.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <type_traits>

#include "formats/parquet_checkpoint.h"

namespace baleen::formats::parquet {
namespace {

constexpr std::int64_t kPageBytesMax = std::int64_t{512} << 20;
constexpr std::int64_t kHeaderBytesUsual = 1024;
constexpr std::int64_t kHeaderBytesMax = std::int64_t{1} << 20;  // Statistics may be long texts.
constexpr std::int64_t kBlockEntries = 4096;

std::size_t value_bytes(PhysicalType type) {
  return type == PhysicalType::int64 || type == PhysicalType::float64 ? 8 : 4;
}

/// Takes a text of four bytes of length and as many bytes as that says from the front.
bool take_text(std::string_view& bytes, std::string_view& text) {
  std::uint32_t size = 0;
  if (bytes.size() < sizeof size) return false;
  std::memcpy(&size, bytes.data(), sizeof size);
  bytes.remove_prefix(sizeof size);
  if (size > bytes.size()) return false;
  text = bytes.substr(0, size);
  bytes.remove_prefix(size);
  return true;
}

const char* encoding_name(Encoding encoding) {
  switch (encoding) {
    case Encoding::delta_binary_packed: return "DELTA_BINARY_PACKED";
    case Encoding::delta_length_byte_array: return "DELTA_LENGTH_BYTE_ARRAY";
    case Encoding::delta_byte_array: return "DELTA_BYTE_ARRAY";
    case Encoding::byte_stream_split: return "BYTE_STREAM_SPLIT";
    default: return "an unknown encoding";
  }
}

}  // namespace

ColumnCursor::ColumnCursor(const OpenFile& file, std::size_t leaf)
    : file_(&file),
      leaf_index_(leaf),
      leaf_(&file.meta.leaves[leaf]),
      per_row_(std::max(leaf_->column.list_size, 1)) {}

Error ColumnCursor::corrupt(std::string_view what) const {
  return fail(ErrorCode::artifact_corrupt, "{}: column {}, row group {}: {}", file_->name,
              leaf_->column.name, group_, what);
}

Error ColumnCursor::unsupported(std::string_view what) const {
  return fail(ErrorCode::not_supported, "{}: column {} is {}", file_->name, leaf_->column.name,
              what);
}

void ColumnCursor::open_chunk(std::size_t group) {
  const RowGroupMeta& rows = file_->meta.row_groups[group];
  const ChunkMeta& chunk = rows.chunks[leaf_index_];
  group_ = group;
  is_open_ = true;
  position_ = chunk.data_page_offset;
  if (chunk.dictionary_page_offset > 0)
    position_ = std::min(position_, chunk.dictionary_page_offset);
  end_ = position_ + chunk.compressed_bytes;
  chunk_left_ = chunk.n_values;
  page_left_ = phase_ = 0;
  next_row_ = file_->first_rows[group];
  dictionary_size_ = 0;
}

Result<void> ColumnCursor::seek(std::int64_t row) {
  const auto& firsts = file_->first_rows;
  const auto behind = std::upper_bound(firsts.begin(), firsts.end() - 1, row);
  const auto group = static_cast<std::size_t>(behind - firsts.begin()) - 1;
  const bool is_ahead = is_open_ && group == group_ && row >= next_row_;
  if (!is_ahead) open_chunk(group);
  BALEEN_RETURN_IF_ERROR(skip((row - next_row_) * per_row_));
  next_row_ = row;
  return {};
}

Result<ParsedPageHeader> ColumnCursor::read_header() {
  std::string bytes;
  for (const std::int64_t most : {kHeaderBytesUsual, kHeaderBytesMax}) {
    bytes.resize(static_cast<std::size_t>(std::min(most, end_ - position_)));
    BALEEN_ASSIGN_OR_RETURN(const std::size_t n, read_at(file_->fd, position_, bytes));
    bytes.resize(n);
    Result<ParsedPageHeader> parsed = parse_page_header(bytes);
    if (parsed.ok()) return parsed;
  }
  return corrupt("a page header that cannot be understood");
}

Result<void> ColumnCursor::read_page(const PageHeader& header) {
  if (header.compressed_bytes > end_ - position_)
    return corrupt("a page that is longer than its column");
  if (header.compressed_bytes > kPageBytesMax || header.uncompressed_bytes > kPageBytesMax)
    return fail(ErrorCode::not_supported, "{}: column {} has a page of more than {} bytes",
                file_->name, leaf_->column.name, kPageBytesMax);
  page_.resize(static_cast<std::size_t>(header.compressed_bytes));
  BALEEN_ASSIGN_OR_RETURN(const std::size_t n, read_at(file_->fd, position_, page_));
  if (n != page_.size()) return corrupt("the file ends in a page");
  if (header.crc && crc32(0, page_) != *header.crc)
    return corrupt("a page whose bytes do not match their checksum");
  position_ += header.compressed_bytes;
  return {};
}

Result<void> ColumnCursor::skip_page(const PageHeader& header) {
  if (header.compressed_bytes > end_ - position_)
    return corrupt("a page that is longer than its column");
  position_ += header.compressed_bytes;
  return {};
}

Result<void> ColumnCursor::next_data_page() {
  while (true) {
    if (chunk_left_ == 0) {
      if (group_ + 1 >= file_->meta.row_groups.size()) return corrupt("fewer values than rows");
      open_chunk(group_ + 1);
      continue;
    }
    if (position_ >= end_) return corrupt("fewer pages than values");
    BALEEN_ASSIGN_OR_RETURN(const ParsedPageHeader parsed, read_header());
    position_ += static_cast<std::int64_t>(parsed.bytes);
    const PageHeader& header = parsed.header;
    const bool is_data = header.type == PageType::data || header.type == PageType::data_v2;
    if (is_data && header.n_values > chunk_left_) return corrupt("more values than rows");
    if (!is_data && header.type != PageType::dictionary) {
      BALEEN_RETURN_IF_ERROR(skip_page(header));
      continue;
    }
    BALEEN_RETURN_IF_ERROR(read_page(header));
    if (!is_data) {
      BALEEN_RETURN_IF_ERROR(set_dictionary(header));
      continue;
    }
    chunk_left_ -= header.n_values;
    page_left_ = header.n_values;
    BALEEN_RETURN_IF_ERROR(set_data(header));
    if (page_left_ > 0) return {};
  }
}

Result<void> ColumnCursor::set_dictionary(const PageHeader& header) {
  const Codec codec = file_->meta.row_groups[group_].chunks[leaf_index_].codec;
  BALEEN_ASSIGN_OR_RETURN(
      const std::string_view plain,
      decompressor_.decompress(codec, page_, static_cast<std::size_t>(header.uncompressed_bytes)));
  if (header.encoding != Encoding::plain && header.encoding != Encoding::plain_dictionary)
    return corrupt("a dictionary that is not plain");
  dictionary_ = plain;
  dictionary_texts_.clear();
  const auto n = static_cast<std::size_t>(header.n_values);
  if (leaf_->physical == PhysicalType::byte_array) {
    std::string_view rest = dictionary_;
    for (std::size_t i = 0; i < n; ++i)
      if (!take_text(rest, dictionary_texts_.emplace_back()))
        return corrupt("a dictionary that ends too early");
  } else if (leaf_->physical == PhysicalType::boolean ||
             dictionary_.size() / value_bytes(leaf_->physical) < n) {
    return corrupt("a dictionary that ends too early");
  }
  dictionary_size_ = n;
  return {};
}

Result<void> ColumnCursor::set_data(const PageHeader& header) {
  const Codec codec = file_->meta.row_groups[group_].chunks[leaf_index_].codec;
  auto size = static_cast<std::size_t>(header.uncompressed_bytes);
  std::string_view stored = page_;
  std::string_view plain;
  if (header.type == PageType::data_v2) {
    const std::size_t level_bytes = static_cast<std::size_t>(header.repetition_bytes) +
                                    static_cast<std::size_t>(header.definition_bytes);
    if (level_bytes > stored.size() || level_bytes > size)
      return corrupt("levels that are longer than their page");
    std::string_view levels = stored.substr(0, level_bytes);
    stored.remove_prefix(level_bytes);
    size -= level_bytes;
    BALEEN_RETURN_IF_ERROR(set_levels(header, levels));
    const bool is_stored = !header.is_compressed || stored.empty();
    BALEEN_ASSIGN_OR_RETURN(
        plain, decompressor_.decompress(is_stored ? Codec::uncompressed : codec, stored, size));
  } else {
    BALEEN_ASSIGN_OR_RETURN(plain, decompressor_.decompress(codec, stored, size));
    BALEEN_RETURN_IF_ERROR(set_levels(header, plain));
  }
  return set_values(header, plain);
}

/// Takes the levels from the front of `plain`.
Result<void> ColumnCursor::set_levels(const PageHeader& header, std::string_view& plain) {
  const auto take = [&](int max, std::int32_t v2_bytes, HybridReader& reader) -> bool {
    std::string_view block;
    if (header.type == PageType::data_v2) {
      block = plain.substr(0, static_cast<std::size_t>(v2_bytes));
      plain.remove_prefix(block.size());
    } else if (max > 0 && !take_text(plain, block)) {
      return false;
    }
    reader = HybridReader(block, bit_width_of(static_cast<std::uint32_t>(max)));
    return true;
  };
  const bool has_levels = leaf_->definition_max > 0 || leaf_->repetition_max > 0;
  if (has_levels && header.type == PageType::data && header.level_encoding != Encoding::rle)
    return unsupported("stored with levels of an old kind (BIT_PACKED), which are not read here");
  if (!take(leaf_->repetition_max, header.repetition_bytes, repetition_) ||
      !take(leaf_->definition_max, header.definition_bytes, definition_))
    return corrupt("levels that are longer than their page");
  return {};
}

Result<void> ColumnCursor::set_values(const PageHeader& header, std::string_view plain) {
  plain_bit_ = 0;
  plain_ = plain;
  switch (header.encoding) {
    case Encoding::plain: values_kind_ = Values::plain; return {};
    case Encoding::plain_dictionary:
    case Encoding::rle_dictionary: {
      values_kind_ = Values::dictionary;
      const int bit_width = plain.empty() ? 0 : static_cast<std::uint8_t>(plain[0]);
      if (bit_width > 32) return corrupt("a dictionary index of more than 32 bits");
      indices_ = HybridReader(plain.substr(plain.empty() ? 0 : 1), bit_width);
      return {};
    }
    case Encoding::rle: {
      std::string_view block;
      if (leaf_->physical != PhysicalType::boolean || !take_text(plain, block))
        return corrupt("runs of other than truth values");
      values_kind_ = Values::runs;
      indices_ = HybridReader(block, 1);
      return {};
    }
    default: break;
  }
  return unsupported(
      fmt::format("encoded as {}, which is not read here: write it as PLAIN or with "
                  "a dictionary",
                  encoding_name(header.encoding)));
}

Result<void> ColumnCursor::skip(std::int64_t n_entries) {
  std::vector<std::uint8_t> is_valid(static_cast<std::size_t>(kBlockEntries));
  while (n_entries > 0) {
    if (page_left_ == 0) BALEEN_RETURN_IF_ERROR(next_data_page());
    const std::int64_t n = std::min({n_entries, page_left_, kBlockEntries});
    BALEEN_ASSIGN_OR_RETURN(const std::int64_t n_valid,
                            take_levels(n, std::span(is_valid).first(static_cast<std::size_t>(n))));
    BALEEN_RETURN_IF_ERROR(skip_values(n_valid));
    page_left_ -= n;
    n_entries -= n;
  }
  return {};
}

Result<std::int64_t> ColumnCursor::take_levels(std::int64_t n, std::span<std::uint8_t> is_valid) {
  if (leaf_->repetition_max > 0) {
    BALEEN_RETURN_IF_ERROR(take_list_levels(n));
    return n;
  }
  if (leaf_->definition_max == 0) return n;
  std::int64_t n_valid = 0;
  for (std::size_t i = 0; i < is_valid.size();) {
    BALEEN_ASSIGN_OR_RETURN(const HybridReader::Run run,
                            definition_.next(static_cast<std::int64_t>(is_valid.size() - i)));
    if (run.value > 1) return corrupt("a definition level that does not exist");
    std::fill_n(is_valid.begin() + static_cast<std::ptrdiff_t>(i), run.count,
                static_cast<std::uint8_t>(run.value));
    n_valid += run.value == 1 ? run.count : 0;
    i += static_cast<std::size_t>(run.count);
  }
  return n_valid;
}

Result<void> ColumnCursor::take_list_levels(std::int64_t n) {
  const auto unequal = [this] {
    return fail(ErrorCode::not_supported,
                "{}: column {} has lists of other than {} values, or nulls in them", file_->name,
                leaf_->column.name, per_row_);
  };
  for (std::int64_t left = n; left > 0;) {
    BALEEN_ASSIGN_OR_RETURN(const HybridReader::Run run, repetition_.next(left));
    const bool begins = run.value == 0;
    if (begins ? phase_ != 0 || (run.count > 1 && per_row_ > 1)
               : phase_ == 0 || phase_ + run.count > per_row_)
      return unequal();
    phase_ = per_row_ == 1 ? 0 : (phase_ + run.count) % per_row_;
    left -= run.count;
  }
  for (std::int64_t left = n; left > 0;) {
    BALEEN_ASSIGN_OR_RETURN(const HybridReader::Run run, definition_.next(left));
    if (run.value != static_cast<std::uint32_t>(leaf_->definition_max)) return unequal();
    left -= run.count;
  }
  return {};
}

Result<void> ColumnCursor::skip_values(std::int64_t n) {
  if (values_kind_ != Values::plain) return indices_.skip(n);
  if (leaf_->physical == PhysicalType::boolean) {
    plain_bit_ += static_cast<std::uint64_t>(n);
    return {};  // Too far is seen when it is read.
  }
  if (leaf_->physical == PhysicalType::byte_array) {
    std::string_view text;
    for (std::int64_t i = 0; i < n; ++i)
      if (!take_text(plain_, text)) return corrupt("a page with fewer values than it says");
    return {};
  }
  const std::size_t size = value_bytes(leaf_->physical);
  if (plain_.size() / size < static_cast<std::uint64_t>(n))
    return corrupt("a page with fewer values than it says");
  plain_.remove_prefix(static_cast<std::size_t>(n) * size);
  return {};
}

template <typename T>
Result<void> ColumnCursor::take_plain(std::span<T> out) {
  const auto too_few = [this] { return corrupt("a page with fewer values than it says"); };
  if constexpr (std::is_same_v<T, std::string>) {
    std::string_view text;
    for (std::string& value : out) {
      if (!take_text(plain_, text)) return too_few();
      value = text;
    }
  } else if constexpr (std::is_same_v<T, std::uint8_t>) {
    const std::uint64_t n_bits = 8 * std::uint64_t{plain_.size()};
    if (plain_bit_ > n_bits || n_bits - plain_bit_ < out.size()) return too_few();
    for (T& value : out) {
      const auto byte = static_cast<std::uint8_t>(plain_[plain_bit_ / 8]);
      value = static_cast<T>(byte >> plain_bit_ % 8 & 1);
      ++plain_bit_;
    }
  } else {
    if (plain_.size() / sizeof(T) < out.size()) return too_few();
    std::memcpy(out.data(), plain_.data(), out.size_bytes());
    plain_.remove_prefix(out.size_bytes());
  }
  return {};
}

template <typename T>
Result<void> ColumnCursor::take_values(std::span<T> out) {
  if (out.empty()) return {};
  if (values_kind_ == Values::plain) return take_plain(out);
  while (!out.empty()) {
    const std::size_t n = std::min(out.size(), static_cast<std::size_t>(kBlockEntries));
    index_buffer_.resize(n);
    BALEEN_RETURN_IF_ERROR(indices_.read(index_buffer_));
    for (std::size_t i = 0; i < n; ++i) {
      const std::uint32_t index = index_buffer_[i];
      if constexpr (std::is_same_v<T, std::uint8_t>) {
        if (values_kind_ != Values::runs) return corrupt("a dictionary of truth values");
        out[i] = static_cast<T>(index & 1);
      } else {
        if (index >= dictionary_size_) return corrupt("an index behind the end of its dictionary");
        if constexpr (std::is_same_v<T, std::string>)
          out[i] = dictionary_texts_[index];
        else
          std::memcpy(&out[i], dictionary_.data() + index * sizeof(T), sizeof(T));
      }
    }
    out = out.subspan(n);
  }
  return {};
}

/// Entries of one page. Values lie behind one another; nulls are put between them from the back.
template <typename T>
Result<void> ColumnCursor::read_block(std::span<T> values,
                                      std::span<std::uint8_t> is_valid,
                                      bool may_be_null) {
  BALEEN_ASSIGN_OR_RETURN(const std::int64_t n_valid,
                          take_levels(static_cast<std::int64_t>(values.size()), is_valid));
  auto next = static_cast<std::size_t>(n_valid);
  BALEEN_RETURN_IF_ERROR(take_values(values.first(next)));
  if (next == values.size()) return {};
  if (!may_be_null && !std::is_floating_point_v<T>)
    return corrupt("a row without a value, where each must have one");
  for (std::size_t i = values.size(); i-- > 0;) {
    if (is_valid[i] != 0) {
      --next;
      if (i != next) values[i] = std::move(values[next]);
    } else if constexpr (std::is_floating_point_v<T>) {
      values[i] = may_be_null ? T{} : std::numeric_limits<T>::quiet_NaN();
    } else {
      values[i] = T{};
    }
  }
  return {};
}

template <typename T>
Result<void> ColumnCursor::read_rows(std::int64_t row,
                                     std::span<T> values,
                                     std::span<std::uint8_t> is_valid) {
  const std::int64_t n_rows = static_cast<std::int64_t>(values.size()) / per_row_;
  const bool is_list = leaf_->repetition_max > 0;
  BALEEN_RETURN_IF_ERROR(seek(row));
  std::vector<std::uint8_t> own_valid(static_cast<std::size_t>(kBlockEntries));
  while (!values.empty()) {
    if (page_left_ == 0) BALEEN_RETURN_IF_ERROR(next_data_page());
    const std::int64_t most = is_list ? page_left_ : std::min(page_left_, kBlockEntries);
    const std::size_t n = std::min(values.size(), static_cast<std::size_t>(most));
    std::span<std::uint8_t> valid;
    if (!is_list) {
      valid = is_valid.empty() ? std::span(own_valid).first(n) : is_valid.first(n);
      std::fill(valid.begin(), valid.end(), std::uint8_t{1});
    }
    BALEEN_RETURN_IF_ERROR(read_block(values.first(n), valid, !is_valid.empty()));
    page_left_ -= static_cast<std::int64_t>(n);
    values = values.subspan(n);
    if (!is_list && !is_valid.empty()) is_valid = is_valid.subspan(n);
  }
  if (is_list) std::fill(is_valid.begin(), is_valid.end(), std::uint8_t{1});
  next_row_ = row + n_rows;
  return {};
}

template <typename T>
Result<void> ColumnCursor::read(std::int64_t row,
                                std::span<T> values,
                                std::span<std::uint8_t> is_valid) {
  if (!leaf_->unsupported.empty()) return unsupported(leaf_->unsupported);
  if (values.empty()) return {};
  Result<void> done = read_rows(row, values, is_valid);
  if (!done.ok()) is_open_ = false;  // The next read begins anew.
  return done;
}

template Result<void> ColumnCursor::read(std::int64_t,
                                         std::span<std::uint8_t>,
                                         std::span<std::uint8_t>);
template Result<void> ColumnCursor::read(std::int64_t,
                                         std::span<std::int32_t>,
                                         std::span<std::uint8_t>);
template Result<void> ColumnCursor::read(std::int64_t,
                                         std::span<std::int64_t>,
                                         std::span<std::uint8_t>);
template Result<void> ColumnCursor::read(std::int64_t, std::span<float>, std::span<std::uint8_t>);
template Result<void> ColumnCursor::read(std::int64_t, std::span<double>, std::span<std::uint8_t>);
template Result<void> ColumnCursor::read(std::int64_t,
                                         std::span<std::string>,
                                         std::span<std::uint8_t>);

}  // namespace baleen::formats::parquet
