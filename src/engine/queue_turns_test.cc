// Whose turn it is: owners, priorities, pauses.

#include "engine/queue.h"
#include "engine/testing/engine_fixture.h"

namespace baleen::engine {
namespace {

using testing::EngineFixture;

class QueueTurns : public EngineFixture {
 protected:
  /// The owner of the next task; "" if there is none. The task stays in hand.
  std::string claim_owner() {
    const auto assignment = queue_.claim({}).value();
    if (!assignment) return "";
    in_hand_.push_back(*assignment);
    return text_of("SELECT owner_entity_id FROM audio_assets WHERE asset_id = '" +
                   assignment->request.asset_id + "'");
  }
  void finish_all() {
    for (const Assignment& assignment : in_hand_)
      EXPECT_EQ(queue_.finish(assignment, execute(assignment)).value(), FinishState::published);
    in_hand_.clear();
  }

  Queue queue_ = queue(database_, "me");
  std::vector<Assignment> in_hand_;
};

TEST_F(QueueTurns, AnotherOwnersFirstTaskStartsAtTheNextFreeSlot) {
  for (int i = 0; i < 50; ++i) (void)queue_.submit(recipe(), asset(i, "many"), {}).value();
  EXPECT_EQ(claim_owner(), "many");
  EXPECT_EQ(claim_owner(), "many");
  clock_.advance_s(60);
  (void)queue_.submit(recipe(), asset(1000, "late"), {}).value();
  EXPECT_EQ(claim_owner(), "late");
  EXPECT_EQ(claim_owner(), "many");
}

TEST_F(QueueTurns, TasksThatCannotEvenStartAreTurnsToo) {
  for (int i = 0; i < 70; ++i) {  // More than one claim looks at.
    const std::string asset_id = asset(i, "all gone");
    (void)queue_.submit(recipe(), asset_id, {}).value();
    std::filesystem::remove_all(root_.path / "audio" / asset_id);
  }
  (void)queue_.submit(recipe(), asset(1000, "late"), {}).value();
  EXPECT_EQ(claim_owner(), "late");
}

TEST_F(QueueTurns, OwnersTakeTurnsWhenAllAreEquallyBusy) {
  for (int i = 0; i < 4; ++i) {
    (void)queue_.submit(recipe(), asset(i, "a"), {}).value();
    (void)queue_.submit(recipe(), asset(i, "b"), {}).value();
  }
  std::string turns;
  for (int i = 0; i < 6; ++i) {
    turns += claim_owner();
    finish_all();
  }
  EXPECT_EQ(turns, "ababab");
}

TEST_F(QueueTurns, AUnitOfPriorityIsWorthAMinuteOfWaiting) {
  SubmitOptions urgent;
  urgent.priority = 10;
  const auto first_asset_claimed = [&] {
    const auto assignment = queue_.claim({}).value();
    EXPECT_TRUE(assignment.has_value());
    return assignment ? assignment->request.asset_id : "";
  };
  const std::string patient = asset(1);
  (void)queue_.submit(recipe(), patient, {}).value();
  clock_.advance_s(9 * 60);
  (void)queue_.submit(recipe(), asset(2), urgent).value();
  EXPECT_EQ(first_asset_claimed(), asset(2)) << "ten minutes' worth against nine of waiting";
  clock_.advance_s(2 * 60);
  (void)queue_.submit(recipe(), asset(3), urgent).value();
  EXPECT_EQ(first_asset_claimed(), patient) << "eleven minutes of waiting";
}

TEST_F(QueueTurns, WhatIsPausedIsNotTakenUntilItIsResumedByAnyone) {
  (void)queue_.submit(recipe(), asset(1), {}).value();
  EXPECT_TRUE(queue_.pause("toy", "").value());
  EXPECT_FALSE(queue_.pause("toy", "").value()) << "it was so already";
  EXPECT_EQ(claim_owner(), "");
  EXPECT_FALSE(queue_.has_open_tasks({}).value())
      << "a worker that waits for the end must not wait";
  store::Database other_connection = open();
  Queue other = queue(other_connection, "other");
  EXPECT_TRUE(other.resume("toy", "").value());
  EXPECT_FALSE(other.resume("toy", "").value());
  EXPECT_TRUE(queue_.has_open_tasks({}).value());
  EXPECT_EQ(claim_owner(), "me");
}

TEST_F(QueueTurns, APausedStageLetsTheOthersGoOn) {
  (void)queue_.submit(recipe(), asset(3), {}).value();
  EXPECT_TRUE(queue_.pause("", "square").value());
  EXPECT_EQ(drain(queue_), (std::vector<std::string>{"double", "negate"}));
  EXPECT_EQ(text_of("SELECT state FROM runs"), "running");
  EXPECT_TRUE(queue_.resume("", "square").value());
  EXPECT_EQ(drain(queue_), (std::vector<std::string>{"square", "sum"}));
}

TEST_F(QueueTurns, WhatRunsGoesOnWhenItsStageIsPaused) {
  (void)queue_.submit(recipe(), asset(3), {}).value();
  EXPECT_EQ(claim_owner(), "me");
  EXPECT_TRUE(queue_.pause("", "").value());
  EXPECT_TRUE(queue_.has_open_tasks({}).value());
  finish_all();
  EXPECT_EQ(claim_owner(), "");
}

}  // namespace
}  // namespace baleen::engine
