#include "app/sql.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <map>
#include <set>
#include <utility>

#include "core/clock.h"
#include "formats/duckdb.h"
#include "recipes/bioacoustics/open_review.h"
#include "store/artifacts.h"
#include "store/collections.h"

namespace baleen {
namespace {

namespace fs = std::filesystem;
using formats::Duckdb;
using formats::SqlValue;

/// A table of the database as DuckDB gets it. Types: T text, I integer, R real, F flag, M microseconds since the epoch.
struct CopiedTable {
  const char* name;
  const char* columns;  ///< "asset_id T, bytes I"
  const char* select;   ///< In the same order.
};

constexpr std::array kCopied = {
    CopiedTable{"audio_assets",
                "asset_id T, owner_entity_id T, filename T, content_hash T, source_uri T, bytes I, "
                "container T, codec T, duration_s R, sample_rate_hz I, channels I, created_at M",
                "SELECT asset_id, owner_entity_id, original_filename, content_hash, source_uri, "
                "bytes, container, codec, duration_s, sample_rate_hz, channels, created_at_us FROM "
                "audio_assets ORDER BY asset_id"},
    CopiedTable{"collections", "collection_id T, owner_entity_id T, name T, created_at M",
                "SELECT collection_id, owner_entity_id, name, created_at_us FROM collections ORDER "
                "BY collection_id"},
    CopiedTable{"members", "collection_id T, collection T, asset_id T, filename T, added_at M",
                "SELECT m.collection_id, c.name, m.asset_id, a.original_filename, m.added_at_us "
                "FROM collection_members m JOIN collections c ON c.collection_id = m.collection_id "
                "JOIN audio_assets a ON a.asset_id = m.asset_id ORDER BY 1, 3"},
    CopiedTable{"metadata",
                "asset_id T, tag_data T, visual_observations T, group_composition T, "
                "prey_density_proxy T, updated_at M",
                "SELECT asset_id, tag_data, visual_observations, group_composition, "
                "prey_density_proxy, updated_at_us FROM audio_metadata ORDER BY asset_id"},
    CopiedTable{"annotations",
                "annotation_id I, import_id I, collection_id T, asset_id T, start_s R, end_s R, "
                "low_hz R, high_hz R, label T, confidence R, is_by_person F, source T, made_by T",
                "SELECT a.annotation_id, a.import_id, i.collection_id, a.asset_id, a.start_s, "
                "a.end_s, a.low_hz, a.high_hz, a.label, a.confidence, a.is_by_person, a.source, "
                "i.made_by FROM annotations a JOIN annotation_imports i ON i.import_id = "
                "a.import_id WHERE i.withdrawn_at_us IS NULL ORDER BY a.annotation_id"}};

constexpr const char* kRecordings =
    "asset_id T, start_utc T, start_local T, start_source T, utc_offset_s R, latitude_deg R, "
    "longitude_deg R, elevation_m R, gain T, temperature_c R, battery_v R, make T, model T, serial "
    "T, firmware T, deployment T, time_expansion R";
constexpr const char* kLabels =
    "collection_id T, clustering_id T, asset_id T, row_index I, start_s R, end_s R, cluster I, "
    "label T";

std::vector<std::pair<std::string, char>> columns_of(std::string_view text) {
  std::vector<std::pair<std::string, char>> columns;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(", "), text.size());
    const std::string_view column = text.substr(0, end);
    columns.emplace_back(column.substr(0, column.size() - 2), column.back());
    text.remove_prefix(std::min(end + 2, text.size()));
  }
  return columns;
}

std::string create_statement(const std::string& name, std::string_view columns) {
  std::string sql = "CREATE TABLE " + name + " (";
  const char* between = "";
  for (const auto& [column, type] : columns_of(columns)) {
    sql += fmt::format("{}{} {}", between, column,
                       type == 'I'   ? "BIGINT"
                       : type == 'R' ? "DOUBLE"
                       : type == 'F' ? "BOOLEAN"
                       : type == 'M' ? "TIMESTAMP"
                                     : "VARCHAR");
    between = ", ";
  }
  return sql + ")";
}

std::string sql_text(std::string_view text) {
  std::string out = "'";
  for (const char letter : text) out.append(letter == '\'' ? 2 : 1, letter);
  return out + "'";
}

/// A recorder's statement is {value, source}; what is none stands by itself.
SqlValue fact(const json::object& document, const std::string& name) {
  const json::value* value = document.if_contains(name);
  if (value == nullptr) return {};
  if (const json::object* const stated = value->if_object()) value = stated->if_contains("value");
  if (value == nullptr || value->is_null()) return {};
  if (value->is_number()) return value->to_number<double>();
  if (value->is_string()) return std::string(value->get_string());
  return core::to_json(*value);
}

class Tables {
 public:
  Tables(const store::DataRoot& root,
         store::Database& database,
         Duckdb& duckdb,
         std::string_view sql)
      : root_(root), database_(database), duckdb_(duckdb) {
    std::string word;
    for (const char letter : sql) {
      if (std::isalnum(static_cast<unsigned char>(letter)) != 0 || letter == '_') {
        word += static_cast<char>(std::tolower(static_cast<unsigned char>(letter)));
      } else if (!word.empty()) {
        words_.insert(std::exchange(word, ""));
      }
    }
    if (!word.empty()) words_.insert(word);
  }

  /// All of them are there; those that the question names have rows.
  Result<void> make() {
    for (const CopiedTable& table : kCopied) BALEEN_RETURN_IF_ERROR(copy(table));
    BALEEN_RETURN_IF_ERROR(copy_recordings());
    BALEEN_RETURN_IF_ERROR(show_embeddings());
    BALEEN_RETURN_IF_ERROR(show_assignments());
    return copy_labels();
  }

 private:
  [[nodiscard]] bool is_named(std::string_view name) const {
    return words_.contains(std::string(name));
  }
  /// For views over files. Absolute, as the allowed folders are.
  [[nodiscard]] std::string path_of(const std::string& path) const {
    std::error_code ignored;
    return fs::absolute(root_.at(path), ignored).lexically_normal().string();
  }

  Result<void> copy(const CopiedTable& table) {
    BALEEN_RETURN_IF_ERROR(duckdb_.execute(create_statement(table.name, table.columns)));
    if (!is_named(table.name)) return {};
    BALEEN_ASSIGN_OR_RETURN(const auto rows, database_.query(table.select));
    const auto columns = columns_of(table.columns);
    std::size_t at = 0;
    const auto next = [&](std::vector<SqlValue>& values) {
      if (at == rows.size()) return false;
      const store::Row& row = rows[at++];
      values.assign(columns.size(), SqlValue());
      for (std::size_t i = 0; i < columns.size(); ++i) {
        if (row.is_null(i)) continue;
        const char type = columns[i].second;
        if (type == 'T') values[i] = row.text(i);
        if (type == 'R') values[i] = row.real(i);
        if (type == 'I' || type == 'F') values[i] = row.integer(i);
        if (type == 'M') values[i] = timestamp(row.integer(i));
      }
      return true;
    };
    return duckdb_.append(table.name, next);
  }

  /// As DuckDB reads it; in UTC.
  static std::string timestamp(std::int64_t time_us) {
    std::string text = core::rfc3339(time_us);
    if (text.ends_with('Z')) text.pop_back();
    return text;
  }

  Result<void> copy_recordings() {
    BALEEN_RETURN_IF_ERROR(duckdb_.execute(create_statement("recordings", kRecordings)));
    if (!is_named("recordings")) return {};
    BALEEN_ASSIGN_OR_RETURN(
        const auto rows,
        database_.query("SELECT asset_id, path FROM artifact_index a WHERE artifact_type = "
                        "'recording_v1' AND artifact_id = (SELECT MAX(b.artifact_id) FROM "
                        "artifact_index b WHERE b.asset_id = a.asset_id AND b.artifact_type = "
                        "'recording_v1') ORDER BY asset_id"));
    std::vector<std::pair<std::string, json::object>> documents;
    for (const store::Row& row : rows) {
      BALEEN_ASSIGN_OR_RETURN(const json::value document,
                              core::read_json_file(root_.at(row.text(1))));
      if (document.is_object()) documents.emplace_back(row.text(0), document.get_object());
    }
    const auto columns = columns_of(kRecordings);
    std::size_t at = 0;
    return duckdb_.append("recordings", [&](std::vector<SqlValue>& values) {
      if (at == documents.size()) return false;
      const auto& [asset_id, document] = documents[at++];
      values.assign(1, asset_id);
      for (std::size_t i = 1; i < columns.size(); ++i)
        values.push_back(fact(document, columns[i].first));
      return true;
    });
  }

  /// embedding_sets: the newest of each recording and encoding; `embeddings` has their rows, embeddings_ALIAS those of one
  /// encoding.
  Result<void> show_embeddings() {
    BALEEN_RETURN_IF_ERROR(duckdb_.execute(create_statement(
        "embedding_sets", "asset_id T, encoding T, encoding_id T, path T, bytes I, created_at M")));
    BALEEN_ASSIGN_OR_RETURN(
        const auto rows,
        database_.query("SELECT asset_id, feature_spec_alias, document_json, path, bytes, "
                        "created_at_us FROM artifact_index a WHERE artifact_type = 'embedding_set' "
                        "AND artifact_id = (SELECT MAX(b.artifact_id) FROM artifact_index b WHERE "
                        "b.asset_id = a.asset_id AND b.artifact_type = 'embedding_set' AND "
                        "b.feature_spec_alias = a.feature_spec_alias) ORDER BY 2, 1"));
    std::map<std::string, std::string> files;  // Of each encoding: a list for read_parquet.
    for (const store::Row& row : rows) {
      std::string& list = files[row.text(1)];
      list += (list.empty() ? "" : ", ") + sql_text(path_of(row.text(3)));
    }
    std::size_t at = 0;
    BALEEN_RETURN_IF_ERROR(duckdb_.append("embedding_sets", [&](std::vector<SqlValue>& values) {
      if (at == rows.size()) return false;
      const store::Row& row = rows[at++];
      const auto document = core::parse_json_object(row.text(2), "document");
      values = {row.text(0),
                row.text(1),
                document.ok() ? core::get_string(*document, "encoding_id") : std::string(),
                path_of(row.text(3)),
                row.integer(4),
                timestamp(row.integer(5))};
      return true;
    }));
    std::string all;
    for (const auto& [alias, list] : files) {
      const std::string view = "embeddings_" + alias;
      BALEEN_RETURN_IF_ERROR(duckdb_.execute(fmt::format(
          "CREATE VIEW {} AS SELECT s.asset_id, s.encoding, e.row_index, e.start_s, e.end_s, "
          "e.is_padded, e.embedding FROM read_parquet([{}], filename = true) e JOIN "
          "embedding_sets s ON s.path = e.filename",
          view, list)));
      all += fmt::format("{}SELECT * FROM {}", all.empty() ? "" : " UNION ALL ", view);
    }
    if (all.empty()) {
      all =
          "SELECT '' AS asset_id, '' AS encoding, 0 AS row_index, 0.0::DOUBLE AS start_s, "
          "0.0::DOUBLE AS end_s, false AS is_padded, []::FLOAT[] AS embedding WHERE false";
    }
    return duckdb_.execute("CREATE VIEW embeddings AS " + all);
  }

  /// What each clustering said, before any review.
  Result<void> show_assignments() {
    BALEEN_RETURN_IF_ERROR(duckdb_.execute(
        create_statement("clusterings", "clustering_id T, collection_id T, path T, created_at M")));
    BALEEN_ASSIGN_OR_RETURN(
        const auto rows,
        database_.query("SELECT asset_id, path, created_at_us FROM artifact_index WHERE "
                        "artifact_type = 'assignments' ORDER BY artifact_id"));
    std::string list;
    for (const store::Row& row : rows)
      list += (list.empty() ? "" : ", ") + sql_text(path_of(row.text(1)));
    std::size_t at = 0;
    BALEEN_RETURN_IF_ERROR(duckdb_.append("clusterings", [&](std::vector<SqlValue>& values) {
      if (at == rows.size()) return false;
      const store::Row& row = rows[at++];
      values = {fs::path(row.text(1)).parent_path().filename().string(), row.text(0),
                path_of(row.text(1)), timestamp(row.integer(2))};
      return true;
    }));
    if (list.empty()) {
      return duckdb_.execute(
          "CREATE VIEW assignments AS SELECT '' AS clustering_id, '' AS collection_id, '' AS "
          "asset_id, 0 AS row_index, 0 AS cluster, 0.0::DOUBLE AS probability, 0.0::DOUBLE AS "
          "outlier_score, 0.0::FLOAT AS x, 0.0::FLOAT AS y WHERE false");
    }
    return duckdb_.execute(fmt::format(
        "CREATE VIEW assignments AS SELECT c.clustering_id, c.collection_id, a.asset_id, "
        "a.row_index, a.label AS cluster, a.probability, a.outlier_score, a.x, a.y FROM "
        "read_parquet([{}], filename = true, union_by_name = true) a JOIN clusterings c ON c.path "
        "= a.filename",
        list));
  }

  /// What people made of the newest clustering of each collection: clusters and labels after the review.
  Result<void> copy_labels() {
    BALEEN_RETURN_IF_ERROR(duckdb_.execute(create_statement("labels", kLabels)));
    if (!is_named("labels")) return {};
    BALEEN_ASSIGN_OR_RETURN(const auto collections, store::list_collections(database_, ""));
    for (const store::Collection& collection : collections) {
      const auto opened =
          bioacoustics::reviewed_assignments(database_, root_, collection.collection_id);
      if (!opened.ok() && opened.error().code == ErrorCode::input_not_found) continue;
      if (!opened.ok()) return opened.error();
      BALEEN_RETURN_IF_ERROR(copy_labels_of(*opened));
    }
    return {};
  }

  Result<void> copy_labels_of(const bioacoustics::OpenReview& opened) {
    const bioacoustics::Review& review = opened.review();
    const bioacoustics::ClusteredWindows& windows = review.windows();
    std::size_t row = 0;
    return duckdb_.append("labels", [&](std::vector<SqlValue>& values) {
      if (row == windows.size()) return false;
      const std::string label = review.label_text(row);
      values = {opened.info().collection_id,
                opened.info().clustering_id,
                windows.recordings[windows.recording[row]].facts.asset_id,
                std::int64_t{windows.row_index[row]},
                windows.start_s[row],
                windows.end_s[row],
                std::int64_t{review.cluster_of(row)},
                label.empty() ? SqlValue() : SqlValue(label)};
      ++row;
      return true;
    });
  }

  const store::DataRoot& root_;
  store::Database& database_;
  Duckdb& duckdb_;
  std::set<std::string> words_;  // Of the question, in lower case.
};

}  // namespace

Result<void> answer_sql(const store::DataRoot& root,
                        store::Database& database,
                        const std::string& sql,
                        const cli::SqlOutput& output) {
  std::vector<std::string> folders;
  std::error_code ignored;
  for (const char* const name : {"embeddings/", "clusters/"})
    folders.push_back(fs::absolute(root.at(name), ignored).lexically_normal().string());
  BALEEN_ASSIGN_OR_RETURN(Duckdb duckdb, Duckdb::open(folders));
  BALEEN_RETURN_IF_ERROR(Tables(root, database, duckdb, sql).make());
  formats::SqlSink sink;
  sink.begin = [&](const std::vector<formats::SqlColumn>& columns) {
    std::vector<cli::SqlOutput::Column> all;
    all.reserve(columns.size());
    for (const formats::SqlColumn& column : columns)
      all.push_back({column.name, column.kind == formats::SqlColumn::Kind::text});
    return output.begin(all);
  };
  sink.row = output.row;
  return duckdb.query(sql, sink);
}

}  // namespace baleen
