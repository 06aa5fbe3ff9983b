#pragma once

/// What stands in a Parquet file besides values: page headers and the footer, as structs, to bytes and from foreign
/// bytes. Names and numbers are those of parquet.thrift. Internal to the room.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "formats/parquet_schema.h"

namespace baleen::formats::parquet {

inline constexpr std::string_view kMagic = "PAR1";

enum class PhysicalType : std::int32_t {
  boolean = 0,
  int32 = 1,
  int64 = 2,
  int96 = 3,
  float32 = 4,
  float64 = 5,
  byte_array = 6,
  fixed_len_byte_array = 7,
};
enum class Encoding : std::int32_t {
  plain = 0,
  plain_dictionary = 2,
  rle = 3,
  bit_packed = 4,
  delta_binary_packed = 5,
  delta_length_byte_array = 6,
  delta_byte_array = 7,
  rle_dictionary = 8,
  byte_stream_split = 9,
};
enum class Codec : std::int32_t { uncompressed = 0, snappy = 1, gzip = 2, zstd = 6 };
enum class PageType : std::int32_t { data = 0, index = 1, dictionary = 2, data_v2 = 3 };

enum Repetition : std::int32_t { kRequired = 0, kOptional = 1, kRepeated = 2 };
inline constexpr std::int32_t kConvertedUtf8 = 0;
inline constexpr std::int32_t kConvertedList = 3;
inline constexpr int kLogicalString = 1;
inline constexpr int kLogicalList = 3;

struct Statistics {
  std::optional<std::string> min, max;  ///< In PLAIN encoding, texts without their length.
  std::optional<std::int64_t> null_count;
};

struct PageHeader {
  PageType type = PageType::data;
  std::int32_t uncompressed_bytes = -1;
  std::int32_t compressed_bytes = -1;
  std::optional<std::uint32_t> crc;  ///< CRC-32 of the page as stored.
  std::int32_t n_values = -1;        ///< Nulls included.
  Encoding encoding = Encoding::plain;
  Encoding level_encoding = Encoding::rle;
  Statistics statistics;  ///< Of a data page.
  // Of data_v2, where the levels are never compressed.
  std::int32_t definition_bytes = 0;
  std::int32_t repetition_bytes = 0;
  bool is_compressed = true;
};

struct ChunkMeta {
  PhysicalType type = PhysicalType::int32;
  Codec codec = Codec::uncompressed;
  std::vector<Encoding> encodings;
  std::int64_t n_values = -1;
  std::int64_t uncompressed_bytes = -1;  ///< Pages and their headers.
  std::int64_t compressed_bytes = -1;
  std::int64_t data_page_offset = -1;
  std::int64_t dictionary_page_offset = -1;  ///< -1: none.
  Statistics statistics;
};

struct RowGroupMeta {
  std::vector<ChunkMeta> chunks;  ///< One for each leaf of the schema, in its order.
  std::int64_t n_rows = -1;
};

/// A leaf of the schema: the column and how deep it lies.
struct Leaf {
  ParquetColumn column;
  PhysicalType physical = PhysicalType::int32;
  int definition_max = 0;
  int repetition_max = 0;
  std::string unsupported;  ///< Why its values cannot be read here; empty if they can.
};

struct FileMeta {
  std::vector<Leaf> leaves;
  std::vector<RowGroupMeta> row_groups;
  ParquetMetadata metadata;
  std::int64_t n_rows = -1;
  std::string created_by;
};

[[nodiscard]] PhysicalType physical_type(ParquetType type);
/// The leaves of a file that we write.
[[nodiscard]] std::vector<Leaf> leaves_of(const ParquetSchema& schema);

void append_page_header(const PageHeader& header, std::string& out);
/// The header at the front of `bytes` and its length. ARTIFACT_CORRUPT.
struct ParsedPageHeader {
  PageHeader header;
  std::size_t bytes = 0;
};
[[nodiscard]] Result<ParsedPageHeader> parse_page_header(std::string_view bytes);

/// The footer's struct, without length and magic.
[[nodiscard]] std::string footer_bytes(const FileMeta& meta);
/// ARTIFACT_CORRUPT where it is no footer, NOT_SUPPORTED for a schema of groups in groups.
[[nodiscard]] Result<FileMeta> parse_footer(std::string_view bytes);

}  // namespace baleen::formats::parquet
