#include "api/service.h"

#include <algorithm>
#include <charconv>

#include "core/log.h"
#include "engine/explain.h"
#include "engine/lists.h"
#include "engine/live.h"
#include "ops/housekeeping.h"
#include "ops/tokens.h"
#include "store/assets.h"
#include "store/schema.h"

namespace baleen::api {
namespace {

constexpr std::size_t kIdleConnectionsMax = 8;
constexpr double kHousekeepingPeriodS = 3600;

Result<void> check_owner(store::Database& database,
                         const Principal& principal,
                         std::string_view sql,
                         std::string_view what,
                         std::string_view id) {
  BALEEN_ASSIGN_OR_RETURN(const auto rows, database.query(sql, id));
  if (rows.empty() || (!principal.owner.empty() && rows.front().text(0) != principal.owner))
    return fail(ErrorCode::not_found, "there is no {} '{}'", what, id);
  return {};
}

bool is_text(const json::value& value) { return value.is_string(); }

bool is_of_kind(const json::value& value, Member::Kind kind) {
  json::error_code error;
  switch (kind) {
    case Member::Kind::any: return true;
    case Member::Kind::text: return value.is_string();
    case Member::Kind::integer:  // Also 1.0: JSON knows no difference.
      return value.is_number() && (value.to_number<std::int64_t>(error), !error);
    case Member::Kind::number: return value.is_number();
    case Member::Kind::flag: return value.is_bool();
    case Member::Kind::object: return value.is_object();
    case Member::Kind::array: return value.is_array();
    case Member::Kind::texts:
      return value.is_array() &&
             std::all_of(value.get_array().begin(), value.get_array().end(), is_text);
  }
  return false;
}

std::string_view name_of(Member::Kind kind) {
  switch (kind) {
    case Member::Kind::any: return "anything";
    case Member::Kind::text: return "a text";
    case Member::Kind::integer: return "a whole number";
    case Member::Kind::number: return "a number";
    case Member::Kind::flag: return "true or false";
    case Member::Kind::object: return "an object";
    case Member::Kind::array: return "a list";
    case Member::Kind::texts: return "a list of texts";
  }
  return "";
}

}  // namespace

// ---- connections ------------------------------------------------------------------------------

ConnectionPool::Lease::~Lease() {
  if (database_ == nullptr) return;
  const std::lock_guard lock(pool_->mutex_);
  if (pool_->idle_.size() < kIdleConnectionsMax) pool_->idle_.push_back(std::move(database_));
}

Result<ConnectionPool::Lease> ConnectionPool::take() {
  {
    const std::lock_guard lock(mutex_);
    if (!idle_.empty()) {
      std::unique_ptr<store::Database> database = std::move(idle_.back());
      idle_.pop_back();
      return Lease(*this, std::move(database));
    }
  }
  BALEEN_ASSIGN_OR_RETURN(store::Database database, store::Database::open(root_.database()));
  BALEEN_RETURN_IF_ERROR(store::migrate(database));
  return Lease(*this, std::make_unique<store::Database>(std::move(database)));
}

// ---- the service ------------------------------------------------------------------------------

Service::Service(ServiceContext context)
    : context_(std::move(context)),
      connections_(context_.root),
      uploads_(context_.root, context_.recipes, context_.queue_options, context_.probe, {}),
      housekeeping_(kHousekeepingPeriodS, [this] { keep_house(); }) {}

void Service::keep_house() {
  const auto sweep = [&]() -> Result<void> {
    BALEEN_ASSIGN_OR_RETURN(const ConnectionPool::Lease database, connections_.take());
    BALEEN_RETURN_IF_ERROR(read_upload_settings(*database));
    BALEEN_RETURN_IF_ERROR(idempotency_.sweep(*database));
    BALEEN_RETURN_IF_ERROR(ops::forget_old_events(*database));
    BALEEN_RETURN_IF_ERROR(uploads_.sweep(*database));
    return {};
  };
  if (const Result<void> swept = sweep(); !swept.ok()) {
    core::log(core::LogLevel::warning, "housekeeping failed",
              {{"error", swept.error().to_string()}});
  }
}

std::vector<Route> Service::routes() {
  std::vector<Route> routes;
  add_look_routes(routes);
  add_work_routes(routes);
  add_system_routes(routes);
  add_session_routes(routes);
  add_asset_routes(routes);
  add_run_routes(routes);
  add_upload_routes(routes);
  add_collection_routes(routes);
  add_table_routes(routes);
  add_review_routes(routes);
  add_rendering_routes(routes);
  add_probe_routes(routes);
  for (Route& route : routes) {
    const bool is_repeatable =
        route.method == "POST" && route.scope != Scope::open && route.handler != nullptr;
    if (is_repeatable) route.handler = once(std::move(route.handler), route.is_secret);
  }
  return routes;
}

Handler Service::with_database(DatabaseHandler handler) {
  return [this, handler = std::move(handler)](const Request& request) -> Result<Response> {
    BALEEN_ASSIGN_OR_RETURN(const ConnectionPool::Lease database, connections_.take());
    return handler(request, *database);
  };
}

Handler Service::once(Handler handler, bool is_secret) {
  return [this, handler = std::move(handler), is_secret](const Request& request) {
    if (!has_idempotency_key(request)) return handler(request);
    const Result<ConnectionPool::Lease> database = connections_.take();
    if (!database.ok()) return Result<Response>(database.error());
    return idempotency_.answer(**database, request, is_secret, handler);
  };
}

engine::Queue Service::queue(store::Database& database) const {
  return engine::Queue(database, context_.root, context_.recipes, context_.queue_options);
}

std::vector<Event> Service::read_progress() {
  std::vector<Event> events;
  const std::vector<engine::LiveWorker> workers = engine::read_live(context_.root);
  const Result<ConnectionPool::Lease> database = connections_.take();
  if (!database.ok()) return events;  // Nobody misses a glimpse.
  for (const engine::LiveWorker& worker : workers) {
    for (const engine::LiveTask& task : worker.tasks) {
      const Result<std::optional<store::Asset>> asset =
          store::find_asset(**database, task.asset_id);
      if (!asset.ok() || !*asset) continue;
      json::object data = engine::describe_progress(worker, task, (*asset)->duration_s);
      data["run_id"] = task.run_id;
      data["asset_id"] = task.asset_id;
      data["task_id"] = task.task_id;
      data["stage"] = task.stage;
      data["attempt"] = task.attempt;
      events.push_back({0, "task.progress", (*asset)->owner_entity_id, task.run_id, task.asset_id,
                        core::to_json(data)});
    }
  }
  return events;
}

Result<std::vector<Event>> Service::read_events(std::int64_t after, std::size_t count) {
  BALEEN_ASSIGN_OR_RETURN(const ConnectionPool::Lease database, connections_.take());
  BALEEN_ASSIGN_OR_RETURN(
      const json::array found,
      engine::list_events(*database, {}, after,
                          static_cast<int>(std::min<std::size_t>(count, 10'000))));
  std::vector<Event> events;
  events.reserve(found.size());
  for (const json::value& value : found) {
    const json::object& event = value.as_object();
    events.push_back({core::get_int(event, "id"), core::get_string(event, "type"),
                      core::get_string(event, "owner_entity_id"), core::get_string(event, "run_id"),
                      core::get_string(event, "asset_id"), core::to_json(value)});
  }
  return events;
}

// ---- what handlers share ----------------------------------------------------------------------

Result<void> check_asset_access(store::Database& database,
                                const Principal& principal,
                                std::string_view asset_id) {
  return check_owner(database, principal,
                     "SELECT owner_entity_id FROM audio_assets WHERE asset_id = $1", "asset",
                     asset_id);
}

Result<void> check_run_access(store::Database& database,
                              const Principal& principal,
                              std::string_view run_id) {
  return check_owner(database, principal, "SELECT owner_entity_id FROM runs WHERE run_id = $1",
                     "run", run_id);
}

Result<void> check_collection_access(store::Database& database,
                                     const Principal& principal,
                                     std::string_view collection_id) {
  return check_owner(database, principal,
                     "SELECT owner_entity_id FROM collections WHERE collection_id = $1",
                     "collection", collection_id);
}

Result<std::int64_t> number_of(std::string_view text, std::string_view what) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number < 0)
    return fail(ErrorCode::invalid_argument, "{} '{}' is no number", what, text);
  return number;
}

Result<std::string> name_of_principal(store::Database& database, const Principal& principal) {
  BALEEN_ASSIGN_OR_RETURN(const ops::Token token,
                          ops::TokenStore(database).verify_id(principal.token_id));
  return token.name;
}

Result<void> check_query(const Request& request, const std::vector<std::string_view>& known) {
  for (const auto& [name, value] : request.query) {
    if (std::find(known.begin(), known.end(), name) == known.end())
      return fail(ErrorCode::invalid_argument, "unknown query parameter '{}'", name);
  }
  return {};
}

Result<std::filesystem::path> allowed_path(const std::vector<std::filesystem::path>& roots,
                                           const std::string& wanted) {
  const std::filesystem::path path(wanted);
  if (!path.is_absolute())
    return fail(ErrorCode::invalid_argument, "source_path must be absolute: '{}'", wanted);
  for (const std::filesystem::path& part : path) {
    if (part == ".." || part == ".")
      return fail(ErrorCode::forbidden, "'{}' is not a plain path: it has '{}' in it", wanted,
                  part.string());
  }
  std::error_code error;
  for (const std::filesystem::path& root : roots) {
    const std::filesystem::path real_root = std::filesystem::canonical(root, error);
    if (error) continue;
    const auto [root_end, rest] =
        std::mismatch(real_root.begin(), real_root.end(), path.begin(), path.end());
    if (root_end != real_root.end() || rest == path.end()) continue;
    std::filesystem::path walked = real_root;
    for (auto part = rest; part != path.end(); ++part) {
      walked /= *part;
      if (std::filesystem::is_symlink(std::filesystem::symlink_status(walked, error)))
        return fail(ErrorCode::forbidden, "'{}' is a symbolic link", walked.string());
    }
    return path;
  }
  return fail(ErrorCode::forbidden,
              "'{}' is not below a folder that `service.ingest_roots` in baleen.toml names",
              wanted);
}

std::vector<std::string> strings_of(const json::array& array) {
  std::vector<std::string> strings;
  for (const json::value& value : array) {
    if (value.is_string()) strings.emplace_back(value.get_string());
  }
  return strings;
}

Result<json::object> json_body(const Request& request, const std::vector<Member>& known) {
  const std::string_view type = request.header("Content-Type");
  if (!type.starts_with("application/json"))
    return fail(ErrorCode::media_type_unsupported, "the body must be application/json, not '{}'",
                type);
  BALEEN_ASSIGN_OR_RETURN(json::value body, core::parse_json(request.body, "the body"));
  if (!body.is_object()) return fail(ErrorCode::invalid_argument, "the body must be a JSON object");
  for (const json::key_value_pair& member : body.as_object()) {
    const std::string_view name(member.key().data(), member.key().size());
    const auto found = std::find_if(known.begin(), known.end(),
                                    [&](const Member& each) { return each.name == name; });
    if (found == known.end())
      return fail(ErrorCode::invalid_argument, "the body has an unknown member '{}'", name);
    if (!is_of_kind(member.value(), found->kind))
      return fail(ErrorCode::invalid_argument, "'{}' must be {}, not {}", name,
                  name_of(found->kind), core::to_json(member.value()));
  }
  for (const Member& member : known) {
    if (member.is_required && !body.as_object().contains(member.name))
      return fail(ErrorCode::invalid_argument, "the body lacks the member '{}'", member.name);
  }
  return std::move(body.as_object());
}

Result<int> priority_of(const json::object& body) {
  const std::int64_t priority = core::get_int(body, "priority");
  if (priority < -1000 || priority > 1000)
    return fail(ErrorCode::invalid_argument, "priority is a number from -1000 to 1000, not {}",
                priority);
  return static_cast<int>(priority);
}

}  // namespace baleen::api
