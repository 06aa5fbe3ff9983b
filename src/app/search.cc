#include "app/search.h"

#include <limits>
#include <map>
#include <utility>

#include "ml/model_store.h"
#include "recipes/bioacoustics/encoding.h"
#include "recipes/bioacoustics/metadata.h"
#include "recipes/bioacoustics/search.h"
#include "store/artifacts.h"
#include "store/collections.h"

namespace baleen {
namespace {

constexpr std::int64_t kTopMax = 1000;

struct Among {
  std::vector<bioacoustics::EmbeddedRecording> recordings;
  std::vector<std::string> filenames;
  std::int64_t n_not_embedded = 0;
};

Result<Among> choose(store::Database& database,
                     const store::DataRoot& root,
                     const json::object& request,
                     const std::string& alias) {
  const std::string collection_id = core::get_string(request, "collection_id");
  const json::object& where = core::get_object(request, "where");
  BALEEN_RETURN_IF_ERROR(bioacoustics::check_where(where));
  BALEEN_ASSIGN_OR_RETURN(const auto members, store::list_members(database, collection_id));
  BALEEN_ASSIGN_OR_RETURN(
      const auto artifacts,
      store::find_latest_artifacts_of_members(database, collection_id, "embedding_set", alias));
  std::map<std::string, std::string> paths;
  for (const store::Artifact& artifact : artifacts) paths[artifact.asset_id] = artifact.path;
  Among among;
  for (const store::CollectionMember& member : members) {
    if (!bioacoustics::matches(member.metadata.to_json(), where)) continue;
    const auto path = paths.find(member.asset_id);
    if (path == paths.end()) {
      ++among.n_not_embedded;
      continue;
    }
    among.recordings.push_back({member.asset_id, root.at(path->second)});
    among.filenames.push_back(member.filename);
  }
  return among;
}

Result<bioacoustics::Example> example_of(store::Database& database,
                                         const store::DataRoot& root,
                                         const json::object& request,
                                         const bioacoustics::Encoding& encoding) {
  const std::string asset_id = core::get_string(request, "asset_id");
  BALEEN_ASSIGN_OR_RETURN(
      const auto artifact,
      store::find_latest_artifact(database, asset_id, "embedding_set", encoding.alias()));
  if (!artifact) {
    return fail(ErrorCode::input_not_found, "the example, {}, has no embeddings of encoding {}",
                asset_id, encoding.id());
  }
  bioacoustics::Example example{{asset_id, root.at(artifact->path)}};
  const bool has_start = request.contains("start_s");
  example.start_s = core::get_double(request, "start_s");
  example.end_s = core::get_double(
      request, "end_s", has_start ? example.start_s : std::numeric_limits<double>::infinity());
  if (example.start_s < 0 || (request.contains("end_s") && example.end_s <= example.start_s)) {
    return fail(ErrorCode::invalid_argument, "from {} s to {} s is no stretch of a recording",
                example.start_s, example.end_s);
  }
  return example;
}

json::array describe(const std::vector<bioacoustics::SearchHit>& hits, const Among& among) {
  json::array list;
  for (const bioacoustics::SearchHit& hit : hits) {
    list.push_back({{"asset_id", among.recordings[hit.recording].asset_id},
                    {"file", core::valid_utf8(among.filenames[hit.recording])},
                    {"row_index", hit.row_index},
                    {"start_s", hit.start_s},
                    {"end_s", hit.end_s},
                    {"similarity", hit.similarity}});
  }
  return list;
}

}  // namespace

Result<json::object> search_collection(const cli::Config& config,
                                       const store::DataRoot& root,
                                       store::Database& database,
                                       const json::object& request) {
  const std::int64_t top = core::get_int(request, "top", 20);
  const double apart_s = core::get_double(request, "apart_s", 0);
  if (top < 1 || top > kTopMax)
    return fail(ErrorCode::invalid_argument, "top is {}, not 1 to {}", top, kTopMax);
  if (!(apart_s >= 0))
    return fail(ErrorCode::invalid_argument, "apart_s is {}, which is less than 0", apart_s);
  BALEEN_ASSIGN_OR_RETURN(const json::object params, bioacoustics::canonical_encoding_params(
                                                         core::get_object(request, "params"),
                                                         config.text("bioacoustics.model")));
  BALEEN_ASSIGN_OR_RETURN(const bioacoustics::Encoding encoding,
                          bioacoustics::resolve_encoding(params, ml::ModelStore(root.models())));
  BALEEN_ASSIGN_OR_RETURN(const bioacoustics::Example example,
                          example_of(database, root, request, encoding));
  BALEEN_ASSIGN_OR_RETURN(const Among among, choose(database, root, request, encoding.alias()));
  if (among.recordings.empty()) {
    return fail(ErrorCode::input_not_found,
                "of the {} recordings that are asked for none has embeddings of encoding {}",
                among.n_not_embedded, encoding.id());
  }
  BALEEN_ASSIGN_OR_RETURN(const bioacoustics::SearchResult found,
                          bioacoustics::search_by_example(
                              example, among.recordings, {static_cast<std::size_t>(top), apart_s}));
  return json::object{{"collection_id", core::get_string(request, "collection_id")},
                      {"encoding_id", encoding.id()},
                      {"example",
                       {{"asset_id", example.recording.asset_id},
                        {"start_s", found.start_s},
                        {"end_s", found.end_s},
                        {"windows", found.n_example_windows}}},
                      {"recordings_searched", static_cast<std::int64_t>(among.recordings.size())},
                      {"recordings_not_embedded", among.n_not_embedded},
                      {"windows_searched", found.n_windows},
                      {"hits", describe(found.hits, among)}};
}

}  // namespace baleen
