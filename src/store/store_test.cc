#include <gtest/gtest.h>
#include <unistd.h>

#include "core/file.h"
#include "core/sha256.h"
#include "store/artifacts.h"
#include "store/assets.h"
#include "store/schema.h"

namespace baleen::store {
namespace {

class StoreTest : public ::testing::Test {
 protected:
  StoreTest()
      : root_{std::filesystem::temp_directory_path() /
              ("baleen_store_test_" + std::to_string(::getpid()))},
        database_(make()) {}
  ~StoreTest() override { std::filesystem::remove_all(root_.path); }
  Database make() {
    std::filesystem::remove_all(root_.path);
    Database database = Database::open(root_.database()).value();
    EXPECT_TRUE(migrate(database).ok());
    return database;
  }
  Artifact artifact(const std::string& path, const std::string& signature) {
    Artifact a;
    a.asset_id = "asset";
    a.type = "segments_v1";
    a.path = path;
    a.sha256 = core::sha256_hex("content");
    a.bytes = 7;
    a.signature = signature;
    return a;
  }
  DataRoot root_;
  Database database_;
};

TEST(Paths, PutTheFenceAndTheVersionBeforeTheExtension) {
  EXPECT_EQ(expand_path("features/{asset}.{alias}.h5", {{"asset", "a1"}, {"alias", "b2"}}),
            "features/a1.b2.h5");
  EXPECT_EQ(expand_path("embeddings/{model}/x", {{"model", "../a/b"}}), "embeddings/_._a_b/x")
      << "a word never leaves its place";
  EXPECT_EQ(index_directory("0123456789ab", "sea/../lab"), "indexes/0123456789ab/sea_.._lab");
  EXPECT_EQ(work_directory("a", "decode", ""), "work/a.decode");
  EXPECT_EQ(work_directory("a", "features", "b"), "work/a.features.b");
  EXPECT_EQ(temporary_path("work/a.features.b", "features/a.b.h5", 7),
            "work/a.features.b/a.b.f7.h5.tmp");
  EXPECT_EQ(resumable_path("work/a.decode", "audio/a/normalized.wav"),
            "work/a.decode/normalized.wav.tmp");
  EXPECT_EQ(versioned_path("segments/a.segments.v1.json", "0123456789abcdef"),
            "segments/a.segments.v1.0123456789ab.json");
  EXPECT_EQ(temporary_path("work/a", "audio/a.b/original", 1), "work/a/original.f1.tmp");
}

TEST_F(StoreTest, TheNewestArtifactOfATypeIsFound) {
  ASSERT_TRUE(insert_artifact(database_, artifact("one", "s1")).ok());
  ASSERT_TRUE(insert_artifact(database_, artifact("two", "s2")).ok());
  EXPECT_EQ(find_latest_artifact(database_, "asset", "segments_v1", "").value()->path, "two");
  EXPECT_FALSE(
      find_latest_artifact(database_, "asset", "segments_v1", "alias").value().has_value());
  EXPECT_EQ(find_artifacts_by_signature(database_, "s1").value().size(), 1U);
  EXPECT_FALSE(insert_artifact(database_, artifact("one", "s3")).ok())
      << "a path belongs to one artifact";
}

TEST_F(StoreTest, ADamagedFileIsToldFromAnIntactOne) {
  const Artifact a = artifact("x.json", "s");
  EXPECT_EQ(look_at_file(root_, a), FileState::missing);
  ASSERT_TRUE(core::write_file_atomic(root_.at("x.json"), "content").ok());
  EXPECT_EQ(look_at_file(root_, a), FileState::intact);
  EXPECT_TRUE(verify_artifact(root_, a).ok());
  ASSERT_TRUE(core::write_file_atomic(root_.at("x.json"), "Content").ok());
  EXPECT_EQ(verify_artifact(root_, a).error().code, ErrorCode::artifact_corrupt);
  ASSERT_TRUE(core::write_file_atomic(root_.at("x.json"), "short").ok());
  EXPECT_EQ(look_at_file(root_, a), FileState::wrong_size);
}

TEST_F(StoreTest, AnAssetIsOnePerOwnerAndContent) {
  Asset asset;
  asset.asset_id = "abcdef";
  asset.owner_entity_id = "me";
  asset.content_hash = "h";
  asset.bytes = 3;
  ASSERT_TRUE(insert_asset(database_, asset).ok());
  EXPECT_FALSE(insert_asset(database_, asset).ok());
  EXPECT_EQ(find_asset_by_hash(database_, "me", "h").value()->asset_id, "abcdef");
  EXPECT_FALSE(find_asset_by_hash(database_, "you", "h").value().has_value());
  EXPECT_EQ(find_asset_by_prefix(database_, "abcd").value()->asset_id, "abcdef");
  EXPECT_FALSE(find_asset_by_prefix(database_, "abd").value().has_value());
  EXPECT_TRUE(has_asset_of_size(database_, "me", 3).value());
  EXPECT_FALSE(has_asset_of_size(database_, "me", 4).value());
}

}  // namespace
}  // namespace baleen::store
