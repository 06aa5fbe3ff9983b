// Commands that only look: status, show, explain.

#include <fmt/format.h>

#include <cstdio>

#include "cli/commands.h"
#include "cli/text.h"
#include "core/file.h"
#include "engine/explain.h"
#include "engine/status.h"

namespace baleen::cli {
namespace {

std::string counts_text(const json::object& counts) {
  std::string text;
  for (const json::key_value_pair& count : counts) {
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", count.value().as_int64(),
                        std::string(count.key()));
  }
  return text.empty() ? "none" : text;
}

void print_health(const json::object& health) {
  std::printf("assets    %lld, %s of audio\n",
              static_cast<long long>(core::get_int(health, "assets")),
              human_duration(core::get_double(health, "audio_s")).c_str());
  std::printf("runs      %s\n", counts_text(core::get_object(health, "runs")).c_str());
  std::printf("tasks     %s\n", counts_text(core::get_object(health, "tasks")).c_str());
  const json::object& latency = core::get_object(health, "end_to_end_latency");
  if (!latency.empty()) {
    std::printf("latency   median %s, 95 %% within %s\n",
                human_duration(core::get_double(latency, "median_s")).c_str(),
                human_duration(core::get_double(latency, "p95_s")).c_str());
  }
  if (health.at("success_rate").is_number()) {
    std::printf("success   %.1f %% of the runs that are over\n",
                100 * core::get_double(health, "success_rate"));
  }
  const json::object& errors = core::get_object(health, "failed_tasks_by_code");
  if (!errors.empty()) {
    Table table({"\nfailed tasks", "", "what to do"});
    for (const json::key_value_pair& error : errors) {
      const auto code = core::parse_error_code(std::string(error.key()));
      table.add({std::string(error.key()), std::to_string(error.value().as_int64()),
                 code ? std::string(core::error_info(*code).action) : ""});
    }
    std::printf("%s", table.to_string().c_str());
  }
  Table table({"\nrun", "state", "created", "file"});
  for (const json::value& value : core::get_array(health, "latest_runs")) {
    const json::object& run = value.as_object();
    table.add({core::get_string(run, "run_id"), core::get_string(run, "state"),
               core::get_string(run, "created_at"), printable(core::get_string(run, "file"), 50)});
  }
  if (!table.is_empty()) std::printf("%s", table.to_string().c_str());
}

void print_artifacts(const json::object& object, const store::DataRoot& root) {
  Table table({"\nartifact", "size", "sha256", "path"});
  for (const json::value& value : core::get_array(object, "artifacts")) {
    const json::object& artifact = value.as_object();
    const std::string path = core::get_string(artifact, "path");
    const bool is_there = core::file_size_bytes(root.at(path)).ok();
    table.add({core::get_string(artifact, "type"), human_bytes(core::get_int(artifact, "bytes")),
               core::get_string(artifact, "sha256").substr(0, 12),
               root.at(path).string() + (is_there ? "" : "  (gone)")});
  }
  if (!table.is_empty()) std::printf("%s", table.to_string().c_str());
}

void print_asset(const json::object& asset, const store::DataRoot& root) {
  std::printf("asset     %s\nfile      %s\nsource    %s\nowner     %s\nsize      %s\n",
              core::get_string(asset, "asset_id").c_str(),
              printable(core::get_string(asset, "original_filename")).c_str(),
              printable(core::get_string(asset, "source_uri")).c_str(),
              core::get_string(asset, "owner_entity_id").c_str(),
              human_bytes(core::get_int(asset, "bytes")).c_str());
  if (core::get_int(asset, "sample_rate_hz") > 0) {
    const std::string container = core::get_string(asset, "container");
    const std::string codec = core::get_string(asset, "codec");
    const std::int64_t channels = core::get_int(asset, "channels");
    std::printf("audio     %s, %s, %lld Hz, %s\n",
                human_duration(core::get_double(asset, "duration_s")).c_str(),
                container == codec ? codec.c_str() : (container + " " + codec).c_str(),
                static_cast<long long>(core::get_int(asset, "sample_rate_hz")),
                channels == 1   ? "mono"
                : channels == 2 ? "stereo"
                                : (std::to_string(channels) + " channels").c_str());
  }
  print_artifacts(asset, root);
  Table attempts({"\nattempt", "stage", "status", "time", "error"});
  for (const json::value& value : core::get_array(asset, "attempts")) {
    const json::object& job = value.as_object();
    const json::object& error = core::get_object(job, "error");
    attempts.add({std::to_string(core::get_int(job, "id")), core::get_string(job, "stage"),
                  core::get_string(job, "status"),
                  human_duration(core::get_double(core::get_object(job, "metrics"), "seconds")),
                  error.empty() ? ""
                                : core::get_string(error, "code") + ": " +
                                      printable(core::get_string(error, "message"))});
  }
  std::printf("%s", attempts.to_string().c_str());
}

void print_run(const json::object& run, const store::DataRoot& root) {
  std::printf(
      "run       %s\nasset     %s\nfile      %s\nrecipe    %s\nstate     %s\ntrace     %s\n",
      core::get_string(run, "run_id").c_str(), core::get_string(run, "asset_id").c_str(),
      printable(core::get_string(run, "file")).c_str(), core::get_string(run, "recipe").c_str(),
      core::get_string(run, "state").c_str(), core::get_string(run, "trace_id").c_str());
  Table tasks({"\nstage", "state", "attempts", "time", "why it ran"});
  for (const json::value& value : core::get_array(run, "tasks")) {
    const json::object& task = value.as_object();
    tasks.add({core::get_string(task, "stage"), core::get_string(task, "state"),
               std::to_string(core::get_int(task, "attempts")),
               human_duration(core::get_double(task, "seconds")),
               core::get_string(task, "reason")});
    const json::object& error = core::get_object(task, "error");
    if (error.empty()) continue;
    std::printf("\n%s: %s: %s\n  why: %s\n  do:  %s\n", core::get_string(task, "stage").c_str(),
                core::get_string(error, "code").c_str(),
                printable(core::get_string(error, "message")).c_str(),
                core::get_string(error, "cause").c_str(),
                core::get_string(error, "action").c_str());
  }
  std::printf("%s", tasks.to_string().c_str());
  print_artifacts(run, root);
}

}  // namespace

Result<int> status_command(const GlobalOptions& options, const Program& program) {
  BALEEN_ASSIGN_OR_RETURN(const std::unique_ptr<Session> session,
                          Session::open(options, program, false));
  BALEEN_ASSIGN_OR_RETURN(const json::object health, engine::describe_health(session->database));
  if (options.is_json) {
    print_json(health);
  } else {
    print_health(health);
  }
  return 0;
}

Result<int> show_command(const GlobalOptions& options,
                         const Program& program,
                         const std::string& target) {
  BALEEN_ASSIGN_OR_RETURN(const std::unique_ptr<Session> session,
                          Session::open(options, program, false));
  const Result<std::string> asset_id = engine::resolve_asset(session->database, target);
  json::object object;
  if (asset_id.ok()) {
    BALEEN_ASSIGN_OR_RETURN(object, engine::describe_asset(session->database, *asset_id));
  } else {
    BALEEN_ASSIGN_OR_RETURN(const std::string run_id,
                            engine::resolve_run(session->database, target));
    BALEEN_ASSIGN_OR_RETURN(object, engine::describe_run(session->database, run_id));
  }
  if (options.is_json) {
    print_json(object);
  } else if (asset_id.ok()) {
    print_asset(object, session->root);
  } else {
    print_run(object, session->root);
  }
  return 0;
}

Result<int> explain_command(const GlobalOptions& options,
                            const Program& program,
                            const WorkOptions& work,
                            const std::string& target) {
  BALEEN_ASSIGN_OR_RETURN(const std::unique_ptr<Session> session,
                          Session::open(options, program, true));
  BALEEN_ASSIGN_OR_RETURN(const std::optional<std::string> asset_id,
                          find_asset_of(*session, work.owner, target));
  std::string name = work.recipe;
  if (name.empty() && asset_id) {
    BALEEN_ASSIGN_OR_RETURN(name, engine::newest_recipe_of(session->database, *asset_id));
  }
  BALEEN_ASSIGN_OR_RETURN(const engine::Recipe* const recipe,
                          session->find_recipe(name.empty() ? WorkOptions().recipe : name));
  BALEEN_ASSIGN_OR_RETURN(
      const json::object explained,
      engine::explain_asset(session->database, session->root, *recipe, asset_id));
  if (options.is_json) {
    print_json(explained);
    return 0;
  }
  const json::object& params = core::get_object(explained, "params");
  std::printf("recipe %s%s\n\n", recipe->name.c_str(),
              params.empty() ? "" : (" " + printable(core::to_json(params), 300)).c_str());
  Table table({"stage", "", "reason", "why"});
  for (const json::value& value : core::get_array(explained, "stages")) {
    const json::object& stage = value.as_object();
    table.add({core::get_string(stage, "stage"),
               core::get_bool(stage, "would_run") ? "runs" : "skipped",
               core::get_string(stage, "reason"), core::get_string(stage, "why")});
  }
  std::printf("%s", table.to_string().c_str());
  return 0;
}

}  // namespace baleen::cli
