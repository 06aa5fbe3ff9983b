#include "ops/housekeeping.h"

#include "ops/settings.h"

namespace baleen::ops {
namespace {

constexpr std::int64_t kDayUs = 86'400'000'000;
constexpr std::int64_t kPortion = 500;

}  // namespace

Result<std::int64_t> forget_old_events(store::Database& database, const core::Clock& clock) {
  BALEEN_ASSIGN_OR_RETURN(const std::int64_t days,
                          SettingStore(database).get("retention.events_days"));
  const std::int64_t before_us = clock.now_us() - days * kDayUs;
  std::int64_t n_forgotten = 0;
  // Ids grow with time: the oldest come first, and the walk ends at the first that is young.
  std::int64_t after = 0;
  while (true) {
    BALEEN_ASSIGN_OR_RETURN(
        const auto rows,
        database.query("SELECT event_id, time_us, run_id FROM events WHERE event_id > $1 ORDER BY "
                       "event_id LIMIT $2",
                       after, kPortion));
    if (rows.empty() || rows.front().integer(1) >= before_us) return n_forgotten;
    after = rows.back().integer(0);
    // The newest event stays, so that ids are never given twice.
    BALEEN_ASSIGN_OR_RETURN(
        const std::int64_t n_deleted,
        database.execute(
            "DELETE FROM events WHERE event_id BETWEEN $1 AND $2 AND time_us < $3 AND event_id < "
            "(SELECT MAX(event_id) FROM events) AND NOT EXISTS (SELECT 1 FROM runs r WHERE "
            "r.run_id "
            "= events.run_id AND r.state IN ('queued', 'running'))",
            rows.front().integer(0), after, before_us));
    n_forgotten += n_deleted;
  }
}

}  // namespace baleen::ops
