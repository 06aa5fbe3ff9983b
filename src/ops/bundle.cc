#include "ops/bundle.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>

#include "core/clock.h"
#include "core/process.h"
#include "engine/explain.h"
#include "engine/lists.h"
#include "engine/live.h"
#include "engine/run_log.h"
#include "engine/status.h"

namespace baleen::ops {
namespace {

constexpr std::string_view kRedacted = "(redacted)";
constexpr int kEventsMax = engine::kPageItemsMax;

bool is_secret_name(std::string_view name) {
  std::string lower(name);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  constexpr std::array<std::string_view, 7> kWords = {"token",   "secret", "password", "passphrase",
                                                      "api_key", "apikey", "cookie"};
  const bool is_id = lower.ends_with("_id") || lower.ends_with("_sha256");
  return !is_id && (lower == "key" || lower.ends_with("_key") ||
                    std::any_of(kWords.begin(), kWords.end(), [&](std::string_view word) {
                      return lower.find(word) != std::string::npos;
                    }));
}

bool is_of_secret(char letter) {
  return std::isalnum(static_cast<unsigned char>(letter)) != 0 || letter == '_' || letter == '-';
}

Result<std::string> read_me(store::Database& database, std::string_view run_id) {
  BALEEN_ASSIGN_OR_RETURN(const auto rows,
                          database.query("SELECT state FROM runs WHERE run_id = $1", run_id));
  if (rows.empty()) return fail(ErrorCode::not_found, "there is no run '{}'", run_id);
  return fmt::format(
      "Diagnostic bundle of run {}, which is {}.\n"
      "Made by baleen {} at {} on {}.\n\n"
      "log.txt             what happened, in order: begin here\n"
      "run.json            the run, its tasks and artifacts\n"
      "asset.json          the recording, all its artifacts and attempts\n"
      "events.json         the run's events\n"
      "status.json         the state of the service, and what its workers do (for admins)\n"
      "checks.json         what `baleen doctor` finds (for admins)\n"
      "configuration.json  every setting (for admins)\n\n"
      "Tokens, keys and passwords are left out. The names of files and owners are not.\n",
      run_id, rows.front().text(0), core::version(), core::rfc3339(core::system_clock().now_us()),
      core::host_name());
}

}  // namespace

std::string redact(std::string text) {
  for (const std::string_view prefix : {"bln_", "bls_"}) {
    std::size_t end = 0;
    for (std::size_t at = text.find(prefix); at != std::string::npos; at = text.find(prefix, end)) {
      end = at + prefix.size();
      while (end < text.size() && is_of_secret(text[end])) ++end;
      if (end - at < 20) continue;
      text.replace(at, end - at, kRedacted);
      end = at + kRedacted.size();
    }
  }
  return text;
}

json::value redact(json::value value) {
  if (value.is_string()) {
    json::string& text = value.get_string();
    return json::value(redact(std::string(text.data(), text.size())));
  }
  if (value.is_array()) {
    for (json::value& element : value.get_array()) element = redact(std::move(element));
  } else if (value.is_object()) {
    for (json::key_value_pair& member : value.get_object()) {
      const std::string_view name(member.key().data(), member.key().size());
      const json::value& held = member.value();
      const bool is_empty = held.is_null() || (held.is_string() && held.get_string().empty());
      if (is_secret_name(name) && !is_empty && !held.is_bool()) {
        member.value() = json::string_view(kRedacted.data(), kRedacted.size());
      } else {
        member.value() = redact(std::move(member.value()));
      }
    }
  }
  return value;
}

Result<std::string> diagnostic_bundle(store::Database& database,
                                      const store::DataRoot& root,
                                      std::string_view run_id,
                                      const std::optional<ServiceFacts>& service) {
  std::vector<std::pair<std::string, std::string>> files;
  const auto add = [&](const char* name, json::value value) {
    files.emplace_back(name, core::to_pretty_json(redact(std::move(value))));
  };
  BALEEN_ASSIGN_OR_RETURN(std::string about, read_me(database, run_id));
  files.emplace_back("README.txt", std::move(about));
  BALEEN_ASSIGN_OR_RETURN(std::string log, engine::run_log(database, root, run_id, {}));
  files.emplace_back("log.txt", redact(std::move(log)));
  const std::vector<engine::LiveWorker> workers = engine::read_live(root);
  BALEEN_ASSIGN_OR_RETURN(json::object run, engine::describe_run(database, run_id));
  engine::add_progress(run, workers);
  const std::string asset_id = core::get_string(run, "asset_id");
  add("run.json", std::move(run));
  BALEEN_ASSIGN_OR_RETURN(json::object asset, engine::describe_asset(database, asset_id));
  add("asset.json", std::move(asset));
  engine::ListFilter of_run;
  of_run.run_id = run_id;
  BALEEN_ASSIGN_OR_RETURN(json::array events, engine::list_events(database, of_run, 0, kEventsMax));
  add("events.json", std::move(events));
  if (service) {
    BALEEN_ASSIGN_OR_RETURN(json::object status, engine::describe_health(database));
    json::array doing;
    for (const engine::LiveWorker& worker : workers) doing.push_back(worker.to_json());
    status["workers"] = std::move(doing);
    add("status.json", std::move(status));
    add("checks.json", service->checks);
    add("configuration.json", service->configuration);
  }
  return zip(files);
}

}  // namespace baleen::ops
