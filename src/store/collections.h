#pragma once

/// Collections: named sets of recordings of one owner (a deployment of a hydrophone, a library), and what people know
/// of each recording.

#include <optional>
#include <string>
#include <vector>

#include "core/json.h"
#include "store/database.h"

namespace baleen::store {

struct Collection {
  std::string collection_id;
  std::string owner_entity_id;
  std::string name;
  std::int64_t created_at_us = 0;
  std::int64_t n_members = 0;

  [[nodiscard]] json::object to_json() const;
};

/// What people know of a recording; each a JSON value, `{}` where nothing is known.
struct AudioMetadata {
  json::value tag_data = json::object();
  json::value visual_observations = json::object();
  json::value group_composition = json::object();
  json::value prey_density_proxy = json::object();

  /// Only what is known.
  [[nodiscard]] json::object to_json() const;
  /// INVALID_ARGUMENT for a member of another name.
  [[nodiscard]] static Result<AudioMetadata> from_json(const json::object& object);
};

struct CollectionMember {
  std::string asset_id;
  std::string filename;
  AudioMetadata metadata;
};

/// INVALID_ARGUMENT for a name that is empty, longer than 200 bytes or holds control characters.
[[nodiscard]] Result<void> check_collection_name(std::string_view name);
/// The owner's collection of this name, made now if there is none. Errors as of check_collection_name.
[[nodiscard]] Result<Collection> make_collection(Database& database,
                                                 std::string_view owner,
                                                 std::string_view name,
                                                 std::int64_t now_us);
[[nodiscard]] Result<std::optional<Collection>> find_collection(Database& database,
                                                                std::string_view collection_id);
[[nodiscard]] Result<std::optional<Collection>> find_collection_by_name(Database& database,
                                                                        std::string_view owner,
                                                                        std::string_view name);
/// By name; owner "": everybody's.
[[nodiscard]] Result<std::vector<Collection>> list_collections(Database& database,
                                                               std::string_view owner);
/// Whether it is new there. FORBIDDEN for a recording of another owner, NOT_FOUND for one that is not there.
[[nodiscard]] Result<bool> add_member(Database& database,
                                      std::string_view collection_id,
                                      std::string_view asset_id,
                                      std::int64_t now_us);
/// make_collection and add_member.
[[nodiscard]] Result<void> add_to_collection_of_name(Database& database,
                                                     std::string_view owner,
                                                     std::string_view name,
                                                     std::string_view asset_id,
                                                     std::int64_t now_us);
[[nodiscard]] Result<bool> remove_member(Database& database,
                                         std::string_view collection_id,
                                         std::string_view asset_id);
/// In the order of their ids.
[[nodiscard]] Result<std::vector<CollectionMember>> list_members(Database& database,
                                                                 std::string_view collection_id);

/// How far the work on a recording has come.
struct MemberState {
  std::string asset_id;
  std::optional<double> duration_s;
  std::string recording_document;         ///< The newest recording.v1 as JSON, or "".
  std::vector<std::string> encodings;     ///< Ids of the encodings that it has embeddings of.
  std::string run_id, recipe, run_state;  ///< Its newest run; "" where there is none.
};

/// One for each member, in the order of list_members.
[[nodiscard]] Result<std::vector<MemberState>> list_member_states(Database& database,
                                                                  std::string_view collection_id);

/// Nothing known: all members empty.
[[nodiscard]] Result<AudioMetadata> find_metadata(Database& database, std::string_view asset_id);
/// NOT_FOUND if there is no such recording.
[[nodiscard]] Result<void> set_metadata(Database& database,
                                        std::string_view asset_id,
                                        const AudioMetadata& metadata,
                                        std::int64_t now_us);

}  // namespace baleen::store
