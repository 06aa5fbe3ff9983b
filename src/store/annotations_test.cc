#include "store/annotations.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "store/assets.h"
#include "store/collections.h"
#include "store/schema.h"

namespace baleen::store {
namespace {

class AnnotationsTest : public ::testing::Test {
 protected:
  AnnotationsTest() : database_(make()) {
    for (const std::string id : {"a", "b"}) {
      Asset asset;
      asset.asset_id = asset.content_hash = id;
      asset.owner_entity_id = "me";
      asset.original_filename = id + ".wav";
      EXPECT_TRUE(insert_asset(database_, asset).ok());
      EXPECT_TRUE(add_member(database_,
                             reef_ = make_collection(database_, "me", "reef", 1)->collection_id, id,
                             1)
                      .ok());
    }
  }
  ~AnnotationsTest() override { std::filesystem::remove_all(directory_); }
  Database make() {
    std::filesystem::remove_all(directory_);
    Database database = Database::open(directory_ / "baleen.db").value();
    EXPECT_TRUE(migrate(database).ok());
    return database;
  }
  AnnotationImport table(const std::string& sha256, const std::string& asset_id = "") const {
    AnnotationImport import;
    import.collection_id = reef_;
    import.format = "raven";
    import.filename = "reef.selections.txt";
    import.sha256 = sha256;
    import.asset_id = asset_id;
    import.made_by = "anna";
    import.created_at_us = 7;
    return import;
  }
  std::int64_t number_of_rows() {
    return database_.query("SELECT COUNT(*) FROM annotations").value().front().integer(0);
  }

  const std::filesystem::path directory_ =
      std::filesystem::temp_directory_path() / ("baleen_annotations_" + std::to_string(::getpid()));
  Database database_;
  std::string reef_;
  const std::vector<StoredAnnotation> three_ = {
      {"b", 2, 3, 100.5, 2000, "song", {}, true, "raven: x"},
      {"a", 1, 1.5, {}, {}, "call", 0.25, false, "raven: x"},
      {"b", 0, 4, {}, {}, "call", {}, true, "raven: x"}};
};

TEST_F(AnnotationsTest, WhatWasTakenInComesBackInTheOrderOfTime) {
  const Imported imported = import_annotations(database_, table("1"), three_).value();
  EXPECT_TRUE(imported.is_new);
  EXPECT_EQ(imported.import.n_annotations, 3);
  EXPECT_EQ(imported.import.n_recordings, 2);
  EXPECT_EQ(imported.import.labels.front(), (std::pair<std::string, std::int64_t>("call", 2)));
  const auto all = annotations_of_collection(database_, reef_).value();
  ASSERT_EQ(all.size(), 3U);
  EXPECT_EQ(all[0].asset_id, "a");
  EXPECT_EQ(all[0].confidence, 0.25);
  EXPECT_FALSE(all[0].low_hz);
  EXPECT_EQ(all[1].start_s, 0);
  EXPECT_EQ(all[2].low_hz, 100.5);
  EXPECT_EQ(all[2].label, "song");
  EXPECT_TRUE(all[2].is_by_person);
  EXPECT_EQ(annotations_of_asset(database_, "b")->size(), 2U);
  EXPECT_TRUE(remove_member(database_, reef_, "b").ok());
  EXPECT_EQ(annotations_of_collection(database_, reef_)->size(), 1U) << "of members only";
}

TEST_F(AnnotationsTest, TheSameTableIsTakenOnceUntilItIsWithdrawn) {
  const std::int64_t first = import_annotations(database_, table("1"), three_)->import.import_id;
  const Imported again = import_annotations(database_, table("1"), three_).value();
  EXPECT_FALSE(again.is_new);
  EXPECT_EQ(again.import.import_id, first);
  EXPECT_EQ(number_of_rows(), 3);
  EXPECT_TRUE(import_annotations(database_, table("1", "a"), {})->is_new) << "of another recording";
  ASSERT_TRUE(withdraw_annotations(database_, reef_, first, 9).ok());
  ASSERT_TRUE(withdraw_annotations(database_, reef_, first, 10).ok());
  EXPECT_EQ(find_annotation_import(database_, first).value()->withdrawn_at_us, 9);
  EXPECT_TRUE(annotations_of_asset(database_, "b")->empty());
  EXPECT_EQ(number_of_rows(), 3) << "kept for provenance";
  EXPECT_TRUE(import_annotations(database_, table("1"), three_)->is_new);
  EXPECT_EQ(list_annotation_imports(database_, reef_)->size(), 3U);
  EXPECT_EQ(withdraw_annotations(database_, "other", first, 9).error().code, ErrorCode::not_found);
}

TEST_F(AnnotationsTest, ATableIsTakenWholeOrNotAtAll) {
  for (std::int64_t n = 0;; ++n) {
    SCOPED_TRACE(n);
    database_.fail_after(n);
    const bool is_done = import_annotations(database_, table("1"), three_).ok();
    database_.fail_after(-1);
    if (is_done) break;
    ASSERT_LT(n, 50);
    EXPECT_EQ(number_of_rows(), 0);
    EXPECT_TRUE(list_annotation_imports(database_, reef_)->empty());
  }
  EXPECT_EQ(number_of_rows(), 3);
  std::vector<StoredAnnotation> strange = three_;
  strange.back().asset_id = "nobody";
  EXPECT_FALSE(import_annotations(database_, table("2"), strange).ok());
  EXPECT_EQ(number_of_rows(), 3);
}

}  // namespace
}  // namespace baleen::store
