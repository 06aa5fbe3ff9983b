// Inputs that are lost after they were made: they are made again, and everybody who needs them waits.

#include "engine/testing/engine_fixture.h"

namespace baleen::engine {
namespace {

using Stages = std::vector<std::string>;

class QueueInputs : public testing::EngineFixture {
 protected:
  QueueInputs() {
    const auto copy = [](const StageRequest&, const std::vector<int>& in) -> Result<int> {
      return in[0];
    };
    Recipe forked{"forked", "", {}};
    forked.stages.push_back(testing::toy_stage("a", {"original"}, copy));
    forked.stages.push_back(testing::toy_stage("b", {"a_v1"}, copy));
    forked.stages.push_back(testing::toy_stage("c", {"a_v1"}, copy));
    forked.stages.push_back(testing::toy_stage("d", {"b_v1", "c_v1"}, copy));
    forked.stages.push_back(testing::toy_stage("e", {"b_v1"}, copy));
    EXPECT_TRUE(recipes_.add(forked).ok());
    EXPECT_TRUE(queue_.submit(**recipes_.find("forked"), asset(3), {}).ok());
  }
  Assignment take(const std::string& stage) {
    const auto assignment = queue_.claim({}).value();
    EXPECT_TRUE(assignment.has_value());
    EXPECT_EQ(assignment->request.stage, stage);
    return *assignment;
  }
  void finish(const Assignment& assignment) {
    EXPECT_EQ(queue_.finish(assignment, execute(assignment)).value(), FinishState::published);
  }
  void lose(const std::string& type) {
    std::filesystem::remove(
        root_.at(text_of("SELECT path FROM artifact_index WHERE artifact_type = '" + type + "'")));
  }
  std::string state_of(const std::string& stage) {
    return text_of("SELECT state FROM tasks WHERE stage = '" + stage + "'");
  }

  Queue queue_ = queue(database_, "me");
};

TEST_F(QueueInputs, EverybodyWaitsForAnInputThatIsBeingMadeAgain) {
  finish(take("a"));
  lose("a_v1");
  const Assignment again = take("a");  // b found it missing.
  EXPECT_FALSE(queue_.claim({}).value().has_value()) << "c needs it as well";
  EXPECT_EQ(state_of("b") + " " + state_of("c"), "waiting waiting");
  finish(again);
  EXPECT_EQ(drain(queue_), (Stages{"b", "c", "d", "e"}));
  EXPECT_EQ(text_of("SELECT state FROM runs"), "complete");
}

TEST_F(QueueInputs, WhoWaitsForTwoIsNotSetOffByOneThatIsMadeTwice) {
  finish(take("a"));
  finish(take("b"));
  const Assignment slow = take("c");
  lose("b_v1");
  finish(take("b"));  // e found it missing; d has waited for c all the time.
  EXPECT_EQ(state_of("d"), "waiting");
  EXPECT_EQ(drain(queue_), Stages{"e"});
  finish(slow);
  EXPECT_EQ(drain(queue_), Stages{"d"});
  EXPECT_EQ(text_of("SELECT state FROM runs"), "complete");
}

TEST_F(QueueInputs, AnAttemptThatComesBackWaitsForTheInputThatAnotherIsMaking) {
  finish(take("a"));
  const Assignment b = take("b");
  lose("a_v1");
  const Assignment again = take("a");  // c found it missing.
  ASSERT_TRUE(queue_.interrupt(b).ok());
  EXPECT_FALSE(queue_.claim({}).value().has_value());
  finish(again);
  EXPECT_EQ(drain(queue_), (Stages{"b", "c", "d", "e"}));
  EXPECT_EQ(text_of("SELECT state FROM runs"), "complete");
}

TEST_F(QueueInputs, WhatCannotBeMadeAgainEndsTheRun) {
  finish(take("a"));
  lose("a_v1");
  const Assignment again = take("a");
  ASSERT_TRUE(queue_.fail_attempt(again, fail(ErrorCode::file_corrupt, "gone"), {}, 0).ok());
  EXPECT_FALSE(queue_.claim({}).value().has_value());
  EXPECT_EQ(text_of("SELECT state FROM runs"), "failed");
}

}  // namespace
}  // namespace baleen::engine
