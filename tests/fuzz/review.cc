// The log of a review: an action is understood as it was written or is damaged; whatever is done, every window is in
// one cluster, and what was asked and checked can be done.
#include "recipes/bioacoustics/review.h"

#include "core/json.h"
#include "fuzz/input.h"

using namespace baleen;
using bioacoustics::ClusteredWindows;
using bioacoustics::kNoCluster;
using bioacoustics::Review;
using bioacoustics::ReviewAct;

namespace {

constexpr std::int64_t kRowsMax = 1000;

/// Ten windows of one recording: 0 to 3 in cluster 0, 4 to 6 in cluster 1, 7 and 8 in cluster 2, 9 is noise.
std::shared_ptr<const ClusteredWindows> ten_windows() {
  auto windows = std::make_shared<ClusteredWindows>();
  windows->recordings = {{{"a", {}, "2019-05-22T23:59:50"}, "a.wav"}};
  for (std::int32_t row = 0; row < 10; ++row) {
    windows->recording.push_back(0);
    windows->row_index.push_back(row);
    windows->start_s.push_back(row);
    windows->end_s.push_back(row + 1);
    windows->cluster.push_back(row < 4 ? 0 : row < 7 ? 1 : row < 9 ? 2 : kNoCluster);
    windows->probability.push_back(0.5F);
    windows->outlier_score.push_back(0.5F);
    windows->x.push_back(static_cast<float>(row));
    windows->y.push_back(0);
  }
  windows->find_hours();
  return windows;
}

/// Every window is in the cluster that it says, and in no other; no cluster is empty.
void check_whole(const Review& review) {
  std::size_t n_rows = 0;
  for (const auto& [number, cluster] : review.clusters()) {
    BALEEN_CHECK(!cluster.rows.empty() && std::ranges::is_sorted(cluster.rows));
    BALEEN_CHECK(number >= kNoCluster && number < review.next_cluster());
    for (const std::uint32_t row : cluster.rows) BALEEN_CHECK(review.cluster_of(row) == number);
    n_rows += cluster.rows.size();
  }
  BALEEN_CHECK(n_rows == review.windows().size());
  for (std::size_t row = 0; row < n_rows; ++row) {
    (void)review.label_text(row);
    BALEEN_CHECK(review.action_of(row) >= 0);
  }
  for (std::int32_t cluster = kNoCluster; cluster < 3; ++cluster) {
    const std::int32_t became = review.became(cluster);
    BALEEN_CHECK(became == kNoCluster || review.find(became) != nullptr);
  }
}

void check_text(const ReviewAct& act) {
  const std::string written = core::to_json(act.to_json());
  const Result<json::object> payload = core::parse_json_object(written, "written");
  BALEEN_CHECK(payload.ok());
  const Result<ReviewAct> again = ReviewAct::from_json(to_string(act.kind), *payload);
  BALEEN_CHECK(again.ok() && core::to_json(again->to_json()) == written);
  BALEEN_CHECK(again->summary() == act.summary() && !act.summary().empty());
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::shared_ptr<const ClusteredWindows> windows = ten_windows();
  const Result<json::value> log = core::parse_json(fuzz::text_of(data, size), "input");
  if (!log.ok() || !log->is_array()) return 0;
  Review review(windows);
  std::int64_t action_id = 0;
  for (const json::value& action : log->get_array()) {
    if (!action.is_object()) continue;
    const json::object& payload = core::get_object(action.get_object(), "payload");
    // An action has no more rows than it says; more would only take memory.
    if (core::get_int(payload, "windows") > kRowsMax) continue;
    const Result<ReviewAct> act =
        ReviewAct::from_json(core::get_string(action.get_object(), "kind"), payload);
    BALEEN_CHECK(fuzz::is_value_or(act, {ErrorCode::artifact_corrupt}));
    if (!act.ok()) continue;
    check_text(*act);
    const Result<ReviewAct> asked = review.check(*act);
    BALEEN_CHECK(fuzz::is_value_or(asked, {ErrorCode::invalid_argument}));
    const Result<void> done = review.apply(*act, ++action_id);
    BALEEN_CHECK(fuzz::is_value_or(done, {ErrorCode::artifact_corrupt}));
    BALEEN_CHECK(done.ok() || !asked.ok());
    check_whole(review);
  }
  return 0;
}
