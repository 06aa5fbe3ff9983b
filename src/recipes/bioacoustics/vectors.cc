#include "recipes/bioacoustics/vectors.h"

#include <vector>

#include "formats/parquet_tables.h"

namespace baleen::bioacoustics {

Result<void> for_each_vector(
    const std::filesystem::path& path,
    std::size_t size,
    const std::function<void(std::int64_t row, std::span<const float> vector)>& visit) {
  Result<formats::MappedFloatLists> mapped = formats::MappedFloatLists::open(path, "embedding");
  if (mapped.ok()) {
    if (static_cast<std::size_t>(mapped->list_size()) != size)
      return fail(ErrorCode::embedding_dimensions_differ, "{} has vectors of {} numbers, not of {}",
                  path.filename().string(), mapped->list_size(), size);
    std::int64_t row = 0;
    for (std::int64_t group = 0; group < mapped->n_row_groups(); ++group) {
      const std::span<const float> values = mapped->group(group);
      for (std::size_t at = 0; at < values.size(); at += size)
        visit(row++, values.subspan(at, size));
    }
    return {};
  }
  if (mapped.error().code != ErrorCode::not_supported) return mapped.error();
  BALEEN_ASSIGN_OR_RETURN(formats::EmbeddingsFile file, formats::open_embeddings(path));
  if (static_cast<std::size_t>(file.info.vector_dim) != size)
    return fail(ErrorCode::embedding_dimensions_differ, "{} has vectors of {} numbers, not of {}",
                path.filename().string(), file.info.vector_dim, size);
  std::vector<float> vector(size);
  for (std::int64_t row = 0; row < file.reader.n_rows(); ++row) {
    BALEEN_RETURN_IF_ERROR(file.reader.read(file.embedding, row, std::span(vector)));
    visit(row, std::span<const float>(vector));
  }
  return {};
}

}  // namespace baleen::bioacoustics
