#pragma once

/// What is to be said of the recordings of a collection in tables for other programs: its clusters as their review leaves
/// them, and the annotations that were brought to it.

#include <optional>
#include <string>
#include <vector>

#include "core/json.h"
#include "formats/annotations.h"
#include "store/database.h"
#include "store/paths.h"

namespace baleen {

/// A recording, and what is to be said of it.
struct ExportedRecording {
  std::string asset_id;
  std::string content_hash;
  formats::AnnotatedFile file;  ///< Of a name that no other recording of the export has.
  json::object metadata;        ///< What people know of it.
  std::vector<formats::Annotation> annotations;
};

struct ExportRequest {
  std::string collection_id;
  bool has_clusters = true;  ///< Windows of a clustering.
  bool has_annotations = false;
  bool is_clustering_needed = true;  ///< INPUT_NOT_FOUND without one; else it may be absent.
  std::string clustering_id;         ///< "": the newest.
  bool is_with_noise = false;        ///< Windows of no cluster, too.
  std::string asset_id;              ///< "": all recordings.
};

struct Exported {
  std::vector<ExportedRecording> recordings;  ///< By name: recorders write the time there.
  std::string clusters_path, clustering_id;   ///< "" without.
  std::int64_t n_windows = 0, n_annotations = 0, n_noise_left_out = 0;
};

/// Windows are called by their label ("cluster 7" and "noise" without one); a label that people gave is one of a person.
/// No time is behind the end of a recording. INPUT_NOT_FOUND if there is no clustering, or if its embeddings are gone;
/// NOT_FOUND for a recording that is not in the collection.
[[nodiscard]] Result<Exported> gather_for_export(store::Database& database,
                                                 const store::DataRoot& root,
                                                 const ExportRequest& request);

/// Of Darwin Core: one occurrence for each annotation that has a label. When and where come from what the recorder wrote,
/// the rest from tag_data: latitude, longitude, elevation_m, site or location, recorded_by, sampling_protocol, license,
/// scientific_names ({label: name}).
[[nodiscard]] Result<std::vector<formats::Occurrence>> occurrences_of(
    store::Database& database,
    const store::DataRoot& root,
    const std::string& collection_id,
    const Exported& exported);

}  // namespace baleen
