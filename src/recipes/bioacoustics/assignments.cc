#include "recipes/bioacoustics/assignments.h"

#include <algorithm>
#include <limits>

namespace baleen::bioacoustics {
namespace {

constexpr std::size_t kRowsAtOnce = 65'536;
constexpr const char* kModelKey = "model_sha256";

std::string model_of(const formats::AssignmentsFile& file) {
  return std::string(file.reader.find_metadata(kModelKey).value_or(""));
}

/// Of a file of before: noise is noise, and nothing more is known.
void say_nothing(Assignments& rows, std::size_t first) {
  for (std::size_t row = first; row < rows.n(); ++row) {
    const bool is_noise = rows.label[row] < 0;
    rows.noise_reason[row] = static_cast<std::int32_t>(is_noise ? formats::WindowNoise::loose
                                                                : formats::WindowNoise::none);
    rows.nearest_label[row] = rows.label[row];
    rows.missing[row] = is_noise ? std::numeric_limits<double>::quiet_NaN() : 0;
  }
}

Result<void> append(formats::AssignmentsFile& file, Assignments& rows) {
  const std::size_t first = rows.n();
  const auto n = static_cast<std::size_t>(file.reader.n_rows());
  const auto for_all = [&](const auto& call) -> Result<void> {
    BALEEN_RETURN_IF_ERROR(call(file.asset_id, rows.asset_id));
    BALEEN_RETURN_IF_ERROR(call(file.row_index, rows.row_index));
    BALEEN_RETURN_IF_ERROR(call(file.label, rows.label));
    BALEEN_RETURN_IF_ERROR(call(file.probability, rows.probability));
    BALEEN_RETURN_IF_ERROR(call(file.outlier_score, rows.outlier_score));
    BALEEN_RETURN_IF_ERROR(call(file.x, rows.x));
    BALEEN_RETURN_IF_ERROR(call(file.y, rows.y));
    BALEEN_RETURN_IF_ERROR(call(file.noise_reason, rows.noise_reason));
    BALEEN_RETURN_IF_ERROR(call(file.nearest_label, rows.nearest_label));
    return call(file.missing, rows.missing);
  };
  BALEEN_RETURN_IF_ERROR(for_all([&](int column, auto& values) -> Result<void> {
    values.resize(first + n);
    for (std::size_t begin = 0; column >= 0 && begin < n; begin += kRowsAtOnce) {
      const std::size_t count = std::min(kRowsAtOnce, n - begin);
      BALEEN_RETURN_IF_ERROR(file.reader.read(column, static_cast<std::int64_t>(begin),
                                              std::span(values).subspan(first + begin, count)));
    }
    return {};
  }));
  if (!file.tells_why()) say_nothing(rows, first);
  return {};
}

}  // namespace

Result<Assignments> read_assignments(const std::filesystem::path& assignments,
                                     const std::optional<std::filesystem::path>& additions) {
  BALEEN_ASSIGN_OR_RETURN(formats::AssignmentsFile file, formats::open_assignments(assignments));
  Assignments rows;
  BALEEN_RETURN_IF_ERROR(append(file, rows));
  rows.n_clustered = rows.n();
  if (!additions) return rows;
  BALEEN_ASSIGN_OR_RETURN(formats::AssignmentsFile added, formats::open_assignments(*additions));
  if (model_of(added).empty() || model_of(added) != model_of(file)) return rows;
  BALEEN_RETURN_IF_ERROR(append(added, rows));
  return rows;
}

Result<Assignments> read_assignments(store::Database& database,
                                     const store::DataRoot& root,
                                     const store::Artifact& assignments) {
  BALEEN_ASSIGN_OR_RETURN(const auto additions,
                          store::find_latest_artifact(database, assignments.asset_id, "additions",
                                                      assignments.feature_spec_alias));
  std::optional<std::filesystem::path> path;
  if (additions && !assignments.feature_spec_alias.empty() &&
      store::look_at_file(root, *additions) == store::FileState::intact)
    path = root.at(additions->path);
  return read_assignments(root.at(assignments.path), path);
}

Result<void> write_assignments(const std::filesystem::path& path,
                               const formats::AssignmentRows& rows,
                               const std::string& model_sha256) {
  BALEEN_ASSIGN_OR_RETURN(formats::ParquetWriter writer,
                          formats::ParquetWriter::create(path, formats::assignments_schema(), {}));
  const std::size_t n = rows.row_index.size();
  for (std::size_t begin = 0; begin < n; begin += kRowsAtOnce) {
    const std::size_t count = std::min(kRowsAtOnce, n - begin);
    const auto part = [&](const auto& values) { return values.subspan(begin, count); };
    BALEEN_RETURN_IF_ERROR(writer.append(formats::columns_of(formats::AssignmentRows{
        part(rows.asset_id), part(rows.row_index), part(rows.label), part(rows.probability),
        part(rows.outlier_score), part(rows.x), part(rows.y), part(rows.noise_reason),
        part(rows.nearest_label), part(rows.missing)})));
  }
  BALEEN_RETURN_IF_ERROR(
      writer.finish({{"schema_id", "assignments.v1"}, {kModelKey, model_sha256}}));
  return {};
}

}  // namespace baleen::bioacoustics
