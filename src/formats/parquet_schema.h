#pragma once

/// Columns of Parquet files, as far as we write and read them: flat tables of numbers, truth values and texts, with lists
/// of floats that all have one length (docs/formats/embeddings_parquet.md).

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace baleen::formats {

enum class ParquetType { boolean, int32, int64, float32, float64, string, float_list };

struct ParquetColumn {
  std::string name;
  ParquetType type = ParquetType::int32;
  bool is_nullable = false;  ///< Never of a float_list that we write.
  int list_size = 0;         ///< Values of each float_list; 0 for all others.
  bool operator==(const ParquetColumn&) const = default;
};

using ParquetSchema = std::vector<ParquetColumn>;
/// Keys and texts of a file, in their order.
using ParquetMetadata = std::vector<std::pair<std::string, std::string>>;

/// "float_list" and so on, for messages.
[[nodiscard]] const char* parquet_type_name(ParquetType type);

}  // namespace baleen::formats
