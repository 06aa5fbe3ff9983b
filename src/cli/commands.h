#pragma once

/// The commands. Each returns the exit status of the process, or an error whose code decides it.

#include <optional>
#include <string>
#include <vector>

#include "cli/session.h"

namespace baleen::cli {

struct WorkOptions {
  std::string recipe = "ssis";
  std::string owner = "local";
  int executors = 0;  ///< 0: as configured.
  bool is_queue_only = false;
  std::string collection;          ///< Where recordings are put; "": nowhere.
  json::object params;             ///< Of the runs.
  bool is_clustered = false;       ///< When all is embedded, the collection is clustered.
  json::object clustering, where;  ///< Of the run over the collection.
};

// commands_work.cc: what takes recordings in and works.
[[nodiscard]] Result<int> run_command(const GlobalOptions&,
                                      const Program&,
                                      const WorkOptions&,
                                      const std::vector<std::string>& paths);
[[nodiscard]] Result<int> ingest_command(const GlobalOptions&,
                                         const Program&,
                                         const WorkOptions&,
                                         const std::vector<std::string>& paths);
/// Groups the windows of a collection, once nothing more is being embedded for it.
[[nodiscard]] Result<int> cluster_command(const GlobalOptions&,
                                          const Program&,
                                          const WorkOptions&,
                                          const std::string& collection);
struct WorkerOptions {
  int executors = 0;
  std::string stages, classes;  ///< Comma-separated; empty: all.
  bool is_until_done = false;
};
[[nodiscard]] Result<int> worker_command(const GlobalOptions&,
                                         const Program&,
                                         const WorkerOptions&);

// commands_again.cc: what is about work that is already known.
[[nodiscard]] Result<int> stage_command(const GlobalOptions&,
                                        const Program&,
                                        const WorkOptions&,
                                        const std::string& stage,
                                        const std::string& asset,
                                        bool is_forced);
[[nodiscard]] Result<int> rerun_command(const GlobalOptions&,
                                        const Program&,
                                        const WorkOptions&,
                                        const std::string& target,
                                        const std::string& stages);
[[nodiscard]] Result<int> retry_command(const GlobalOptions&,
                                        const Program&,
                                        const WorkOptions&,
                                        const std::string& target,
                                        bool is_all);
[[nodiscard]] Result<int> cancel_command(const GlobalOptions&,
                                         const Program&,
                                         const std::string& target);
[[nodiscard]] Result<int> backfill_command(const GlobalOptions&,
                                           const Program&,
                                           const WorkOptions&,
                                           bool is_dry_run);

// commands_look.cc: what only looks.
[[nodiscard]] Result<int> status_command(const GlobalOptions&, const Program&);
[[nodiscard]] Result<int> show_command(const GlobalOptions&,
                                       const Program&,
                                       const std::string& target);
[[nodiscard]] Result<int> explain_command(const GlobalOptions&,
                                          const Program&,
                                          const WorkOptions&,
                                          const std::string& target);

// commands_collection.cc: what is in a collection
struct SearchOptions {
  std::string collection;
  std::optional<double> start_s,
      end_s;  ///< Neither: the whole recording; no end: the window there.
  int top = 20;
  double apart_s = 0;
  std::string since, before;  ///< Empty: any time.
};
/// Finds what is like an example; a file that is new is taken in and embedded first.
[[nodiscard]] Result<int> search_command(const GlobalOptions&,
                                         const Program&,
                                         const WorkOptions&,
                                         const SearchOptions&,
                                         const std::string& example);

struct ExportOptions {
  std::string format = "raven", folder;
  bool is_with_noise = false;
};
/// Clusters of a collection as tables for other programs.
[[nodiscard]] Result<int> export_command(const GlobalOptions&,
                                         const Program&,
                                         const WorkOptions&,
                                         const ExportOptions&,
                                         const std::string& collection);

// commands_probe.cc: what is learned from labels
struct ProbeOptions {
  std::string label, out;  ///< out: a CSV file for the windows above the threshold; "": none.
  double precision = 0.9;
  int top = 20;  ///< Windows that are printed.
};
/// Learns a label of a collection and says in words what came of it.
[[nodiscard]] Result<int> probe_command(const GlobalOptions&,
                                        const Program&,
                                        const WorkOptions&,
                                        const ProbeOptions&,
                                        const std::string& collection);

// commands_service.cc: the service, and who may use it.
[[nodiscard]] Result<int> serve_command(const GlobalOptions&, const Program&, const ServeOptions&);
[[nodiscard]] Result<int> up_command(const GlobalOptions&,
                                     const Program&,
                                     const ServeOptions&,
                                     const WorkerOptions&);
struct TokenOptions {
  std::string name, scope = "submit", owner = "local", token_id;
  bool is_for_all_owners = false;
  double days = 365;  ///< 0: for ever.
};
[[nodiscard]] Result<int> token_add_command(const GlobalOptions&,
                                            const Program&,
                                            const TokenOptions&);
[[nodiscard]] Result<int> token_list_command(const GlobalOptions&, const Program&);
[[nodiscard]] Result<int> token_revoke_command(const GlobalOptions&,
                                               const Program&,
                                               const TokenOptions&);
/// `stage` and `recipe` may be empty: all.
[[nodiscard]] Result<int> pause_command(const GlobalOptions&,
                                        const Program&,
                                        const std::string& recipe,
                                        const std::string& stage,
                                        bool is_pause);

// commands_tools.cc
[[nodiscard]] Result<int> models_command(const GlobalOptions&, const Program&, const ModelCommand&);
[[nodiscard]] Result<int> doctor_command(const GlobalOptions&, const Program&);
[[nodiscard]] Result<int> settings_command(const GlobalOptions&, bool is_markdown);
[[nodiscard]] Result<int> version_command(const GlobalOptions&);
[[nodiscard]] Result<int> executor_command(const GlobalOptions&, const Program&, int socket);

/// The shell's completion script; INVALID_ARGUMENT for an unknown shell.
[[nodiscard]] Result<std::string> completion_script(const std::string& shell);

void print_json(const json::value& value);
/// "baleen: CODE: message", the cause and what to do, on standard error (or as JSON on standard output).
void print_error(const GlobalOptions& options, const Error& error);

}  // namespace baleen::cli
