#pragma once

/// Histories of the model: moves drawn from a seed, every invariant checked after each, and, when one does not
/// hold, the shortest history found that still breaks it. The same seed gives the same history everywhere.

#include <string>
#include <vector>

#include "engine/testing/queue_model.h"

namespace baleen::engine::model {

/// Numbers from a seed (xorshift64*), the same on every machine.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed * 0x9E3779B97F4A7C15U + 0x1234567U) {
    (void)next();
  }
  std::uint64_t next() {
    state_ ^= state_ >> 12U;
    state_ ^= state_ << 25U;
    state_ ^= state_ >> 27U;
    return state_ * 0x2545F4914F6CDD1DU;
  }
  /// 0 to limit - 1.
  int below(int limit) {
    return static_cast<int>((next() >> 33U) % static_cast<std::uint64_t>(limit));
  }
  bool one_in(int chances) { return below(chances) == 0; }

 private:
  std::uint64_t state_;
};

constexpr int kMovesPerHistory = 250;  ///< Before faults cease.

/// A move that may make sense now.
[[nodiscard]] Move draw_move(const State& state, Random& random);

/// The moves by which, after all faults, worker 0 alone brings everything to its end, one at a time.
[[nodiscard]] Move draw_last_move(const State& state, int step);
/// Whether everything has come to its end.
[[nodiscard]] bool is_at_rest(const State& state);
constexpr int kLastMovesMax = 6000;

struct Finding {
  std::string violation;  ///< "" if none.
  std::vector<Move> history;
  std::int64_t n_steps = 0;
};

/// One history: a world from its beginning, faults and all, and then its end (I10).
[[nodiscard]] Finding play(std::uint64_t seed, Bug bug);
/// The same moves again; those that make no sense are left out.
[[nodiscard]] Finding replay(const std::vector<Move>& history, Bug bug);
/// A shorter history that ends in the same violation.
[[nodiscard]] Finding shrink(const Finding& finding, Bug bug);
/// The history as text, with what each move changed.
[[nodiscard]] std::string describe(const Finding& finding, Bug bug);

}  // namespace baleen::engine::model
