// One asset, looked at closely: views of its sound, why its stages would run, and what listeners did.

#include <charconv>
#include <cmath>

#include "api/service.h"
#include "core/clock.h"
#include "core/file.h"
#include "core/sha256.h"
#include "engine/explain.h"
#include "store/artifacts.h"
#include "store/assets.h"

namespace baleen::api {
namespace {

Result<double> parse_number(const std::string& text, const std::string& what) {
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(number))
    return fail(ErrorCode::invalid_argument, "{} '{}' is no number", what, text);
  return number;
}

Result<ViewQuery> view_query_of(const Request& request,
                                const std::vector<std::string_view>& known) {
  BALEEN_RETURN_IF_ERROR(check_query(request, known));
  ViewQuery query;
  const auto read = [&](const char* name, auto set) -> Result<void> {
    const auto found = request.query.find(name);
    if (found == request.query.end()) return {};
    BALEEN_ASSIGN_OR_RETURN(const double number, parse_number(found->second, name));
    set(number);
    return {};
  };
  const auto to_int = [](double number) {
    return static_cast<int>(
        std::clamp(number, -1.0, 1e6));  // What is out of range is refused later.
  };
  BALEEN_RETURN_IF_ERROR(read("start_s", [&](double x) { query.start_s = x; }));
  BALEEN_RETURN_IF_ERROR(read("end_s", [&](double x) { query.end_s = x; }));
  BALEEN_RETURN_IF_ERROR(read("columns", [&](double x) { query.columns = to_int(x); }));
  BALEEN_RETURN_IF_ERROR(read("rows", [&](double x) { query.rows = to_int(x); }));
  BALEEN_RETURN_IF_ERROR(read("db_min", [&](double x) { query.db_min = x; }));
  BALEEN_RETURN_IF_ERROR(read("db_max", [&](double x) { query.db_max = x; }));
  BALEEN_RETURN_IF_ERROR(read("at_s", [&](double x) { query.at_s = x; }));
  return query;
}

/// The one that is named; or that of the newest run over the asset, or ssis.
Result<const engine::Recipe*> recipe_of(const Request& request,
                                        const engine::RecipeRegistry& recipes,
                                        store::Database& database,
                                        const std::optional<std::string>& asset_id) {
  std::string name = request.query_or("recipe", "");
  if (name.empty() && asset_id) {
    BALEEN_ASSIGN_OR_RETURN(name, engine::newest_recipe_of(database, *asset_id));
  }
  return recipes.find(name.empty() ? "ssis" : name);
}

FindFileFn files_of(store::Database& database,
                    const store::DataRoot& root,
                    const std::string& asset_id) {
  return [&database, &root, asset_id](std::string_view type) -> Result<std::filesystem::path> {
    BALEEN_ASSIGN_OR_RETURN(const auto artifact,
                            store::find_latest_artifact(database, asset_id, type, ""));
    if (!artifact) return fail(ErrorCode::not_found, "there is no {} of this asset yet", type);
    if (store::look_at_file(root, *artifact) != store::FileState::intact)
      return fail(ErrorCode::artifact_corrupt, "{} is not as it was recorded", artifact->path);
    return root.at(artifact->path);
  };
}

/// The asset that these bytes are, if the owner has them.
Result<std::optional<std::string>> known_asset(store::Database& database,
                                               const std::string& owner,
                                               const std::filesystem::path& path) {
  BALEEN_ASSIGN_OR_RETURN(const std::int64_t bytes, core::file_size_bytes(path));
  BALEEN_ASSIGN_OR_RETURN(const bool may_be_known,
                          store::has_asset_of_size(database, owner, bytes));
  if (!may_be_known) return std::optional<std::string>();
  BALEEN_ASSIGN_OR_RETURN(const std::string sha256, core::sha256_file(path));
  BALEEN_ASSIGN_OR_RETURN(const std::optional<store::Asset> asset,
                          store::find_asset_by_hash(database, owner, sha256));
  return asset ? std::optional<std::string>(asset->asset_id) : std::nullopt;
}

}  // namespace

void Service::add_asset_routes(std::vector<Route>& routes) {
  const auto get = [&](std::string pattern, std::string operation_id, DatabaseHandler handler) {
    routes.push_back({"GET", std::move(pattern), Scope::read, std::move(operation_id),
                      with_database(std::move(handler))});
  };
  const auto add_view = [&](const std::string& name, std::string operation_id, AssetView view,
                            std::initializer_list<std::string_view> parameters) {
    get("/v1/assets/{asset_id}/" + name, std::move(operation_id),
        [this, view = std::move(view), parameters = std::vector<std::string_view>(parameters)](
            const Request& request, store::Database& database) -> Result<Response> {
          const std::string& asset_id = request.parameters.at("asset_id");
          BALEEN_RETURN_IF_ERROR(check_asset_access(database, request.principal, asset_id));
          BALEEN_ASSIGN_OR_RETURN(const ViewQuery query, view_query_of(request, parameters));
          BALEEN_ASSIGN_OR_RETURN(const json::object seen,
                                  view(files_of(database, context_.root, asset_id), query));
          Response response = Response::of_json(seen);
          // An asset's sound never changes, but its models may.
          response.set_header("Cache-Control", "private, max-age=60");
          return response;
        });
  };
  add_view("waveform", "getWaveform", context_.views.waveform, {"start_s", "end_s", "columns"});
  add_view("spectrogram", "getSpectrogram", context_.views.spectrogram,
           {"start_s", "end_s", "columns", "rows", "db_min", "db_max"});
  add_view("similarity", "getSimilarity", context_.views.similarity,
           {"start_s", "end_s", "columns", "at_s"});

  get("/v1/assets/{asset_id}/explain", "explainAsset",
      [this](const Request& request, store::Database& database) -> Result<Response> {
        const std::string& asset_id = request.parameters.at("asset_id");
        BALEEN_RETURN_IF_ERROR(check_asset_access(database, request.principal, asset_id));
        BALEEN_RETURN_IF_ERROR(check_query(request, {"recipe"}));
        BALEEN_ASSIGN_OR_RETURN(const engine::Recipe* const recipe,
                                recipe_of(request, context_.recipes, database, asset_id));
        BALEEN_ASSIGN_OR_RETURN(const json::object explained,
                                engine::explain_asset(database, context_.root, *recipe, asset_id));
        return Response::of_json(explained);
      });
  // Who may ingest a file may ask about it.
  routes.push_back(
      {"GET", "/v1/explain", Scope::submit, "explainFile",
       with_database([this](const Request& request, store::Database& database) -> Result<Response> {
         BALEEN_RETURN_IF_ERROR(check_query(request, {"source_path", "recipe", "owner"}));
         BALEEN_ASSIGN_OR_RETURN(
             const std::filesystem::path path,
             allowed_path(context_.ingest_roots, request.query_or("source_path", "")));
         const std::string& own = request.principal.owner;
         BALEEN_ASSIGN_OR_RETURN(
             const std::optional<std::string> asset_id,
             known_asset(database, own.empty() ? request.query_or("owner", "local") : own, path));
         BALEEN_ASSIGN_OR_RETURN(const engine::Recipe* const recipe,
                                 recipe_of(request, context_.recipes, database, asset_id));
         BALEEN_ASSIGN_OR_RETURN(json::object explained,
                                 engine::explain_asset(database, context_.root, *recipe, asset_id));
         explained["is_known"] = asset_id.has_value();
         return Response::of_json(explained);
       })});

  routes.push_back(
      {"POST", "/v1/assets/{asset_id}/feedback", Scope::submit, "addFeedback",
       with_database([this](const Request& request, store::Database& database) -> Result<Response> {
         const std::string& asset_id = request.parameters.at("asset_id");
         BALEEN_RETURN_IF_ERROR(check_asset_access(database, request.principal, asset_id));
         BALEEN_ASSIGN_OR_RETURN(
             json::object document,
             json_body(request, {"schema_id", "version", "asset_id", "timestamp", "preview",
                                 "metrics", "user_actions"}));
         if (const Result<void> valid = context_.check_document("preview.feedback.v1", document);
             !valid.ok())
           return fail(ErrorCode::invalid_argument, "{}", valid.error().message);
         if (core::get_string(document, "asset_id") != asset_id)
           return fail(ErrorCode::invalid_argument, "the document is about another asset");
         BALEEN_RETURN_IF_ERROR(database.execute(
             "INSERT INTO preview_feedback (asset_id, document_json, created_at_us) VALUES ($1, "
             "$2, $3)",
             asset_id, core::to_json(document), core::system_clock().now_us()));
         return Response::of_json(json::object{{"feedback_id", database.last_insert_id()}}, 201);
       })});
  get("/v1/assets/{asset_id}/feedback", "listFeedback",
      [](const Request& request, store::Database& database) -> Result<Response> {
        const std::string& asset_id = request.parameters.at("asset_id");
        BALEEN_RETURN_IF_ERROR(check_asset_access(database, request.principal, asset_id));
        BALEEN_RETURN_IF_ERROR(check_query(request, {}));
        BALEEN_ASSIGN_OR_RETURN(
            const auto rows,
            database.query("SELECT feedback_id, document_json FROM preview_feedback WHERE asset_id "
                           "= $1 ORDER BY feedback_id DESC LIMIT 500",
                           asset_id));
        json::array items;
        for (const store::Row& row : rows) {
          BALEEN_ASSIGN_OR_RETURN(json::value document,
                                  core::parse_json(row.text(1), "document_json"));
          document.as_object()["feedback_id"] = row.integer(0);
          items.push_back(std::move(document));
        }
        return Response::of_json(json::object{{"items", std::move(items)}});
      });
}

}  // namespace baleen::api
