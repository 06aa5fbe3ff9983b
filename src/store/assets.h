#pragma once

/// Assets: ingested recordings. Identity is (owner, sha256 of the bytes).

#include <optional>
#include <string>
#include <vector>

#include "core/json.h"
#include "store/database.h"

namespace baleen::store {

struct Asset {
  std::string asset_id;
  std::string owner_entity_id;
  std::string content_hash;
  std::string source_uri;
  std::string original_path;
  std::string original_filename;
  std::int64_t bytes = 0;
  std::string container, codec;     ///< Empty where the probe failed.
  double duration_s = 0;            ///< 0: unknown.
  std::int64_t sample_rate_hz = 0;  ///< 0: unknown.
  std::int64_t channels = 0;        ///< 0: unknown.
  std::string metadata_json = "{}";
  std::int64_t created_at_us = 0;

  [[nodiscard]] json::object to_json() const;
};

[[nodiscard]] Result<void> insert_asset(Database& database, const Asset& asset);
[[nodiscard]] Result<std::optional<Asset>> find_asset(Database& database,
                                                      std::string_view asset_id);
/// Assets of this owner and size: the only ones worth hashing a file for.
[[nodiscard]] Result<bool> has_asset_of_size(Database& database,
                                             std::string_view owner,
                                             std::int64_t bytes);
/// The one asset whose id starts with this prefix of 4 characters or more; INVALID_ARGUMENT where several do.
[[nodiscard]] Result<std::optional<Asset>> find_asset_by_prefix(Database& database,
                                                                std::string_view prefix);
[[nodiscard]] Result<std::optional<Asset>> find_asset_by_hash(Database& database,
                                                              std::string_view owner,
                                                              std::string_view content_hash);

}  // namespace baleen::store
