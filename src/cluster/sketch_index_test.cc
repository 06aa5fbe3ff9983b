#include "cluster/sketch_index.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "cluster/random.h"

namespace baleen::cluster {
namespace {

/// Points on surfaces of four directions around a few centres.
Matrix clusters(std::size_t n, std::size_t d, std::uint64_t seed) {
  Random random(1);
  const auto draw = [&] { return random.uniform() + random.uniform() - 1.0F; };
  constexpr std::size_t kClusters = 10;
  Matrix centers(kClusters, d);
  Matrix maps(kClusters * 4, d);
  for (std::size_t c = 0; c < kClusters; ++c) {
    for (float& value : centers.row(c)) value = draw();
  }
  for (std::size_t c = 0; c < kClusters * 4; ++c) {
    for (float& value : maps.row(c)) value = draw();
  }
  random = Random(seed);
  Matrix points(n, d);
  for (std::size_t i = 0; i < n; ++i) {
    const std::size_t c = random.below(kClusters);
    std::copy(centers.row(c).begin(), centers.row(c).end(), points.row(i).begin());
    for (std::size_t m = 0; m < 4; ++m) {
      const float z = draw();
      for (std::size_t k = 0; k < d; ++k) points.row(i)[k] += z * maps.row(4 * c + m)[k];
    }
  }
  return points;
}

/// By the definition.
std::vector<Found> reference(MatrixView points,
                             std::span<const float> query,
                             Metric metric,
                             std::size_t k,
                             std::span<const std::uint8_t> is_allowed) {
  std::vector<Found> all;
  for (std::uint32_t i = 0; i < points.n_rows(); ++i) {
    if (!is_allowed.empty() && is_allowed[i] == 0) continue;
    const auto row = points.row(i);
    const float distance = metric == Metric::euclidean
                               ? std::sqrt(squared_euclidean(query, row))
                               : 1 - dot(query, row) / std::sqrt(dot(query, query) * dot(row, row));
    all.push_back({i, distance});
  }
  std::sort(all.begin(), all.end(),
            [](const Found& a, const Found& b) { return a.distance < b.distance; });
  all.resize(std::min(all.size(), k));
  return all;
}

/// The part of what should be found that is.
double found_share(const std::vector<Found>& found, const std::vector<Found>& truth) {
  std::size_t n = 0;
  for (const Found& one : found)
    n += one.distance <= truth.back().distance * 1.00001F + 1e-6F ? 1 : 0;
  return static_cast<double>(n) / static_cast<double>(truth.size());
}

TEST(SketchIndex, FindsTheNearestWithExactDistances) {
  for (const std::size_t d : {3U, 130U, 700U}) {
    for (const Metric metric : {Metric::euclidean, Metric::cosine}) {
      SCOPED_TRACE(testing::Message() << d << " " << static_cast<int>(metric));
      const Matrix points = clusters(4000, d, 2);
      const Matrix queries = clusters(20, d, 3);
      const auto codec = SketchCodec::fit(points.view(), metric, 1, 1);
      ASSERT_TRUE(codec.ok());
      const auto records = codec->encode(points.view(), 2);
      ASSERT_TRUE(records.ok());
      const auto found =
          search(*codec, *records, points.view(), queries.view(), {.k = 10, .n_threads = 2});
      ASSERT_TRUE(found.ok());
      double share = 0;
      for (std::size_t q = 0; q < 20; ++q) {
        const auto truth = reference(points.view(), queries.row(q), metric, 10, {});
        share += found_share((*found)[q], truth) / 20;
        ASSERT_NEAR((*found)[q][0].distance, truth[0].distance, 1e-4);
      }
      EXPECT_GE(share, 0.995);
    }
  }
}

TEST(SketchIndex, FindsWhatWasAddedLater) {
  const Matrix points = clusters(3000, 300, 4);
  const auto codec = SketchCodec::fit(MatrixView(points.values().first(1000 * 300), 1000, 300),
                                      Metric::cosine, 1, 1);
  ASSERT_TRUE(codec.ok());
  const auto again = SketchCodec::parse(codec->header());
  ASSERT_TRUE(again.ok()) << again.error().to_string();
  EXPECT_EQ(again->header(), codec->header());
  EXPECT_EQ(codec->header().size(), codec->header_bytes());
  auto records = *codec->encode(MatrixView(points.values().first(1000 * 300), 1000, 300), 1);
  const auto added = *again->encode(MatrixView(points.values().subspan(1000 * 300), 2000, 300), 1);
  records.insert(records.end(), added.begin(), added.end());
  EXPECT_EQ(records, *codec->encode(points.view(), 1));
  records.resize(records.size() + 5);  // The beginning of a record that was never finished.
  const Matrix query(std::vector<float>(points.row(2500).begin(), points.row(2500).end()), 1, 300);
  const auto found = search(*again, records, points.view(), query.view(), {.k = 1});
  ASSERT_TRUE(found.ok());
  EXPECT_EQ((*found)[0], (std::vector<Found>{{2500, 0}}));
}

TEST(SketchIndex, FindsOnlyWhatIsAllowed) {
  const Matrix points = clusters(2000, 64, 5);
  const auto codec = SketchCodec::fit(points.view(), Metric::euclidean, 1, 1);
  const auto records = *codec->encode(points.view(), 1);
  std::vector<std::uint8_t> is_allowed(2000);
  for (std::size_t i = 0; i < 2000; i += 50) is_allowed[i] = 1;
  const Matrix query(std::vector<float>(points.row(7).begin(), points.row(7).end()), 1, 64);
  const auto found =
      search(*codec, records, points.view(), query.view(), {.k = 60, .is_allowed = is_allowed});
  ASSERT_TRUE(found.ok());
  ASSERT_EQ((*found)[0].size(), 40U);
  EXPECT_DOUBLE_EQ(found_share((*found)[0], reference(points.view(), query.row(0),
                                                      Metric::euclidean, 40, is_allowed)),
                   1);
  for (const Found& one : (*found)[0]) EXPECT_EQ(one.row % 50, 0U);
}

TEST(SketchIndex, CandidatesComeNearestFirstAndAreAlikeWhereverOthersAreNotAllowed) {
  const Matrix points = clusters(3000, 300, 8);
  const auto codec = SketchCodec::fit(points.view(), Metric::cosine, 1, 1);
  const auto records = *codec->encode(points.view(), 1);
  std::vector<std::uint8_t> is_allowed(3000);  // Long stretches of both.
  for (std::size_t i = 1000; i < 1700; ++i) is_allowed[i] = 1;
  const Matrix query(std::vector<float>(points.row(7).begin(), points.row(7).end()), 1, 300);
  const auto all = nearest_sketches(*codec, records, query.view(), {.n_candidates = 3000});
  const auto some = nearest_sketches(*codec, records, query.view(),
                                     {.n_candidates = 3000, .is_allowed = is_allowed});
  ASSERT_TRUE(all.ok() && some.ok());
  ASSERT_EQ((*all)[0].size(), 3000U);
  EXPECT_EQ((*all)[0][0].row, 7U);
  EXPECT_TRUE(std::is_sorted((*all)[0].begin(), (*all)[0].end(), [](const auto& a, const auto& b) {
    return a.distance != b.distance ? a.distance < b.distance : a.row < b.row;
  }));
  std::vector<SketchCandidate> left;
  for (const SketchCandidate& one : (*all)[0])
    if (is_allowed[one.row] != 0) left.push_back(one);
  EXPECT_EQ((*some)[0], left);
}

TEST(SketchErrors, AreAsLargeAsTheTheorySaysAndBoundWhatIsMissed) {
  const Matrix points = clusters(4000, 700, 9);
  const auto codec = SketchCodec::fit(points.view(), Metric::cosine, 1, 1);
  const auto records = *codec->encode(points.view(), 2);
  const Matrix query = clusters(1, 700, 10);
  const auto candidates = nearest_sketches(*codec, records, query.view(), {.n_candidates = 4000});
  SketchErrors some;
  std::size_t n_nearer = 0;
  for (std::size_t i = 0; i < 4000; ++i) {
    const SketchCandidate& one = (*candidates)[0][i];
    const auto row = points.row(one.row);
    const double exact =
        1 - static_cast<double>(dot(query.row(0), row)) /
                std::sqrt(static_cast<double>(dot(query.row(0), query.row(0)) * dot(row, row)));
    if (i == 31) {
      EXPECT_FALSE(some.is_beyond(1e9, 1, 5)) << "31 pairs are too few";
    }
    if (i < 200) some.add(static_cast<double>(one.distance), exact);
    // Would it have been taken for farther than it is?
    n_nearer += some.is_beyond(static_cast<double>(one.distance), exact, 5) ? 1 : 0;
  }
  EXPECT_EQ(some.count(), 200U);
  EXPECT_LT(some.relative(1), 0.112);
  EXPECT_EQ(n_nearer, 0U);
  some.add(0, 0);
  EXPECT_EQ(some.count(), 200U) << "of equal points there is nothing to learn";
}

TEST(SketchErrors, OfNearPointsCountForThemselves) {
  SketchErrors errors;
  for (int i = 0; i < 1000; ++i) errors.add(1.01, 1);
  for (int i = 0; i < 40; ++i) errors.add(0.11, 0.1);
  EXPECT_NEAR(errors.relative(0.1), 0.1, 1e-9);
  EXPECT_NEAR(errors.relative(0), 0.1, 1e-9) << "the 32 nearest at least";
  EXPECT_LT(errors.relative(1), 0.03);
  EXPECT_FALSE(errors.is_beyond(0.149, 0.1, 5));
  EXPECT_TRUE(errors.is_beyond(0.151, 0.1, 5));
}

TEST(SketchIndex, TakesZeroVectorsEqualPointsAndNoneAtAll) {
  Matrix points(50, 16);
  points.row(3)[2] = 1;
  const auto codec = SketchCodec::fit(points.view(), Metric::cosine, 1, 1);
  ASSERT_TRUE(codec.ok());
  const auto records = *codec->encode(points.view(), 1);
  const Matrix query(1, 16);
  const auto found = search(*codec, records, points.view(), query.view(), {.k = 3});
  ASSERT_TRUE(found.ok());
  EXPECT_EQ((*found)[0], (std::vector<Found>{{0, 0}, {1, 0}, {2, 0}}));
  const auto none = search(*codec, {}, points.view(), query.view(), {});
  ASSERT_TRUE(none.ok());
  EXPECT_TRUE((*none)[0].empty());
}

TEST(SketchIndex, RefusesWhatDoesNotFit) {
  Matrix points = clusters(100, 8, 6);
  const auto codec = SketchCodec::fit(points.view(), Metric::cosine, 1, 1);
  const auto records = *codec->encode(points.view(), 1);
  EXPECT_EQ(codec->encode(clusters(10, 9, 1).view(), 1).error().code,
            ErrorCode::embedding_dimensions_differ);
  EXPECT_EQ(search(*codec, records, points.view(), clusters(1, 9, 1).view(), {}).error().code,
            ErrorCode::embedding_dimensions_differ);
  EXPECT_EQ(search(*codec, records, clusters(99, 8, 1).view(), points.view(), {}).error().code,
            ErrorCode::file_corrupt);
  points.row(50)[3] = NAN;
  EXPECT_EQ(codec->encode(points.view(), 1).error().code, ErrorCode::embedding_not_finite);
  EXPECT_EQ(SketchCodec::fit(points.view(), Metric::cosine, 1, 1).error().code,
            ErrorCode::embedding_not_finite);
  EXPECT_EQ(SketchCodec::fit(MatrixView(), Metric::cosine, 1, 1).error().code,
            ErrorCode::cluster_too_few_points);
}

TEST(SketchIndex, RefusesEveryHeaderThatIsCutOffOrDamaged) {
  const auto header = SketchCodec::fit(clusters(20, 5, 7).view(), Metric::cosine, 1, 1)->header();
  for (std::size_t n = 0; n < header.size(); ++n) {
    const auto parsed = SketchCodec::parse(std::span(header).first(n));
    ASSERT_FALSE(parsed.ok()) << n;
    EXPECT_EQ(parsed.error().code, ErrorCode::file_corrupt);
  }
  for (std::size_t at = 0; at < 20; ++at) {
    auto damaged = header;
    damaged[at] ^= std::byte{0x40};
    EXPECT_FALSE(SketchCodec::parse(damaged).ok()) << at;
  }
}

}  // namespace
}  // namespace baleen::cluster
