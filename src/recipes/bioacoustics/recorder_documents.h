#pragma once

/// What recorders wrote of the recordings of a collection (docs/recorder_metadata.md).

#include <map>
#include <string>

#include "core/json.h"
#include "core/result.h"
#include "store/database.h"
#include "store/paths.h"

namespace baleen::bioacoustics {

/// The newest recording.v1 of each member, by asset id, as the recorder has it; in_true_time() corrects its clock. Members
/// that have none are not there. Errors as core::read_json_file.
[[nodiscard]] Result<std::map<std::string, json::object>> recorder_documents(
    store::Database& database, const store::DataRoot& root, const std::string& collection_id);

}  // namespace baleen::bioacoustics
