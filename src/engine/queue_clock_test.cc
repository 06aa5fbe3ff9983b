// The queue under a wall clock that is set while it works.

#include <gtest/gtest.h>

#include "core/process.h"
#include "engine/queue.h"
#include "engine/testing/engine_fixture.h"

namespace baleen::engine {
namespace {

constexpr double kHourS = 3600;

class SetClock final : public core::Clock {
 public:
  [[nodiscard]] std::int64_t now_us() const override { return wall_us_; }
  [[nodiscard]] std::int64_t steady_us() const override { return steady_us_; }
  void set_s(double by_s) { wall_us_ += static_cast<std::int64_t>(by_s * 1e6); }
  void pass_s(double seconds) {
    set_s(seconds);
    steady_us_ += static_cast<std::int64_t>(seconds * 1e6);
  }

 private:
  std::int64_t wall_us_ = 1'700'000'000'000'000;
  std::int64_t steady_us_ = 77'000'000;
};

class QueueClockTest : public testing::EngineFixture {
 protected:
  Queue made(const std::string& owner) {
    QueueOptions options;
    options.owner = owner;
    return Queue(database_, root_, recipes_, options, set_clock_);
  }
  Assignment failed_once(Queue& queue) {
    const Assignment attempt = queue.claim({}).value().value();
    EXPECT_TRUE(queue.fail_attempt(attempt, fail(ErrorCode::io_error, "unlucky"), {}, 0.1)
                    .value()
                    .will_retry);
    return attempt;
  }

  SetClock set_clock_;
  Queue mine_ = made(core::this_process().to_string());
  Queue theirs_ = made("elsewhere/boot/1/1");
};

TEST_F(QueueClockTest, ARetryIsNotDelayedForAnHourBecauseTheClockWasSetBack) {
  submit(mine_, 3);
  ASSERT_EQ(mine_.reclaim().value(), 0);
  failed_once(mine_);
  set_clock_.set_s(-kHourS);
  ASSERT_EQ(mine_.reclaim().value(), 0);
  EXPECT_FALSE(mine_.claim({}).value().has_value());
  EXPECT_NEAR(mine_.next_due_s({}).value().value(), 60, 0.01);
  set_clock_.pass_s(61);
  EXPECT_TRUE(mine_.claim({}).value().has_value());
}

TEST_F(QueueClockTest, AWorkerThatComesAfterTheClockWasSetBackShortensDelaysToo) {
  submit(mine_, 3);
  failed_once(mine_);
  set_clock_.set_s(-600);  // Less than the longest delay, more than this one's.
  Queue fresh = made("new/boot/1/1");
  ASSERT_EQ(fresh.reclaim().value(), 0);
  EXPECT_NEAR(fresh.next_due_s({}).value().value(), 60, 0.01);
}

TEST_F(QueueClockTest, OneDelayOrNoneAreNoSpecialCase) {
  for (const std::vector<double>& delays_s : {std::vector<double>{5}, std::vector<double>{}}) {
    QueueOptions options;
    options.owner = "new/boot/1/1";
    options.retry.delays_s = delays_s;
    Queue fresh(database_, root_, recipes_, options, set_clock_);
    submit(fresh, static_cast<int>(delays_s.size()));
    failed_once(fresh);
    set_clock_.set_s(-kHourS);
    ASSERT_TRUE(fresh.reclaim().ok());
    EXPECT_LE(fresh.next_due_s({}).value().value_or(0), 5.01);
    set_clock_.pass_s(6);
    EXPECT_EQ(drain(fresh).size(), 4U);
  }
}

TEST_F(QueueClockTest, DelaysThatAreRightStayAsTheyAre) {
  submit(mine_, 3);
  failed_once(mine_);
  set_clock_.pass_s(20);
  Queue fresh = made("new/boot/1/1");
  ASSERT_EQ(fresh.reclaim().value(), 0);
  EXPECT_NEAR(fresh.next_due_s({}).value().value(), 40, 0.01);
}

TEST_F(QueueClockTest, ALeaseOutlivesAClockSetForwardAndEndsAtItsTimeAllTheSame) {
  submit(mine_, 3);
  const Assignment held = theirs_.claim({}).value().value();
  ASSERT_EQ(mine_.reclaim().value(), 0);
  set_clock_.set_s(kHourS);
  EXPECT_EQ(mine_.reclaim().value(), 0);
  EXPECT_EQ(theirs_.heartbeat({held.request.fence}).value().size(), 0U);
  set_clock_.pass_s(599);
  EXPECT_EQ(mine_.reclaim().value(), 0);
  set_clock_.pass_s(602);
  EXPECT_EQ(mine_.reclaim().value(), 1);
}

TEST_F(QueueClockTest, ALeaseOfAWorkerThatIsGoneDoesNotLiveForAnHourBecauseTheClockWasSetBack) {
  submit(mine_, 3);
  ASSERT_TRUE(theirs_.claim({}).value().has_value());
  ASSERT_EQ(mine_.reclaim().value(), 0);
  set_clock_.set_s(-kHourS);
  ASSERT_EQ(mine_.reclaim().value(), 0);
  set_clock_.pass_s(601);
  EXPECT_EQ(mine_.reclaim().value(), 1);
}

TEST_F(QueueClockTest, WorksWithAClockBefore1970) {
  set_clock_.set_s(-1'700'000'000.0 - 86'400);
  submit(mine_, 3);
  EXPECT_FALSE(mine_.next_due_s({}).value().has_value());
  failed_once(mine_);
  EXPECT_FALSE(mine_.claim({}).value().has_value());
  set_clock_.pass_s(61);
  EXPECT_EQ(drain(mine_).size(), 4U);
  EXPECT_EQ(text_of("SELECT state FROM runs"), "complete");
}

TEST_F(QueueClockTest, EventsStayInTheirOrderHoweverTheClockIsSet) {
  submit(mine_, 3);
  for (const double by_s : {kHourS, -2 * kHourS, kHourS, -kHourS}) {
    set_clock_.set_s(by_s);
    const auto assignment = mine_.claim({}).value();
    if (!assignment) continue;
    ASSERT_TRUE(mine_.finish(*assignment, execute(*assignment)).ok());
  }
  EXPECT_EQ(text_of("SELECT group_concat(type, ' ') FROM (SELECT type FROM events WHERE type LIKE "
                    "'run.%' ORDER BY event_id)"),
            "run.submitted run.complete");
}

}  // namespace
}  // namespace baleen::engine
