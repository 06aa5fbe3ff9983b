#include "engine/run_log.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <fstream>
#include <vector>

#include "core/clock.h"
#include "core/json.h"

namespace baleen::engine {
namespace {

struct Line {
  std::string time, text;
};

std::string one_line(std::string text) {
  std::replace_if(
      text.begin(), text.end(),
      [](char letter) { return static_cast<unsigned char>(letter) < ' ' || letter == '\x7f'; },
      ' ');
  return text;
}

void add(std::vector<Line>& lines,
         const std::string& time,
         std::string_view level,
         std::string_view stage,
         const std::string& what) {
  // All of it may come from a file that anything may have written to.
  const std::string text =
      fmt::format("{} {:<7} {:<9} {}", time, level, stage.empty() ? "-" : stage, what);
  lines.push_back({time, one_line(core::valid_utf8(text))});
}

Result<void> add_events(store::Database& database,
                        std::string_view run_id,
                        std::optional<std::int64_t> task_id,
                        std::vector<Line>& lines) {
  BALEEN_ASSIGN_OR_RETURN(
      const auto rows,
      database.query("SELECT e.time_us, e.type, e.payload_json, e.task_id, COALESCE(t.stage, '') "
                     "FROM events e LEFT JOIN tasks t ON t.task_id = e.task_id WHERE e.run_id = $1 "
                     "ORDER BY e.event_id DESC LIMIT $2",
                     run_id, static_cast<std::int64_t>(kRunLogLinesMax)));
  for (auto at = rows.rbegin(); at != rows.rend(); ++at) {
    const store::Row& row = *at;
    if (task_id && row.integer(3) != *task_id && row.integer(3) != 0) continue;
    const std::string& payload = row.text(2);
    add(lines, core::rfc3339(row.integer(0)), "event", row.text(4),
        row.text(1) + (payload == "{}" ? "" : " " + payload));
  }
  return {};
}

Result<void> add_attempts(store::Database& database,
                          std::string_view run_id,
                          std::optional<std::int64_t> task_id,
                          std::vector<Line>& lines) {
  BALEEN_ASSIGN_OR_RETURN(
      const auto rows,
      database.query(
          "SELECT stage, status, attempt, error_code, error_message, metrics_json, worker, "
          "started_at_us, finished_at_us, task_id, artifact_path FROM pipeline_jobs WHERE "
          "run_id = $1 ORDER BY id DESC LIMIT $2",
          run_id, static_cast<std::int64_t>(kRunLogLinesMax)));
  for (auto at = rows.rbegin(); at != rows.rend(); ++at) {
    const store::Row& row = *at;
    if (task_id && row.integer(9) != *task_id) continue;
    const std::string& stage = row.text(0);
    add(lines, core::rfc3339(row.integer(7)), "attempt", stage,
        fmt::format("attempt {} begins on {}", row.integer(2), row.text(6)));
    if (row.is_null(8)) continue;
    std::string what = fmt::format("attempt {} ends: {}", row.integer(2), row.text(1));
    if (!row.is_null(3)) {
      what += fmt::format(": {}: {}", row.text(3), row.text(4));
      if (const auto code = core::parse_error_code(row.text(3))) {
        const core::ErrorInfo& info = core::error_info(*code);
        what += fmt::format(" | why: {} | do: {}", info.cause, info.action);
      }
    }
    if (!row.is_null(10) && !row.text(10).empty()) what += " → " + row.text(10);
    if (row.text(5) != "{}") what += " " + row.text(5);
    add(lines, core::rfc3339(row.integer(8)), row.is_null(3) ? "attempt" : "error", stage, what);
  }
  return {};
}

/// Lines of the log files that have the run's id in them.
void add_logged(const store::DataRoot& root,
                std::string_view run_id,
                std::optional<std::int64_t> task_id,
                std::string_view stage,
                std::vector<Line>& lines) {
  std::deque<Line> newest;
  for (const char* name :
       {"baleen.4.jsonl", "baleen.3.jsonl", "baleen.2.jsonl", "baleen.1.jsonl", "baleen.jsonl"}) {
    std::ifstream file(root.logs() / name);
    std::string text;
    while (std::getline(file, text)) {
      if (text.find(run_id) == std::string::npos) continue;
      const Result<json::value> value = core::parse_json(text, name);
      if (!value.ok() || !value->is_object()) continue;
      json::object line = value->get_object();
      const std::string of_stage = core::get_string(line, "stage");
      if (task_id && of_stage != stage) continue;
      const std::string time = core::get_string(line, "time");
      const std::string level = core::get_string(line, "level");
      std::string what = core::get_string(line, "message");
      for (const char* member : {"time", "level", "stage", "message", "run_id", "asset_id"})
        line.erase(member);
      if (!line.empty()) what += " " + core::to_json(line);
      std::vector<Line> one;
      add(one, time, level, of_stage, what);
      newest.push_back(std::move(one.front()));
      if (newest.size() > kRunLogLinesMax) newest.pop_front();
    }
  }
  std::move(newest.begin(), newest.end(), std::back_inserter(lines));
}

}  // namespace

Result<std::string> run_log(store::Database& database,
                            const store::DataRoot& root,
                            std::string_view run_id,
                            std::optional<std::int64_t> task_id) {
  BALEEN_ASSIGN_OR_RETURN(const auto runs,
                          database.query("SELECT 1 FROM runs WHERE run_id = $1", run_id));
  if (runs.empty()) return fail(ErrorCode::not_found, "there is no run '{}'", run_id);
  std::string stage;
  if (task_id) {
    BALEEN_ASSIGN_OR_RETURN(
        const auto tasks,
        database.query("SELECT stage FROM tasks WHERE run_id = $1 AND task_id = $2", run_id,
                       *task_id));
    if (tasks.empty())
      return fail(ErrorCode::not_found, "run '{}' has no task {}", run_id, *task_id);
    stage = tasks.front().text(0);
  }
  std::vector<Line> lines;
  BALEEN_RETURN_IF_ERROR(add_events(database, run_id, task_id, lines));
  BALEEN_RETURN_IF_ERROR(add_attempts(database, run_id, task_id, lines));
  add_logged(root, run_id, task_id, stage, lines);
  std::stable_sort(lines.begin(), lines.end(),
                   [](const Line& a, const Line& b) { return a.time < b.time; });
  std::string text;
  const std::size_t skipped = lines.size() > kRunLogLinesMax ? lines.size() - kRunLogLinesMax : 0;
  if (skipped > 0) text += fmt::format("({} older lines are left out)\n", skipped);
  for (std::size_t i = skipped; i < lines.size(); ++i) text += lines[i].text + "\n";
  return text;
}

}  // namespace baleen::engine
