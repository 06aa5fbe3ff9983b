// What a review makes of a clustering: each action, what follows from several, and what is shown of it.

#include "recipes/bioacoustics/review.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>

#include "cluster/random.h"
#include "recipes/bioacoustics/review_view.h"

namespace baleen::bioacoustics {
namespace {

using Kind = ReviewAct::Kind;

/// Two recordings of ten windows; of each 0 to 3 in cluster 0, 4 to 6 in cluster 1, 7 and 8 in cluster 2, 9 is noise.
std::shared_ptr<ClusteredWindows> twenty_windows() {
  auto windows = std::make_shared<ClusteredWindows>();
  windows->recordings = {
      {{"a", {{"tag_data", {{"site", "reef"}}}}, "2019-05-22T23:59:50"}, "a.wav"},
      {{"b", {{"tag_data", {{"location", "bay"}}}}, ""}, "b.wav"}};
  for (std::size_t i = 0; i < 20; ++i) {
    const auto k = static_cast<std::int32_t>(i % 10);
    windows->recording.push_back(i < 10 ? 0 : 1);
    windows->row_index.push_back(k);
    windows->start_s.push_back(2.0 * k);
    windows->end_s.push_back(2.0 * k + 2);
    windows->cluster.push_back(k < 4 ? 0 : k < 7 ? 1 : k < 9 ? 2 : kNoCluster);
    windows->probability.push_back(k < 9 ? 1.0F - 0.1F * static_cast<float>(k) : 0.0F);
    windows->outlier_score.push_back(0.05F * static_cast<float>(i));
    windows->x.push_back(static_cast<float>(k));
    windows->y.push_back(static_cast<float>(windows->cluster.back()));
  }
  windows->persistence = {0.5, 0.25, 0.125};
  windows->find_hours();
  return windows;
}

ReviewAct label(const std::string& text,
                std::vector<std::int32_t> clusters,
                std::vector<std::uint32_t> rows = {}) {
  ReviewAct act;
  act.label = text;
  act.clusters = std::move(clusters);
  act.rows = std::move(rows);
  return act;
}

ReviewAct merge(std::vector<std::int32_t> clusters) {
  ReviewAct act;
  act.kind = Kind::merge;
  act.clusters = std::move(clusters);
  return act;
}

ReviewAct noise(std::vector<std::int32_t> clusters, std::vector<std::uint32_t> rows = {}) {
  ReviewAct act;
  act.kind = Kind::noise;
  act.clusters = std::move(clusters);
  act.rows = std::move(rows);
  return act;
}

ReviewAct move(std::vector<std::uint32_t> rows, std::int32_t to, bool is_new = false) {
  ReviewAct act;
  act.kind = Kind::move;
  act.groups = {{std::move(rows), to}};
  act.makes_clusters = is_new;
  return act;
}

class ReviewTest : public ::testing::Test {
 protected:
  /// As the service does it: checked, written to the log, read from it, applied.
  void act(const ReviewAct& asked) {
    const Result<ReviewAct> checked = review_.check(asked);
    ASSERT_TRUE(checked.ok()) << checked.error().to_string();
    log_.push_back(*checked);
    ASSERT_TRUE(review_.apply(*checked, static_cast<std::int64_t>(log_.size())).ok());
    expect_whole();
  }
  /// Every window is in one cluster, and the clusters' rows say the same as the windows.
  void expect_whole() const {
    std::size_t n = 0;
    for (const auto& [number, cluster] : review_.clusters()) {
      EXPECT_TRUE(std::is_sorted(cluster.rows.begin(), cluster.rows.end()));
      EXPECT_FALSE(cluster.rows.empty());
      n += cluster.rows.size();
      for (const std::uint32_t row : cluster.rows) EXPECT_EQ(review_.cluster_of(row), number);
    }
    EXPECT_EQ(n, review_.windows().size());
  }
  std::size_t size(std::int32_t cluster) const {
    const Review::Cluster* const found = review_.find(cluster);
    return found == nullptr ? 0 : found->rows.size();
  }

  std::shared_ptr<ClusteredWindows> windows_ = twenty_windows();
  Review review_{windows_};
  std::vector<ReviewAct> log_;
};

TEST_F(ReviewTest, WithoutActionsItIsTheClustering) {
  expect_whole();
  EXPECT_EQ(size(0), 8U);
  EXPECT_EQ(size(kNoCluster), 2U);
  EXPECT_EQ(review_.next_cluster(), 3);
  EXPECT_EQ(review_.label_text(0), "");
  EXPECT_EQ(review_.action_of(0), 0);
}

TEST_F(ReviewTest, AWindowsOwnLabelCountsBeforeThatOfItsCluster) {
  act(label("song", {0}));
  act(label("call", {}, {1, 9}));
  act(label("chorus", {0}));
  EXPECT_EQ(review_.label_text(0), "chorus");
  EXPECT_EQ(review_.label_text(1), "call");
  EXPECT_EQ(review_.label_text(9), "call") << "noise can have a label, too";
  EXPECT_EQ(review_.action_of(0), 3);
  EXPECT_EQ(review_.action_of(1), 2);
  act(label("", {}, {1}));
  EXPECT_EQ(review_.label_text(1), "chorus");
  act(label("", {0}));
  EXPECT_EQ(review_.label_text(0), "");
}

TEST_F(ReviewTest, MergedClustersHaveTheLowestNumberAndTheFirstLabelThereIs) {
  act(label("song", {2}));
  act(merge({2, 0}));
  EXPECT_EQ(size(0), 12U);
  EXPECT_EQ(size(2), 0U);
  EXPECT_EQ(review_.label_text(0), "song");
  EXPECT_EQ(review_.became(2), 0);
  EXPECT_EQ(review_.action_of(0), 1) << "the merge said nothing of window 0, its label is the news";
  EXPECT_EQ(review_.action_of(7), 2);
  EXPECT_EQ(review_.check(label("x", {2})).error().code, ErrorCode::invalid_argument);
}

TEST_F(ReviewTest, WhatIsMovedTakesTheLabelOfWhereItComes) {
  act(label("song", {0}));
  act(move({4, 14}, 0));
  EXPECT_EQ(review_.label_text(4), "song");
  act(move({0, 1}, 3, true));
  EXPECT_EQ(review_.label_text(0), "");
  EXPECT_TRUE(review_.find(3)->is_made_by_review);
  EXPECT_EQ(review_.next_cluster(), 4);
  EXPECT_EQ(size(3), 2U);
}

TEST_F(ReviewTest, WhatIsMergedAfterAMoveGoesAlong) {
  act(move({0, 9}, 3, true));
  act(merge({3, 1}));
  EXPECT_EQ(review_.cluster_of(0), 1);
  EXPECT_EQ(review_.cluster_of(9), 1);
  EXPECT_EQ(size(1), 8U);
  EXPECT_EQ(review_.next_cluster(), 4) << "no number is used twice";
  act(move({5}, 4, true));
  EXPECT_EQ(size(4), 1U);
}

TEST_F(ReviewTest, AClusterThatIsLeftEmptyIsGone) {
  act(move({7, 8, 17, 18}, 1));
  EXPECT_EQ(review_.find(2), nullptr);
  EXPECT_EQ(review_.became(2), kNoCluster);
  EXPECT_EQ(review_.check(merge({1, 2})).error().code, ErrorCode::invalid_argument);
}

TEST_F(ReviewTest, NoiseHasNoLabelUnlessItGetsOneLater) {
  act(label("song", {0}));
  act(label("call", {}, {4}));
  act(noise({0}, {4}));
  EXPECT_EQ(size(kNoCluster), 11U);
  EXPECT_EQ(review_.find(0), nullptr);
  EXPECT_EQ(review_.label_text(0), "");
  EXPECT_EQ(review_.label_text(4), "");
  EXPECT_EQ(review_.action_of(0), 3);
  EXPECT_EQ(review_.action_of(9), 0) << "nobody said that this one is noise";
  act(label("rain", {}, {0}));
  EXPECT_EQ(review_.label_text(0), "rain");
}

TEST_F(ReviewTest, WhatIsNotThereIsRefusedBeforeAnythingIsDone) {
  for (const ReviewAct& wrong :
       {label("x", {7}), label("x", {kNoCluster}), label("x", {}, {20}), label("x", {}),
        label("a\nb", {0}), label(std::string(201, 'x'), {0}), label("\xff", {0}), merge({1}),
        merge({1, 1}), merge({1, 9}), merge({kNoCluster, 1}), move({}, 1), move({0}, 3),
        move({0}, 5, true), move({20}, 0), noise({5}), noise({})}) {
    const Result<ReviewAct> refused = review_.check(wrong);
    ASSERT_FALSE(refused.ok()) << wrong.summary();
    EXPECT_EQ(refused.error().code, ErrorCode::invalid_argument);
  }
  EXPECT_EQ(review_.apply(label("x", {7}), 1).error().code, ErrorCode::artifact_corrupt);
  EXPECT_EQ(review_.apply(move({0}, 5, true), 1).error().code, ErrorCode::artifact_corrupt);
  expect_whole();
}

TEST_F(ReviewTest, WhatStandsInTheLogMakesTheSameState) {
  act(label("song", {0}, {4, 5, 6, 9}));
  act(move({0, 1, 12}, 3, true));
  act(merge({1, 2}));
  act(noise({}, {13, 14}));
  act(label("call", {1}));
  Review again(windows_);
  for (std::size_t i = 0; i < log_.size(); ++i) {
    const Result<ReviewAct> read = ReviewAct::from_json(to_string(log_[i].kind), log_[i].to_json());
    ASSERT_TRUE(read.ok()) << read.error().to_string();
    ASSERT_TRUE(again.apply(*read, static_cast<std::int64_t>(i) + 1).ok());
  }
  EXPECT_EQ(labels_bytes(again, 5), labels_bytes(review_, 5));
  for (const auto& [number, cluster] : review_.clusters())
    EXPECT_EQ(again.find(number)->revision, cluster.revision);
}

TEST_F(ReviewTest, AClustersRevisionSaysWhetherItIsTheSame) {
  const std::uint64_t before = review_.find(1)->revision;
  act(label("song", {0}));
  EXPECT_EQ(review_.find(1)->revision, before);
  act(label("call", {}, {4}));
  const std::uint64_t labelled = review_.find(1)->revision;
  EXPECT_NE(labelled, before);
  Review without(windows_);  // As after the undoing of the second action.
  ASSERT_TRUE(without.apply(log_[0], 1).ok());
  EXPECT_EQ(without.find(1)->revision, before);
}

TEST_F(ReviewTest, ManyActionsByChanceNeverLoseAWindow) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    SCOPED_TRACE(seed);
    cluster::Random random(seed);
    review_ = Review(windows_);
    log_.clear();
    for (int i = 0; i < 30; ++i) {
      const auto any = [&] {
        auto found = review_.clusters().begin();
        std::advance(found, random.below(static_cast<std::uint32_t>(review_.clusters().size())));
        return found->first;
      };
      const std::vector<std::uint32_t> rows = {random.below(20), random.below(20)};
      const std::uint32_t kind = random.below(5);
      const ReviewAct asked = kind == 0
                                  ? label("l" + std::to_string(random.below(3)), {any()}, rows)
                              : kind == 1 ? merge({any(), any()})
                              : kind == 2 ? noise({}, rows)
                              : kind == 3 ? move(rows, any())
                                          : move(rows, review_.next_cluster(), true);
      if (review_.check(asked).ok()) act(asked);
    }
    EXPECT_GT(log_.size(), 10U);
  }
}

TEST(ReviewAct, SentencesSayWhatWasDone) {
  ReviewAct act = label("song", {7});
  act.n_windows = 120;
  EXPECT_EQ(act.summary(), "Labelled cluster 7 (120 windows) “song”");
  act = merge({3, 5, 9});
  act.n_windows = 1;
  EXPECT_EQ(act.summary(), "Merged clusters 3, 5 and 9 into 3 (1 window)");
  act = move({1}, 4, true);
  act.n_windows = 1;
  EXPECT_EQ(act.summary(), "Moved 1 window to the new cluster 4");
  act.split = 2;
  EXPECT_EQ(act.summary(), "Split cluster 2 into 2");
}

TEST(ReviewAct, DamagedOnesAreRefused) {
  for (const char* text :
       {R"({"rows":[[3,1]]})", R"({"rows":[[0,1],[1,2]]})", R"({"rows":[7]})",
        R"({"rows":[[0,99999999999]]})", R"({"clusters":["1"]})", R"({"clusters":[-2]})",
        R"({"clusters":[3,1]})", R"({"groups":[{"rows":[[0,1]]}]})", R"({"groups":[1]})"}) {
    const json::object payload = core::parse_json_object(text, "payload").value();
    EXPECT_EQ(ReviewAct::from_json("label", payload).error().code, ErrorCode::artifact_corrupt)
        << text;
  }
  EXPECT_FALSE(ReviewAct::from_json("paint", {}).ok());
  for (const char* text : {"{}", R"({"clusters":[3]})", R"({"clusters":[2,2,3]})"}) {
    const json::object payload = core::parse_json_object(text, "payload").value();
    EXPECT_EQ(ReviewAct::from_json("merge", payload).error().code, ErrorCode::artifact_corrupt)
        << text;
  }
}

TEST(ReviewAct, HasNoMoreRowsThanItSaysSoThatDamageTakesNoMemory) {
  for (const char* text :
       {R"({"rows":[[0,2147483647]],"windows":3})", R"({"rows":[[0,1],[5,6]],"windows":3})",
        R"({"groups":[{"to":1,"rows":[[0,1]]},{"to":2,"rows":[[2,3]]}],"windows":3})",
        R"({"windows":-1})"}) {
    const json::object payload = core::parse_json_object(text, "payload").value();
    EXPECT_EQ(ReviewAct::from_json("move", payload).error().code, ErrorCode::artifact_corrupt)
        << text;
  }
}

// ---- what is shown ----------------------------------------------------------------------------

TEST_F(ReviewTest, AClusterShowsItsMiddleItsEdgeAndItsOutliers) {
  const json::object shown = describe_cluster(review_, 0);
  EXPECT_EQ(shown.at("size"), 8);
  EXPECT_EQ(shown.at("persistence"), 0.5);
  EXPECT_TRUE(shown.at("label").is_null());
  const json::value& exemplars = shown.at("exemplars");
  const auto first = [&](const char* kind) { return exemplars.at(kind).at(0).at("row_index"); };
  EXPECT_EQ(first("medoids"), 1) << "x = 0 to 3, and 1 is likelier than 2";
  EXPECT_EQ(first("edges"), 3);
  EXPECT_EQ(exemplars.at("outliers").at(0).at("row"), 13);
  EXPECT_EQ(exemplars.at("medoids").as_array().size(), kExemplarsShown);
}

TEST_F(ReviewTest, HoursAreThoseOfTheWindowsAndTheUnknownAreCounted) {
  const json::object shown =
      describe_cluster(review_, 1);  // From 23:59:58, and two after midnight.
  EXPECT_EQ(shown.at("hours").at(23), 1);
  EXPECT_EQ(shown.at("hours").at(0), 2);
  EXPECT_EQ(shown.at("hours_unknown"), 3);
  EXPECT_EQ(shown.at("recordings").as_array().size(), 2U);
  EXPECT_EQ(shown.at("recordings").at(0).at("windows"), 3);
  EXPECT_EQ(shown.at("metadata_summary").at("values").at("tag_data.site").at("reef"), 3);
  EXPECT_EQ(shown.at("metadata_summary").at("recordings"), 2);
}

TEST_F(ReviewTest, SitesAreWhatTheTagOrElseTheLocationSays) {
  const json::array list = describe_recordings(*windows_);
  EXPECT_EQ(list.at(0).at("site"), "reef");
  EXPECT_EQ(list.at(1).at("site"), "bay");
  EXPECT_TRUE(list.at(1).at("start_local").is_null());
  EXPECT_EQ(list.at(1).at("windows"), 10);
}

TEST_F(ReviewTest, PagesOfAnOrderMakeTheWhole) {
  std::vector<std::uint32_t> all(20);
  for (std::uint32_t row = 0; row < 20; ++row) all[row] = row;
  for (const char* name : {"time", "medoid", "edge", "outlier"}) {
    SCOPED_TRACE(name);
    const WindowOrder order = parse_window_order(name).value();
    const std::vector<std::uint32_t> whole = rows_in_order(review_, all, order, 0, 99);
    ASSERT_EQ(whole.size(), 20U);
    std::vector<std::uint32_t> pieces;
    for (std::size_t first = 0; first < 25; first += 7) {
      for (const std::uint32_t row : rows_in_order(review_, all, order, first, 7))
        pieces.push_back(row);
    }
    EXPECT_EQ(pieces, whole);
  }
  EXPECT_FALSE(parse_window_order("beauty"));
}

TEST_F(ReviewTest, WindowsWithoutAPlaceInTheMapAreNoMedoids) {
  for (std::size_t row = 0; row < 19; ++row)
    windows_->x[row] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(describe_cluster(review_, 0).at("exemplars").at("medoids").at(0).at("row_index"), 0)
      << "no place at all: the likeliest";
}

TEST_F(ReviewTest, TheBytesAreWhatTheMapReads) {
  act(label("song", {1}));
  act(label("call", {}, {4}));
  act(label("gone", {}, {5}));
  act(label("", {}, {5}));
  const LabelCounts counts = count_labels(review_);
  EXPECT_EQ(counts.labels, (std::vector<std::string>{"call", "song"}));
  EXPECT_EQ(counts.windows, (std::vector<std::int64_t>{1, 5}));
  const std::string bytes = labels_bytes(review_, 4);
  ASSERT_EQ(bytes.size(), 16U + 20 * 8);
  EXPECT_EQ(bytes.substr(0, 8), "BLNLBL01");
  const auto number = [&](std::size_t at) {
    std::int32_t value = 0;
    std::memcpy(&value, bytes.data() + at, 4);
    return value;
  };
  EXPECT_EQ(number(8), 20);
  EXPECT_EQ(number(12), 4);
  EXPECT_EQ(number(16 + 4 * 9), kNoCluster);
  EXPECT_EQ(number(16 + 80 + 4 * 4), 0);
  EXPECT_EQ(number(16 + 80 + 4 * 5), 1);
  EXPECT_EQ(number(16 + 80 + 4 * 0), Review::kNoLabel);
  const std::string points = points_bytes(*windows_);
  ASSERT_EQ(points.size(), 16U + 20 * 29);
  EXPECT_EQ(static_cast<std::uint8_t>(points[16 + 20 * 28]), 23);
  EXPECT_EQ(static_cast<std::uint8_t>(points.back()), ClusteredWindows::kHourUnknown);
}

}  // namespace
}  // namespace baleen::bioacoustics
