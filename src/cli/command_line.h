#pragma once

/// The parser of the command line: which commands and options there are. Private to this room; split by what the commands
/// are about, so that each file can be read: cli.cc (work, looking, service, tools), options_collection.cc, options_review.cc.

#include <CLI/CLI.hpp>
#include <functional>
#include <string>
#include <vector>

#include "cli/commands.h"

namespace baleen::cli {

/// Everything the parser fills in.
struct Arguments {
  GlobalOptions global;
  WorkOptions work;
  WorkerOptions worker;
  std::vector<std::string> paths;
  std::string target, stage, stages, shell, explained_recipe;
  ModelCommand model;
  bool is_forced = false, is_all = false, is_dry_run = false, is_markdown = false;
  int socket = -1;
  ServeOptions serve;
  TokenOptions token;
  SearchOptions search;
  ExportOptions exported;
  ImportOptions imported;
  std::string metadata_file;
  SqlOptions sql;
  ReviewOptions review;
  ProbeOptions probe;
  std::string pause_recipe, pause_stage;
};

/// Made for one command; the object lives until that has run.
class CommandLine {
 public:
  explicit CommandLine(const Program& program);

  /// Parses, and does what was asked for; the exit status.
  int run(int argc, char** argv);
  /// Only parses. INVALID_ARGUMENT with a hint.
  Result<void> check(int argc, char** argv);

 private:
  using Action = std::function<Result<int>()>;

  CLI::App* command(const std::string& name, const std::string& help, Action action);

  // options_collection.cc
  void add_collection_commands();
  void add_cluster_command();
  void add_search_command();
  void add_export_command();
  void add_import_command();
  void add_metadata_command();
  void add_sql_command();
  void add_probe_command();
  /// @param instead  What is taken where nothing is said; "": the defaults of the recipe.
  void add_encoding_options(CLI::App* sub, const std::string& instead = "");
  void add_clustering_options(CLI::App* sub);
  void add_where_option(CLI::App* sub);
  void add_condition(const std::string& condition);
  void add_sweep(const std::string& text);

  // options_review.cc
  void add_review_commands();

  // cli.cc
  void add_work_options(CLI::App* sub);
  void add_work_commands();
  void add_look_commands();
  void add_serve_options(CLI::App* sub);
  void add_service_commands();
  void add_tool_commands();
  Error usage_error(int argc, char** argv, std::string what);
  /// Of the program and of the command that is used.
  std::vector<std::string> flags_of(const CLI::App* used) const;

  const Program& program_;
  CLI::App app_{"Baleen turns recordings into durable, versioned, searchable artifacts.", "baleen"};
  Arguments args_;
  Action action_;
};

}  // namespace baleen::cli
