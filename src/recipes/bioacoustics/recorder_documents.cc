#include "recipes/bioacoustics/recorder_documents.h"

#include "store/artifacts.h"

namespace baleen::bioacoustics {

Result<std::map<std::string, json::object>> recorder_documents(store::Database& database,
                                                               const store::DataRoot& root,
                                                               const std::string& collection_id) {
  BALEEN_ASSIGN_OR_RETURN(const auto artifacts, store::find_latest_artifacts_of_members(
                                                    database, collection_id, "recording_v1", ""));
  std::map<std::string, json::object> documents;
  for (const store::Artifact& artifact : artifacts) {
    BALEEN_ASSIGN_OR_RETURN(const json::value document,
                            core::read_json_file(root.at(artifact.path)));
    if (document.is_object()) documents[artifact.asset_id] = document.get_object();
  }
  return documents;
}

}  // namespace baleen::bioacoustics
