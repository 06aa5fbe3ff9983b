#pragma once

/// Linear probes: classifiers of one label over the embeddings of a collection, kept as what they learned. Never changed: who
/// learns again makes a new one.

#include <optional>
#include <string>
#include <vector>

#include "core/json.h"
#include "store/database.h"

namespace baleen::store {

struct LinearProbe {
  std::int64_t probe_id = 0;
  std::string collection_id;
  std::string encoding_id;
  std::string label;
  json::object document;  ///< Weights, threshold, how good it is, what it learned from.
  std::string made_by;
  std::int64_t created_at_us = 0;

  /// For people and programs: all but the weights.
  [[nodiscard]] json::object to_json() const;
};

/// Returns its id. NOT_FOUND for a collection that is not there.
[[nodiscard]] Result<std::int64_t> insert_probe(Database& database, const LinearProbe& probe);
[[nodiscard]] Result<std::optional<LinearProbe>> find_probe(Database& database,
                                                            std::int64_t probe_id);
/// Newest first, at most 500.
[[nodiscard]] Result<std::vector<LinearProbe>> list_probes(Database& database,
                                                           std::string_view collection_id);

}  // namespace baleen::store
