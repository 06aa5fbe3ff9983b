#include "store/assets.h"

#include "core/clock.h"

namespace baleen::store {
namespace {

constexpr std::string_view kSelect =
    "SELECT asset_id, owner_entity_id, content_hash, source_uri, original_path, original_filename, "
    "bytes, container, "
    "codec, duration_s, sample_rate_hz, channels, metadata_json, created_at_us FROM audio_assets "
    "WHERE ";

Asset from_row(const Row& row) {
  Asset asset;
  asset.asset_id = row.text(0);
  asset.owner_entity_id = row.text(1);
  asset.content_hash = row.text(2);
  asset.source_uri = row.text(3);
  asset.original_path = row.text(4);
  asset.original_filename = row.text(5);
  asset.bytes = row.integer(6);
  asset.container = row.text(7);
  asset.codec = row.text(8);
  asset.duration_s = row.real(9);
  asset.sample_rate_hz = row.integer(10);
  asset.channels = row.integer(11);
  asset.metadata_json = row.text(12);
  asset.created_at_us = row.integer(13);
  return asset;
}

std::optional<Asset> first_of(const std::vector<Row>& rows) {
  if (rows.empty()) return std::nullopt;
  return from_row(rows.front());
}

Value text_or_null(const std::string& text) { return text.empty() ? Value{} : Value{text}; }
Value positive_or_null(double number) { return number > 0 ? Value{number} : Value{}; }
Value positive_or_null(std::int64_t number) { return number > 0 ? Value{number} : Value{}; }

json::value text_or_json_null(const std::string& text) {
  if (text.empty()) return nullptr;
  return json::value(text);
}

}  // namespace

json::object Asset::to_json() const {
  json::object object{{"schema_id", "audio_asset.v1"},
                      {"version", "1.0.0"},
                      {"asset_id", asset_id},
                      {"owner_entity_id", owner_entity_id},
                      {"content_hash", content_hash},
                      {"source_uri", source_uri},
                      {"original_path", original_path},
                      {"original_filename", original_filename},
                      {"bytes", bytes},
                      {"container", text_or_json_null(container)},
                      {"codec", text_or_json_null(codec)}};
  object["duration_s"] = duration_s > 0 ? json::value(duration_s) : json::value(nullptr);
  object["sample_rate_hz"] =
      sample_rate_hz > 0 ? json::value(sample_rate_hz) : json::value(nullptr);
  object["channels"] = channels > 0 ? json::value(channels) : json::value(nullptr);
  const Result<json::value> metadata = core::parse_json(metadata_json, "metadata");
  object["metadata"] = metadata.ok() ? *metadata : json::value(json::object{});
  object["created_at"] = core::rfc3339(created_at_us);
  return object;
}

Result<void> insert_asset(Database& database, const Asset& a) {
  BALEEN_RETURN_IF_ERROR(database.execute_values(
      "INSERT INTO audio_assets (asset_id, owner_entity_id, content_hash, source_uri, "
      "original_path, original_filename, "
      "bytes, container, codec, duration_s, sample_rate_hz, channels, metadata_json, "
      "created_at_us) "
      "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
      {a.asset_id, a.owner_entity_id, a.content_hash, a.source_uri, a.original_path,
       a.original_filename, a.bytes, text_or_null(a.container), text_or_null(a.codec),
       positive_or_null(a.duration_s), positive_or_null(a.sample_rate_hz),
       positive_or_null(a.channels), a.metadata_json, a.created_at_us}));
  return {};
}

Result<std::optional<Asset>> find_asset(Database& database, std::string_view asset_id) {
  BALEEN_ASSIGN_OR_RETURN(const std::vector<Row> rows,
                          database.query(std::string(kSelect) + "asset_id = $1", asset_id));
  return first_of(rows);
}

Result<bool> has_asset_of_size(Database& database, std::string_view owner, std::int64_t bytes) {
  BALEEN_ASSIGN_OR_RETURN(
      const std::vector<Row> rows,
      database.query("SELECT 1 FROM audio_assets WHERE owner_entity_id = $1 AND bytes = $2 LIMIT 1",
                     owner, bytes));
  return !rows.empty();
}

Result<std::optional<Asset>> find_asset_by_prefix(Database& database, std::string_view prefix) {
  if (prefix.size() < 4) return std::optional<Asset>();
  const std::string after = std::string(prefix) + "~";  // '~' sorts after every character of an id.
  BALEEN_ASSIGN_OR_RETURN(
      const std::vector<Row> rows,
      database.query(
          std::string(kSelect) + "asset_id >= $1 AND asset_id < $2 ORDER BY asset_id LIMIT 2",
          prefix, after));
  if (rows.size() > 1)
    return fail(ErrorCode::invalid_argument, "'{}' is the beginning of several asset ids", prefix);
  return first_of(rows);
}

Result<std::optional<Asset>> find_asset_by_hash(Database& database,
                                                std::string_view owner,
                                                std::string_view content_hash) {
  BALEEN_ASSIGN_OR_RETURN(
      const std::vector<Row> rows,
      database.query(std::string(kSelect) + "owner_entity_id = $1 AND content_hash = $2", owner,
                     content_hash));
  return first_of(rows);
}

}  // namespace baleen::store
