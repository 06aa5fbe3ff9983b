#pragma once

/// Working off runs in this process, with progress, until they are done or a signal comes.

#include <functional>
#include <string>
#include <vector>

#include "cli/commands.h"
#include "cli/outcome.h"
#include "cli/progress.h"

namespace baleen::cli {

[[nodiscard]] Result<std::int64_t> count_open_tasks(store::Database& database,
                                                    const std::string& run_id);

[[nodiscard]] Result<Item> item_of_run(Session& session, const std::string& run_id);

/// Works here until what `next_items` brings is done (it returns whether more may come). False if a
/// signal stopped it.
[[nodiscard]] Result<bool> work_off(Session& session,
                                    const WorkOptions& work,
                                    Progress& progress,
                                    std::vector<Item>& items,
                                    const std::function<bool(std::vector<Item>&)>& next_items);

/// What `worker` does: takes what is queued until a signal comes (or the queue is empty, if asked to). What
/// it has done, as JSON.
[[nodiscard]] Result<json::object> work_until_stopped(Session& session,
                                                      const WorkerOptions& worker);

/// Submits nothing itself: works off these runs and prints the outcome, or only says that they are queued.
[[nodiscard]] Result<int> work_off_runs(Session& session,
                                        const WorkOptions& work,
                                        std::vector<Item> submitted,
                                        bool is_list);

/// The same, but where there is none says `nothing`.
[[nodiscard]] Result<int> work_off_any_runs(Session& session,
                                            const WorkOptions& work,
                                            std::vector<Item> submitted,
                                            bool is_list,
                                            const char* nothing);

}  // namespace baleen::cli
