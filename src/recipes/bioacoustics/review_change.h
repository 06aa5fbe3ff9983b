#pragma once

/// One action of a review as a value: label, merge, move, noise; and as the JSON that the log keeps of it.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/json.h"
#include "core/result.h"

namespace baleen::bioacoustics {

/// No cluster: HDBSCAN's number for it.
inline constexpr std::int32_t kNoCluster = -1;

struct ReviewAct {
  enum class Kind { label, merge, move, noise };
  /// Rows, and the cluster that they go to.
  struct Group {
    std::vector<std::uint32_t> rows;  ///< Ascending, each once.
    std::int32_t to = kNoCluster;
    bool operator==(const Group&) const = default;
  };

  Kind kind = Kind::label;
  std::string label;                   ///< Of a label; "" takes the label away.
  std::vector<std::int32_t> clusters;  ///< Of label, merge, noise; ascending, each once.
  std::vector<std::uint32_t> rows;     ///< Of label, noise; ascending, each once.
  std::vector<Group> groups;           ///< Of a move.
  bool makes_clusters = false;        ///< Of a move: its groups go to clusters that were not there.
  std::optional<std::int32_t> split;  ///< Of a move: the cluster whose rows the program chose.
  std::int64_t n_windows = 0;         ///< That it was about, when it was done.

  /// What the log keeps; rows as stretches, {"rows": [[first, last], ...]}.
  [[nodiscard]] json::object to_json() const;
  /// ARTIFACT_CORRUPT for what to_json() never wrote.
  [[nodiscard]] static Result<ReviewAct> from_json(std::string_view kind,
                                                   const json::object& payload);
  /// One sentence for people: "Labelled cluster 7 “song” (120 windows)".
  [[nodiscard]] std::string summary() const;
};

/// "label", "merge", "move", "noise"
[[nodiscard]] std::string_view to_string(ReviewAct::Kind kind);

}  // namespace baleen::bioacoustics
