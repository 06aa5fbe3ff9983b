#pragma once

/// The diagnostic bundle of a run: what somebody who was not there needs to know, in one zip file, without secrets.

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/json.h"
#include "store/database.h"
#include "store/paths.h"

namespace baleen::ops {

/// What other rooms know of the service.
struct ServiceFacts {
  json::object configuration;
  json::array checks;  ///< Those of `baleen doctor`.
};

/// A zip file with the run, its asset, attempts, events and log, and, for those who may see everything, the state
/// of the service, its checks and configuration. NOT_FOUND for an unknown run.
[[nodiscard]] Result<std::string> diagnostic_bundle(store::Database& database,
                                                    const store::DataRoot& root,
                                                    std::string_view run_id,
                                                    const std::optional<ServiceFacts>& service);

/// The text without secrets: tokens of any kind, and the values of members whose names speak of a key, token,
/// secret, password or cookie.
[[nodiscard]] std::string redact(std::string text);
[[nodiscard]] json::value redact(json::value value);

/// A zip file of named texts.
[[nodiscard]] Result<std::string> zip(
    const std::vector<std::pair<std::string, std::string>>& files);

}  // namespace baleen::ops
