// Search by example among files that the test makes: what is found, in which order, and what is not to be found.

#include "recipes/bioacoustics/search.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "audio/testing/test_audio.h"
#include "formats/parquet_tables.h"

namespace baleen::bioacoustics {
namespace {

constexpr double kWindowS = 2;

class SearchTest : public ::testing::Test {
 protected:
  /// Windows of two seconds, one behind the other, the last with so much sound; each vector points at an angle (degrees) and is
  /// `length` long.
  EmbeddedRecording make(const std::string& name,
                         const std::vector<double>& angles,
                         double length = 1,
                         int size = 2,
                         double last_s = kWindowS) {
    const std::filesystem::path path = dir_ / (name + ".parquet");
    auto writer = formats::ParquetWriter::create(path, formats::embeddings_schema(size),
                                                 formats::embeddings_options())
                      .value();
    std::vector<std::int32_t> row_index;
    std::vector<double> start_s, end_s;
    std::vector<std::uint8_t> is_padded(angles.size(), 0);
    std::vector<float> embedding(angles.size() * static_cast<std::size_t>(size));
    for (std::size_t i = 0; i < angles.size(); ++i) {
      row_index.push_back(static_cast<std::int32_t>(i));
      start_s.push_back(static_cast<double>(i) * kWindowS);
      end_s.push_back(start_s.back() + kWindowS);
      const double radians = angles[i] * M_PI / 180;
      embedding[i * static_cast<std::size_t>(size)] =
          static_cast<float>(length * std::cos(radians));
      embedding[i * static_cast<std::size_t>(size) + 1] =
          static_cast<float>(length * std::sin(radians));
    }
    end_s.back() = start_s.back() + last_s;
    EXPECT_TRUE(writer
                    .append(formats::columns_of(
                        formats::EmbeddingRows{row_index, start_s, end_s, is_padded, embedding}))
                    .ok());
    formats::EmbeddingsInfo info;
    info.asset_id = name;
    info.window_size_s = info.hop_s = kWindowS;
    info.vector_dim = size;
    EXPECT_TRUE(writer.finish(formats::to_metadata(info)).ok());
    return {name, path};
  }

  audio::testing::TempDir dir_;
};

std::vector<std::pair<std::size_t, std::int64_t>> places(const SearchResult& result) {
  std::vector<std::pair<std::size_t, std::int64_t>> found;
  for (const SearchHit& hit : result.hits) found.emplace_back(hit.recording, hit.row_index);
  return found;
}

using Places = std::vector<std::pair<std::size_t, std::int64_t>>;

TEST_F(SearchTest, TheMostLikeComesFirstWhateverTheLengthOfItsVector) {
  const EmbeddedRecording a = make("a", {0, 90, 40});
  const EmbeddedRecording b = make("b", {180, 10, 25}, 100);
  const SearchResult result = search_by_example({a, 0, 2}, {a, b}, {3, 0}).value();
  EXPECT_EQ(places(result), (Places{{1, 1}, {1, 2}, {0, 2}}));
  EXPECT_NEAR(result.hits[0].similarity, std::cos(10 * M_PI / 180), 1e-6);
  EXPECT_EQ(result.hits[0].start_s, 2);
  EXPECT_EQ(result.hits[0].end_s, 4);
  EXPECT_EQ(result.n_windows, 5) << "all but the example itself";
}

TEST_F(SearchTest, OfEquallyLikeOnesTheEarlierComesFirst) {
  const EmbeddedRecording a = make("a", {0});
  const EmbeddedRecording b = make("b", {30, 30, 30});
  const SearchResult result = search_by_example({a, 0, 2}, {b, b}, {4, 0}).value();
  EXPECT_EQ(places(result), (Places{{0, 0}, {0, 1}, {0, 2}, {1, 0}}));
}

TEST_F(SearchTest, WhatIsNearTheExampleInItsOwnRecordingIsNotFound) {
  const EmbeddedRecording a = make("a", {0, 1, 2, 3, 4, 5, 6});
  // The example is from 6 to 8 s.
  const auto rows = [&](double apart_s) {
    std::vector<std::int64_t> found;
    const SearchResult result = search_by_example({a, 6, 8}, {a}, {9, apart_s}).value();
    for (const SearchHit& hit : result.hits) found.push_back(hit.row_index);
    std::ranges::sort(found);
    return found;
  };
  EXPECT_EQ(rows(0), (std::vector<std::int64_t>{0, 1, 2, 4, 5, 6}));
  EXPECT_EQ(rows(2), (std::vector<std::int64_t>{0, 1, 5, 6}));
  EXPECT_EQ(rows(2.5), (std::vector<std::int64_t>{0, 6}));
  EXPECT_EQ(rows(60), std::vector<std::int64_t>{});
}

TEST_F(SearchTest, OnlyTheStretchThatIsAskedForIsSearched) {
  const EmbeddedRecording a = make("a", {0});
  EmbeddedRecording b = make("b", {1, 2, 3, 4, 5, 6});
  const auto rows = [&](double from_s, double to_s) {
    b.from_s = from_s;
    b.to_s = to_s;
    std::vector<std::int64_t> found;
    const SearchResult result = search_by_example({a, 0, 2}, {b}, {9, 0}).value();
    for (const SearchHit& hit : result.hits) found.push_back(hit.row_index);
    EXPECT_EQ(result.n_windows, static_cast<std::int64_t>(found.size()));
    return found;
  };
  EXPECT_EQ(rows(4, 8), (std::vector<std::int64_t>{2, 3}));
  EXPECT_EQ(rows(3.9, 8.1), (std::vector<std::int64_t>{1, 2, 3, 4}));
  EXPECT_EQ(rows(-100, 1), (std::vector<std::int64_t>{0}));
  EXPECT_EQ(rows(100, 200), std::vector<std::int64_t>{});
  EXPECT_EQ(rows(-200, -100), std::vector<std::int64_t>{});
}

TEST_F(SearchTest, AnExampleOfSeveralWindowsFindsWhatIsLikeAnyOfThem) {
  const EmbeddedRecording a = make("a", {0, 90});
  const EmbeddedRecording b = make("b", {45, 91, 3});
  const SearchResult whole =
      search_by_example({a, 0, std::numeric_limits<double>::infinity()}, {b}, {3, 0}).value();
  EXPECT_EQ(whole.n_example_windows, 2);
  EXPECT_EQ(places(whole), (Places{{0, 1}, {0, 2}, {0, 0}}));
}

TEST_F(SearchTest, WhatIsMostlyPaddingIsNeitherExampleNorFound) {
  // As it is where recordings are a little longer than a window: the rest of each looks like the rest of all.
  const EmbeddedRecording a = make("a", {0, 90}, 1, 2, 0.1);
  const EmbeddedRecording b = make("b", {40, 90}, 1, 2, 0.1);
  const EmbeddedRecording c = make("c", {20, 60}, 1, 2, 1);
  const EmbeddedRecording shorter = make("d", {10}, 1, 2, 0.1);
  const double end_s = std::numeric_limits<double>::infinity();
  const SearchResult result = search_by_example({a, 0, end_s}, {a, b, c, shorter}, {9, 0}).value();
  EXPECT_EQ(result.n_example_windows, 1);
  EXPECT_EQ(places(result), (Places{{3, 0}, {2, 0}, {1, 0}, {2, 1}}))
      << "a window that is all that there is counts, however short";
  EXPECT_EQ(search_by_example({shorter, 0, end_s}, {a}, {9, 0})->hits.size(), 1U);
}

TEST_F(SearchTest, AMomentStandsForTheWindowAroundIt) {
  const EmbeddedRecording a = make("a", {0, 90, 180});
  const SearchResult result = search_by_example({a, 3.9, 0}, {a}, {1, 0}).value();
  EXPECT_EQ(result.start_s, 2);
  EXPECT_EQ(result.end_s, 4);
}

TEST_F(SearchTest, SilenceIsLikeNothing) {
  const EmbeddedRecording a = make("a", {0});
  const EmbeddedRecording silent = make("b", {0}, 0);
  EXPECT_EQ(search_by_example({a, 0, 2}, {silent}, {1, 0})->hits[0].similarity, 0);
}

TEST_F(SearchTest, WhatCannotBeComparedIsRefused) {
  const EmbeddedRecording a = make("a", {0});
  EXPECT_EQ(search_by_example({a, 7, 9}, {a}, {1, 0}).error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(search_by_example({a, 0, 2}, {make("b", {0}, 1, 3)}, {1, 0}).error().code,
            ErrorCode::embedding_dimensions_differ);
  const EmbeddedRecording many = make("many", std::vector<double>(kExampleWindowsMax + 1, 0));
  EXPECT_EQ(search_by_example({many, 0, 1e9}, {a}, {1, 0}).error().code,
            ErrorCode::invalid_argument);
  audio::testing::write_bytes(dir_ / "bad.parquet", "no table");
  EXPECT_EQ(search_by_example({a, 0, 2}, {{"bad", dir_ / "bad.parquet"}}, {1, 0}).error().code,
            ErrorCode::artifact_corrupt);
}

}  // namespace
}  // namespace baleen::bioacoustics
