#include "engine/testing/queue_simulation.h"

#include <fmt/format.h>

namespace baleen::engine::model {
namespace {

constexpr std::int64_t kSecondUs = 1'000'000;

bool is_end(const Move& move) {
  return move.kind == MoveKind::finish || move.kind == MoveKind::finish_and_claim ||
         move.kind == MoveKind::fail || move.kind == MoveKind::interrupt ||
         move.kind == MoveKind::drop || move.kind == MoveKind::kill_in_finish;
}

/// Makes the move and says what it broke.
std::string_view step(QueueModel& model, State& before, const Move& move, std::int64_t& n_steps) {
  before = model.state();
  if (!model.apply(move)) return "";
  ++n_steps;
  const std::string_view found = find_violation(before, move, model.state());
  return found.empty() ? find_violation(model.state()) : found;
}

bool is_full(const State& state) {
  return state.n_attempts + 2 * rules::kTasksPerClaim > kAttemptsMax;
}

/// Faults cease, and everything comes to its end.
std::string_view play_the_end(QueueModel& model, State& before, Finding& finding) {
  for (int i = 0; !is_at_rest(model.state()); ++i) {
    if (is_full(model.state()))
      return "";  // No more room in this small world; nothing is said of it.
    if (i == kLastMovesMax) return "I10: it does not come to its end";
    const Move move = draw_last_move(model.state(), i);
    finding.history.push_back(move);
    const std::string_view found = step(model, before, move, finding.n_steps);
    if (!found.empty()) return found;
  }
  return "";
}

}  // namespace

Move draw_move(const State& state, Random& random) {
  Move move;
  const int dice = random.below(1000);
  move.a = random.below(kWorkers);
  const Worker& worker = state.workers[static_cast<std::size_t>(move.a)];
  if (worker.n_held > 0) move.b = random.below(worker.n_held);
  if (dice < 240) {
    move.kind = MoveKind::claim;
  } else if (dice < 360) {
    move.kind = MoveKind::finish;
  } else if (dice < 460) {
    move.kind = MoveKind::finish_and_claim;
  } else if (dice < 540) {
    move.kind = MoveKind::fail;
    move.c = random.one_in(6) ? 0 : 1;
  } else if (dice < 555) {
    move.kind = MoveKind::interrupt;
  } else if (dice < 580) {
    move.kind = MoveKind::drop;
  } else if (dice < 595) {
    move.kind = MoveKind::kill_in_finish;
  } else if (dice < 640) {
    move.kind = MoveKind::heartbeat;
  } else if (dice < 695) {
    move.kind = MoveKind::reclaim;
  } else if (dice < 718) {
    move.kind = MoveKind::kill;
  } else if (dice < 730) {
    move.kind = MoveKind::stop;
  } else if (dice < 765) {
    move.kind = MoveKind::go_on;
  } else if (dice < 805) {
    move.kind = MoveKind::restart;
  } else if (dice < 850) {
    move.kind = MoveKind::submit;
    move.b = random.below(kRecipes);
    move.a = kStages[static_cast<std::size_t>(move.b)] == 1U << static_cast<unsigned>(kTotal)
                 ? kCollection
                 : random.below(kAssets);
    move.c = random.one_in(4) ? random.below(20) : 0;
    if (random.one_in(5)) move.d = 1U + static_cast<unsigned>(random.below(kAllStages));
    if (random.one_in(4)) move.e = 1U + static_cast<unsigned>(random.below(kAllStages));
    // Only what the recipe has: a run needs a task.
    const unsigned stages = kStages[static_cast<std::size_t>(move.b)];
    move.e &= stages;
    if (move.d != 0 && (move.d & stages) == 0) move.d = 0;
  } else if (dice < 858) {
    move.kind = MoveKind::cancel;
    move.a = random.below(kRunsMax);
  } else if (dice < 876) {
    move.kind = MoveKind::retry;
    move.a = random.below(kRunsMax);
  } else if (dice < 890) {
    move.kind = random.one_in(4) ? MoveKind::pause : MoveKind::resume;
    move.b = random.below(kRecipes + 1);
    move.c = random.below(kKinds + 1);
  } else if (dice < 893) {
    move.kind = MoveKind::reboot;
    move.a = random.below(kHosts);
  } else if (dice < 900) {
    move.kind = MoveKind::jump;
    move.a = random.below(kHosts);
    move.b = random.one_in(2) ? 3600 : -3600;
  } else if (dice < 925) {
    move.kind = random.one_in(3) ? MoveKind::damage : MoveKind::lose;
    move.a = random.below(kAssets);
    move.b = random.one_in(12) ? -1 : random.below(kTotal);
  } else if (dice < 935) {
    move.kind = MoveKind::restore;
    move.a = random.below(kAssets);
  } else if (dice < 942) {
    move.kind = MoveKind::rescope;
    move.d = random.one_in(2) ? kAllStages : 1U + static_cast<unsigned>(random.below(kAllStages));
  } else {
    move.kind = MoveKind::advance;
    const std::int64_t limit_s = random.one_in(4) ? 700 : 60;
    move.time_us = 1 + static_cast<std::int64_t>(random.next() %
                                                 static_cast<std::uint64_t>(limit_s * kSecondUs));
  }
  return move;
}

Move draw_last_move(const State& state, int step) {
  Move move;
  for (std::size_t recipe = 0; recipe < state.pauses.size(); ++recipe) {
    for (std::size_t kind = 0; kind < state.pauses[recipe].size(); ++kind) {
      if (!state.pauses[recipe][kind]) continue;
      move.kind = MoveKind::resume;
      move.b = static_cast<int>(recipe);
      move.c = static_cast<int>(kind);
      return move;
    }
  }
  const Worker& worker = state.workers[0];
  if (worker.scope != kAllStages) {
    move.kind = MoveKind::rescope;
    move.d = kAllStages;
  } else if (worker.life != Life::running) {
    move.kind = worker.life == Life::dead ? MoveKind::restart : MoveKind::go_on;
  } else if (worker.n_held > 0) {
    move.kind = MoveKind::finish;
  } else if (step % 3 == 0) {
    move.kind = MoveKind::reclaim;
  } else if (step % 3 == 1) {
    move.kind = MoveKind::claim;
  } else {
    move.kind = MoveKind::advance;
    move.time_us = 100 * kSecondUs + 1;
  }
  return move;
}

bool is_at_rest(const State& state) {
  for (int i = 0; i < state.n_tasks; ++i) {
    const TaskState task = state.tasks[static_cast<std::size_t>(i)].state;
    if (task == TaskState::queued || task == TaskState::running) return false;
    // All runs are over: no collection has anything left to wait for.
    if (task == TaskState::waiting && state.tasks[static_cast<std::size_t>(i)].kind == kTotal)
      return false;
  }
  return true;
}

Finding play(std::uint64_t seed, Bug bug) {
  Random random(seed);
  QueueModel model(bug);
  State before;
  Finding finding;
  finding.history.reserve(kMovesPerHistory * 2);
  for (int i = 0; i < kMovesPerHistory && !is_full(model.state()); ++i) {
    Move move = draw_move(model.state(), random);
    // Most draws of an end find empty hands: another draw is cheaper than a step that does nothing.
    for (int again = 0; again < 4 && is_end(move) &&
                        model.state().workers[static_cast<std::size_t>(move.a)].n_held == 0;
         ++again)
      move = draw_move(model.state(), random);
    finding.history.push_back(move);
    finding.violation = step(model, before, move, finding.n_steps);
    if (!finding.violation.empty()) return finding;
  }
  finding.violation = play_the_end(model, before, finding);
  return finding;
}

Finding replay(const std::vector<Move>& history, Bug bug) {
  QueueModel model(bug);
  State before;
  Finding finding;
  for (const Move& move : history) {
    if (is_full(model.state())) break;
    finding.history.push_back(move);
    finding.violation = step(model, before, move, finding.n_steps);
    if (!finding.violation.empty()) return finding;
  }
  return finding;
}

Finding shrink(const Finding& finding, Bug bug) {
  if (finding.violation.empty() || finding.violation.starts_with("I10")) return finding;
  Finding best = finding;
  for (std::size_t size = std::max<std::size_t>(1, best.history.size() / 2);;
       size = (size + 1) / 2) {
    bool is_shorter = false;
    for (std::size_t from = 0; from < best.history.size();) {
      std::vector<Move> fewer = best.history;
      const std::size_t to = std::min(fewer.size(), from + size);
      fewer.erase(fewer.begin() + static_cast<std::ptrdiff_t>(from),
                  fewer.begin() + static_cast<std::ptrdiff_t>(to));
      const Finding again = replay(fewer, bug);
      if (again.violation == best.violation) {
        best = again;
        is_shorter = true;
      } else {
        from += size;
      }
    }
    if (size == 1 && !is_shorter) return best;
  }
}

std::string describe(const Finding& finding, Bug bug) {
  QueueModel model(bug);
  State before;
  std::string text;
  int number = 0;
  for (const Move& move : finding.history) {
    before = model.state();
    const bool is_made = model.apply(move);
    const State& after = model.state();
    text +=
        fmt::format("{:4} {}{}\n", ++number, to_string(move), is_made ? "" : "   (makes no sense)");
    for (int i = 0; i < after.n_tasks; ++i) {
      const auto index = static_cast<std::size_t>(i);
      const Task& task = after.tasks[index];
      if (i < before.n_tasks && task == before.tasks[index]) continue;
      const Run& run = after.runs[static_cast<std::size_t>(task.run)];
      text += fmt::format(
          "       task {} (run {}, asset {}, stage {}): {} -> {}, attempts {}, interruptions {}, "
          "waits for {}\n",
          i, task.run, run.asset, static_cast<char>('a' + task.kind),
          i < before.n_tasks ? to_string(before.tasks[index].state) : "nothing",
          to_string(task.state), task.attempts, task.interruptions, task.upstream_open);
    }
  }
  return text + finding.violation + "\n";
}

}  // namespace baleen::engine::model
