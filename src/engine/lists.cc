#include "engine/lists.h"

#include <fmt/format.h>

#include <charconv>
#include <string_view>
#include <vector>

#include "core/clock.h"

namespace baleen::engine {
namespace {

constexpr std::string_view kRunStates = "queued running complete failed canceled";
constexpr std::string_view kTaskStates = "waiting queued running complete failed canceled";
constexpr std::string_view kAttemptStates = "running complete failed canceled interrupted";

/// A SELECT that grows by conditions; parameters are numbered as they come.
class Select {
 public:
  explicit Select(std::string sql) : sql_(std::move(sql)) {}

  void where(std::string_view condition, store::Value value) {
    values_.push_back(std::move(value));
    sql_ += fmt::format("{}{} ${}", is_first_ ? " WHERE " : " AND ", condition, values_.size());
    is_first_ = false;
  }
  void where_if(std::string_view condition, const std::string& value) {
    if (!value.empty()) where(condition, value);
  }
  void where_two(std::string_view format, store::Value a, store::Value b) {
    values_.push_back(std::move(a));
    values_.push_back(std::move(b));
    sql_ += (is_first_ ? " WHERE " : " AND ") +
            fmt::format(fmt::runtime(format), values_.size() - 1, values_.size());
    is_first_ = false;
  }
  void where_that(std::string_view condition) {
    sql_ += fmt::format("{}{}", is_first_ ? " WHERE " : " AND ", condition);
    is_first_ = false;
  }
  void append(std::string_view sql) { sql_ += sql; }

  Result<std::vector<store::Row>> run(store::Database& database) const {
    return database.query_values(sql_, values_);
  }

 private:
  std::string sql_;
  std::vector<store::Value> values_;
  bool is_first_ = true;
};

Result<void> check_limit(int limit) {
  if (limit >= 1 && limit <= kPageItemsMax) return {};
  return fail(ErrorCode::invalid_argument, "limit {} is outside 1 to {}", limit, kPageItemsMax);
}

Result<void> check_state(const std::string& state, std::string_view states) {
  if (state.empty() ||
      (" " + std::string(states) + " ").find(" " + state + " ") != std::string::npos)
    return {};
  return fail(ErrorCode::invalid_argument, "there is no state '{}'; there is: {}", state, states);
}

Result<std::int64_t> parse_number(std::string_view text, std::string_view what) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number < 0)
    return fail(ErrorCode::invalid_argument, "'{}' is no {}", text, what);
  return number;
}

json::value text_or_null(const store::Row& row, std::size_t column) {
  if (row.is_null(column)) return nullptr;
  return json::value(row.text(column));
}

json::value time_or_null(const store::Row& row, std::size_t column) {
  if (row.is_null(column)) return nullptr;
  return json::value(core::rfc3339(row.integer(column)));
}

json::value error_of(const store::Row& row, std::size_t column) {
  if (row.is_null(column)) return nullptr;
  const auto code = core::parse_error_code(row.text(column));
  const core::ErrorInfo& info = core::error_info(code.value_or(ErrorCode::internal));
  return {{"code", row.text(column)},
          {"message", row.text(column + 1)},
          {"cause", std::string(info.cause)},
          {"action", std::string(info.action)}};
}

/// Adds order, key and limit by an integer key that is also the order, and makes the page.
template <typename MakeItem>
Result<Page> page_by_id(store::Database& database,
                        Select select,
                        std::string_view key,
                        const PageQuery& query,
                        const MakeItem& make_item) {
  BALEEN_RETURN_IF_ERROR(check_limit(query.limit));
  if (!query.cursor.empty()) {
    BALEEN_ASSIGN_OR_RETURN(const std::int64_t last, parse_number(query.cursor, "cursor"));
    select.where(fmt::format("{} {}", key, query.is_newest_first ? "<" : ">"), last);
  }
  select.append(fmt::format(" ORDER BY {} {} LIMIT {}", key, query.is_newest_first ? "DESC" : "ASC",
                            query.limit + 1));
  BALEEN_ASSIGN_OR_RETURN(const auto rows, select.run(database));
  Page page;
  for (const store::Row& row : rows) {
    if (std::ssize(page.items) == query.limit) {
      page.next = std::to_string(rows[static_cast<std::size_t>(query.limit) - 1].integer(0));
      break;
    }
    page.items.push_back(make_item(row));
  }
  return page;
}

/// The same where the order is a text and ids only settle ties: columns 0 and `at` are the id and the text.
template <typename MakeItem>
Result<Page> page_by_text(store::Database& database,
                          Select select,
                          std::string_view id,
                          std::string_view text,
                          std::size_t at,
                          const PageQuery& query,
                          const MakeItem& make_item) {
  BALEEN_RETURN_IF_ERROR(check_limit(query.limit));
  if (!query.cursor.empty()) {
    const std::size_t comma = query.cursor.find(',');
    if (comma == std::string::npos)
      return fail(ErrorCode::invalid_argument, "'{}' is no cursor", query.cursor);
    select.where_two(fmt::format("({}, {}) > (${{}}, ${{}})", text, id),
                     query.cursor.substr(comma + 1), query.cursor.substr(0, comma));
  }
  select.append(fmt::format(" ORDER BY {}, {} LIMIT {}", text, id, query.limit + 1));
  BALEEN_ASSIGN_OR_RETURN(const auto rows, select.run(database));
  Page page;
  for (const store::Row& row : rows) {
    if (std::ssize(page.items) == query.limit) {
      const store::Row& last = rows[static_cast<std::size_t>(query.limit) - 1];
      page.next = last.text(0) + "," + last.text(at);
      break;
    }
    page.items.push_back(make_item(row));
  }
  return page;
}

/// The same where the order is a time and ids only settle ties: columns 0 and 1 are the id and the time.
template <typename MakeItem>
Result<Page> page_by_time(store::Database& database,
                          Select select,
                          std::string_view id,
                          std::string_view time,
                          const PageQuery& query,
                          const MakeItem& make_item) {
  BALEEN_RETURN_IF_ERROR(check_limit(query.limit));
  const char* order = query.is_newest_first ? "DESC" : "ASC";
  if (!query.cursor.empty()) {
    const std::size_t comma = query.cursor.find(',');
    if (comma == std::string::npos)
      return fail(ErrorCode::invalid_argument, "'{}' is no cursor", query.cursor);
    BALEEN_ASSIGN_OR_RETURN(const std::int64_t last_us,
                            parse_number(query.cursor.substr(0, comma), "cursor"));
    select.where_two(
        fmt::format("({}, {}) {} (${{}}, ${{}})", time, id, query.is_newest_first ? "<" : ">"),
        last_us, query.cursor.substr(comma + 1));
  }
  select.append(
      fmt::format(" ORDER BY {0} {2}, {1} {2} LIMIT {3}", time, id, order, query.limit + 1));
  BALEEN_ASSIGN_OR_RETURN(const auto rows, select.run(database));
  Page page;
  for (const store::Row& row : rows) {
    if (std::ssize(page.items) == query.limit) {
      const store::Row& last = rows[static_cast<std::size_t>(query.limit) - 1];
      page.next = std::to_string(last.integer(1)) + "," + last.text(0);
      break;
    }
    page.items.push_back(make_item(row));
  }
  return page;
}

}  // namespace

Result<Page> list_assets(store::Database& database,
                         const ListFilter& filter,
                         const PageQuery& page) {
  Select select(
      "SELECT asset_id, created_at_us, owner_entity_id, original_filename, bytes, container, "
      "codec, "
      "duration_s, sample_rate_hz, channels, content_hash FROM audio_assets");
  select.where_if("owner_entity_id =", filter.owner);
  select.where_if("asset_id =", filter.asset_id);
  const auto make_item = [](const store::Row& row) {
    json::object item{{"asset_id", row.text(0)},        {"created_at", time_or_null(row, 1)},
                      {"owner_entity_id", row.text(2)}, {"original_filename", row.text(3)},
                      {"bytes", row.integer(4)},        {"container", text_or_null(row, 5)},
                      {"codec", text_or_null(row, 6)},  {"content_hash", row.text(10)}};
    item["duration_s"] = row.is_null(7) ? json::value(nullptr) : json::value(row.real(7));
    item["sample_rate_hz"] = row.is_null(8) ? json::value(nullptr) : json::value(row.integer(8));
    item["channels"] = row.is_null(9) ? json::value(nullptr) : json::value(row.integer(9));
    return item;
  };
  if (filter.name.empty())
    return page_by_time(database, std::move(select), "asset_id", "created_at_us", page, make_item);
  select.where_two("original_filename >= ${} AND original_filename < ${}", filter.name,
                   filter.name + "\xF4\x8F\xBF\xBF");
  return page_by_text(database, std::move(select), "asset_id", "original_filename", 3, page,
                      make_item);
}

Result<Page> list_runs(store::Database& database, const ListFilter& filter, const PageQuery& page) {
  BALEEN_RETURN_IF_ERROR(check_state(filter.state, kRunStates));
  Select select(
      "SELECT r.run_id, r.created_at_us, r.recipe, r.asset_id, r.owner_entity_id, r.state, "
      "r.trace_id, "
      "r.started_at_us, r.finished_at_us, COALESCE((SELECT a.original_filename FROM audio_assets a "
      "WHERE a.asset_id = r.asset_id), (SELECT c.name FROM collections c WHERE c.collection_id = "
      "r.asset_id)), (SELECT MIN(t.error_code) FROM tasks t WHERE t.run_id = r.run_id "
      "AND +t.state = 'failed') FROM runs r");  // The plus: by run, not by state.
  // A plus keeps SQLite from walking an owner's runs where there is a shorter way.
  select.where_if(filter.asset_id.empty() ? "r.owner_entity_id =" : "+r.owner_entity_id =",
                  filter.owner);
  select.where_if("r.state =", filter.state);
  select.where_if("r.recipe =", filter.recipe);
  select.where_if(
      "r.run_id IN (SELECT t.run_id FROM tasks t WHERE +t.state = 'failed' AND t.error_code =",
      filter.error_code);
  if (!filter.error_code.empty()) select.append(")");
  select.where_if("r.asset_id =", filter.asset_id);
  return page_by_time(database, std::move(select), "r.run_id", "r.created_at_us", page,
                      [](const store::Row& row) {
                        return json::object{{"run_id", row.text(0)},
                                            {"created_at", time_or_null(row, 1)},
                                            {"recipe", row.text(2)},
                                            {"asset_id", row.text(3)},
                                            {"owner_entity_id", row.text(4)},
                                            {"state", row.text(5)},
                                            {"trace_id", row.text(6)},
                                            {"started_at", time_or_null(row, 7)},
                                            {"finished_at", time_or_null(row, 8)},
                                            {"file", text_or_null(row, 9)},
                                            {"error_code", text_or_null(row, 10)}};
                      });
}

Result<Page> list_tasks(store::Database& database,
                        const ListFilter& filter,
                        const PageQuery& page) {
  BALEEN_RETURN_IF_ERROR(check_state(filter.state, kTaskStates));
  Select select(
      "SELECT t.task_id, t.run_id, t.recipe, t.asset_id, t.stage, t.stage_class, t.state, "
      "t.reason, "
      "t.priority, t.attempts, t.interruptions, t.seconds, t.error_code, t.error_message, "
      "t.not_before_us, t.updated_at_us, t.owner_entity_id, COALESCE((SELECT "
      "a.original_filename FROM audio_assets a WHERE a.asset_id = t.asset_id), (SELECT c.name FROM "
      "collections c WHERE c.collection_id = t.asset_id)) FROM tasks t");
  if (!filter.task_id.empty()) {
    BALEEN_ASSIGN_OR_RETURN(const std::int64_t task_id, parse_number(filter.task_id, "task id"));
    select.where("t.task_id =", task_id);
  }
  const bool has_short_way = !filter.asset_id.empty() || !filter.run_id.empty();
  select.where_if(has_short_way ? "+t.owner_entity_id =" : "t.owner_entity_id =", filter.owner);
  select.where_if("t.state =", filter.state);
  select.where_if("t.error_code =", filter.error_code);
  select.where_if("t.run_id =", filter.run_id);
  select.where_if("t.asset_id =", filter.asset_id);
  select.where_if("t.stage =", filter.stage);
  select.where_if("t.recipe =", filter.recipe);
  const std::int64_t now_us = core::system_clock().now_us();
  return page_by_id(database, std::move(select), "t.task_id", page, [&](const store::Row& row) {
    json::object item{{"task_id", row.integer(0)},
                      {"run_id", row.text(1)},
                      {"recipe", row.text(2)},
                      {"asset_id", row.text(3)},
                      {"stage", row.text(4)},
                      {"stage_class", row.text(5)},
                      {"state", row.text(6)},
                      {"reason", row.text(7)},
                      {"priority", row.integer(8)},
                      {"attempts", row.integer(9)},
                      {"interruptions", row.integer(10)},
                      {"seconds", row.real(11)},
                      {"error", error_of(row, 12)},
                      {"updated_at", time_or_null(row, 15)},
                      {"owner_entity_id", row.text(16)},
                      {"file", text_or_null(row, 17)}};
    item["retry_at"] = row.integer(14) > now_us ? time_or_null(row, 14) : json::value(nullptr);
    return item;
  });
}

Result<Page> list_attempts(store::Database& database,
                           const ListFilter& filter,
                           const PageQuery& page) {
  BALEEN_RETURN_IF_ERROR(check_state(filter.state, kAttemptStates));
  Select select(
      "SELECT j.id, j.run_id, j.task_id, j.asset_id, j.stage, j.status, j.attempt, j.error_code, "
      "j.error_message, j.metrics_json, j.artifact_path, j.feature_spec_alias, j.trace_id, "
      "j.worker, "
      "j.started_at_us, j.finished_at_us FROM pipeline_jobs j");
  select.where_if("j.owner_entity_id =", filter.owner);
  select.where_if("j.asset_id =", filter.asset_id);
  select.where_if("j.run_id =", filter.run_id);
  if (!filter.task_id.empty()) {
    BALEEN_ASSIGN_OR_RETURN(const std::int64_t task_id, parse_number(filter.task_id, "task id"));
    select.where("j.task_id =", task_id);
  }
  select.where_if("j.error_code =", filter.error_code);
  if (filter.state == "running") {
    select.where_that("j.id IN (SELECT fence FROM stage_locks)");  // Few, among all attempts.
  } else if (filter.state != "complete" && !filter.state.empty()) {
    select.where_that("j.status IN ('failed', 'canceled', 'interrupted')");  // Their index's words.
  }
  select.where_if("j.status =", filter.state);
  select.where_if("j.stage =", filter.stage);
  return page_by_id(database, std::move(select), "j.id", page, [](const store::Row& row) {
    const Result<json::value> metrics = core::parse_json(row.text(9), "metrics_json");
    return json::object{{"schema_id", "pipeline_job.v1"},
                        {"version", "1.0.0"},
                        {"id", row.integer(0)},
                        {"run_id", text_or_null(row, 1)},
                        {"asset_id", row.text(3)},
                        {"stage", row.text(4)},
                        {"status", row.text(5)},
                        {"attempt", row.integer(6)},
                        {"error", error_of(row, 7)},
                        {"metrics", metrics.ok() ? *metrics : json::value(json::object{})},
                        {"artifact_path", text_or_null(row, 10)},
                        {"feature_spec_alias", row.text(11)},
                        {"trace_id", row.text(12)},
                        {"worker", row.text(13)},
                        {"started_at", time_or_null(row, 14)},
                        {"finished_at", time_or_null(row, 15)}};
  });
}

Result<json::array> list_events(store::Database& database,
                                const ListFilter& filter,
                                std::int64_t after,
                                int limit) {
  // An event about a run belongs to the run's owner and asset; one about the queue to nobody.
  Select select(
      "SELECT e.event_id, e.time_us, e.type, e.run_id, COALESCE(NULLIF(e.asset_id, ''), "
      "r.asset_id), "
      "e.task_id, COALESCE(r.owner_entity_id, ''), e.payload_json FROM events e LEFT JOIN runs r "
      "ON "
      "r.run_id = e.run_id");
  select.where("e.event_id >", after);
  if (!filter.owner.empty() || !filter.asset_id.empty())
    select.where("e.event_id <=", after + kEventsLookedAtMax);
  select.where_if("e.run_id =", filter.run_id);
  select.where_if("r.owner_entity_id =", filter.owner);
  select.where_if("r.asset_id =", filter.asset_id);
  select.append(fmt::format(" ORDER BY e.event_id LIMIT {}", limit));
  BALEEN_ASSIGN_OR_RETURN(const auto rows, select.run(database));
  json::array events;
  for (const store::Row& row : rows) {
    const Result<json::value> payload = core::parse_json(row.text(7), "payload_json");
    events.push_back(
        {{"id", row.integer(0)},
         {"time", time_or_null(row, 1)},
         {"type", row.text(2)},
         {"run_id", text_or_null(row, 3)},
         {"asset_id", text_or_null(row, 4)},
         {"task_id", row.integer(5) == 0 ? json::value(nullptr) : json::value(row.integer(5))},
         {"owner_entity_id", row.text(6)},
         {"payload", payload.ok() ? *payload : json::value(json::object{})}});
  }
  return events;
}

Result<std::int64_t> newest_event(store::Database& database) {
  BALEEN_ASSIGN_OR_RETURN(const auto rows,
                          database.query("SELECT COALESCE(MAX(event_id), 0) FROM events"));
  return rows.front().integer(0);
}

}  // namespace baleen::engine
