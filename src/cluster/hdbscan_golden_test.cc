// The same clusters as scikit-learn: tests/golden/hdbscan/ORIGIN.md.

#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "cluster/core_distance.h"
#include "cluster/hdbscan.h"
#include "cluster/spanning_tree.h"

namespace baleen::cluster {
namespace {

const std::filesystem::path kFolder =
    std::filesystem::path(BALEEN_SOURCE_DIR) / "tests/golden/hdbscan";

std::string read(const std::string& name) {
  std::ifstream file(kFolder / name, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<float> read_floats(const std::string& name) {
  const std::string bytes = read(name);
  std::vector<float> values(bytes.size() / sizeof(float));
  std::copy(bytes.begin(), bytes.end(), reinterpret_cast<char*>(values.data()));
  return values;
}

Matrix digits() {
  const std::string bytes = read("digits.u8");
  return {std::vector<float>(bytes.begin(), bytes.end()), bytes.size() / 64, 64};
}

/// As `blobs` of scripts/golden/density_clusters.py.
Matrix blobs() {
  constexpr std::size_t kPoints = 5000;
  constexpr std::size_t kColumns = 5;
  constexpr std::size_t kCenters = 8;
  std::uint32_t state = 7;
  const auto draw = [&] {
    state = 1664525U * state + 1013904223U;
    return static_cast<double>(state >> 16) - 32768;
  };
  double centers[kCenters][kColumns];
  for (auto& center : centers) {
    for (double& x : center) x = draw() / 4096;
  }
  Matrix points(kPoints, kColumns);
  for (std::size_t i = 0; i < kPoints; ++i) {
    for (std::size_t j = 0; j < kColumns; ++j) {
      if (i % 10 == 9) {
        points.row(i)[j] = static_cast<float>(draw() / 2048);
        continue;
      }
      double sum = draw();
      for (int k = 0; k < 3; ++k) sum += draw();
      const double narrowing = std::ldexp(1.0, -static_cast<int>(i % kCenters % 3));
      points.row(i)[j] = static_cast<float>(centers[i % kCenters][j] + sum / 65536 * narrowing * 3);
    }
  }
  return points;
}

struct Case {
  std::string points;
  std::string name;
  HdbscanOptions options;
  double tree_weight;
  std::size_t n_clusters;
};

std::vector<Case> cases() {
  std::vector<Case> all;
  const boost::json::value file = boost::json::parse(read("cases.json"));
  for (const auto& value : file.as_array()) {
    const auto& json = value.as_object();
    Case c;
    c.points = json.at("points").as_string();
    const std::string selection(json.at("selection").as_string());
    c.options.min_cluster_size = json.at("min_cluster_size").to_number<std::size_t>();
    c.options.min_samples = json.at("min_samples").to_number<std::size_t>();
    c.options.selection = selection == "leaf" ? ClusterSelection::leaf : ClusterSelection::eom;
    c.name = c.points + "_" + std::to_string(c.options.min_cluster_size) + "_" +
             std::to_string(c.options.min_samples) + "_" + selection;
    c.tree_weight = json.at("tree_weight").to_number<double>();
    c.n_clusters = json.at("clusters").to_number<std::size_t>();
    all.push_back(std::move(c));
  }
  return all;
}

TEST(HdbscanGolden, LabelsAreThoseOfScikitLearn) {
  const Matrix of_digits = digits();
  const Matrix of_blobs = blobs();
  ASSERT_EQ(cases().size(), 10U);
  for (const Case& c : cases()) {
    SCOPED_TRACE(c.name);
    const Matrix& points = c.points == "digits" ? of_digits : of_blobs;
    const auto model = Hdbscan::fit(points.view(), c.options);
    ASSERT_TRUE(model.ok()) << model.error().to_string();
    const std::string expected = read(c.name + ".labels.i8");
    ASSERT_EQ(expected.size(), points.n_rows());
    std::size_t n_unlike = 0;
    for (std::size_t i = 0; i < expected.size(); ++i) {
      if (model->clustering().labels[i] != static_cast<signed char>(expected[i])) ++n_unlike;
    }
    EXPECT_EQ(n_unlike, 0U);
    EXPECT_EQ(model->clustering().clusters.size(), c.n_clusters);
  }
}

TEST(HdbscanGolden, TreesWeighWhatScikitLearnsDo) {
  const Matrix of_digits = digits();
  const Matrix of_blobs = blobs();
  for (const Case& c : cases()) {
    SCOPED_TRACE(c.name);
    const BlockTree tree = BlockTree::build((c.points == "digits" ? of_digits : of_blobs).view());
    const CoreNeighbors neighbors = find_core_neighbors(tree, c.options.min_samples, 1);
    double weight = 0;
    for (const TreeEdge& edge : boruvka_spanning_tree(tree, neighbors, 2)) {
      weight += std::sqrt(static_cast<double>(edge.distance)) / static_cast<double>(tree.scale());
    }
    EXPECT_NEAR(weight, c.tree_weight, 1e-6 * c.tree_weight);
  }
}

TEST(HdbscanGolden, ProbabilitiesAndOutlierScoresAreThoseOfTheReference) {
  for (const std::string name : {"digits_10_10_eom", "blobs_10_10_eom"}) {
    SCOPED_TRACE(name);
    const Matrix points = name[0] == 'd' ? digits() : blobs();
    const auto model =
        Hdbscan::fit(points.view(), {.min_cluster_size = 10, .min_samples = 10, .n_threads = 2});
    ASSERT_TRUE(model.ok());
    const std::vector<float> probabilities = read_floats(name + ".probabilities.f32");
    const std::vector<float> scores = read_floats(name + ".outlier_scores.f32");
    ASSERT_EQ(probabilities.size(), points.n_rows());
    ASSERT_EQ(scores.size(), points.n_rows());
    for (std::size_t i = 0; i < points.n_rows(); ++i) {
      ASSERT_NEAR(model->clustering().probabilities[i], probabilities[i], 1e-5) << i;
      ASSERT_NEAR(model->clustering().outlier_scores[i], scores[i], 1e-5) << i;
    }
  }
}

}  // namespace
}  // namespace baleen::cluster
