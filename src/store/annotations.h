#pragma once

/// What other programs and people said of stretches of recordings, taken in as whole tables: each import keeps the
/// file's name and digest and who brought it, and can be withdrawn as a whole. Withdrawn ones stay, and count no more.

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/json.h"
#include "store/database.h"

namespace baleen::store {

/// A stretch of a recording, perhaps of some of its frequencies, and a word for it.
struct StoredAnnotation {
  std::string asset_id;
  double start_s = 0;
  double end_s = 0;
  std::optional<double> low_hz, high_hz;  ///< Nothing: not said.
  std::string label;                      ///< May be empty.
  std::optional<double> confidence;
  bool is_by_person = false;
  std::string source;
  std::int64_t annotation_id = 0, import_id = 0;

  [[nodiscard]] json::object to_json() const;
};

struct AnnotationImport {
  std::int64_t import_id = 0;
  std::string collection_id;
  std::string format;    ///< raven audacity kaleidoscope
  std::string filename;  ///< Of the table.
  std::string sha256;    ///< Of the table's bytes.
  std::string asset_id;  ///< The recording that was named with a table that names none; else "".
  std::string made_by;
  std::int64_t created_at_us = 0;
  std::optional<std::int64_t> withdrawn_at_us;
  std::int64_t n_left_out = 0;  ///< Annotations of recordings that are not in the collection.
  std::int64_t n_annotations = 0, n_recordings = 0;
  std::vector<std::pair<std::string, std::int64_t>> labels;  ///< Most frequent first.

  [[nodiscard]] json::object to_json() const;
};

/// Takes a table in, whole or not at all. The same bytes for the same recording that were taken in before, and not
/// withdrawn, are not taken again: the import of then comes back, and `is_new` is false.
struct Imported {
  AnnotationImport import;
  bool is_new = false;
};
[[nodiscard]] Result<Imported> import_annotations(Database& database,
                                                  const AnnotationImport& import,
                                                  std::span<const StoredAnnotation> annotations);

[[nodiscard]] Result<std::optional<AnnotationImport>> find_annotation_import(
    Database& database, std::int64_t import_id);
/// Newest first, withdrawn ones too.
[[nodiscard]] Result<std::vector<AnnotationImport>> list_annotation_imports(
    Database& database, std::string_view collection_id);
/// NOT_FOUND if the collection has no such import; one that was withdrawn stays as it is.
[[nodiscard]] Result<void> withdraw_annotations(Database& database,
                                                std::string_view collection_id,
                                                std::int64_t import_id,
                                                std::int64_t now_us);

/// In the order of time; only what was not withdrawn.
[[nodiscard]] Result<std::vector<StoredAnnotation>> annotations_of_asset(Database& database,
                                                                         std::string_view asset_id);
/// Those that were brought to this collection and are of its members, in the order of recording and time.
[[nodiscard]] Result<std::vector<StoredAnnotation>> annotations_of_collection(
    Database& database, std::string_view collection_id);

}  // namespace baleen::store
