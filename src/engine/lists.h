#pragma once

/// Lists of what the metadata database knows, a page at a time.
///
/// Pages follow a key, not an offset: the cost of a page does not grow with its number, and rows that come
/// or go meanwhile neither repeat nor hide others. Every filter combined with the order is served by an
/// index (schema.cc), so that a page takes milliseconds among a million tasks.

#include <cstdint>
#include <optional>
#include <string>

#include "core/json.h"
#include "store/database.h"

namespace baleen::engine {

inline constexpr int kPageItemsMax = 500;
inline constexpr std::int64_t kEventsLookedAtMax = 20'000;

struct PageQuery {
  int limit = 50;      ///< 1 to kPageItemsMax.
  std::string cursor;  ///< Of the page before; empty: the first page.
  bool is_newest_first = true;
};

struct Page {
  json::array items;
  std::string next;  ///< Cursor of the following page; empty: this is the last one.
};

/// Empty members filter nothing.
struct ListFilter {
  std::string owner;
  std::string state;   ///< Of runs and tasks.
  std::string recipe;  ///< Of runs and tasks.
  std::string stage;   ///< Of tasks and attempts.
  std::string asset_id;
  std::string run_id;      ///< Of tasks, attempts and events.
  std::string task_id;     ///< Of tasks and attempts.
  std::string error_code;  ///< Of tasks and attempts; of runs: of a task that failed.
  std::string name;        ///< Of assets: the beginning of the file's name.
};

/// INVALID_ARGUMENT for a limit out of range, a cursor that is none, or a state that does not exist.
/// Assets by name come in the order of their names, whatever the order of the page.
[[nodiscard]] Result<Page> list_assets(store::Database& database,
                                       const ListFilter& filter,
                                       const PageQuery& page);
[[nodiscard]] Result<Page> list_runs(store::Database& database,
                                     const ListFilter& filter,
                                     const PageQuery& page);
[[nodiscard]] Result<Page> list_tasks(store::Database& database,
                                      const ListFilter& filter,
                                      const PageQuery& page);
[[nodiscard]] Result<Page> list_attempts(store::Database& database,
                                         const ListFilter& filter,
                                         const PageQuery& page);

/// Events above `after`, oldest first: {id, time, type, run_id, asset_id, task_id, owner, payload}. Of one owner or
/// asset only kEventsLookedAtMax ids are looked at, so that a page of somebody with few events takes no longer.
[[nodiscard]] Result<json::array> list_events(store::Database& database,
                                              const ListFilter& filter,
                                              std::int64_t after,
                                              int limit);
/// The id of the newest event; 0 if there is none.
[[nodiscard]] Result<std::int64_t> newest_event(store::Database& database);

}  // namespace baleen::engine
