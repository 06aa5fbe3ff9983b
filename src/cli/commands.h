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
  json::object sweep;              ///< Name: values to try. Not empty: nothing but that.
  std::int64_t sweep_seeds = 3;
  /// No new clusters: recordings that came later are put into the old ones.
  bool is_assign_new = false;
  std::string clustering_id;  ///< Of which clustering; "": the newest.
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
  bool is_index_rebuilt = false;
};
/// Finds what is like an example; a file that is new is taken in and embedded first.
[[nodiscard]] Result<int> search_command(const GlobalOptions&,
                                         const Program&,
                                         const WorkOptions&,
                                         const SearchOptions&,
                                         const std::string& example);

struct ExportOptions {
  std::string format = "raven", what = "clusters", clustering_id, folder;
  bool is_with_noise = false;
};
/// Clusters and annotations of a collection as tables for other programs.
[[nodiscard]] Result<int> export_command(const GlobalOptions&,
                                         const Program&,
                                         const WorkOptions&,
                                         const ExportOptions&,
                                         const std::string& collection);

// commands_tables.cc: tables of other programs.
struct ImportOptions {
  std::vector<std::string> files;
  std::string format = "auto", recording;
  bool is_unknown_skipped = false, is_list = false;
  std::int64_t withdrawn_id = 0;  ///< 0: none.
};
/// Annotations for the recordings of a collection: takes tables in, lists them, or withdraws one.
[[nodiscard]] Result<int> import_command(const GlobalOptions&,
                                         const Program&,
                                         const WorkOptions&,
                                         const ImportOptions&,
                                         const std::string& collection);

/// What people know of the recordings of a collection, as CSV: printed, or read from a file.
[[nodiscard]] Result<int> metadata_command(const GlobalOptions&,
                                           const Program&,
                                           const WorkOptions&,
                                           const std::string& collection,
                                           const std::string& file);

// commands_sql.cc
struct SqlOptions {
  std::string sql;
  bool is_csv = false;
};
/// Answers a question in SQL about what is in the data directory.
[[nodiscard]] Result<int> sql_command(const GlobalOptions&, const Program&, const SqlOptions&);

// commands_review.cc: what people say of clusters
struct ReviewOptions {
  std::string clustering_id;           ///< Empty: the newest.
  std::vector<std::int64_t> clusters;  ///< Which are labelled.
  std::optional<std::string> label;
  bool is_undo = false;
};
[[nodiscard]] Result<int> clusters_command(const GlobalOptions&,
                                           const Program&,
                                           const WorkOptions&,
                                           const ReviewOptions&,
                                           const std::string& collection);
[[nodiscard]] Result<int> label_command(const GlobalOptions&,
                                        const Program&,
                                        const WorkOptions&,
                                        const ReviewOptions&,
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
