#include "cluster/spanning_tree.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "cluster/random.h"

namespace baleen::cluster {
namespace {

/// A third of the points in tight groups, a third in wide ones, a third anywhere.
Matrix groups(std::size_t n, std::size_t d, std::uint64_t seed) {
  Random random(seed);
  Matrix points(n, d);
  for (std::size_t i = 0; i < n; ++i) {
    const std::size_t kind = i % 3;
    const float width = kind == 0 ? 0.05F : kind == 1 ? 0.5F : 4.0F;
    Random center(seed + 1, kind == 2 ? 0 : random.below(5));
    for (float& x : points.row(i)) {
      x = 3 * center.uniform() + width * (random.uniform() + random.uniform() - 1);
    }
  }
  return points;
}

/// Whole numbers of a small range: hardly any distance is unlike another.
Matrix lattice(std::size_t n, std::size_t d, std::uint32_t range, std::uint64_t seed) {
  Random random(seed);
  Matrix points(n, d);
  for (std::size_t i = 0; i < n; ++i) {
    for (float& x : points.row(i)) x = static_cast<float>(random.below(range));
  }
  return points;
}

/// By definition, in double precision: core distances and the weight of Prim's tree, largest edge last.
std::vector<double> brute_force(const Matrix& points, std::size_t min_samples) {
  const std::size_t n = points.n_rows();
  const auto distance = [&](std::size_t a, std::size_t b) {
    double sum = 0;
    for (std::size_t j = 0; j < points.n_columns(); ++j) {
      const double gap =
          static_cast<double>(points.row(a)[j]) - static_cast<double>(points.row(b)[j]);
      sum += gap * gap;
    }
    return std::sqrt(sum);
  };
  std::vector<double> core(n);
  std::vector<double> all(n);
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < n; ++j) all[j] = distance(i, j);
    std::nth_element(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(min_samples) - 1,
                     all.end());
    core[i] = all[min_samples - 1];
  }
  std::vector<double> reach(n, std::numeric_limits<double>::infinity());
  std::vector<bool> is_in(n);
  std::vector<double> edges;
  std::size_t current = 0;
  for (std::size_t i = 1; i < n; ++i) {
    is_in[current] = true;
    std::size_t next = n;
    for (std::size_t j = 0; j < n; ++j) {
      if (is_in[j]) continue;
      reach[j] = std::min(reach[j], std::max({core[current], core[j], distance(current, j)}));
      if (next == n || reach[j] < reach[next]) next = j;
    }
    edges.push_back(reach[next]);
    current = next;
  }
  std::sort(edges.begin(), edges.end());
  return edges;
}

std::vector<double> lengths(const std::vector<TreeEdge>& edges, const BlockTree& tree) {
  std::vector<double> lengths;
  for (const TreeEdge& edge : edges) {
    lengths.push_back(std::sqrt(static_cast<double>(edge.distance)) /
                      static_cast<double>(tree.scale()));
  }
  std::sort(lengths.begin(), lengths.end());
  return lengths;
}

bool is_tree(const std::vector<TreeEdge>& edges, std::size_t n) {
  std::vector<std::size_t> parents(n);
  std::iota(parents.begin(), parents.end(), 0U);
  const auto find = [&](std::size_t i) {
    while (parents[i] != i) i = parents[i];
    return i;
  };
  for (const TreeEdge& edge : edges) {
    if (find(edge.a) == find(edge.b)) return false;
    parents[find(edge.a)] = find(edge.b);
  }
  return edges.size() + 1 == n;
}

void expect_exact(const Matrix& points, std::size_t min_samples) {
  const std::vector<double> expected = brute_force(points, min_samples);
  const BlockTree tree = BlockTree::build(points.view());
  const CoreNeighbors neighbors = find_core_neighbors(tree, min_samples, 1);
  for (const bool is_boruvka : {false, true}) {
    SCOPED_TRACE(is_boruvka ? "Boruvka" : "Prim");
    const std::vector<TreeEdge> edges = is_boruvka ? boruvka_spanning_tree(tree, neighbors, 1)
                                                   : prim_spanning_tree(tree, neighbors);
    ASSERT_TRUE(is_tree(edges, points.n_rows()));
    const std::vector<double> found = lengths(edges, tree);
    ASSERT_EQ(found.size(), expected.size());
    for (std::size_t i = 0; i < found.size(); ++i) {
      ASSERT_NEAR(found[i], expected[i], 2e-6 * expected.back()) << "edge " << i;
    }
  }
}

TEST(SpanningTree, HasTheEdgesOfBruteForceInAnyNumberOfDimensions) {
  for (const std::size_t d : {1U, 2U, 3U, 10U, 33U, 256U}) {
    for (const std::size_t min_samples : {1U, 2U, 5U, 30U}) {
      SCOPED_TRACE(testing::Message() << d << " columns, min_samples " << min_samples);
      expect_exact(groups(700, d, d), min_samples);
    }
  }
}

TEST(SpanningTree, HasTheEdgesOfBruteForceAtAnySizeAroundABlock) {
  for (const std::size_t n : {2U, 3U, 15U, 16U, 17U, 31U, 33U, 255U, 257U, 273U}) {
    SCOPED_TRACE(n);
    expect_exact(groups(n, 3, n), std::min<std::size_t>(n, 4));
  }
}

TEST(SpanningTree, IsExactAmongTiesAndDuplicates) {
  for (const std::uint32_t range : {2U, 5U, 40U}) {
    for (const std::size_t min_samples : {1U, 4U, 12U}) {
      SCOPED_TRACE(testing::Message() << range << " values, min_samples " << min_samples);
      expect_exact(lattice(600, 2, range, range), min_samples);
      expect_exact(lattice(600, 6, range, range), min_samples);
    }
  }
}

TEST(SpanningTree, IsExactForPointsThatAreVeryLargeVerySmallOrFarFromTheOrigin) {
  for (const float factor : {1e-30F, 1e30F}) {
    Matrix points = groups(300, 4, 1);
    for (std::size_t i = 0; i < points.n_rows(); ++i) {
      for (float& x : points.row(i)) x *= factor;
    }
    expect_exact(points, 5);
  }
  Matrix points = groups(300, 4, 1);
  for (std::size_t i = 0; i < points.n_rows(); ++i) {
    for (float& x : points.row(i)) x += 1e4F;
  }
  expect_exact(points, 5);
}

TEST(SpanningTree, HasTheSameBytesAtAnyNumberOfThreads) {
  for (const Matrix& points : {groups(20'000, 6, 3), lattice(9000, 3, 20, 3)}) {
    const BlockTree tree = BlockTree::build(points.view());
    const CoreNeighbors neighbors = find_core_neighbors(tree, 8, 1);
    const std::vector<TreeEdge> edges = spanning_tree(tree, neighbors, 1);
    EXPECT_TRUE(std::is_sorted(edges.begin(), edges.end(), [](const auto& x, const auto& y) {
      return x.distance < y.distance;
    }));
    for (const int n_threads : {2, 5}) {
      const CoreNeighbors again = find_core_neighbors(tree, 8, n_threads);
      EXPECT_EQ(again.core, neighbors.core);
      EXPECT_EQ(again.listed, neighbors.listed);
      EXPECT_EQ(spanning_tree(tree, again, n_threads), edges);
    }
  }
}

TEST(CoreNeighbors, AreTheSameWhetherFewOrManyAreKept) {
  const Matrix points = groups(3000, 5, 4);
  const BlockTree tree = BlockTree::build(points.view());
  for (const std::size_t min_samples : {63U, 64U, 65U, 66U, 200U}) {
    SCOPED_TRACE(min_samples);
    expect_exact(groups(500, 5, 4), min_samples);
    const CoreNeighbors few = find_core_neighbors(tree, 20, 1);
    const CoreNeighbors many = find_core_neighbors(tree, min_samples, 1);
    EXPECT_EQ(few.n_listed, many.n_listed);
    EXPECT_EQ(few.listed, many.listed);
  }
}

TEST(CoreNeighbors, ListsOthersNearestFirstAndCountsThePointItselfInItsCoreDistance) {
  Matrix points({0, 1, 3, 6, 10}, 5, 1);
  const BlockTree tree = BlockTree::build(points.view());
  const CoreNeighbors neighbors = find_core_neighbors(tree, 3, 1);
  ASSERT_EQ(neighbors.n_listed, 4U);
  const std::vector<double> cores = {3, 2, 3, 4, 7};
  const std::vector<std::vector<std::uint32_t>> others = {
      {1, 2, 3, 4}, {0, 2, 3, 4}, {1, 0, 3, 4}, {2, 4, 1, 0}, {3, 2, 1, 0}};
  for (std::size_t i = 0; i < 5; ++i) {
    const std::uint32_t row = tree.rows()[i];
    EXPECT_FLOAT_EQ(std::sqrt(neighbors.core[i]) / tree.scale(), static_cast<float>(cores[row]));
    for (std::size_t j = 0; j < 4; ++j) {
      if (row == 2 && (j == 1 || j == 2)) continue;  // 0 and 6 are equally far from 3.
      EXPECT_EQ(tree.rows()[neighbors.listed[i * 4 + j]], others[row][j]) << row << " " << j;
    }
  }
}

}  // namespace
}  // namespace baleen::cluster
