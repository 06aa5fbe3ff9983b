// queue_simulation: histories of the model until one breaks an invariant.
//
// usage: queue_simulation [--seed S] [--steps N] [--seconds T] [--bug B]
//
// Plays histories S, S + 1, … until N steps are made or T seconds have gone by. A history that breaks an
// invariant is printed, shortened; `--seed` with its seed and `--steps 1` plays it again. `--bug` plants one.

#include <fmt/format.h>

#include <cstdlib>
#include <string_view>

#include "core/clock.h"
#include "engine/testing/queue_simulation.h"

namespace {

namespace model = baleen::engine::model;

int run(std::uint64_t seed, std::int64_t n_steps_max, double seconds, model::Bug bug) {
  const double began_s = baleen::core::steady_s();
  const double cpu_s = baleen::core::process_cpu_s();
  std::int64_t n_steps = 0;
  std::uint64_t next = seed;
  while (n_steps < n_steps_max && baleen::core::steady_s() - began_s < seconds) {
    const model::Finding finding = model::play(next, bug);
    n_steps += finding.n_steps;
    if (!finding.violation.empty()) {
      const model::Finding shorter = model::shrink(finding, bug);
      fmt::print("{}seed {}: {} moves, shortened to {}\n", model::describe(shorter, bug), next,
                 finding.history.size(), shorter.history.size());
      return 1;
    }
    ++next;
  }
  const double wall_s = baleen::core::steady_s() - began_s;
  const double used_s = baleen::core::process_cpu_s() - cpu_s;
  fmt::print(
      "{} steps in {} histories, seeds {} to {}; {:.1f} s, {:.3g} steps/min of wall time, {:.3g} "
      "of CPU time; 0 failures\n",
      n_steps, next - seed, seed, next - 1, wall_s, 60.0 * static_cast<double>(n_steps) / wall_s,
      60.0 * static_cast<double>(n_steps) / used_s);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  std::uint64_t seed = 1;
  std::int64_t n_steps = 1'000'000'000'000;
  double seconds = 1;
  auto bug = model::Bug::none;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string_view name = argv[i];
    const char* const value = argv[i + 1];
    if (name == "--seed") {
      seed = std::strtoull(value, nullptr, 10);
    } else if (name == "--steps") {
      n_steps = std::strtoll(value, nullptr, 10);
      seconds = 1e9;
    } else if (name == "--seconds") {
      seconds = std::strtod(value, nullptr);
    } else if (name == "--bug") {
      bug = static_cast<model::Bug>(std::atoi(value));
    } else {
      fmt::print(stderr,
                 "usage: queue_simulation [--seed S] [--steps N] [--seconds T] [--bug B]\n");
      return 2;
    }
  }
  return run(seed, n_steps, seconds, bug);
}
