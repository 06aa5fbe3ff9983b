// A review of a million windows (BALEEN_BENCH_WINDOWS) in 250 clusters and noise: actions, undoing, and what is shown.
#include <benchmark/benchmark.h>
#include <malloc.h>

#include <cstdlib>

#include "cluster/random.h"
#include "core/check.h"
#include "recipes/bioacoustics/review.h"
#include "recipes/bioacoustics/review_view.h"

namespace baleen::bioacoustics {
namespace {

constexpr std::int32_t kClusters = 250;
constexpr std::size_t kPerRecording = 720;  // An hour of windows of 5 s.

std::size_t n_windows() {
  const char* n = std::getenv("BALEEN_BENCH_WINDOWS");
  return n != nullptr ? static_cast<std::size_t>(std::atoll(n)) : 1'000'000;
}

std::shared_ptr<const ClusteredWindows> windows() {
  static const std::shared_ptr<const ClusteredWindows> kMade = [] {
    auto made = std::make_shared<ClusteredWindows>();
    cluster::Random random(1);
    const std::size_t n = n_windows();
    made->recording.reserve(n);
    for (std::size_t row = 0; row < n; ++row) {
      const auto recording = static_cast<std::uint32_t>(row / kPerRecording);
      if (row % kPerRecording == 0) {
        const std::string name = "recording-" + std::to_string(recording);
        made->recordings.push_back(
            {{name,
              {{"tag_data", {{"site", "reef " + std::to_string(recording % 7)}}}},
              "2020-01-01T06:00:00"},
             name + ".wav"});
      }
      const auto cluster = static_cast<std::int32_t>(random.below(kClusters * 10 / 7)) - 100;
      made->recording.push_back(recording);
      made->row_index.push_back(static_cast<std::int32_t>(row % kPerRecording));
      made->start_s.push_back(5.0 * static_cast<double>(row % kPerRecording));
      made->end_s.push_back(made->start_s.back() + 5);
      made->cluster.push_back(std::max(cluster, kNoCluster));
      made->probability.push_back(random.uniform());
      made->outlier_score.push_back(random.uniform());
      made->x.push_back(random.uniform());
      made->y.push_back(random.uniform());
    }
    made->find_hours();
    return std::shared_ptr<const ClusteredWindows>(std::move(made));
  }();
  return kMade;
}

double heap_bytes() { return static_cast<double>(::mallinfo2().uordblks + ::mallinfo2().hblkhd); }

void BM_OpenReview(benchmark::State& state) {
  const auto all = windows();
  double bytes = 0;
  for (auto _ : state) {
    const double before = heap_bytes();
    Review review(all);
    benchmark::DoNotOptimize(review);
    bytes = heap_bytes() - before;
  }
  state.counters["bytes_per_window_of_state"] = bytes / static_cast<double>(all->size());
}
BENCHMARK(BM_OpenReview)->Unit(benchmark::kMillisecond);

ReviewAct noise_to_new(const Review& review) {
  ReviewAct act;
  act.kind = ReviewAct::Kind::move;
  act.makes_clusters = true;
  act.groups.push_back({review.find(kNoCluster)->rows, review.next_cluster()});
  act.groups[0].rows.pop_back();
  return act;
}

/// The largest group there is changes its cluster: what an action costs at most.
void BM_MoveTheNoise(benchmark::State& state) {
  const Review before(windows());
  const ReviewAct act = noise_to_new(before);
  for (auto _ : state) {
    state.PauseTiming();
    Review review = before;
    state.ResumeTiming();
    BALEEN_CHECK(review.apply(act, 1).ok());
  }
  state.counters["windows_moved"] = static_cast<double>(act.groups[0].rows.size());
}
BENCHMARK(BM_MoveTheNoise)->Unit(benchmark::kMillisecond);

void BM_LabelBytes(benchmark::State& state) {
  Review review(windows());
  ReviewAct act;
  act.label = "song";
  act.clusters = {1, 2, 3};
  BALEEN_CHECK(review.apply(act, 1).ok());
  for (auto _ : state) benchmark::DoNotOptimize(labels_bytes(review, 1));
}
BENCHMARK(BM_LabelBytes)->Unit(benchmark::kMillisecond);

void BM_DescribeAllClusters(benchmark::State& state) {
  const Review review(windows());
  for (auto _ : state) {
    for (const auto& [number, cluster] : review.clusters())
      benchmark::DoNotOptimize(describe_cluster(review, number));
  }
}
BENCHMARK(BM_DescribeAllClusters)->Unit(benchmark::kMillisecond);

/// What the noise, 400,000 windows, costs when it was touched.
void BM_DescribeTheNoise(benchmark::State& state) {
  const Review review(windows());
  for (auto _ : state) benchmark::DoNotOptimize(describe_cluster(review, kNoCluster));
}
BENCHMARK(BM_DescribeTheNoise)->Unit(benchmark::kMillisecond);

/// After an undoing: from the clustering through a thousand actions, most of them about single windows.
void BM_AThousandActions(benchmark::State& state) {
  std::vector<ReviewAct> acts;
  cluster::Random random(2);
  const auto n = static_cast<std::uint32_t>(windows()->size());
  for (int i = 0; i < 1000; ++i) {
    ReviewAct act;
    if (i % 10 == 0) {
      act.label = "label " + std::to_string(i % 40);
      act.clusters = {i % kClusters};
    } else if (i % 2 == 0) {
      act.kind = ReviewAct::Kind::move;
      act.groups.push_back({{random.below(n)}, i % kClusters});
    } else {
      act.kind = ReviewAct::Kind::noise;
      act.rows = {random.below(n)};
    }
    acts.push_back(std::move(act));
  }
  for (auto _ : state) {
    Review review(windows());
    std::int64_t id = 0;
    for (const ReviewAct& act : acts) BALEEN_CHECK(review.apply(act, ++id).ok());
  }
}
BENCHMARK(BM_AThousandActions)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace baleen::bioacoustics

