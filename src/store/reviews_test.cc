#include "store/reviews.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "store/collections.h"
#include "store/schema.h"

namespace baleen::store {
namespace {

class ReviewsTest : public ::testing::Test {
 protected:
  ReviewsTest() : database_(make()) {
    key_ = {make_collection(database_, "me", "reef", 1)->collection_id, "job", "sha"};
  }
  ~ReviewsTest() override { std::filesystem::remove_all(directory_); }
  Database make() {
    std::filesystem::remove_all(directory_);
    std::filesystem::create_directories(directory_);
    Database database = Database::open(directory_ / "baleen.db").value();
    EXPECT_TRUE(migrate(database).ok());
    return database;
  }
  Result<ReviewAction> append(const std::string& payload) {
    return append_review_action(database_, key_, "label", payload, {"anna", ++now_us_});
  }
  Result<ReviewAction> undo() { return undo_review_action(database_, key_, {"bert", ++now_us_}); }
  Result<ReviewAction> redo() { return redo_review_action(database_, key_, {"carl", ++now_us_}); }
  /// The payloads of what stands.
  std::string standing() {
    std::string text;
    const std::vector<ReviewAction> actions = list_review_actions(database_, key_).value();
    for (const ReviewAction& action : actions)
      if (!action.undone_at_us) text += action.payload_json;
    return text;
  }

  const std::filesystem::path directory_ =
      std::filesystem::temp_directory_path() / ("baleen_reviews_" + std::to_string(::getpid()));
  Database database_;
  ReviewKey key_;
  std::int64_t now_us_ = 10;
};

TEST_F(ReviewsTest, WhatWasSaidStaysWithWhoSaidItAndWhen) {
  const ReviewAction made = append("a").value();
  EXPECT_EQ(made.made_by, "anna");
  EXPECT_EQ(made.created_at_us, 11);
  EXPECT_EQ(made.version, 1);
  const ReviewAction undone = undo().value();
  EXPECT_EQ(undone.action_id, made.action_id);
  EXPECT_EQ(undone.undone_by, "bert");
  EXPECT_EQ(undone.undone_at_us, 12);
  EXPECT_EQ(undone.made_by, "anna");
  const std::vector<ReviewAction> all = list_review_actions(database_, key_).value();
  ASSERT_EQ(all.size(), 1U) << "an action that was undone stays";
  EXPECT_EQ(redo()->undone_by, "");
  EXPECT_EQ(review_version(database_, key_).value(), 3);
}

TEST_F(ReviewsTest, UndoneIsTheNewestThatStandsAndRedoneTheLastThatWasUndone) {
  for (const char* payload : {"a", "b", "c"}) ASSERT_TRUE(append(payload).ok());
  EXPECT_EQ(undo()->payload_json, "c");
  EXPECT_EQ(undo()->payload_json, "b");
  EXPECT_EQ(standing(), "a");
  EXPECT_EQ(redo()->payload_json, "b");
  EXPECT_EQ(redo()->payload_json, "c");
  EXPECT_EQ(redo().error().code, ErrorCode::not_found);
  EXPECT_EQ(standing(), "abc");
}

TEST_F(ReviewsTest, WhatWasUndoneBeforeSomethingNewIsNeverRedone) {
  for (const char* payload : {"a", "b"}) ASSERT_TRUE(append(payload).ok());
  ASSERT_TRUE(undo().ok());
  ASSERT_TRUE(append("c").ok());
  EXPECT_EQ(redo().error().code, ErrorCode::not_found);
  EXPECT_EQ(undo()->payload_json, "c");
  EXPECT_EQ(undo()->payload_json, "a");
  EXPECT_EQ(undo().error().code, ErrorCode::not_found);
  EXPECT_EQ(redo()->payload_json, "a");
  EXPECT_EQ(redo()->payload_json, "c");
  EXPECT_EQ(redo().error().code, ErrorCode::not_found) << "b was undone before c was said";
}

TEST_F(ReviewsTest, WhoLookedAtAnOlderVersionIsRefused) {
  ASSERT_TRUE(append("a").ok());
  for (const std::int64_t version : {0, 2}) {
    const ReviewChange change{"anna", 20, version};
    EXPECT_EQ(append_review_action(database_, key_, "label", "b", change).error().code,
              ErrorCode::conflict);
    EXPECT_EQ(undo_review_action(database_, key_, change).error().code, ErrorCode::conflict);
  }
  EXPECT_TRUE(append_review_action(database_, key_, "label", "b", {"anna", 20, 1}).ok());
  EXPECT_EQ(standing(), "ab");
}

TEST_F(ReviewsTest, AClusteringThatCameOutOtherwiseHasALogOfItsOwn) {
  ASSERT_TRUE(append("a").ok());
  key_.assignments_sha256 = "other";
  EXPECT_EQ(review_version(database_, key_).value(), 0);
  EXPECT_EQ(undo().error().code, ErrorCode::not_found);
  EXPECT_TRUE(list_review_actions(database_, key_)->empty());
}

TEST_F(ReviewsTest, AnotherCollectionSeesAndUndoesNothing) {
  ASSERT_TRUE(append("a").ok());
  key_.collection_id = make_collection(database_, "you", "reef", 1)->collection_id;
  EXPECT_TRUE(list_review_actions(database_, key_)->empty());
  EXPECT_EQ(undo().error().code, ErrorCode::not_found);
  key_.collection_id = "none";
  EXPECT_EQ(append("b").error().code, ErrorCode::not_found);
}

TEST_F(ReviewsTest, OnlyWhatChangedSinceAVersionIsReadAgain) {
  for (const char* payload : {"a", "b", "c"}) ASSERT_TRUE(append(payload).ok());
  EXPECT_EQ(list_review_actions(database_, key_, 2)->size(), 1U);
  ASSERT_TRUE(undo().ok());
  const std::vector<ReviewAction> changed = list_review_actions(database_, key_, 3).value();
  ASSERT_EQ(changed.size(), 1U);
  EXPECT_TRUE(changed.front().undone_at_us);
}

TEST_F(ReviewsTest, AFailureAtAnyStatementLeavesTheReviewAsItWas) {
  ASSERT_TRUE(append("a").ok());
  ASSERT_TRUE(append("b").ok());
  for (const auto& change : {std::function([&] { return append("c").ok(); }),
                             std::function([&] { return undo().ok(); })}) {
    bool is_done = false;
    for (int n = 0; !is_done; ++n) {
      SCOPED_TRACE(n);
      database_.fail_after(n);
      is_done = change();
      database_.fail_after(-1);
      if (!is_done) {
        EXPECT_EQ(standing(), "ab");
        EXPECT_EQ(review_version(database_, key_).value(), 2);
      }
      ASSERT_LT(n, 20);
    }
    ASSERT_TRUE(database_.execute("DELETE FROM review_actions WHERE payload_json = 'c'").ok());
    ASSERT_TRUE(database_
                    .execute("UPDATE review_actions SET version = action_id, undone_at_us = NULL, "
                             "undone_by = NULL")
                    .ok());
  }
}

}  // namespace
}  // namespace baleen::store
