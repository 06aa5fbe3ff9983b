#pragma once

/// What is forgotten after its time.

#include "core/clock.h"
#include "store/database.h"

namespace baleen::ops {

/// Forgets events of runs that are over and older than `retention.events_days`, in portions, so that nobody waits;
/// how many.
[[nodiscard]] Result<std::int64_t> forget_old_events(
    store::Database& database, const core::Clock& clock = core::system_clock());

}  // namespace baleen::ops
