#include "store/collections.h"

#include <algorithm>
#include <array>

#include "core/clock.h"
#include "core/ids.h"

namespace baleen::store {
namespace {

constexpr std::size_t kNameBytesMax = 200;

constexpr std::string_view kSelect =
    "SELECT c.collection_id, c.owner_entity_id, c.name, c.created_at_us, (SELECT COUNT(*) FROM "
    "collection_members m WHERE m.collection_id = c.collection_id) FROM collections c WHERE ";

Collection from_row(const Row& row) {
  return {row.text(0), row.text(1), row.text(2), row.integer(3), row.integer(4)};
}

std::optional<Collection> first_of(const std::vector<Row>& rows) {
  if (rows.empty()) return std::nullopt;
  return from_row(rows.front());
}

struct Field {
  std::string_view name;
  json::value AudioMetadata::*value;
};
constexpr std::array<Field, 4> kFields = {
    Field{"tag_data", &AudioMetadata::tag_data},
    Field{"visual_observations", &AudioMetadata::visual_observations},
    Field{"group_composition", &AudioMetadata::group_composition},
    Field{"prey_density_proxy", &AudioMetadata::prey_density_proxy}};

bool is_known(const json::value& value) {
  return !value.is_null() && !(value.is_object() && value.get_object().empty());
}

/// Of a row whose columns from `first` on are those of audio_metadata, or NULL.
AudioMetadata metadata_of(const Row& row, int first) {
  AudioMetadata metadata;
  for (std::size_t i = 0; i < kFields.size(); ++i) {
    const int column = first + static_cast<int>(i);
    if (row.is_null(column)) continue;
    Result<json::value> value = core::parse_json(row.text(column), kFields[i].name);
    if (value.ok()) metadata.*kFields[i].value = std::move(*value);
  }
  return metadata;
}

}  // namespace

json::object Collection::to_json() const {
  return {{"collection_id", collection_id},
          {"owner_entity_id", owner_entity_id},
          {"name", name},
          {"members", n_members},
          {"created_at", core::rfc3339(created_at_us)}};
}

json::object AudioMetadata::to_json() const {
  json::object object;
  for (const Field& field : kFields) {
    const json::value& value = this->*field.value;
    if (is_known(value)) object[{field.name.data(), field.name.size()}] = value;
  }
  return object;
}

Result<void> check_collection_name(std::string_view name) {
  const bool is_plain = std::none_of(name.begin(), name.end(), [](char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
  });
  if (!name.empty() && name.size() <= kNameBytesMax && is_plain) return {};
  return fail(ErrorCode::invalid_argument,
              "a collection's name has 1 to {} bytes, none of them a control character",
              kNameBytesMax);
}

Result<AudioMetadata> AudioMetadata::from_json(const json::object& object) {
  AudioMetadata metadata;
  for (const auto& member : object) {
    const auto field = std::find_if(kFields.begin(), kFields.end(), [&](const Field& known) {
      return known.name == std::string_view(member.key().data(), member.key().size());
    });
    if (field == kFields.end()) {
      return fail(ErrorCode::invalid_argument,
                  "'{}' is no metadata; there is: tag_data, visual_observations, "
                  "group_composition, prey_density_proxy",
                  std::string(member.key()));
    }
    metadata.*field->value = member.value();
  }
  return metadata;
}

Result<Collection> make_collection(Database& database,
                                   std::string_view owner,
                                   std::string_view name,
                                   std::int64_t now_us) {
  BALEEN_RETURN_IF_ERROR(check_collection_name(name));
  BALEEN_RETURN_IF_ERROR(
      database.execute("INSERT INTO collections (collection_id, owner_entity_id, name, "
                       "created_at_us) VALUES ($1, $2, $3, $4) ON CONFLICT (owner_entity_id, name) "
                       "DO NOTHING",
                       core::new_id(), owner, name, now_us));
  BALEEN_ASSIGN_OR_RETURN(std::optional<Collection> made,
                          find_collection_by_name(database, owner, name));
  if (!made) return fail(ErrorCode::internal, "collection '{}' was not kept", name);
  return std::move(*made);
}

Result<std::optional<Collection>> find_collection(Database& database,
                                                  std::string_view collection_id) {
  BALEEN_ASSIGN_OR_RETURN(
      const auto rows,
      database.query(std::string(kSelect) + "c.collection_id = $1", collection_id));
  return first_of(rows);
}

Result<std::optional<Collection>> find_collection_by_name(Database& database,
                                                          std::string_view owner,
                                                          std::string_view name) {
  BALEEN_ASSIGN_OR_RETURN(
      const auto rows,
      database.query(std::string(kSelect) + "c.owner_entity_id = $1 AND c.name = $2", owner, name));
  return first_of(rows);
}

Result<std::vector<Collection>> list_collections(Database& database, std::string_view owner) {
  BALEEN_ASSIGN_OR_RETURN(
      const auto rows,
      database.query(
          std::string(kSelect) + "$1 IN ('', c.owner_entity_id) ORDER BY c.name, c.collection_id",
          owner));
  std::vector<Collection> collections;
  for (const Row& row : rows) collections.push_back(from_row(row));
  return collections;
}

Result<bool> add_member(Database& database,
                        std::string_view collection_id,
                        std::string_view asset_id,
                        std::int64_t now_us) {
  BALEEN_ASSIGN_OR_RETURN(
      const auto rows,
      database.query("SELECT (SELECT owner_entity_id FROM collections WHERE collection_id = $1), "
                     "(SELECT owner_entity_id FROM audio_assets WHERE asset_id = $2)",
                     collection_id, asset_id));
  const Row& owners = rows.front();
  if (owners.is_null(0))
    return fail(ErrorCode::not_found, "there is no collection '{}'", collection_id);
  if (owners.is_null(1)) return fail(ErrorCode::not_found, "there is no asset '{}'", asset_id);
  if (owners.text(0) != owners.text(1))
    return fail(ErrorCode::forbidden, "asset '{}' has another owner than the collection", asset_id);
  BALEEN_ASSIGN_OR_RETURN(
      const std::int64_t n_new,
      database.execute("INSERT INTO collection_members (collection_id, asset_id, added_at_us) "
                       "VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
                       collection_id, asset_id, now_us));
  return n_new > 0;
}

Result<void> add_to_collection_of_name(Database& database,
                                       std::string_view owner,
                                       std::string_view name,
                                       std::string_view asset_id,
                                       std::int64_t now_us) {
  BALEEN_ASSIGN_OR_RETURN(const Collection collection,
                          make_collection(database, owner, name, now_us));
  BALEEN_RETURN_IF_ERROR(add_member(database, collection.collection_id, asset_id, now_us));
  return {};
}

Result<bool> remove_member(Database& database,
                           std::string_view collection_id,
                           std::string_view asset_id) {
  BALEEN_ASSIGN_OR_RETURN(
      const std::int64_t n_gone,
      database.execute("DELETE FROM collection_members WHERE collection_id = $1 AND asset_id = $2",
                       collection_id, asset_id));
  return n_gone > 0;
}

Result<std::vector<CollectionMember>> list_members(Database& database,
                                                   std::string_view collection_id) {
  BALEEN_ASSIGN_OR_RETURN(
      const auto rows,
      database.query(
          "SELECT m.asset_id, a.original_filename, d.tag_data, d.visual_observations, "
          "d.group_composition, d.prey_density_proxy FROM collection_members m JOIN audio_assets a "
          "ON a.asset_id = m.asset_id LEFT JOIN audio_metadata d ON d.asset_id = m.asset_id WHERE "
          "m.collection_id = $1 ORDER BY m.asset_id",
          collection_id));
  std::vector<CollectionMember> members;
  members.reserve(rows.size());
  for (const Row& row : rows) members.push_back({row.text(0), row.text(1), metadata_of(row, 2)});
  return members;
}

Result<std::vector<MemberState>> list_member_states(Database& database,
                                                    std::string_view collection_id) {
  BALEEN_ASSIGN_OR_RETURN(
      const auto rows,
      database.query(
          "SELECT m.asset_id, a.duration_s, (SELECT i.document_json FROM artifact_index i WHERE "
          "i.asset_id = m.asset_id AND i.artifact_type = 'recording_v1' ORDER BY i.artifact_id "
          "DESC LIMIT 1), r.run_id, r.recipe, r.state FROM collection_members m JOIN audio_assets "
          "a ON a.asset_id = m.asset_id LEFT JOIN runs r ON r.run_id = (SELECT n.run_id FROM runs "
          "n WHERE n.asset_id = m.asset_id ORDER BY n.created_at_us DESC, n.run_id DESC LIMIT 1) "
          "WHERE m.collection_id = $1 ORDER BY m.asset_id",
          collection_id));
  std::vector<MemberState> states;
  states.reserve(rows.size());
  for (const Row& row : rows) {
    states.push_back(
        {row.text(0), std::nullopt, row.text(2), {}, row.text(3), row.text(4), row.text(5)});
    if (!row.is_null(1)) states.back().duration_s = row.real(1);
  }
  BALEEN_ASSIGN_OR_RETURN(
      const auto encoded,
      database.query("SELECT DISTINCT m.asset_id, f.feature_spec_id FROM collection_members m JOIN "
                     "artifact_index i ON i.asset_id = m.asset_id AND i.artifact_type = "
                     "'embedding_set' JOIN feature_specs f ON f.alias = i.feature_spec_alias WHERE "
                     "m.collection_id = $1 ORDER BY m.asset_id, f.feature_spec_id",
                     collection_id));
  auto state = states.begin();
  for (const Row& row : encoded) {
    while (state != states.end() && state->asset_id < row.text(0)) ++state;
    if (state == states.end()) break;
    state->encodings.push_back(row.text(1));
  }
  return states;
}

Result<AudioMetadata> find_metadata(Database& database, std::string_view asset_id) {
  BALEEN_ASSIGN_OR_RETURN(
      const auto rows,
      database.query("SELECT tag_data, visual_observations, group_composition, prey_density_proxy "
                     "FROM audio_metadata WHERE asset_id = $1",
                     asset_id));
  return rows.empty() ? AudioMetadata() : metadata_of(rows.front(), 0);
}

Result<void> set_metadata(Database& database,
                          std::string_view asset_id,
                          const AudioMetadata& metadata,
                          std::int64_t now_us) {
  BALEEN_ASSIGN_OR_RETURN(
      const auto known, database.query("SELECT 1 FROM audio_assets WHERE asset_id = $1", asset_id));
  if (known.empty()) return fail(ErrorCode::not_found, "there is no asset '{}'", asset_id);
  BALEEN_RETURN_IF_ERROR(database.execute(
      "INSERT INTO audio_metadata (asset_id, tag_data, visual_observations, group_composition, "
      "prey_density_proxy, updated_at_us) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (asset_id) "
      "DO "
      "UPDATE SET tag_data = excluded.tag_data, visual_observations = "
      "excluded.visual_observations, group_composition = excluded.group_composition, "
      "prey_density_proxy = excluded.prey_density_proxy, updated_at_us = excluded.updated_at_us",
      asset_id, core::to_canonical_json(metadata.tag_data),
      core::to_canonical_json(metadata.visual_observations),
      core::to_canonical_json(metadata.group_composition),
      core::to_canonical_json(metadata.prey_density_proxy), now_us));
  return {};
}

}  // namespace baleen::store
