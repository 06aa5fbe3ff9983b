#include "recipes/bioacoustics/assigning.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>

#include "cluster/quality.h"
#include "cluster/random.h"
#include "core/file.h"
#include "formats/parquet_tables.h"
#include "recipes/bioacoustics/cluster_model.h"

namespace baleen::bioacoustics {
namespace {

constexpr std::size_t kKinds = 6, kDimensions = 32, kOld = 480, kNew = 120, kAlone = 20;

/// Sounds of six kinds; of the new ones, which come last, twenty are of none.
cluster::Matrix sounds(std::vector<std::int32_t>& kinds) {
  cluster::Random random(5);
  const auto normal = [&] {
    double sum = 0;
    for (int i = 0; i < 12; ++i) sum += static_cast<double>(random.uniform());
    return static_cast<float>(sum - 6);
  };
  cluster::Matrix centres(kKinds, kDimensions), all(kOld + kNew, kDimensions);
  for (std::size_t k = 0; k < kKinds; ++k)
    for (float& value : centres.row(k)) value = normal();
  for (std::size_t i = 0; i < all.n_rows(); ++i) {
    const bool is_alone = i >= kOld + kNew - kAlone;
    kinds.push_back(is_alone ? -1 : static_cast<std::int32_t>(i % kKinds));
    for (std::size_t d = 0; d < kDimensions; ++d) {
      all.row(i)[d] =
          is_alone ? 4 * random.uniform() - 2 : centres.row(i % kKinds)[d] + 0.25F * normal();
    }
  }
  return all;
}

cluster::Matrix first(const cluster::Matrix& all, std::size_t n) {
  const auto values = all.values().first(n * all.n_columns());
  return {std::vector<float>(values.begin(), values.end()), n, all.n_columns()};
}

/// Two deployments in turn.
std::vector<std::uint32_t> deployments(std::size_t n) {
  std::vector<std::uint32_t> numbers(n);
  for (std::size_t i = 0; i < n; ++i) numbers[i] = static_cast<std::uint32_t>(i / 3 % 2);
  return numbers;
}

ClusterModel model_of(const cluster::Matrix& old, ClusteringParams params) {
  const std::vector<std::uint32_t> recordings(old.n_rows());
  const auto of_rows = deployments(old.n_rows());
  ClusteringResult result = cluster_vectors(
                                old, recordings, params, 1, [](double) {}, of_rows)
                                .value();
  ClusterModel model{"test", params.resolve(old.n_rows()), {{"a", 0, 480}}, {"x", ""}, {}};
  model.fitted = std::move(result.fitted);
  model.fitted.map = std::move(result.map);
  return model;
}

class Assigning : public testing::Test {
 protected:
  void SetUp() override { std::filesystem::create_directories(dir_); }
  void TearDown() override { std::filesystem::remove_all(dir_); }
  std::filesystem::path dir_ =
      std::filesystem::temp_directory_path() / ("assigning" + std::to_string(::getpid()));
};

TEST_F(Assigning, AgreesWithClusteringEverythingAgain) {
  std::vector<std::int32_t> kinds;
  const cluster::Matrix all = sounds(kinds);
  for (const bool has_reduction : {true, false}) {
    SCOPED_TRACE(has_reduction);
    ClusteringParams params;
    params.has_reduction = has_reduction;
    const ClusterModel model = model_of(first(all, kOld), params);
    const AssignedWindows assigned =
        assign_vectors(model.fitted, model.params, all, deployments(all.n_rows()), 1).value();
    const std::vector<std::uint32_t> recordings(all.n_rows());
    const ClusteringResult again =
        cluster_vectors(
            all, recordings, params, 1, [](double) {}, deployments(all.n_rows()))
            .value();
    ASSERT_EQ(assigned.labels.size(), kNew);
    const std::vector<std::int32_t> afresh(again.clusters.labels.begin() + kOld,
                                           again.clusters.labels.end());
    const std::vector<std::int32_t> truth(kinds.begin() + kOld, kinds.end());
    EXPECT_GT(cluster::adjusted_rand_index(assigned.labels, afresh), 0.9);
    EXPECT_GT(cluster::adjusted_rand_index(assigned.labels, truth), 0.9);
    for (std::size_t i = 0; i < kNew; ++i) {
      const bool is_noise = assigned.labels[i] == cluster::kNoise;
      EXPECT_EQ(assigned.noise.reason[i] == 0, !is_noise);
      EXPECT_EQ(assigned.probabilities[i] == 0, is_noise);
      EXPECT_TRUE(std::isfinite(assigned.map.row(i)[0]) && std::isfinite(assigned.map.row(i)[1]));
    }
  }
}

TEST_F(Assigning, AModelReadBackAssignsAlikeAndItsBytesAreTheSame) {
  std::vector<std::int32_t> kinds;
  const cluster::Matrix all = sounds(kinds);
  const ClusterModel model = model_of(first(all, kOld), {});
  ASSERT_TRUE(write_cluster_model(dir_ / "m", model).ok());
  const ClusterModel read = read_cluster_model(dir_ / "m").value();
  EXPECT_EQ(read.encoding_id, "test");
  EXPECT_EQ(read.recordings, model.recordings);
  EXPECT_EQ(read.deployments, model.deployments);
  EXPECT_EQ(read.params.to_json(), model.params.to_json());
  const auto run = [&](const ClusterModel& one) {
    return assign_vectors(one.fitted, one.params, all, deployments(all.n_rows()), 1).value();
  };
  const AssignedWindows before = run(model), after = run(read);
  EXPECT_EQ(before.labels, after.labels);
  EXPECT_EQ(before.probabilities, after.probabilities);
  EXPECT_TRUE(std::ranges::equal(before.map.values(), after.map.values()));
  ASSERT_TRUE(write_cluster_model(dir_ / "again", read).ok());
  EXPECT_EQ(core::read_text_file(dir_ / "m").value(), core::read_text_file(dir_ / "again").value());
}

TEST_F(Assigning, ADamagedModelIsRefused) {
  std::vector<std::int32_t> kinds;
  ASSERT_TRUE(write_cluster_model(dir_ / "m", model_of(first(sounds(kinds), kOld), {})).ok());
  const std::string whole = core::read_text_file(dir_ / "m").value();
  for (std::size_t n = 0; n < whole.size(); n += n < 3000 ? 37 : 4099) {
    SCOPED_TRACE(n);
    ASSERT_TRUE(core::write_file_synced(dir_ / "cut", std::string_view(whole).substr(0, n)).ok());
    EXPECT_EQ(read_cluster_model(dir_ / "cut").error().code, ErrorCode::artifact_corrupt);
  }
  EXPECT_EQ(read_cluster_model(dir_ / "none").error().code, ErrorCode::file_not_found);
}

TEST_F(Assigning, AModelWhoseHeaderSaysWhatCannotBeIsRefused) {
  std::vector<std::int32_t> kinds;
  ASSERT_TRUE(write_cluster_model(dir_ / "m", model_of(first(sounds(kinds), kOld), {})).ok());
  const std::string whole = core::read_text_file(dir_ / "m").value();
  constexpr std::size_t kFixed = 16;
  const std::size_t end = whole.find('\0', kFixed);
  const json::object header =
      core::parse_json_object(std::string_view(whole).substr(kFixed, end - kFixed), "").value();
  const auto code_of = [&](const char* members) {
    json::object changed = header;
    const json::object others = core::parse_json_object(members, "").value();
    for (const auto& member : others) changed[member.key()] = member.value();
    std::string text = core::to_canonical_json(changed);
    const std::uint64_t size = text.size();
    std::string file = whole.substr(0, kFixed - sizeof size);
    file.append(reinterpret_cast<const char*>(&size), sizeof size);
    file += text;
    file.resize((file.size() + 63) / 64 * 64);
    EXPECT_TRUE(
        core::write_file_synced(dir_ / "n", file + whole.substr((end + 63) / 64 * 64)).ok());
    const Result<ClusterModel> read = read_cluster_model(dir_ / "n");
    return read.ok() ? ErrorCode::internal : read.error().code;
  };
  EXPECT_EQ(code_of("{}"), ErrorCode::internal) << "it is read";
  for (const char* members :
       {R"({"parameters":{"metric":"none"}})", R"({"windows":-5,"recordings":[["a",0,-5]]})",
        R"({"recordings":[["a",0,500],["x",1,-20]]})",
        R"({"windows":4611686018427387904,"recordings":[["a",0,4611686018427387904]]})",
        R"({"recordings":[["a",0,9223372036854775807],["x",1,9223372036854775807]]})"})
    EXPECT_EQ(code_of(members), ErrorCode::artifact_corrupt) << members;
}

TEST_F(Assigning, RefusesRowsThatWereNotClustered) {
  std::vector<std::int32_t> kinds;
  const cluster::Matrix all = sounds(kinds);
  const ClusterModel model = model_of(first(all, kOld), {});
  EXPECT_EQ(
      assign_vectors(model.fitted, model.params, first(all, 100), deployments(100), 1).error().code,
      ErrorCode::artifact_corrupt);
  EXPECT_TRUE(assign_vectors(model.fitted, model.params, first(all, kOld), deployments(kOld), 1)
                  ->labels.empty());
}

}  // namespace
}  // namespace baleen::bioacoustics
