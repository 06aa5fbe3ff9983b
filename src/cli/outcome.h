#pragma once

/// What a command has to show for its work: one run, or a list of them, as text or JSON.

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "cli/session.h"

namespace baleen::cli {

/// One file (or asset) of a command: its run, or why there is none.
struct Item {
  std::string name;
  std::string run_id;
  bool is_fresh = false;
  std::optional<Error> error;
  std::int64_t open_tasks = 0;
  double duration_s = 0;
};

/// describe_run with paths that can be opened from anywhere; for an item without a run, its error.
[[nodiscard]] Result<json::object> describe(Session& session, const Item& item);

/// 0 if all is well; the failures' own exit status if they agree on one, else 1.
[[nodiscard]] int exit_status(const std::vector<json::object>& runs);

void print_one_run(const json::object& run);
/// A table of the first runs, and a summary.
void print_many_runs(const std::vector<json::object>& runs, const std::filesystem::path& root);
/// Each code once, with a cause and a next step.
void print_failures(const std::vector<json::object>& runs);
/// One object, or a list of them, as `run --json` ends with.
void print_runs_json(const std::vector<json::object>& runs, bool is_list);

/// All of the above, as the options want it. Returns the exit status.
[[nodiscard]] Result<int> print_outcome(Session& session,
                                        const std::vector<Item>& items,
                                        bool is_list,
                                        bool is_stopped);

}  // namespace baleen::cli
