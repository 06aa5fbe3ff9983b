#pragma once

/// The tables of the metadata database and their migrations. docs/formats/database.md describes them.

#include "store/database.h"

namespace baleen::store {

inline constexpr std::int64_t kSchemaVersion = 1;

/// Creates or upgrades the tables. SCHEMA_TOO_NEW if a newer Baleen wrote them; nothing is changed then.
[[nodiscard]] Result<void> migrate(Database& database);

}  // namespace baleen::store
