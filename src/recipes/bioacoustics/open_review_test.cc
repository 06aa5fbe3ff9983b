// Reviews of clusterings that lie in a store: read, changed, split, undone, and the labels that leave them.

#include "recipes/bioacoustics/open_review.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "audio/testing/test_audio.h"
#include "core/file.h"
#include "formats/parquet_tables.h"
#include "recipes/bioacoustics/encoding.h"
#include "recipes/bioacoustics/review_view.h"
#include "recipes/bioacoustics/window_labels.h"
#include "store/assets.h"
#include "store/collections.h"
#include "store/schema.h"

namespace baleen::bioacoustics {
namespace {

constexpr std::size_t kWindows = 30;  // Of each recording.
constexpr std::size_t kSize = 4;

class OpenReviewTest : public ::testing::Test {
 protected:
  OpenReviewTest() {
    EXPECT_TRUE(store::migrate(database_).ok());
    collection_ = store::make_collection(database_, "me", "reef", 1)->collection_id;
    for (const char* id : {"a", "b"}) add_recording(id);
    add_clustering("job-1", "enc-2s", "sha-1");
  }

  void insert(const store::Artifact& artifact) {
    ASSERT_TRUE(store::insert_artifact(database_, artifact).ok());
  }
  store::Artifact artifact(const std::string& asset,
                           const std::string& type,
                           const std::string& path,
                           const std::string& sha256 = "") {
    store::Artifact made;
    made.asset_id = asset;
    made.type = type;
    made.path = path;
    made.sha256 = sha256;
    made.signature = type + path;
    return made;
  }

  void add_recording(const std::string& id) {
    store::Asset asset;
    asset.asset_id = asset.content_hash = id;
    asset.owner_entity_id = "me";
    asset.original_filename = id + ".wav";
    ASSERT_TRUE(store::insert_asset(database_, asset).ok());
    ASSERT_TRUE(store::add_member(database_, collection_, id, 1).ok());
    ASSERT_TRUE(core::write_file_atomic(root_.path / (id + ".json"),
                                        R"({"start_local":"2020-01-01T06:59:00"})")
                    .ok());
    insert(artifact(id, "recording_v1", id + ".json"));
    add_embeddings(id, "enc-2s", 2, kWindows);
    add_embeddings(id, "enc-3s", 3, kWindows * 2 / 3);
  }

  /// Vectors in two directions: even rows in one, odd rows in the other; a little beside it.
  void add_embeddings(const std::string& id,
                      const std::string& encoding,
                      double window_s,
                      std::size_t n) {
    const std::string path = id + "." + encoding + ".parquet";
    auto writer =
        formats::ParquetWriter::create(root_.path / path, formats::embeddings_schema(kSize),
                                       formats::embeddings_options())
            .value();
    std::vector<std::int32_t> row_index;
    std::vector<double> start_s, end_s;
    std::vector<std::uint8_t> is_padded(n, 0);
    std::vector<float> vectors;
    for (std::size_t i = 0; i < n; ++i) {
      row_index.push_back(static_cast<std::int32_t>(i));
      start_s.push_back(static_cast<double>(i) * window_s);
      end_s.push_back(start_s.back() + window_s);
      const float little = 0.01F * static_cast<float>(i % 7);
      for (const float value :
           {i % 2 == 0 ? 1.0F : little, i % 2 == 1 ? 1.0F : little, little, 0.0F})
        vectors.push_back(value);
    }
    ASSERT_TRUE(writer
                    .append(formats::columns_of(
                        formats::EmbeddingRows{row_index, start_s, end_s, is_padded, vectors}))
                    .ok());
    formats::EmbeddingsInfo info;
    info.asset_id = id;
    info.vector_dim = kSize;
    ASSERT_TRUE(writer.finish(formats::to_metadata(info)).ok());
    store::Artifact made = artifact(id, "embedding_set", path);
    made.feature_spec_alias = alias_of(encoding);
    insert(made);
  }

  /// Of each recording the first 20 windows are cluster 0, the next 5 cluster 1, the rest is noise.
  void add_clustering(const std::string& job, const std::string& encoding, const std::string& sha) {
    const std::filesystem::path folder = root_.path / "clusters" / job;
    ASSERT_TRUE(core::make_directories(folder).ok());
    ASSERT_TRUE(
        core::write_file_atomic(
            folder / "clusters.json",
            R"({"encoding_id":")" + encoding +
                R"(","parameters":{"metric":"cosine"},"windows":60,"clusters":[{"persistence":0.5},{}]})")
            .ok());
    formats::ParquetSchema schema = formats::assignments_schema();
    schema.resize(7);
    schema.push_back({.name = "noise_reason", .type = formats::ParquetType::int32});
    schema.push_back({.name = "nearest_label", .type = formats::ParquetType::int32});
    schema.push_back({.name = "missing", .type = formats::ParquetType::float64});
    auto writer =
        formats::ParquetWriter::create(folder / "assignments.parquet", schema, {}).value();
    std::vector<std::string_view> ids;
    std::vector<std::int32_t> row_index, label, reason, nearest;
    std::vector<double> probability, outlier, missing;
    std::vector<float> x, y;
    const std::size_t n = encoding == "enc-2s" ? kWindows : kWindows * 2 / 3;
    for (const char* id : {"a", "b"}) {
      for (std::size_t i = 0; i < n; ++i) {
        ids.emplace_back(id);
        row_index.push_back(static_cast<std::int32_t>(i));
        label.push_back(i < 20 ? 0 : i < 25 ? 1 : kNoCluster);
        probability.push_back(i < 25 ? 0.75 : 0);
        outlier.push_back(0.125);
        x.push_back(static_cast<float>(i));
        y.push_back(0);
        reason.push_back(i < 25 ? 0 : i == 25 ? 1 : 2);
        nearest.push_back(i < 20 ? 0 : 1);
        missing.push_back(i < 25 ? 0 : i == 29 ? std::nan("") : 0.25);
      }
    }
    const std::vector<formats::ParquetBatchColumn> columns = {
        {std::span<const std::string_view>(ids)},
        {std::span<const std::int32_t>(row_index)},
        {std::span<const std::int32_t>(label)},
        {std::span<const double>(probability)},
        {std::span<const double>(outlier)},
        {std::span<const float>(x)},
        {std::span<const float>(y)},
        {std::span<const std::int32_t>(reason)},
        {std::span<const std::int32_t>(nearest)},
        {std::span<const double>(missing)}};
    ASSERT_TRUE(writer.append(columns).ok());
    ASSERT_TRUE(writer.finish({}).ok());
    for (const char* type : {"clusters_v1", "assignments"}) {
      store::Artifact made = artifact(
          collection_, type,
          "clusters/" + job +
              (std::string(type) == "assignments" ? "/assignments.parquet" : "/clusters.json"),
          sha);
      made.signature = job;
      insert(made);
    }
  }

  OpenReview open(const std::string& job = "job-1") {
    Result<OpenReview> opened = reviewed_assignments(database_, root_, collection_, job);
    EXPECT_TRUE(opened.ok()) << (opened.ok() ? "" : opened.error().to_string());
    return std::move(*opened);
  }
  Result<store::ReviewAction> act(OpenReview& review, const std::string& request) {
    return review.act(database_, core::parse_json_object(request, "request").value(),
                      {"anna", ++now_us_});
  }
  static std::string state_of(const OpenReview& review) {
    return labels_bytes(review.review(), review.version());
  }
  /// "a0 song review anna", …
  std::vector<std::string> labels(const std::string& encoding) {
    const WindowLabels found = labels_of_windows(database_, root_, collection_, encoding).value();
    std::vector<std::string> list;
    for (const WindowLabel& window : found.windows) {
      const LabelSource& source = found.sources[window.source];
      list.push_back(
          found.asset_ids[window.recording] + std::to_string(window.row_index) + " " +
          (window.label == WindowLabels::kIsNoise ? "(noise)" : found.labels[window.label]) +
          (source.kind == LabelSource::Kind::review ? " review " : " annotation ") +
          source.made_by);
    }
    return list;
  }
  void annotate(const std::string& asset, double start_s, double end_s, const std::string& label) {
    ASSERT_TRUE(database_
                    .execute("INSERT INTO annotation_imports (collection_id, format, filename, "
                             "sha256, made_by, created_at_us) VALUES ($1, 'raven', 't', '', "
                             "'carl', 1)",
                             collection_)
                    .ok());
    const std::int64_t import = database_.last_insert_id();
    ASSERT_TRUE(database_
                    .execute("INSERT INTO annotations (import_id, asset_id, start_s, end_s, label, "
                             "is_by_person, source) VALUES ($1, $2, $3, $4, $5, 1, '')",
                             import, asset, start_s, end_s, label)
                    .ok());
  }

  audio::testing::TempDir dir_;
  store::DataRoot root_{dir_ / "data"};
  store::Database database_ = [this] {
    EXPECT_TRUE(core::make_directories(root_.path).ok());
    return store::Database::open(root_.database()).value();
  }();
  std::string collection_;
  std::int64_t now_us_ = 100;
};

TEST_F(OpenReviewTest, AClusteringIsReadWithTimesHoursAndNames) {
  const OpenReview review = open();
  const ClusteredWindows& windows = review.review().windows();
  ASSERT_EQ(windows.size(), 60U);
  EXPECT_EQ(windows.recordings[1].filename, "b.wav");
  EXPECT_EQ(windows.start_s[31], 2);
  EXPECT_EQ(windows.hour[29], 6);
  EXPECT_EQ(windows.hour[30 + 29], 6);
  EXPECT_EQ(windows.persistence[0], 0.5);
  const json::object shown = describe_clustering(database_, root_, review.info()).value();
  EXPECT_EQ(shown.at("clusters"), 2);
  EXPECT_EQ(shown.at("encoding_id"), "enc-2s");
  EXPECT_EQ(find_clustering(database_, "job-1").value()->collection_id, collection_);
  for (const char* none : {"", "job", "job-1/", "..", "job-2"})
    EXPECT_FALSE(find_clustering(database_, none).value()) << none;
}

TEST_F(OpenReviewTest, TwoWhoLookAtOneReviewSeeTheSame) {
  OpenReview anna = open(), bert = open();
  ASSERT_TRUE(act(anna, R"({"kind":"label","clusters":[0],"label":"song"})").ok());
  ASSERT_TRUE(act(bert, R"({"kind":"move","rows":[0, 1],"to":"new"})").ok());
  ASSERT_TRUE(act(anna, R"({"kind":"merge","clusters":[1, 2]})").ok());
  ASSERT_TRUE(bert.undo(database_, {"bert", 1}).ok());
  ASSERT_TRUE(bert.redo(database_, {"bert", 2}).ok());
  ASSERT_TRUE(anna.refresh(database_).ok());
  EXPECT_EQ(anna.version(), 5);
  EXPECT_EQ(state_of(anna), state_of(bert));
  EXPECT_EQ(state_of(anna), state_of(open())) << "and so does who comes later";
}

TEST_F(OpenReviewTest, UndoneIsAsIfItHadNotBeenSaid) {
  OpenReview review = open();
  std::vector<std::string> states{state_of(review)};
  for (const char* request :
       {R"({"kind":"label","clusters":[0],"label":"song"})", R"({"kind":"noise","rows":[3, 4]})",
        R"({"kind":"move","rows":[55],"to":1})", R"({"kind":"split","cluster":0,"into":2})"}) {
    ASSERT_TRUE(act(review, request).ok()) << request;
    states.push_back(state_of(review));
  }
  const auto without_version = [](std::string bytes) { return bytes.erase(12, 4); };
  for (std::size_t i = states.size() - 1; i-- > 0;) {
    ASSERT_TRUE(review.undo(database_, {"bert", 1}).ok());
    EXPECT_EQ(without_version(state_of(review)), without_version(states[i]));
  }
  EXPECT_EQ(review.undo(database_, {"bert", 1}).error().code, ErrorCode::not_found);
  for (std::size_t i = 1; i < states.size(); ++i) {
    ASSERT_TRUE(review.redo(database_, {"bert", 1}).ok());
    EXPECT_EQ(without_version(state_of(review)), without_version(states[i]));
  }
}

TEST_F(OpenReviewTest, ASplitFollowsTheEmbeddingsAndIsTheSameEachTime) {
  OpenReview review = open();
  const store::ReviewAction first = act(review, R"({"kind":"split","cluster":0,"into":2})").value();
  EXPECT_EQ(first.kind, "move");
  EXPECT_EQ(describe_action(first).at("summary"), "Split cluster 0 into 2");
  std::set<std::int32_t> even, odd;
  for (std::size_t row = 0; row < 20; ++row)
    (row % 2 == 0 ? even : odd).insert(review.review().cluster_of(row));
  EXPECT_EQ(even, (std::set<std::int32_t>{0})) << "of two as large the first stays";
  EXPECT_EQ(odd, (std::set<std::int32_t>{2}));
  const std::string state = state_of(review);
  ASSERT_TRUE(review.undo(database_, {"bert", 1}).ok());
  const store::ReviewAction again = act(review, R"({"kind":"split","cluster":0,"into":2})").value();
  EXPECT_EQ(again.payload_json, first.payload_json);
}

TEST_F(OpenReviewTest, WhatIsNotUnderstoodSaysWhatIs) {
  OpenReview review = open();
  for (const char* request :
       {R"({})", R"({"kind":"paint"})", R"({"kind":"label","clusters":[0]})",
        R"({"kind":"label","clusters":["0"],"label":"x"})",
        R"({"kind":"label","rows":[-1],"label":"x"})",
        R"({"kind":"label","rows":[60],"label":"x"})", R"({"kind":"merge","clusters":[0]})",
        R"({"kind":"move","rows":[1]})", R"({"kind":"move","rows":[1],"to":"old"})",
        R"({"kind":"move","rows":[1],"to":17})", R"({"kind":"split"})",
        R"({"kind":"split","cluster":0,"into":9})", R"({"kind":"split","cluster":-1,"into":2})",
        R"({"kind":"split","cluster":5})"}) {
    const Result<store::ReviewAction> refused = act(review, request);
    ASSERT_FALSE(refused.ok()) << request;
    EXPECT_EQ(refused.error().code, ErrorCode::invalid_argument) << request;
  }
  EXPECT_EQ(review.version(), 0);
}

TEST_F(OpenReviewTest, AClusteringThatCameOutOtherwiseIsNotReviewedByWhatWasSaidOfTheOther) {
  OpenReview review = open();
  ASSERT_TRUE(act(review, R"({"kind":"label","clusters":[0],"label":"song"})").ok());
  ASSERT_TRUE(
      database_.execute("UPDATE artifact_index SET sha256 = 'sha-2' WHERE sha256 = 'sha-1'").ok());
  EXPECT_EQ(open().version(), 0);
  EXPECT_TRUE(open().review().labels().empty());
}

TEST_F(OpenReviewTest, NoiseSaysWhyAndWhatWouldHaveBeenNearest) {
  OpenReview review = open();
  ASSERT_TRUE(act(review, R"({"kind":"merge","clusters":[0, 1]})").ok());
  const json::value why = review.why_noise(26).value();
  EXPECT_EQ(why.at("reason"), "loose");
  EXPECT_EQ(why.at("nearest_cluster"), 0) << "cluster 1 is part of it by now";
  EXPECT_EQ(why.at("missing"), 0.25);
  EXPECT_EQ(why.at("nearest_window").at("row"), 24);
  EXPECT_EQ(review.why_noise(25)->at("reason"), "alone");
  EXPECT_TRUE(review.why_noise(29)->at("missing").is_null());
  EXPECT_TRUE(review.why_noise(0)->is_null());
}

TEST_F(OpenReviewTest, AMemberThatLeftTheCollectionIsStillReviewed) {
  ASSERT_TRUE(store::remove_member(database_, collection_, "b").ok());
  EXPECT_EQ(open().review().windows().recordings[1].filename, "b.wav");
}

TEST_F(OpenReviewTest, EmbeddingsThatAreGoneAreNamed) {
  ASSERT_TRUE(database_.execute("DELETE FROM artifact_index WHERE path = 'b.enc-2s.parquet'").ok());
  const Result<OpenReview> opened = reviewed_assignments(database_, root_, collection_);
  ASSERT_FALSE(opened.ok());
  EXPECT_EQ(opened.error().code, ErrorCode::input_not_found);
}

// ---- labels that leave the review -------------------------------------------------------------

TEST_F(OpenReviewTest, LabelsLeaveTheReviewByRecordingAndTime) {
  EXPECT_TRUE(labels("enc-2s").empty());
  OpenReview review = open();
  ASSERT_TRUE(act(review, R"({"kind":"label","rows":[2, 31],"label":"song"})").ok());
  ASSERT_TRUE(act(review, R"({"kind":"noise","rows":[27]})").ok());
  ASSERT_TRUE(act(review, R"({"kind":"label","rows":[5],"label":"undone"})").ok());
  ASSERT_TRUE(review.undo(database_, {"bert", 1}).ok());
  EXPECT_EQ(labels("enc-2s"),
            (std::vector<std::string>{"a2 song review anna", "a27 (noise) review anna",
                                      "b1 song review anna"}));
}

TEST_F(OpenReviewTest, OfSeveralClusteringsTheNewestWordCounts) {
  add_clustering("job-2", "enc-2s", "sha-2");
  OpenReview one = open("job-1"), two = open("job-2");
  ASSERT_TRUE(act(one, R"({"kind":"label","rows":[2, 3],"label":"song"})").ok());
  ASSERT_TRUE(act(two, R"({"kind":"label","rows":[2],"label":"call"})").ok());
  ASSERT_TRUE(act(two, R"({"kind":"label","rows":[4],"label":"call"})").ok());
  ASSERT_TRUE(act(one, R"({"kind":"label","rows":[4],"label":"chorus"})").ok());
  EXPECT_EQ(labels("enc-2s"),
            (std::vector<std::string>{"a2 call review anna", "a3 song review anna",
                                      "a4 chorus review anna"}));
}

TEST_F(OpenReviewTest, AnotherEncodingTakesTheLabelsOfWhatCoversHalfOfAWindow) {
  OpenReview review = open();  // Windows of 2 s; those of 3 s are asked for.
  ASSERT_TRUE(act(review, R"({"kind":"label","rows":[0],"label":"song"})").ok());  // 0 to 2 s.
  ASSERT_TRUE(act(review, R"({"kind":"label","rows":[4],"label":"call"})").ok());  // 8 to 10 s.
  EXPECT_EQ(labels("enc-3s"), (std::vector<std::string>{"a0 song review anna"}))
      << "a third of 6 to 9 s, and a third of 9 to 12 s, are too little";
}

TEST_F(OpenReviewTest, AnnotationsCountWhereNoReviewSpeaks) {
  OpenReview review = open();
  ASSERT_TRUE(act(review, R"({"kind":"label","rows":[1],"label":"song"})").ok());
  annotate("a", 0, 5, "whistle");      // Windows 0, 1 and half of 2.
  annotate("a", 0, 2, "upsweep");      // As much of window 0, and newer.
  annotate("b", 10.5, 11.4, "click");  // Less than half.
  EXPECT_EQ(labels("enc-2s"),
            (std::vector<std::string>{"a0 upsweep annotation carl", "a1 song review anna",
                                      "a2 whistle annotation carl"}));
  ASSERT_TRUE(
      database_.execute("UPDATE annotation_imports SET withdrawn_at_us = 1 WHERE import_id = 2")
          .ok());
  EXPECT_EQ(labels("enc-2s").front(), "a0 whistle annotation carl");
  EXPECT_EQ(labels_of_windows(database_, root_, "none", "enc-2s").error().code,
            ErrorCode::not_found);
}

TEST_F(OpenReviewTest, ExportsCallWindowsByTheirLabels) {
  OpenReview review = open();
  ASSERT_TRUE(act(review, R"({"kind":"label","clusters":[0],"label":"song"})").ok());
  EXPECT_EQ(reviewed_name(review.review(), 0), "song");
  EXPECT_EQ(reviewed_name(review.review(), 20), "cluster 1");
  EXPECT_EQ(reviewed_name(review.review(), 29), "noise");
  EXPECT_EQ(reviewed_assignments(database_, root_, collection_, "none").error().code,
            ErrorCode::not_found);
}

}  // namespace
}  // namespace baleen::bioacoustics
