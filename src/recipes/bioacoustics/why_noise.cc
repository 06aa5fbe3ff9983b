#include "recipes/bioacoustics/why_noise.h"

#include <fmt/format.h>

#include <cmath>

namespace baleen::bioacoustics {
namespace {

std::string nearest_cluster(const NoiseFacts& facts, std::string_view name) {
  if (facts.nearest_label < 0) return "There is no cluster near it.";
  if (name.empty()) return fmt::format("The nearest cluster is {}.", facts.nearest_label);
  return fmt::format("The nearest cluster is {} ({}).", facts.nearest_label, name);
}

std::string explain_alone(const NoiseFacts& facts) {
  if (!std::isfinite(facts.missing)) return "Alone: no other window could be compared with it.";
  return fmt::format(
      "Alone: it is much farther from the windows most like it than those are from theirs. Its "
      "mean "
      "distance to them is {:.3g} more than a member's may be.",
      facts.missing);
}

std::string explain_loose(const NoiseFacts& facts) {
  if (facts.nearest_label < 0 || !std::isfinite(facts.missing))
    return "Loose: no group of windows is dense and large enough to be a cluster.";
  if (facts.missing > 0) {
    return fmt::format(
        "Loose: around it are too few windows, or they lie too far apart. It would have to be "
        "{:.3g} "
        "nearer to a member of a cluster to belong to it.",
        facts.missing);
  }
  return "Loose: it lies at the edge of a cluster, and is connected to it only by way of windows "
         "that are noise, too.";
}

}  // namespace

std::string explain_noise(const NoiseFacts& facts, std::string_view nearest_name) {
  switch (facts.reason) {
    case formats::WindowNoise::none: return {};
    case formats::WindowNoise::alone:
      return explain_alone(facts) + " " + nearest_cluster(facts, nearest_name);
    case formats::WindowNoise::loose:
      return explain_loose(facts) + " " + nearest_cluster(facts, nearest_name);
  }
  return {};  // Of a later version.
}

}  // namespace baleen::bioacoustics
