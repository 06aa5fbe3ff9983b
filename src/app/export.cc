#include "app/export.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "core/file.h"
#include "formats/annotations.h"
#include "formats/parquet_tables.h"
#include "recipes/bioacoustics/encoding.h"
#include "store/artifacts.h"
#include "store/assets.h"
#include "store/collections.h"

namespace baleen {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kRowsAtOnce = 65'536;
constexpr std::int32_t kNoise = -1;

/// A recording, and what is to be said of its windows.
struct Exported {
  formats::AnnotatedFile file;
  std::vector<formats::Annotation> annotations;
};

struct Assigned {
  std::vector<std::string> asset_id;
  std::vector<std::int32_t> row_index, label;
  std::vector<double> probability;
};

Result<Assigned> read_assignments(const fs::path& path) {
  BALEEN_ASSIGN_OR_RETURN(formats::AssignmentsFile file, formats::open_assignments(path));
  const auto n = static_cast<std::size_t>(file.reader.n_rows());
  Assigned rows{std::vector<std::string>(n), std::vector<std::int32_t>(n),
                std::vector<std::int32_t>(n), std::vector<double>(n)};
  for (std::size_t begin = 0; begin < n; begin += kRowsAtOnce) {
    const std::size_t count = std::min<std::size_t>(kRowsAtOnce, n - begin);
    const auto at = static_cast<std::int64_t>(begin);
    const auto part = [&](auto& values) { return std::span(values).subspan(begin, count); };
    BALEEN_RETURN_IF_ERROR(file.reader.read(file.asset_id, at, part(rows.asset_id)));
    BALEEN_RETURN_IF_ERROR(file.reader.read(file.row_index, at, part(rows.row_index)));
    BALEEN_RETURN_IF_ERROR(file.reader.read(file.label, at, part(rows.label)));
    BALEEN_RETURN_IF_ERROR(file.reader.read(file.probability, at, part(rows.probability)));
  }
  return rows;
}

/// Where the windows of one recording begin and end.
struct Times {
  std::vector<double> start_s, end_s;
};

Result<Times> read_times(const fs::path& path) {
  BALEEN_ASSIGN_OR_RETURN(formats::EmbeddingsFile file, formats::open_embeddings(path));
  const auto n = static_cast<std::size_t>(file.reader.n_rows());
  Times times{std::vector<double>(n), std::vector<double>(n)};
  BALEEN_RETURN_IF_ERROR(file.reader.read(file.start_s, 0, std::span(times.start_s)));
  BALEEN_RETURN_IF_ERROR(file.reader.read(file.end_s, 0, std::span(times.end_s)));
  return times;
}

/// The file that was taken in, under a name that no other recording of the collection has.
Result<formats::AnnotatedFile> file_of(store::Database& database,
                                       const std::string& asset_id,
                                       std::set<std::string>& names) {
  BALEEN_ASSIGN_OR_RETURN(const auto asset, store::find_asset(database, asset_id));
  if (!asset) return fail(ErrorCode::not_found, "there is no asset '{}'", asset_id);
  std::string name = asset->original_filename;
  if (!names.insert(name).second) {
    const fs::path full(name);
    name = fmt::format("{}.{}{}", full.stem().string(), asset_id.substr(0, 8),
                       full.extension().string());
    names.insert(name);
  }
  return formats::AnnotatedFile{std::move(name), asset->duration_s, ""};
}

struct Gathered {
  std::vector<Exported> recordings;  // By name: recorders write the time there.
  std::int64_t n_windows = 0, n_noise_left_out = 0;
};

/// The embeddings that the run over the collection had: those of its encoding.
Result<std::map<std::string, fs::path>> embeddings_of(store::Database& database,
                                                      const store::DataRoot& root,
                                                      const std::string& collection_id,
                                                      const std::string& alias) {
  BALEEN_ASSIGN_OR_RETURN(
      const auto artifacts,
      store::find_latest_artifacts_of_members(database, collection_id, "embedding_set", alias));
  std::map<std::string, fs::path> paths;
  for (const store::Artifact& artifact : artifacts)
    paths[artifact.asset_id] = root.at(artifact.path);
  return paths;
}

Result<Gathered> gather(store::Database& database,
                        const Assigned& rows,
                        const std::map<std::string, fs::path>& embeddings,
                        const std::string& source,
                        bool with_noise) {
  Gathered gathered;
  std::set<std::string> names;
  std::string asset_id;
  Times times;
  for (std::size_t i = 0; i < rows.label.size(); ++i) {
    if (rows.asset_id[i] != asset_id) {
      asset_id = rows.asset_id[i];
      const auto path = embeddings.find(asset_id);
      if (path == embeddings.end()) {
        return fail(ErrorCode::input_not_found,
                    "the embeddings of {} are gone since it was clustered; cluster again",
                    asset_id);
      }
      BALEEN_ASSIGN_OR_RETURN(times, read_times(path->second));
      BALEEN_ASSIGN_OR_RETURN(formats::AnnotatedFile file, file_of(database, asset_id, names));
      gathered.recordings.push_back({std::move(file), {}});
    }
    if (rows.label[i] == kNoise && !with_noise) {
      ++gathered.n_noise_left_out;
      continue;
    }
    const auto row = static_cast<std::size_t>(rows.row_index[i]);
    if (row >= times.start_s.size())
      return fail(ErrorCode::artifact_corrupt, "{} has no window {}", asset_id, row);
    Exported& recording = gathered.recordings.back();
    formats::Annotation annotation;
    annotation.file = recording.file.name;
    annotation.start_s = times.start_s[row];
    annotation.end_s = times.end_s[row];
    annotation.label = rows.label[i] == kNoise ? "noise" : fmt::format("cluster {}", rows.label[i]);
    annotation.confidence = rows.probability[i];
    annotation.source = source;
    recording.annotations.push_back(std::move(annotation));
    ++gathered.n_windows;
  }
  std::ranges::stable_sort(gathered.recordings, {},
                           [](const Exported& recording) { return recording.file.name; });
  return gathered;
}

/// Names of files, and what is in them.
using Tables = std::vector<std::pair<std::string, std::string>>;

Result<Tables> make_tables(const std::string& format, const Gathered& gathered) {
  std::vector<formats::Annotation> all;
  std::vector<formats::AnnotatedFile> files;
  Tables tables;
  for (const Exported& recording : gathered.recordings) {
    if (format == "audacity") {
      tables.emplace_back(recording.file.name + ".labels.txt",
                          formats::write_audacity(recording.annotations));
      continue;
    }
    files.push_back(recording.file);
    all.insert(all.end(), recording.annotations.begin(), recording.annotations.end());
  }
  if (format == "raven") {
    BALEEN_ASSIGN_OR_RETURN(std::string table, formats::write_raven(all, files));
    tables.emplace_back("clusters.selections.txt", std::move(table));
  } else if (format == "kaleidoscope") {
    tables.emplace_back("clusters.csv", formats::write_kaleidoscope(all));
  }
  return tables;
}

/// All or none: what is in the way is told before the first is written.
Result<json::array> write_tables(const fs::path& folder, const Tables& tables) {
  std::error_code error;
  for (const auto& [name, text] : tables) {
    if (fs::exists(folder / name, error))
      return fail(ErrorCode::conflict, "{} is there already: remove it or name another folder",
                  (folder / name).string());
  }
  BALEEN_RETURN_IF_ERROR(core::make_directories(folder));
  json::array files;
  for (const auto& [name, text] : tables) {
    BALEEN_RETURN_IF_ERROR(core::write_file_atomic(folder / name, text));
    files.push_back(json::string((folder / name).string()));
  }
  return files;
}

}  // namespace

Result<json::object> export_clusters(const store::DataRoot& root,
                                     store::Database& database,
                                     const json::object& request) {
  const std::string format = core::get_string(request, "format");
  if (format != "raven" && format != "audacity" && format != "kaleidoscope") {
    return fail(ErrorCode::invalid_argument,
                "there is no format '{}': raven, audacity or kaleidoscope", format);
  }
  const std::string collection_id = core::get_string(request, "collection_id");
  BALEEN_ASSIGN_OR_RETURN(const auto assignments,
                          store::find_latest_artifact(database, collection_id, "assignments", ""));
  if (!assignments) {
    return fail(ErrorCode::input_not_found,
                "the collection has no clusters yet: `baleen cluster` makes them");
  }
  BALEEN_ASSIGN_OR_RETURN(const auto clusters,
                          store::find_latest_artifact(database, collection_id, "clusters_v1",
                                                      assignments->feature_spec_alias));
  if (!clusters)
    return fail(ErrorCode::artifact_corrupt, "{} has no clusters.json", assignments->path);
  BALEEN_ASSIGN_OR_RETURN(const json::value document,
                          core::read_json_file(root.at(clusters->path)));
  const std::string encoding_id =
      document.is_object() ? core::get_string(document.get_object(), "encoding_id") : "";
  BALEEN_ASSIGN_OR_RETURN(
      const auto embeddings,
      embeddings_of(database, root, collection_id, bioacoustics::alias_of(encoding_id)));
  BALEEN_ASSIGN_OR_RETURN(const Assigned rows, read_assignments(root.at(assignments->path)));
  BALEEN_ASSIGN_OR_RETURN(const Gathered gathered,
                          gather(database, rows, embeddings, "baleen: " + assignments->path,
                                 core::get_bool(request, "with_noise")));
  BALEEN_ASSIGN_OR_RETURN(const Tables tables, make_tables(format, gathered));
  BALEEN_ASSIGN_OR_RETURN(json::array files,
                          write_tables(core::get_string(request, "folder"), tables));
  return json::object{{"format", format},
                      {"clusters", clusters->path},
                      {"recordings", static_cast<std::int64_t>(gathered.recordings.size())},
                      {"windows", gathered.n_windows},
                      {"noise_left_out", gathered.n_noise_left_out},
                      {"files", std::move(files)}};
}

}  // namespace baleen
