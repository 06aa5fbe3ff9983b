#include "store/collections.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "store/artifacts.h"
#include "store/assets.h"
#include "store/schema.h"

namespace baleen::store {
namespace {

class CollectionsTest : public ::testing::Test {
 protected:
  CollectionsTest() : database_(make()) {}
  ~CollectionsTest() override { std::filesystem::remove_all(directory_); }
  Database make() {
    std::filesystem::remove_all(directory_);
    std::filesystem::create_directories(directory_);
    Database database = Database::open(directory_ / "baleen.db").value();
    EXPECT_TRUE(migrate(database).ok());
    return database;
  }
  std::string asset(const std::string& id, const std::string& owner = "me") {
    Asset asset;
    asset.asset_id = id;
    asset.owner_entity_id = owner;
    asset.content_hash = id;
    asset.original_filename = id + ".wav";
    EXPECT_TRUE(insert_asset(database_, asset).ok());
    return id;
  }

  const std::filesystem::path directory_ =
      std::filesystem::temp_directory_path() / ("baleen_collections_" + std::to_string(::getpid()));
  Database database_;
};

TEST_F(CollectionsTest, OneNameOfOneOwnerIsOneCollection) {
  const Collection reef = make_collection(database_, "me", "reef", 1).value();
  EXPECT_EQ(make_collection(database_, "me", "reef", 2)->collection_id, reef.collection_id);
  EXPECT_NE(make_collection(database_, "you", "reef", 3)->collection_id, reef.collection_id);
  EXPECT_EQ(find_collection_by_name(database_, "me", "reef").value()->created_at_us, 1);
  EXPECT_FALSE(find_collection_by_name(database_, "me", "Reef").value());
  EXPECT_EQ(list_collections(database_, "me")->size(), 1U);
  EXPECT_EQ(list_collections(database_, "")->size(), 2U);
}

TEST_F(CollectionsTest, NamesThatNobodyCanTypeAreRefused) {
  for (const std::string& name : {std::string(), std::string("a\nb"), std::string(201, 'x')})
    EXPECT_EQ(make_collection(database_, "me", name, 1).error().code, ErrorCode::invalid_argument);
  EXPECT_TRUE(make_collection(database_, "me", "Récif nº 7 / été", 1).ok());
}

TEST_F(CollectionsTest, MembersAreOfTheSameOwnerAndThereOnce) {
  const std::string reef = make_collection(database_, "me", "reef", 1)->collection_id;
  EXPECT_TRUE(add_member(database_, reef, asset("b"), 2).value());
  EXPECT_TRUE(add_member(database_, reef, asset("a"), 2).value());
  EXPECT_FALSE(add_member(database_, reef, "a", 3).value());
  EXPECT_EQ(add_member(database_, reef, asset("c", "you"), 2).error().code, ErrorCode::forbidden);
  EXPECT_EQ(add_member(database_, reef, "nobody", 2).error().code, ErrorCode::not_found);
  EXPECT_EQ(add_member(database_, "nowhere", "a", 2).error().code, ErrorCode::not_found);
  const auto members = list_members(database_, reef).value();
  ASSERT_EQ(members.size(), 2U);
  EXPECT_EQ(members[0].asset_id, "a");
  EXPECT_EQ(members[0].filename, "a.wav");
  EXPECT_EQ(find_collection(database_, reef).value()->n_members, 2);
  EXPECT_TRUE(remove_member(database_, reef, "a").value());
  EXPECT_FALSE(remove_member(database_, reef, "a").value());
}

TEST_F(CollectionsTest, MetadataIsKeptAsItIsWritten) {
  asset("a");
  EXPECT_TRUE(find_metadata(database_, "a")->to_json().empty());
  const json::object written{{"tag_data", {{"tag", "mn09_203a"}, {"depth_m", 12.5}}},
                             {"group_composition", json::array{"mother", "calf"}}};
  ASSERT_TRUE(set_metadata(database_, "a", AudioMetadata::from_json(written).value(), 1).ok());
  EXPECT_EQ(json::value(find_metadata(database_, "a")->to_json()), json::value(written));
  const std::string reef = make_collection(database_, "me", "reef", 1)->collection_id;
  ASSERT_TRUE(add_member(database_, reef, "a", 1).ok());
  EXPECT_EQ(json::value(list_members(database_, reef)->front().metadata.to_json()),
            json::value(written));
  ASSERT_TRUE(set_metadata(database_, "a", {}, 2).ok());
  EXPECT_TRUE(find_metadata(database_, "a")->to_json().empty());
}

TEST_F(CollectionsTest, UnknownMetadataAndUnknownRecordingsAreRefused) {
  const auto unknown = AudioMetadata::from_json({{"tagdata", 1}});
  ASSERT_FALSE(unknown.ok());
  EXPECT_EQ(unknown.error().code, ErrorCode::invalid_argument);
  EXPECT_NE(unknown.error().message.find("tagdata"), std::string::npos);
  EXPECT_EQ(set_metadata(database_, "nobody", {}, 1).error().code, ErrorCode::not_found);
}

TEST_F(CollectionsTest, OfEachMemberTheNewestArtifactIsFound) {
  const std::string reef = make_collection(database_, "me", "reef", 1)->collection_id;
  for (const char* id : {"a", "b", "c"}) {
    EXPECT_TRUE(add_member(database_, reef, asset(id), 1).value());
  }
  const auto insert = [&](const std::string& id, const std::string& path, const std::string& alias,
                          const std::string& type) {
    Artifact artifact;
    artifact.asset_id = id;
    artifact.type = type;
    artifact.path = path;
    artifact.feature_spec_alias = alias;
    artifact.sha256 = "sha256 of " + path;
    artifact.bytes = static_cast<std::int64_t>(path.size());
    EXPECT_TRUE(insert_artifact(database_, artifact).ok());
  };
  insert("a", "old", "s", "embeddings");
  insert("a", "new", "s", "embeddings");
  insert("a", "other", "t", "embeddings");
  insert("b", "b", "s", "embeddings");
  insert("c", "c", "s", "waveform");
  insert("d", "d", "s", "embeddings");
  const auto of_s = find_latest_artifacts_of_members(database_, reef, "embeddings", "s").value();
  ASSERT_EQ(of_s.size(), 2U);
  EXPECT_EQ(of_s[0].path, "new");
  EXPECT_EQ(of_s[1].path, "b");
  const auto files = find_latest_files_of_members(database_, reef, "embeddings", "s").value();
  ASSERT_EQ(files.size(), 2U);
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(files[i].asset_id, of_s[i].asset_id);
    EXPECT_EQ(files[i].path, of_s[i].path);
    EXPECT_EQ(files[i].sha256, of_s[i].sha256);
    EXPECT_EQ(files[i].bytes, of_s[i].bytes);
  }
  const auto any = find_latest_artifacts_of_members(database_, reef, "embeddings", "").value();
  ASSERT_EQ(any.size(), 2U);
  EXPECT_EQ(any[0].path, "other");
}

TEST_F(CollectionsTest, EachMemberSaysWhatItHasAndWhatItLacks) {
  const std::string reef = make_collection(database_, "me", "reef", 1)->collection_id;
  for (const char* id : {"a", "b", "c"}) {
    EXPECT_TRUE(add_member(database_, reef, asset(id), 1).value());
  }
  for (const char* alias : {"s", "t"}) {
    ASSERT_TRUE(database_
                    .execute("INSERT INTO feature_specs (alias, feature_spec_id, created_at_us) "
                             "VALUES ($1, $2, 1)",
                             alias, std::string("encoding ") + alias)
                    .ok());
  }
  int n_paths = 0;
  const auto insert = [&](const std::string& id, const std::string& alias,
                          const std::string& type) {
    Artifact artifact;
    artifact.asset_id = id;
    artifact.type = type;
    artifact.path = std::to_string(++n_paths);
    artifact.feature_spec_alias = alias;
    EXPECT_TRUE(insert_artifact(database_, artifact).ok());
  };
  insert("a", "t", "embedding_set");
  insert("a", "s", "embedding_set");
  insert("a", "s", "embedding_set");
  insert("b", "s", "waveform");
  insert("c", "s", "embedding_set");
  for (const char* run : {"1", "2"}) {
    ASSERT_TRUE(database_
                    .execute("INSERT INTO runs (run_id, recipe, asset_id, owner_entity_id, state, "
                             "trace_id, created_at_us) VALUES ($1, 'r', 'b', 'me', 'failed', '', "
                             "5)",
                             run)
                    .ok());
  }
  const auto states = list_member_states(database_, reef).value();
  ASSERT_EQ(states.size(), 3U);
  EXPECT_EQ(states[0].encodings, (std::vector<std::string>{"encoding s", "encoding t"}));
  EXPECT_TRUE(states[1].encodings.empty());
  EXPECT_EQ(states[2].encodings, (std::vector<std::string>{"encoding s"}));
  EXPECT_EQ(states[0].run_id, "");
  EXPECT_EQ(states[1].run_id, "2");
  EXPECT_EQ(states[1].run_state, "failed");
}

}  // namespace
}  // namespace baleen::store
