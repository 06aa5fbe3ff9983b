// What makes work, or stops it: ingest, runs, pauses.

#include <filesystem>

#include "api/service.h"
#include "core/clock.h"
#include "engine/explain.h"
#include "engine/live.h"
#include "engine/status.h"
#include "store/collections.h"

namespace baleen::api {
namespace {

using Kind = Member::Kind;

Response accepted(const json::object& run) {
  Response response = Response::of_json(run, 202);
  response.set_header("Location", "/v1/runs/" + core::get_string(run, "run_id"));
  return response;
}

}  // namespace

void Service::add_work_routes(std::vector<Route>& routes) {
  const auto add = [&](std::string method, std::string pattern, Scope scope,
                       std::string operation_id, DatabaseHandler handler) {
    routes.push_back({std::move(method), std::move(pattern), scope, std::move(operation_id),
                      with_database(std::move(handler))});
  };

  add("POST", "/v1/ingest/local", Scope::submit, "ingestLocal",
      [this](const Request& request, store::Database& database) -> Result<Response> {
        BALEEN_ASSIGN_OR_RETURN(const json::object body,
                                json_body(request, {{"source_path", Kind::text, true},
                                                    {"owner_entity_id", Kind::text},
                                                    {"metadata", Kind::object},
                                                    {"recipe", Kind::text},
                                                    {"params", Kind::object},
                                                    {"collection", Kind::text},
                                                    {"priority", Kind::integer}}));
        const Principal& who = request.principal;
        const std::string owner =
            core::get_string(body, "owner_entity_id", who.owner.empty() ? "local" : who.owner);
        if (!who.owner.empty() && owner != who.owner)
          return fail(ErrorCode::forbidden, "this token may not submit for the owner '{}'", owner);
        engine::SubmitOptions options;
        BALEEN_ASSIGN_OR_RETURN(options.priority, priority_of(body));
        BALEEN_ASSIGN_OR_RETURN(
            const std::filesystem::path path,
            allowed_path(context_.ingest_roots, core::get_string(body, "source_path")));
        BALEEN_ASSIGN_OR_RETURN(const engine::Recipe* const recipe,
                                context_.recipes.find(core::get_string(body, "recipe", "ssis")));
        BALEEN_ASSIGN_OR_RETURN(options.params,
                                recipe->check_params(core::get_object(body, "params")));
        const std::string collection = core::get_string(body, "collection");
        if (!collection.empty()) BALEEN_RETURN_IF_ERROR(store::check_collection_name(collection));
        BALEEN_ASSIGN_OR_RETURN(
            const engine::Ingested ingested,
            engine::ingest_file(database, context_.root,
                                {path, owner, core::get_object(body, "metadata")}, context_.probe));
        if (!collection.empty())
          BALEEN_RETURN_IF_ERROR(store::add_to_collection_of_name(
              database, owner, collection, ingested.asset.asset_id, core::system_clock().now_us()));
        engine::Queue work = queue(database);
        BALEEN_ASSIGN_OR_RETURN(const engine::Submitted submitted,
                                work.submit(*recipe, ingested.asset.asset_id, options));
        BALEEN_ASSIGN_OR_RETURN(json::object run, engine::describe_run(database, submitted.run_id));
        engine::add_progress(run, engine::read_live(context_.root));
        run["is_new_asset"] = ingested.is_new;
        run["reused"] = submitted.is_fresh;
        return accepted(run);
      });

  add("POST", "/v1/runs", Scope::submit, "submitRun",
      [this](const Request& request, store::Database& database) -> Result<Response> {
        BALEEN_ASSIGN_OR_RETURN(const json::object body,
                                json_body(request, {{"asset_id", Kind::text, true},
                                                    {"recipe", Kind::text},
                                                    {"only_stages", Kind::texts},
                                                    {"forced_stages", Kind::texts},
                                                    {"params", Kind::object},
                                                    {"priority", Kind::integer}}));
        engine::SubmitOptions options;
        BALEEN_ASSIGN_OR_RETURN(options.priority, priority_of(body));
        const std::string asset_id = core::get_string(body, "asset_id");
        BALEEN_RETURN_IF_ERROR(check_asset_access(database, request.principal, asset_id));
        BALEEN_ASSIGN_OR_RETURN(const engine::Recipe* const recipe,
                                context_.recipes.find(core::get_string(body, "recipe", "ssis")));
        options.params = core::get_object(body, "params");
        options.only_stages = strings_of(core::get_array(body, "only_stages"));
        options.forced_stages = strings_of(core::get_array(body, "forced_stages"));
        for (const auto* stages : {&options.only_stages, &options.forced_stages}) {
          for (const std::string& stage : *stages) {
            if (recipe->find_stage(stage) == nullptr)
              return fail(ErrorCode::invalid_argument, "recipe '{}' has no stage '{}'",
                          recipe->name, stage);
          }
        }
        engine::Queue work = queue(database);
        BALEEN_ASSIGN_OR_RETURN(const engine::Submitted submitted,
                                work.submit(*recipe, asset_id, options));
        BALEEN_ASSIGN_OR_RETURN(json::object run, engine::describe_run(database, submitted.run_id));
        engine::add_progress(run, engine::read_live(context_.root));
        run["reused"] = submitted.is_fresh;
        return accepted(run);
      });

  add("POST", "/v1/runs/{run_id}/retry", Scope::submit, "retryRun",
      [this](const Request& request, store::Database& database) -> Result<Response> {
        const std::string& run_id = request.parameters.at("run_id");
        BALEEN_RETURN_IF_ERROR(check_run_access(database, request.principal, run_id));
        BALEEN_ASSIGN_OR_RETURN(const int n_tasks, queue(database).retry_run(run_id));
        return Response::of_json(json::object{{"run_id", run_id}, {"tasks", n_tasks}});
      });
  add("POST", "/v1/runs/{run_id}/cancel", Scope::submit, "cancelRun",
      [this](const Request& request, store::Database& database) -> Result<Response> {
        const std::string& run_id = request.parameters.at("run_id");
        BALEEN_RETURN_IF_ERROR(check_run_access(database, request.principal, run_id));
        BALEEN_ASSIGN_OR_RETURN(const int n_tasks, queue(database).cancel_run(run_id));
        return Response::of_json(json::object{{"run_id", run_id}, {"tasks", n_tasks}});
      });

  add("GET", "/v1/ingest/roots", Scope::submit, "listIngestRoots",
      [this](const Request&, store::Database&) -> Result<Response> {
        json::array items;
        for (const std::filesystem::path& root : context_.ingest_roots)
          items.emplace_back(core::valid_utf8(root.string()));
        return Response::of_json(json::object{{"items", std::move(items)}});
      });
  add("GET", "/v1/pauses", Scope::read, "listPauses",
      [](const Request&, store::Database& database) -> Result<Response> {
        BALEEN_ASSIGN_OR_RETURN(
            const auto rows,
            database.query("SELECT recipe, stage, since_us FROM pauses ORDER BY since_us"));
        json::array items;
        for (const store::Row& row : rows)
          items.push_back({{"recipe", row.text(0)},
                           {"stage", row.text(1)},
                           {"since", core::rfc3339(row.integer(2))}});
        return Response::of_json(json::object{{"items", items}});
      });
  const auto add_pause = [&](std::string pattern, std::string operation_id, bool is_pause) {
    add("POST", std::move(pattern), Scope::operate, std::move(operation_id),
        [this, is_pause](const Request& request, store::Database& database) -> Result<Response> {
          BALEEN_ASSIGN_OR_RETURN(
              const json::object body,
              json_body(request, {{"recipe", Kind::text}, {"stage", Kind::text}}));
          const std::string recipe = core::get_string(body, "recipe");
          const std::string stage = core::get_string(body, "stage");
          engine::Queue work = queue(database);
          BALEEN_ASSIGN_OR_RETURN(const bool has_changed, is_pause ? work.pause(recipe, stage)
                                                                   : work.resume(recipe, stage));
          return Response::of_json(
              json::object{{"recipe", recipe}, {"stage", stage}, {"changed", has_changed}});
        });
  };
  add_pause("/v1/queue/pause", "pauseQueue", true);
  add_pause("/v1/queue/resume", "resumeQueue", false);
}

}  // namespace baleen::api
