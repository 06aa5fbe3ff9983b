#pragma once

/// Conditions that several statements of the queue share.

#include <string_view>

namespace baleen::engine::sql {

/// How many upstream tasks a row of `tasks` waits for (I7): those that it needs until they are complete, the others
/// until their run is over.
inline constexpr std::string_view kOpenUpstream =
    "(SELECT COUNT(*) FROM task_edges e JOIN tasks u ON u.task_id = e.upstream_task_id WHERE "
    "e.task_id = tasks.task_id AND u.state <> 'complete' AND (e.is_needed = 1 OR EXISTS (SELECT 1 "
    "FROM runs r WHERE r.run_id = u.run_id AND r.finished_at_us IS NULL)))";

}  // namespace baleen::engine::sql
