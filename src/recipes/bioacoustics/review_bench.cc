// A review of a million windows (BALEEN_BENCH_WINDOWS) in 250 clusters and noise: actions, undoing, and what is shown. With
// BALEEN_BENCH_DIR a store with that clustering is made there, for bench/review.py, and read.
#include <benchmark/benchmark.h>
#include <malloc.h>

#include <cstdlib>

#include "cluster/random.h"
#include "core/check.h"
#include "core/file.h"
#include "formats/parquet_tables.h"
#include "recipes/bioacoustics/clusterings.h"
#include "recipes/bioacoustics/encoding.h"
#include "recipes/bioacoustics/review.h"
#include "recipes/bioacoustics/review_view.h"
#include "store/assets.h"
#include "store/collections.h"
#include "store/schema.h"

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

// ---- the same in a store ----------------------------------------------------------------------

constexpr std::string_view kEncoding = "bench__w5_h5";
constexpr std::string_view kJob = "bench-job";
constexpr int kDim = 64;

void add_artifact(store::Database& database,
                  const std::string& asset,
                  const std::string& type,
                  const std::string& path) {
  store::Artifact artifact;
  artifact.asset_id = asset;
  artifact.type = type;
  artifact.path = path;
  artifact.sha256 = std::string(64, 'a');
  artifact.signature = std::string(kJob);
  if (type == "embedding_set") artifact.feature_spec_alias = alias_of(kEncoding);
  BALEEN_CHECK(store::insert_artifact(database, artifact).ok());
}

void write_embeddings(const std::filesystem::path& path, std::size_t n) {
  auto writer = formats::ParquetWriter::create(path, formats::embeddings_schema(kDim),
                                               formats::embeddings_options())
                    .value();
  std::vector<std::int32_t> row_index(n);
  std::vector<double> start_s(n), end_s(n);
  std::vector<std::uint8_t> is_padded(n);
  std::vector<float> vectors(n * kDim);
  cluster::Random random(n);
  for (float& value : vectors) value = random.uniform();
  for (std::size_t i = 0; i < n; ++i) {
    row_index[i] = static_cast<std::int32_t>(i);
    start_s[i] = 5.0 * static_cast<double>(i);
    end_s[i] = start_s[i] + 5;
  }
  BALEEN_CHECK(writer
                   .append(formats::columns_of(
                       formats::EmbeddingRows{row_index, start_s, end_s, is_padded, vectors}))
                   .ok());
  formats::EmbeddingsInfo info;
  info.vector_dim = kDim;
  BALEEN_CHECK(writer.finish(formats::to_metadata(info)).ok());
}

void add_recordings(store::Database& database,
                    const store::DataRoot& root,
                    const std::string& collection) {
  const ClusteredWindows& all = *windows();
  for (std::size_t i = 0; i < all.recordings.size(); ++i) {
    const std::string& id = all.recordings[i].facts.asset_id;
    store::Asset asset;
    asset.asset_id = asset.content_hash = id;
    asset.owner_entity_id = "local";
    asset.original_filename = all.recordings[i].filename;
    BALEEN_CHECK(store::insert_asset(database, asset).ok());
    BALEEN_CHECK(store::add_member(database, collection, id, 1).ok());
    BALEEN_CHECK(
        core::write_file_atomic(root.at(id + ".json"), R"({"start_local":"2020-01-01T06:00:00"})")
            .ok());
    write_embeddings(root.at(id + ".parquet"),
                     std::min(kPerRecording, all.size() - i * kPerRecording));
    add_artifact(database, id, "recording_v1", id + ".json");
    add_artifact(database, id, "embedding_set", id + ".parquet");
  }
}

void write_assignments(const std::filesystem::path& path) {
  const ClusteredWindows& all = *windows();
  formats::ParquetSchema schema = formats::assignments_schema();
  schema.resize(7);
  auto writer = formats::ParquetWriter::create(path, schema, {}).value();
  std::vector<std::string_view> ids;
  for (const std::uint32_t recording : all.recording)
    ids.emplace_back(all.recordings[recording].facts.asset_id);
  const std::vector<double> probability(all.probability.begin(), all.probability.end());
  const std::vector<double> outlier_score(all.outlier_score.begin(), all.outlier_score.end());
  const std::vector<formats::ParquetBatchColumn> columns = {
      {std::span<const std::string_view>(ids)},
      {std::span<const std::int32_t>(all.row_index)},
      {std::span<const std::int32_t>(all.cluster)},
      {std::span<const double>(probability)},
      {std::span<const double>(outlier_score)},
      {std::span<const float>(all.x)},
      {std::span<const float>(all.y)}};
  BALEEN_CHECK(writer.append(columns).ok());
  BALEEN_CHECK(writer.finish({}).ok());
}

/// A store with one collection, "bench", and its clustering, unless it is there already.
store::Database make_store(const store::DataRoot& root) {
  const std::filesystem::path folder = root.at("clusters") / kJob;
  BALEEN_CHECK(core::make_directories(folder).ok());
  store::Database database = store::Database::open(root.database()).value();
  BALEEN_CHECK(store::migrate(database).ok());
  if (std::filesystem::exists(folder / "assignments.parquet")) return database;
  BALEEN_CHECK(database
                   .transaction("BENCH",
                                [&]() -> Result<void> {
                                  BALEEN_ASSIGN_OR_RETURN(
                                      const store::Collection collection,
                                      store::make_collection(database, "local", "bench", 1));
                                  const std::string& id = collection.collection_id;
                                  add_recordings(database, root, id);
                                  for (const char* file : {"clusters.json", "assignments.parquet"})
                                    add_artifact(database, id,
                                                 std::string_view(file) == "clusters.json"
                                                     ? "clusters_v1"
                                                     : "assignments",
                                                 "clusters/" + std::string(kJob) + "/" + file);
                                  return {};
                                })
                   .ok());
  BALEEN_CHECK(core::write_file_atomic(folder / "clusters.json",
                                       R"({"encoding_id":")" + std::string(kEncoding) +
                                           R"(","parameters":{"metric":"cosine"},"clusters":[]})")
                   .ok());
  write_assignments(folder / "assignments.parquet");
  return database;
}

void BM_ReadClustering(benchmark::State& state) {
  const char* folder = std::getenv("BALEEN_BENCH_DIR");
  if (folder == nullptr) {
    state.SkipWithError("BALEEN_BENCH_DIR says where");
    return;
  }
  const store::DataRoot root{folder};
  store::Database database = make_store(root);
  const ClusteringInfo info = find_clustering(database, kJob).value().value();
  double bytes = 0;
  for (auto _ : state) {
    const double before = heap_bytes();
    const auto read = read_clustered_windows(database, root, info).value();
    bytes = heap_bytes() - before;
    BALEEN_CHECK(read->size() == windows()->size());
  }
  state.counters["bytes_per_window"] = bytes / static_cast<double>(windows()->size());
}
BENCHMARK(BM_ReadClustering)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace baleen::bioacoustics
