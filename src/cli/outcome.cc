#include "cli/outcome.h"

#include <algorithm>
#include <cstdio>
#include <functional>
#include <map>
#include <span>

#include "cli/commands.h"
#include "cli/stop.h"
#include "cli/text.h"
#include "engine/status.h"

namespace baleen::cli {
namespace {

constexpr std::size_t kTableRowsMax = 20;

json::object error_object(const Error& error) {
  return {{"code", std::string(error.name())},
          {"message", error.message},
          {"cause", std::string(error.info().cause)},
          {"action", std::string(error.info().action)}};
}

bool is_open(const json::object& run) {
  const std::string state = core::get_string(run, "state");
  return state == "queued" || state == "running";
}

}  // namespace

Result<json::object> describe(Session& session, const Item& item) {
  if (item.error) {
    return json::object{{"run_id", nullptr},
                        {"asset_id", nullptr},
                        {"state", "failed"},
                        {"file", item.name},
                        {"artifacts", json::array{}},
                        {"tasks", json::array{}},
                        {"error", error_object(*item.error)}};
  }
  BALEEN_ASSIGN_OR_RETURN(json::object run, engine::describe_run(session.database, item.run_id));
  std::error_code ignored;
  for (json::value& value : run["artifacts"].as_array()) {
    json::object& artifact = value.as_object();
    const std::string relative = core::get_string(artifact, "path");
    artifact["relative_path"] = relative;
    artifact["path"] =
        std::filesystem::absolute(session.root.at(relative), ignored).lexically_normal().string();
  }
  // As it was named now: the asset may have been ingested under another name.
  if (!item.name.empty()) run["file"] = item.name;
  run["reused"] = item.is_fresh;
  return run;
}

int exit_status(const std::vector<json::object>& runs) {
  int status = 0;
  const auto add = [&](const json::object& error) {
    const auto code = core::parse_error_code(core::get_string(error, "code"));
    const int one = code ? core::error_info(*code).exit_code : 1;
    status = status == 0 || status == one ? one : 1;
  };
  for (const json::object& run : runs) {
    const json::object& own = core::get_object(run, "error");
    if (!own.empty()) add(own);
    for (const json::value& task : core::get_array(run, "tasks")) {
      if (core::get_string(task.as_object(), "state") == "failed")
        add(core::get_object(task.as_object(), "error"));
    }
    const std::string state = core::get_string(run, "state");
    if (status == 0 && (state == "failed" || state == "canceled")) status = 1;
  }
  return status;
}

void print_failures(const std::vector<json::object>& runs) {
  std::map<std::string, std::int64_t> count;
  std::map<std::string, std::string> example;
  const auto add = [&](const json::object& run, const json::object& error) {
    const std::string code = core::get_string(error, "code");
    if (code.empty()) return;
    ++count[code];
    example.try_emplace(code, printable(core::get_string(run, "file"), 60) + ": " +
                                  printable(core::get_string(error, "message"), 500));
  };
  for (const json::object& run : runs) {
    add(run, core::get_object(run, "error"));
    for (const json::value& task : core::get_array(run, "tasks")) {
      if (core::get_string(task.as_object(), "state") == "failed")
        add(run, core::get_object(task.as_object(), "error"));
    }
  }
  for (const auto& [code, n] : count) {
    const core::ErrorInfo& info =
        core::error_info(core::parse_error_code(code).value_or(ErrorCode::internal));
    std::printf("\n%s (%lld)  %s\n  why: %s\n  do:  %s\n", code.c_str(), static_cast<long long>(n),
                example[code].c_str(), std::string(info.cause).c_str(),
                std::string(info.action).c_str());
  }
}

void print_one_run(const json::object& run) {
  std::printf("%s: %s%s\n", printable(core::get_string(run, "file")).c_str(),
              core::get_string(run, "state").c_str(),
              core::get_bool(run, "reused") ? " (nothing to do: everything was there)" : "");
  if (!core::get_string(run, "run_id").empty()) {
    std::printf("run %s  asset %s\n", core::get_string(run, "run_id").c_str(),
                core::get_string(run, "asset_id").c_str());
  }
  Table tasks({"stage", "state", "attempts", "time", "why"});
  for (const json::value& value : core::get_array(run, "tasks")) {
    const json::object& task = value.as_object();
    const double seconds = core::get_double(task, "seconds");
    tasks.add({core::get_string(task, "stage"), core::get_string(task, "state"),
               std::to_string(core::get_int(task, "attempts")),
               seconds > 0 ? human_duration(seconds) : "-", core::get_string(task, "reason")});
  }
  if (!tasks.is_empty()) std::printf("\n%s", tasks.to_string().c_str());
  Table artifacts({"artifact", "size", "path"});
  for (const json::value& value : core::get_array(run, "artifacts")) {
    const json::object& artifact = value.as_object();
    artifacts.add({core::get_string(artifact, "type"),
                   human_bytes(core::get_int(artifact, "bytes")),
                   core::get_string(artifact, "path")});
  }
  if (!artifacts.is_empty()) std::printf("\n%s", artifacts.to_string().c_str());
}

/// A run over a collection, not of a file.
bool is_of_collection(const json::object& run) {
  const std::string recipe = core::get_string(run, "recipe");
  return recipe == "clusters" || recipe == "assign" || recipe == "sweep";
}

/// What was tried, and which of it is recommended.
void print_sweep(const json::object& run) {
  for (const json::value& value : core::get_array(run, "artifacts")) {
    if (core::get_string(value.as_object(), "type") != "sweep_v1") continue;
    const Result<json::value> document =
        core::read_json_file(core::get_string(value.as_object(), "path"));
    if (!document.ok() || !document->is_object()) continue;
    const json::object& sweep = document->get_object();
    Table table({"", "parameters", "clusters", "noise", "stability"});
    std::int64_t place = 0;
    for (const json::value& one : core::get_array(sweep, "combinations")) {
      const json::object& combination = one.as_object();
      std::string tried;
      for (const auto& parameter : core::get_object(combination, "tried"))
        tried += fmt::format("{}{}={}", tried.empty() ? "" : " ", std::string(parameter.key()),
                             core::to_json(parameter.value()));
      table.add({place++ == core::get_int(sweep, "recommended") ? "*" : "", tried,
                 fmt::format("{:.1f}", core::get_double(combination, "clusters")),
                 fmt::format("{:.1f} %", 100 * core::get_double(combination, "noise")),
                 fmt::format("{:.3f}", core::get_double(combination, "stability"))});
    }
    std::printf("\n%s\n* recommended: %s\n", table.to_string().c_str(),
                printable(core::get_string(sweep, "why"), 400).c_str());
  }
}

/// What was put into clusters that there were.
void print_assigned(Session& session, const json::object& run) {
  for (const json::value& value : core::get_array(run, "artifacts")) {
    const json::object& artifact = value.as_object();
    if (core::get_string(artifact, "type") != "additions") continue;
    const auto rows =
        session.database.query("SELECT document_json FROM artifact_index WHERE artifact_id = $1",
                               core::get_int(artifact, "artifact_id"));
    if (!rows.ok() || rows->empty()) continue;
    const Result<json::object> counts = core::parse_json_object(rows->front().text(0), "additions");
    if (!counts.ok()) continue;
    const std::string name = printable(core::get_string(run, "file"));
    const std::int64_t n = core::get_int(*counts, "windows");
    const std::int64_t n_noise = core::get_int(*counts, "noise");
    if (n == 0) {
      std::printf("\n%s: no recording came after the clustering\n", name.c_str());
    } else {
      std::printf(
          "\n%s: %s of %s that came later, %lld of them in clusters, %lld noise; `baleen "
          "clusters` shows them\n",
          name.c_str(), plural(n, "window").c_str(),
          plural(core::get_int(*counts, "recordings"), "recording").c_str(),
          static_cast<long long>(n - n_noise), static_cast<long long>(n_noise));
    }
  }
}

/// What was found, where clusters were.
void print_clusters(const json::object& run) {
  for (const json::value& value : core::get_array(run, "artifacts")) {
    if (core::get_string(value.as_object(), "type") != "clusters_v1") continue;
    const Result<json::value> document =
        core::read_json_file(core::get_string(value.as_object(), "path"));
    if (!document.ok() || !document->is_object()) continue;
    const json::object& clusters = document->get_object();
    std::printf("\n%s: %s among %s of %s, %lld of them noise; encoding %s\n",
                printable(core::get_string(run, "file")).c_str(),
                plural(std::ssize(core::get_array(clusters, "clusters")), "cluster").c_str(),
                plural(core::get_int(clusters, "windows"), "window").c_str(),
                plural(core::get_int(clusters, "recordings"), "recording").c_str(),
                static_cast<long long>(core::get_int(clusters, "noise")),
                core::get_string(clusters, "encoding_id").c_str());
    const std::int64_t n_left_out = core::get_int(clusters, "windows_left_out");
    if (n_left_out > 0) {
      std::printf("left out, since more than half empty: %s at ends of recordings\n",
                  plural(n_left_out, "window").c_str());
    }
  }
}

/// What is not complete comes first: of a thousand files, one looks for the five that failed.
void print_table(const std::vector<json::object>& runs) {
  std::vector<const json::object*> rows;
  for (const json::object& run : runs) rows.push_back(&run);
  const auto is_complete = [](const json::object* run) {
    return core::get_string(*run, "state") == "complete";
  };
  std::stable_partition(rows.begin(), rows.end(), std::not_fn(is_complete));
  const auto shown = static_cast<std::ptrdiff_t>(std::min(rows.size(), kTableRowsMax));
  Table table({"file", "state", "run", "artifacts"});
  for (const json::object* const run : std::span(rows).first(static_cast<std::size_t>(shown))) {
    table.add({printable(core::get_string(*run, "file"), 40), core::get_string(*run, "state"),
               core::get_string(*run, "run_id", "-"),
               std::to_string(core::get_array(*run, "artifacts").size())});
  }
  std::printf("%s", table.to_string().c_str());
  const std::ptrdiff_t n_more = std::ssize(rows) - shown;
  const std::ptrdiff_t n_complete = std::count_if(rows.begin() + shown, rows.end(), is_complete);
  if (n_more > 0 && n_complete == n_more)
    std::printf("… and %td more, all complete\n", n_more);
  else if (n_more > 0)
    std::printf("… and %td more, %td of them not complete; --json has them all\n", n_more,
                n_more - n_complete);
}

void print_many_runs(const std::vector<json::object>& runs, const std::filesystem::path& root) {
  std::map<std::string, std::int64_t> states;
  std::int64_t n_reused = 0, n_files = 0;
  std::int64_t bytes = 0;
  for (const json::object& run : runs) {
    if (!is_of_collection(run)) {
      ++n_files;
      ++states[core::get_string(run, "state")];
      n_reused += core::get_bool(run, "reused") ? 1 : 0;
    }
    for (const json::value& artifact : core::get_array(run, "artifacts"))
      bytes += core::get_int(artifact.as_object(), "bytes");
  }
  print_table(runs);
  std::printf("\n%s:", plural(n_files, "file").c_str());
  for (const auto& [state, n] : states) {
    std::printf("%s %lld %s", state == states.begin()->first ? "" : ",", static_cast<long long>(n),
                state.c_str());
  }
  if (n_reused > 0) std::printf(" (%lld had nothing to do)", static_cast<long long>(n_reused));
  std::printf("; %s of artifacts below %s\n", human_bytes(bytes).c_str(), root.string().c_str());
}

void print_runs_json(const std::vector<json::object>& runs, bool is_list) {
  json::array list;
  for (const json::object& run : runs) list.emplace_back(run);
  print_json(is_list        ? json::value(std::move(list))
             : runs.empty() ? json::value(nullptr)
                            : json::value(runs.front()));
}

Result<int> print_outcome(Session& session,
                          const std::vector<Item>& items,
                          bool is_list,
                          bool is_stopped) {
  std::vector<json::object> runs;
  for (const Item& item : items) {
    BALEEN_ASSIGN_OR_RETURN(json::object run, describe(session, item));
    runs.push_back(std::move(run));
  }
  if (session.options.is_json) {
    print_runs_json(runs, is_list);
  } else if (!session.options.is_quiet || exit_status(runs) != 0) {
    if (runs.size() == 1) {
      print_one_run(runs.front());
    } else if (!runs.empty()) {
      print_many_runs(runs, std::filesystem::absolute(session.root.path).lexically_normal());
    }
    for (const json::object& run : runs) {
      print_clusters(run);
      print_sweep(run);
      print_assigned(session, run);
    }
    print_failures(runs);
    if (is_stopped)
      std::printf("\nStopped. Finished work is kept; the same command goes on from here.\n");
  }
  if (is_stopped) return stopped_status();
  if (std::any_of(runs.begin(), runs.end(), is_open)) {
    std::fprintf(
        stderr,
        "baleen: the queue is paused, so not everything is done; `baleen resume` lets it go on\n");
    return core::error_info(ErrorCode::conflict).exit_code;
  }
  return exit_status(runs);
}

}  // namespace baleen::cli
