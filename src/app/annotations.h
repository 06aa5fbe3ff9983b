#pragma once

/// Annotations of other programs for the recordings of a collection, for the command line and the service.

#include "cli/cli.h"
#include "store/database.h"

namespace baleen {

/// @param request  {collection_id, format: auto | raven | audacity | kaleidoscope, filename, recording, skip_unknown,
///                 made_by, text: the table}. `recording` is the asset id or the name of a recording, for tables that
///                 name none; without it the table's own name may say it ("a.wav.labels.txt").
/// @return  AnnotationImport::to_json with `reused` (the same table was there already, nothing is new) and `shortened`
///          (annotations that ended a little behind the end of the recording, as those of padded windows do).
///          INVALID_ARGUMENT, and nothing is taken: what cannot be read, names that mean no recording of the collection
///          (unless skip_unknown) or several, times that are not in the recording; with the line.
[[nodiscard]] Result<json::object> import_annotations(const store::DataRoot& root,
                                                      store::Database& database,
                                                      const json::object& request);

}  // namespace baleen
