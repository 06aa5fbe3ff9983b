#pragma once

/// Reviews for the service and the command line: clusterings are opened when somebody asks for them and kept while they
/// are looked at.

#include <memory>

#include "api/review_views.h"
#include "cli/cli.h"
#include "store/database.h"
#include "store/paths.h"

namespace baleen {

/// What the service offers. The functions share one memory of opened clusterings, and may be called from several threads;
/// one clustering is looked at by one of them at a time.
[[nodiscard]] api::Reviews reviews(const store::DataRoot& root);

/// {collection_id, clustering_id: the newest where absent} → the clusterings of a collection, and the clusters of that one
/// after its review: {clusterings: [Clustering], clustering: Clustering + Cluster list}. INPUT_NOT_FOUND if it has none.
[[nodiscard]] Result<json::object> show_clusters(const store::DataRoot& root,
                                                 store::Database& database,
                                                 const json::object& request);

/// {collection_id, clustering_id, made_by, action: as of POST /v1/clusterings/{id}/actions, or undo: true} → {action,
/// review_version}.
[[nodiscard]] Result<json::object> review_clusters(const store::DataRoot& root,
                                                   store::Database& database,
                                                   const json::object& request);

}  // namespace baleen
