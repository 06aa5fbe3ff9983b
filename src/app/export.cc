#include "app/export.h"

#include <fmt/format.h>

#include <utility>

#include "app/exported.h"
#include "core/file.h"
#include "formats/labels_parquet.h"

namespace baleen {
namespace {

namespace fs = std::filesystem;

/// Names of files, and the bytes in them.
using Tables = std::vector<std::pair<std::string, std::string>>;

Result<ExportRequest> request_of(const json::object& object) {
  ExportRequest request;
  request.collection_id = core::get_string(object, "collection_id");
  request.clustering_id = core::get_string(object, "clustering_id");
  request.asset_id = core::get_string(object, "asset_id");
  request.is_with_noise = core::get_bool(object, "with_noise");
  const std::string what = core::get_string(object, "what", "clusters");
  if (what != "clusters" && what != "annotations" && what != "all") {
    return fail(ErrorCode::invalid_argument, "there is no '{}': clusters, annotations or all",
                what);
  }
  request.has_clusters = what != "annotations";
  request.has_annotations = what != "clusters";
  request.is_clustering_needed = what == "clusters";
  const std::string format = core::get_string(object, "format");
  for (const char* const known : {"raven", "audacity", "kaleidoscope", "darwin_core", "parquet"})
    if (format == known) return request;
  return fail(ErrorCode::invalid_argument,
              "there is no format '{}': raven, audacity, kaleidoscope, darwin_core or parquet",
              format);
}

Result<Tables> make_tables(store::Database& database,
                           const store::DataRoot& root,
                           const json::object& request,
                           const Exported& exported) {
  const std::string format = core::get_string(request, "format");
  const std::string name = core::get_string(request, "what", "clusters");
  Tables tables;
  if (format == "darwin_core") {
    BALEEN_ASSIGN_OR_RETURN(
        const auto occurrences,
        occurrences_of(database, root, core::get_string(request, "collection_id"), exported));
    BALEEN_ASSIGN_OR_RETURN(std::string table, formats::write_darwin_core(occurrences));
    tables.emplace_back("occurrences.csv", std::move(table));
    return tables;
  }
  if (format == "parquet") {
    std::vector<formats::LabelledRecording> recordings;
    for (const ExportedRecording& recording : exported.recordings)
      recordings.push_back({recording.asset_id, recording.file.name, recording.annotations});
    BALEEN_ASSIGN_OR_RETURN(
        std::string table,
        formats::write_labels_parquet(
            recordings, {{"schema_id", "labels.v1"}, {"clustering_id", exported.clustering_id}}));
    tables.emplace_back(name + ".parquet", std::move(table));
    return tables;
  }
  std::vector<formats::Annotation> all;
  std::vector<formats::AnnotatedFile> files;
  for (const ExportedRecording& recording : exported.recordings) {
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
    tables.emplace_back(name + ".selections.txt", std::move(table));
  } else if (format == "kaleidoscope") {
    tables.emplace_back(name + ".csv", formats::write_kaleidoscope(all));
  }
  return tables;
}

Result<Exported> gather(store::Database& database,
                        const store::DataRoot& root,
                        const json::object& object) {
  BALEEN_ASSIGN_OR_RETURN(const ExportRequest request, request_of(object));
  BALEEN_ASSIGN_OR_RETURN(Exported exported, gather_for_export(database, root, request));
  if (exported.clustering_id.empty() && exported.n_annotations == 0) {
    return fail(ErrorCode::input_not_found,
                "the collection has nothing to export{}: `baleen import` brings annotations",
                request.has_clusters ? ", neither clusters nor annotations" : "");
  }
  return exported;
}

std::string_view media_type_of(std::string_view name) {
  if (name.ends_with(".csv")) return "text/csv; charset=utf-8";
  if (name.ends_with(".parquet")) return "application/vnd.apache.parquet";
  return "text/plain; charset=utf-8";
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

Result<json::object> export_tables(const store::DataRoot& root,
                                   store::Database& database,
                                   const json::object& request) {
  BALEEN_ASSIGN_OR_RETURN(const Exported exported, gather(database, root, request));
  BALEEN_ASSIGN_OR_RETURN(const Tables tables, make_tables(database, root, request, exported));
  BALEEN_ASSIGN_OR_RETURN(json::array files,
                          write_tables(core::get_string(request, "folder"), tables));
  return json::object{{"format", core::get_string(request, "format")},
                      {"what", core::get_string(request, "what", "clusters")},
                      {"clusters", exported.clusters_path},
                      {"clustering_id", exported.clustering_id},
                      {"recordings", static_cast<std::int64_t>(exported.recordings.size())},
                      {"windows", exported.n_windows},
                      {"annotations", exported.n_annotations},
                      {"noise_left_out", exported.n_noise_left_out},
                      {"files", std::move(files)}};
}

Result<json::object> export_one_table(const store::DataRoot& root,
                                      store::Database& database,
                                      const json::object& request) {
  if (core::get_string(request, "format") == "audacity" &&
      core::get_string(request, "asset_id").empty()) {
    return fail(ErrorCode::invalid_argument,
                "labels of Audacity are of one recording: name it with asset_id");
  }
  BALEEN_ASSIGN_OR_RETURN(const Exported exported, gather(database, root, request));
  BALEEN_ASSIGN_OR_RETURN(Tables tables, make_tables(database, root, request, exported));
  if (tables.empty())
    return fail(ErrorCode::input_not_found, "there is nothing to say of this recording");
  auto& [name, text] = tables.front();
  return json::object{
      {"filename", name}, {"media_type", media_type_of(name)}, {"text", std::move(text)}};
}

}  // namespace baleen
