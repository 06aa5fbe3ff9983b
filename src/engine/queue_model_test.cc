// The model of the queue: its invariants hold in many histories, and notice every mistake that is planted.

#include <gtest/gtest.h>

#include "engine/testing/queue_simulation.h"

namespace baleen::engine::model {
namespace {

/// The first history, of seeds from 1, in which a planted mistake is noticed.
Finding find_bug(Bug bug) {
  for (std::uint64_t seed = 1; seed <= 3000; ++seed) {
    Finding finding = play(seed, bug);
    if (!finding.violation.empty()) return finding;
  }
  return {};
}

TEST(QueueModel, EveryInvariantHoldsInThousandsOfHistories) {
  std::int64_t n_steps = 0;
  for (std::uint64_t seed = 1; seed <= 8000; ++seed) {
    const Finding finding = play(seed, Bug::none);
    n_steps += finding.n_steps;
    ASSERT_EQ(finding.violation, "") << "seed " << seed << "\n"
                                     << describe(shrink(finding, Bug::none), Bug::none);
  }
  EXPECT_GT(n_steps, 1'000'000);
}

TEST(QueueModel, ThoseHistoriesReachWhatTheyAreAbout) {
  std::array<int, 25> n_moves{};
  int n_given_up_with_workers = 0, n_inputs_made_again = 0, n_late_results = 0, n_shared = 0;
  int n_set_off_without_success = 0, n_waited_for_again = 0, n_totals = 0;  // Of the collection.
  for (std::uint64_t seed = 1; seed <= 600; ++seed) {
    const Finding finding = play(seed, Bug::none);
    QueueModel model;
    for (const Move& move : finding.history) {
      const State before = model.state();
      const int slot = move.b;
      const bool is_late = move.kind == MoveKind::finish &&
                           slot < before.workers[static_cast<std::size_t>(move.a)].n_held &&
                           model.is_lost(before.workers[static_cast<std::size_t>(move.a)]
                                             .held[static_cast<std::size_t>(slot)]);
      if (!model.apply(move)) continue;
      ++n_moves[static_cast<std::size_t>(move.kind)];
      n_late_results += is_late ? 1 : 0;
      for (int i = 0; i < before.n_tasks; ++i) {
        const Task& was = before.tasks[static_cast<std::size_t>(i)];
        const Task& is = model.state().tasks[static_cast<std::size_t>(i)];
        n_waited_for_again += was.state == TaskState::waiting && is.state == was.state &&
                                      is.kind == kTotal && is.upstream_open > was.upstream_open
                                  ? 1
                                  : 0;
        if (was.state == is.state) continue;
        if (is.kind == kTotal) {
          n_totals += move.kind == MoveKind::finish && is.state == TaskState::complete ? 1 : 0;
          n_set_off_without_success +=
              was.state == TaskState::waiting && is.state == TaskState::queued &&
                      (move.kind == MoveKind::fail || move.kind == MoveKind::cancel)
                  ? 1
                  : 0;
        }
        n_given_up_with_workers +=
            move.kind == MoveKind::reclaim && is.state == TaskState::failed ? 1 : 0;
        n_inputs_made_again += was.state == TaskState::complete ? 1 : 0;
        n_shared += was.state == TaskState::queued && is.state == TaskState::complete ? 1 : 0;
      }
    }
  }
  for (std::size_t kind = 0; kind < n_moves.size(); ++kind)
    EXPECT_GT(n_moves[kind], 9) << "move " << kind;
  EXPECT_GT(n_given_up_with_workers, 5);
  EXPECT_GT(n_inputs_made_again, 50);
  EXPECT_GT(n_late_results, 50);
  EXPECT_GT(n_shared, 50);
  EXPECT_GT(n_set_off_without_success, 10);
  EXPECT_GT(n_waited_for_again, 2);
  EXPECT_GT(n_totals, 100);
}

TEST(QueueModel, AHistoryIsTheSameWheneverItsSeedIs) {
  const Finding once = play(77, Bug::none);
  const Finding again = play(77, Bug::none);
  EXPECT_EQ(describe(once, Bug::none), describe(again, Bug::none));
  EXPECT_NE(describe(once, Bug::none), describe(play(78, Bug::none), Bug::none));
}

struct Planted {
  Bug bug;
  const char* invariants;  ///< Any of these may notice it.
};

class PlantedBug : public ::testing::TestWithParam<Planted> {};

TEST_P(PlantedBug, IsNoticedAndItsHistoryReplaysShortened) {
  const Finding finding = find_bug(GetParam().bug);
  ASSERT_NE(finding.violation, "") << "nobody noticed";
  const std::string name = finding.violation.substr(0, finding.violation.find(':'));
  EXPECT_NE((" " + std::string(GetParam().invariants) + " ")
                .find(" " + name.substr(0, name.find(' ')) + " "),
            std::string::npos)
      << finding.violation;
  if (name == "I10") return;  // That something never happens is no history to be shortened.
  const Finding shorter = shrink(finding, GetParam().bug);
  EXPECT_EQ(replay(shorter.history, GetParam().bug).violation, finding.violation);
  EXPECT_LE(shorter.history.size(), 60U) << describe(shorter, GetParam().bug);
  EXPECT_EQ(replay(shorter.history, Bug::none).violation, "")
      << "without the mistake nothing is wrong";
}

INSTANTIATE_TEST_SUITE_P(Mistakes,
                         PlantedBug,
                         ::testing::Values(Planted{Bug::fence_unchecked, "I3 I2 I1 I6"},
                                           Planted{Bug::reclaims_the_living, "I12"},
                                           Planted{Bug::never_reclaims, "I10"},
                                           Planted{Bug::retries_for_ever, "I13"},
                                           Planted{Bug::gives_up_early, "I9"},
                                           Planted{Bug::death_costs_an_attempt, "I5 I13"},
                                           Planted{Bug::lease_unchecked, "I1 I2 I14"},
                                           Planted{Bug::run_state_stale, "I8"},
                                           Planted{Bug::cancel_leaves_lease, "I1"},
                                           Planted{Bug::upstream_miscounted, "I7"},
                                           Planted{Bug::gives_up_on_open_input, "I9"},
                                           Planted{Bug::pause_ignored, "I14"},
                                           Planted{Bug::owner_order_ignored, "I14"},
                                           Planted{Bug::attempt_left_running, "I1 I6"},
                                           Planted{Bug::members_end_uncounted, "I7"},
                                           Planted{Bug::members_go_on_uncounted, "I7"},
                                           Planted{Bug::members_must_succeed, "I7"}));

}  // namespace
}  // namespace baleen::engine::model
