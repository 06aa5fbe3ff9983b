#include "store/annotations.h"

#include "core/clock.h"

namespace baleen::store {
namespace {

constexpr std::string_view kSelectImport =
    "SELECT import_id, collection_id, format, filename, sha256, asset_id, made_by, created_at_us, "
    "withdrawn_at_us, left_out FROM annotation_imports WHERE ";

constexpr std::string_view kSelectAnnotation =
    "SELECT a.annotation_id, a.import_id, a.asset_id, a.start_s, a.end_s, a.low_hz, a.high_hz, "
    "a.label, a.confidence, a.is_by_person, a.source FROM annotations a JOIN annotation_imports i "
    "ON i.import_id = a.import_id ";

template <typename T>
Value value_of(const std::optional<T>& value) {
  return value ? Value(*value) : Value();
}

std::optional<double> real_of(const Row& row, std::size_t column) {
  if (row.is_null(column)) return std::nullopt;
  return row.real(column);
}

json::value json_of(const std::optional<double>& value) {
  return value ? json::value(*value) : json::value();
}

AnnotationImport import_of(const Row& row) {
  AnnotationImport import;
  import.import_id = row.integer(0);
  import.collection_id = row.text(1);
  import.format = row.text(2);
  import.filename = row.text(3);
  import.sha256 = row.text(4);
  import.asset_id = row.text(5);
  import.made_by = row.text(6);
  import.created_at_us = row.integer(7);
  if (!row.is_null(8)) import.withdrawn_at_us = row.integer(8);
  import.n_left_out = row.integer(9);
  return import;
}

StoredAnnotation annotation_of(const Row& row) {
  StoredAnnotation annotation;
  annotation.annotation_id = row.integer(0);
  annotation.import_id = row.integer(1);
  annotation.asset_id = row.text(2);
  annotation.start_s = row.real(3);
  annotation.end_s = row.real(4);
  annotation.low_hz = real_of(row, 5);
  annotation.high_hz = real_of(row, 6);
  annotation.label = row.text(7);
  annotation.confidence = real_of(row, 8);
  annotation.is_by_person = row.integer(9) != 0;
  annotation.source = row.text(10);
  return annotation;
}

std::vector<StoredAnnotation> annotations_of(const std::vector<Row>& rows) {
  std::vector<StoredAnnotation> annotations;
  annotations.reserve(rows.size());
  for (const Row& row : rows) annotations.push_back(annotation_of(row));
  return annotations;
}

/// Fills in what is counted.
Result<void> count(Database& database, AnnotationImport& import) {
  BALEEN_ASSIGN_OR_RETURN(
      const auto totals,
      database.query(
          "SELECT COUNT(*), COUNT(DISTINCT asset_id) FROM annotations WHERE import_id = $1",
          import.import_id));
  import.n_annotations = totals.front().integer(0);
  import.n_recordings = totals.front().integer(1);
  BALEEN_ASSIGN_OR_RETURN(
      const auto labels,
      database.query("SELECT label, COUNT(*) FROM annotations WHERE import_id = $1 GROUP BY label "
                     "ORDER BY COUNT(*) DESC, label",
                     import.import_id));
  for (const Row& row : labels) import.labels.emplace_back(row.text(0), row.integer(1));
  return {};
}

Result<std::optional<AnnotationImport>> find_one(Database& database, const std::vector<Row>& rows) {
  if (rows.empty()) return std::optional<AnnotationImport>();
  AnnotationImport import = import_of(rows.front());
  BALEEN_RETURN_IF_ERROR(count(database, import));
  return std::optional(std::move(import));
}

Result<std::optional<AnnotationImport>> find_same(Database& database,
                                                  const AnnotationImport& import) {
  BALEEN_ASSIGN_OR_RETURN(const auto rows,
                          database.query(std::string(kSelectImport) +
                                             "collection_id = $1 AND sha256 = $2 AND asset_id = $3 "
                                             "AND withdrawn_at_us IS NULL ORDER BY import_id",
                                         import.collection_id, import.sha256, import.asset_id));
  return find_one(database, rows);
}

Result<void> insert(Database& database, std::int64_t import_id, const StoredAnnotation& a) {
  constexpr std::string_view kInsert =
      "INSERT INTO annotations (import_id, asset_id, start_s, end_s, low_hz, high_hz, label, "
      "confidence, is_by_person, source) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
  BALEEN_RETURN_IF_ERROR(database.execute_values(
      kInsert, {import_id, a.asset_id, a.start_s, a.end_s, value_of(a.low_hz), value_of(a.high_hz),
                a.label, value_of(a.confidence), std::int64_t{a.is_by_person}, a.source}));
  return {};
}

}  // namespace

json::object StoredAnnotation::to_json() const {
  return {{"start_s", start_s},           {"end_s", end_s},   {"low_hz", json_of(low_hz)},
          {"high_hz", json_of(high_hz)},  {"label", label},   {"confidence", json_of(confidence)},
          {"is_by_person", is_by_person}, {"source", source}, {"import_id", import_id}};
}

json::object AnnotationImport::to_json() const {
  json::array counted;
  for (const auto& [label, n] : labels)
    counted.push_back(json::object{{"label", label}, {"annotations", n}});
  return {{"import_id", import_id},
          {"collection_id", collection_id},
          {"format", format},
          {"filename", core::valid_utf8(filename)},
          {"sha256", sha256},
          {"asset_id", asset_id.empty() ? json::value() : json::value(asset_id)},
          {"made_by", made_by},
          {"created_at", core::rfc3339(created_at_us)},
          {"withdrawn_at",
           withdrawn_at_us ? json::value(core::rfc3339(*withdrawn_at_us)) : json::value()},
          {"annotations", n_annotations},
          {"recordings", n_recordings},
          {"left_out", n_left_out},
          {"labels", std::move(counted)}};
}

Result<Imported> import_annotations(Database& database,
                                    const AnnotationImport& import,
                                    std::span<const StoredAnnotation> annotations) {
  Imported imported;
  BALEEN_RETURN_IF_ERROR(database.transaction("IMPORT_ANNOTATIONS", [&]() -> Result<void> {
    BALEEN_ASSIGN_OR_RETURN(std::optional<AnnotationImport> same, find_same(database, import));
    if (same) {
      imported.import = std::move(*same);
      return {};
    }
    BALEEN_RETURN_IF_ERROR(database.execute(
        "INSERT INTO annotation_imports (collection_id, format, filename, sha256, asset_id, "
        "left_out, made_by, created_at_us) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        import.collection_id, import.format, import.filename, import.sha256, import.asset_id,
        import.n_left_out, import.made_by, import.created_at_us));
    imported.import = import;
    imported.import.import_id = database.last_insert_id();
    imported.is_new = true;
    for (const StoredAnnotation& annotation : annotations)
      BALEEN_RETURN_IF_ERROR(insert(database, imported.import.import_id, annotation));
    return count(database, imported.import);
  }));
  return imported;
}

Result<std::optional<AnnotationImport>> find_annotation_import(Database& database,
                                                               std::int64_t import_id) {
  BALEEN_ASSIGN_OR_RETURN(const auto rows,
                          database.query(std::string(kSelectImport) + "import_id = $1", import_id));
  return find_one(database, rows);
}

Result<std::vector<AnnotationImport>> list_annotation_imports(Database& database,
                                                              std::string_view collection_id) {
  BALEEN_ASSIGN_OR_RETURN(
      const auto rows,
      database.query(std::string(kSelectImport) + "collection_id = $1 ORDER BY import_id DESC",
                     collection_id));
  std::vector<AnnotationImport> imports;
  for (const Row& row : rows) {
    imports.push_back(import_of(row));
    BALEEN_RETURN_IF_ERROR(count(database, imports.back()));
  }
  return imports;
}

Result<void> withdraw_annotations(Database& database,
                                  std::string_view collection_id,
                                  std::int64_t import_id,
                                  std::int64_t now_us) {
  BALEEN_ASSIGN_OR_RETURN(
      const std::int64_t n_known,
      database.execute("UPDATE annotation_imports SET withdrawn_at_us = COALESCE(withdrawn_at_us, "
                       "$1) WHERE import_id = $2 AND collection_id = $3",
                       now_us, import_id, collection_id));
  if (n_known > 0) return {};
  return fail(ErrorCode::not_found, "the collection has no import {}", import_id);
}

Result<std::vector<StoredAnnotation>> annotations_of_asset(Database& database,
                                                           std::string_view asset_id) {
  BALEEN_ASSIGN_OR_RETURN(
      const auto rows,
      database.query(std::string(kSelectAnnotation) +
                         "WHERE a.asset_id = $1 AND i.withdrawn_at_us IS NULL ORDER BY a.start_s, "
                         "a.end_s, a.annotation_id",
                     asset_id));
  return annotations_of(rows);
}

Result<std::vector<StoredAnnotation>> annotations_of_collection(Database& database,
                                                                std::string_view collection_id) {
  BALEEN_ASSIGN_OR_RETURN(
      const auto rows,
      database.query(std::string(kSelectAnnotation) +
                         "JOIN collection_members m ON m.collection_id = i.collection_id AND "
                         "m.asset_id = a.asset_id WHERE i.collection_id = $1 AND i.withdrawn_at_us "
                         "IS NULL ORDER BY a.asset_id, a.start_s, a.end_s, a.annotation_id",
                     collection_id));
  return annotations_of(rows);
}

}  // namespace baleen::store
