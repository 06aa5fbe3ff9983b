#pragma once

/// The tables of the metadata database and their migrations. The comments in schema.cc describe them.

#include "store/database.h"

namespace baleen::store {

inline constexpr std::int64_t kSchemaVersion = 5;

/// Creates or upgrades the tables. SCHEMA_TOO_NEW if a newer Baleen wrote them; nothing is changed then.
/// `target` below kSchemaVersion makes what an older Baleen would have: for tests of the migrations.
[[nodiscard]] Result<void> migrate(Database& database, std::int64_t target = kSchemaVersion);

}  // namespace baleen::store
