#include "recipes/bioacoustics/usual_encoding.h"

#include "recipes/bioacoustics/encoding.h"

namespace baleen::bioacoustics {

Result<std::optional<UsualEncoding>> find_usual_encoding(store::Database& database,
                                                         const std::string& collection_id) {
  BALEEN_ASSIGN_OR_RETURN(
      const auto rows,
      database.query("SELECT MAX(a.document_json) FROM collection_members m JOIN artifact_index a "
                     "ON a.asset_id = m.asset_id WHERE m.collection_id = $1 AND a.artifact_type = "
                     "'embedding_set' GROUP BY a.feature_spec_alias ORDER BY COUNT(DISTINCT "
                     "a.asset_id) DESC, MAX(a.artifact_id) DESC LIMIT 1",
                     collection_id));
  if (rows.empty()) return std::optional<UsualEncoding>();
  BALEEN_ASSIGN_OR_RETURN(const json::object document,
                          core::parse_json_object(rows.front().text(0), "document_json"));
  return std::optional<UsualEncoding>(
      {core::get_string(document, "encoding_id"),
       {{"model", model_name_of(core::get_string(document, "model_version"))},
        {"window_s", core::get_double(document, "window_size_seconds")},
        {"hop_s", core::get_double(document, "hop_seconds")}}});
}

}  // namespace baleen::bioacoustics
