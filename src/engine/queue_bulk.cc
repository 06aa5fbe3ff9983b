// The same move for many runs: retry, cancel or rerun everything that a filter names, a portion at a time.

#include <fmt/format.h>

#include <charconv>

#include "engine/queue.h"

namespace baleen::engine {
namespace {

/// What a move can do something about.
std::string_view states_of(BulkAction action) {
  switch (action) {
    case BulkAction::retry: return "'failed', 'canceled'";
    case BulkAction::cancel: return "'queued', 'running'";
    case BulkAction::rerun: return "'complete', 'failed', 'canceled'";
  }
  return "";
}

/// Where the last portion ended, and when the first began: a run that was made since, or that fails again, is
/// not changed again.
struct Position {
  std::int64_t begun_us = 0;
  std::string last_run_id;

  [[nodiscard]] std::string to_string() const {
    return std::to_string(begun_us) + "," + last_run_id;
  }
};

Result<Position> parse_cursor(const std::string& cursor, std::int64_t now_us) {
  if (cursor.empty()) return Position{now_us, ""};
  const std::size_t comma = cursor.find(',');
  Position position;
  const auto [end, error] = std::from_chars(
      cursor.data(), cursor.data() + std::min(comma, cursor.size()), position.begun_us);
  if (comma == std::string::npos || error != std::errc() || end != cursor.data() + comma)
    return fail(ErrorCode::invalid_argument, "'{}' is no cursor", cursor);
  position.last_run_id = cursor.substr(comma + 1);
  return position;
}

std::string select_runs(const BulkRequest& request,
                        const Position& position,
                        std::vector<store::Value>& values) {
  const auto value = [&](const std::string& text) {
    values.emplace_back(text);
    return fmt::format("${}", values.size());
  };
  const BulkFilter& filter = request.filter;
  std::string sql = fmt::format(" FROM runs r WHERE r.state IN ({})", states_of(request.action));
  if (!filter.owner.empty()) sql += " AND r.owner_entity_id = " + value(filter.owner);
  if (!filter.recipe.empty()) sql += " AND r.recipe = " + value(filter.recipe);
  if (!filter.state.empty()) sql += " AND r.state = " + value(filter.state);
  if (!filter.error_code.empty() || !filter.stage.empty()) {
    sql += " AND r.run_id IN (SELECT t.run_id FROM tasks t WHERE 1 = 1";
    if (!filter.error_code.empty()) sql += " AND t.error_code = " + value(filter.error_code);
    if (!filter.error_code.empty() && request.action != BulkAction::cancel)
      sql += " AND t.state IN ('failed', 'canceled')";
    if (!filter.stage.empty()) sql += " AND t.stage = " + value(filter.stage);
    sql += ")";
  }
  if (!filter.run_ids.empty()) {
    sql += " AND r.run_id IN (";
    for (std::size_t i = 0; i < filter.run_ids.size(); ++i)
      sql += (i > 0 ? ", " : "") + value(filter.run_ids[i]);
    sql += ")";
  }
  values.emplace_back(position.begun_us);
  sql += fmt::format(" AND r.created_at_us <= ${}", values.size());
  if (!position.last_run_id.empty()) sql += " AND r.run_id > " + value(position.last_run_id);
  return sql;
}

}  // namespace

Result<BulkOutcome> Queue::change_many(const BulkRequest& request) {
  BALEEN_ASSIGN_OR_RETURN(Position position, parse_cursor(request.cursor, clock_.now_us()));
  std::vector<store::Value> values;
  const std::string from = select_runs(request, position, values);
  BALEEN_ASSIGN_OR_RETURN(
      const auto rows,
      database_.query_values(
          fmt::format("SELECT r.run_id, r.asset_id, r.recipe, r.params_json{} ORDER BY r.run_id "
                      "LIMIT {}",
                      from, request.limit),
          values));
  BulkOutcome outcome;
  for (const store::Row& row : rows) {
    const std::string run_id = row.text(0);
    position.last_run_id = run_id;
    if (request.action == BulkAction::retry) {
      BALEEN_RETURN_IF_ERROR(retry_run(run_id));
    } else if (request.action == BulkAction::cancel) {
      BALEEN_RETURN_IF_ERROR(cancel_run(run_id));
    } else {
      BALEEN_ASSIGN_OR_RETURN(const Recipe* const recipe, recipes_.find(row.text(2)));
      SubmitOptions options;
      BALEEN_ASSIGN_OR_RETURN(options.params, core::parse_json_object(row.text(3), "params_json"));
      for (const StageSpec& stage : recipe->stages) options.forced_stages.push_back(stage.name);
      if (!request.forced_stages.empty()) options.forced_stages = request.forced_stages;
      BALEEN_RETURN_IF_ERROR(submit(*recipe, row.text(1), options));
    }
    ++outcome.n_changed;
  }
  outcome.cursor = position.to_string();
  values.clear();
  const std::string rest = select_runs(request, position, values);
  BALEEN_ASSIGN_OR_RETURN(const auto left,
                          database_.query_values("SELECT COUNT(*)" + rest, values));
  outcome.n_left = left.front().integer(0);
  return outcome;
}

}  // namespace baleen::engine
