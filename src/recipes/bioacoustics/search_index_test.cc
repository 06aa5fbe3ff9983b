// The search index beside its truth: comparing every vector. What is added, forgotten, damaged or half written must not
// change what is found.

#include "recipes/bioacoustics/search_index.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "audio/testing/test_audio.h"
#include "core/file.h"
#include "core/locked_file.h"
#include "core/sha256.h"
#include "formats/parquet_tables.h"
#include "recipes/bioacoustics/search.h"
#include "recipes/bioacoustics/search_index_files.h"

namespace baleen::bioacoustics {
namespace {

constexpr double kWindowS = 1;
constexpr int kSize = 300;

using Places = std::vector<std::pair<std::size_t, std::int64_t>>;

Places places(const SearchResult& result) {
  Places found;
  for (const SearchHit& hit : result.hits) found.emplace_back(hit.recording, hit.row_index);
  return found;
}

class SearchIndexTest : public ::testing::Test {
 protected:
  /// A recording whose windows are of a few kinds, each kind a surface of some dimensions; the last one is mostly padding.
  EmbeddedRecording make(const std::string& name, int n, std::uint32_t seed, float scale = 1) {
    std::mt19937 random(seed);
    std::normal_distribution<float> normal;
    std::vector<std::int32_t> row_index;
    std::vector<double> start_s, end_s;
    std::vector<float> embedding;
    for (int i = 0; i < n; ++i) {
      row_index.push_back(i);
      start_s.push_back(i * kWindowS);
      end_s.push_back(i * kWindowS + (i + 1 < n ? kWindowS : 0.1));
      const auto kind = static_cast<std::uint32_t>(random() % 5);
      std::array<float, 4> place{};
      for (float& value : place) value = normal(random);
      std::mt19937 own(kind);
      for (int c = 0; c < kSize; ++c) {
        float value = 2 * normal(own);
        for (const float z : place) value += z * normal(own);
        embedding.push_back(scale * (value + 0.05F * normal(random)));
      }
    }
    return write(name, row_index, start_s, end_s, embedding);
  }

  EmbeddedRecording write(const std::string& name,
                          const std::vector<std::int32_t>& row_index,
                          const std::vector<double>& start_s,
                          const std::vector<double>& end_s,
                          const std::vector<float>& embedding) {
    const std::filesystem::path path = dir_ / (name + std::to_string(n_files_++) + ".parquet");
    const std::vector<std::uint8_t> is_padded(row_index.size(), 0);
    auto writer = formats::ParquetWriter::create(path, formats::embeddings_schema(kSize),
                                                 {.rows_per_group = 128})
                      .value();
    EXPECT_TRUE(writer
                    .append(formats::columns_of(
                        formats::EmbeddingRows{row_index, start_s, end_s, is_padded, embedding}))
                    .ok());
    formats::EmbeddingsInfo info;
    info.asset_id = name;
    info.window_size_s = info.hop_s = kWindowS;
    info.vector_dim = kSize;
    EXPECT_TRUE(writer.finish(formats::to_metadata(info)).ok());
    EmbeddedRecording recording{name, path};
    recording.sha256 = core::sha256_file(path).value();
    recording.bytes = core::file_size_bytes(path).value();
    return recording;
  }

  [[nodiscard]] std::filesystem::path folder() const { return dir_ / "index"; }

  Result<IndexUpdate> update(const std::vector<EmbeddedRecording>& recordings,
                             const IndexUpdateOptions& options = {}) {
    std::vector<SetToIndex> sets;
    for (const EmbeddedRecording& recording : recordings)
      sets.push_back({recording.asset_id, recording.sha256, recording.embeddings, recording.bytes});
    return update_search_index(folder(), sets, options);
  }

  /// Searches with and without the index, which must be used, and give the same.
  SearchResult search_both(const Example& example,
                           const std::vector<EmbeddedRecording>& among,
                           const SearchOptions& options) {
    const auto index = SearchIndex::open(folder());
    EXPECT_TRUE(index.ok()) << index.error().to_string();
    const SearchResult truth = search_by_example(example, among, options).value();
    SearchResult found = search_by_example(example, among, options, index->get()).value();
    EXPECT_GT(found.n_windows_by_sketch, 0);
    EXPECT_EQ(found.n_windows, truth.n_windows);
    EXPECT_EQ(places(found), places(truth));
    for (std::size_t i = 0; i < std::min(found.hits.size(), truth.hits.size()); ++i) {
      EXPECT_EQ(found.hits[i].similarity, truth.hits[i].similarity);
      EXPECT_EQ(found.hits[i].start_s, truth.hits[i].start_s);
      EXPECT_EQ(found.hits[i].end_s, truth.hits[i].end_s);
    }
    return found;
  }

  audio::testing::TempDir dir_;
  int n_files_ = 0;
};

std::int64_t n_indexed_rows(const SearchIndex& index) {
  std::int64_t n = 0;
  for (const IndexedSet& set : index.manifest().sets) n += set.n_rows;
  return n;
}

TEST_F(SearchIndexTest, FindsWhatComparingEverythingFinds) {
  std::vector<EmbeddedRecording> all;
  for (std::uint32_t i = 0; i < 12; ++i)
    all.push_back(make("r" + std::to_string(i), 1000, i, 1 + 3.0F * static_cast<float>(i % 2)));
  const IndexUpdate added = update(all, {.n_threads = 2}).value();
  EXPECT_EQ(added.n_sets_added, 12);
  EXPECT_EQ(added.n_windows_added, 12'000);
  EXPECT_TRUE(added.is_complete);
  for (const double at_s : {0.5, 77.5, 500.5}) {
    SCOPED_TRACE(at_s);
    const SearchResult one = search_both({all[3], at_s, 0}, all, {.top = 20});
    EXPECT_LT(one.n_windows_looked_at, 6000);
    search_both({all[4], at_s, at_s + 20}, all, {.top = 50, .apart_s = 40, .n_threads = 2});
  }
}

TEST_F(SearchIndexTest, FindsOnlyWhereItIsAskedFor) {
  std::vector<EmbeddedRecording> all{make("a", 700, 1), make("b", 700, 2), make("c", 700, 3)};
  ASSERT_TRUE(update(all).ok());
  std::vector<EmbeddedRecording> some{all[0], all[2]};  // As if b had left the collection.
  search_both({all[1], 10.5, 0}, some, {.top = 30});
  some[1].from_s = 100;
  some[1].to_s = 120.5;
  some[0].to_s = -5;
  EXPECT_EQ(search_both({all[1], 10.5, 0}, some, {.top = 30}).n_windows, 21);
  some[1].from_s = 1000;
  const auto index = SearchIndex::open(folder()).value();
  EXPECT_TRUE(search_by_example({all[1], 10.5, 0}, some, {}, index.get())->hits.empty());
}

TEST_F(SearchIndexTest, AddsOnlyWhatIsMissingAndComparesWhatIsNotThereItself) {
  std::vector<EmbeddedRecording> all{make("a", 400, 1)};
  ASSERT_EQ(update(all)->n_windows_added, 400);
  const std::string before = core::read_text_file(index_files::sets(folder())).value();
  EXPECT_EQ(update(all)->n_windows_added, 0);
  EXPECT_EQ(core::read_text_file(index_files::sets(folder())).value(), before);
  all.push_back(make("b", 300, 2));
  const SearchResult mixed = search_both({all[0], 5.5, 0}, all, {.top = 30});
  EXPECT_EQ(mixed.n_windows_by_sketch, 399 - 1);
  all.push_back(make("c", 200, 3));
  const IndexUpdate part = update(all, {.n_windows_max = 1}).value();
  EXPECT_EQ(part.n_sets_added, 1);
  EXPECT_FALSE(part.is_complete);
  EXPECT_EQ(update(all)->n_windows_added, 200);
  search_both({all[2], 5.5, 0}, all, {.top = 30});
}

TEST_F(SearchIndexTest, ARecordingThatIsEmbeddedAgainIsForgottenAsItWas) {
  const EmbeddedRecording old = make("a", 2000, 1);
  const EmbeddedRecording other = make("b", 500, 2), elsewhere = make("c", 300, 3);
  ASSERT_TRUE(update({old, other, elsewhere}, {.n_threads = 2}).ok());
  const auto before = SearchIndex::open(folder()).value();
  const EmbeddedRecording now = make("a", 400, 4);
  ASSERT_TRUE(update({now, other}, {.n_forgotten_max = 1000}).ok());
  const auto index = SearchIndex::open(folder()).value();
  EXPECT_EQ(index->find(old.sha256), nullptr);
  EXPECT_NE(index->find(elsewhere.sha256), nullptr) << "other collections still need it";
  EXPECT_EQ(index->manifest().n_rows, 400 + 500 + 300) << "the rest was moved";
  EXPECT_EQ(index->manifest().generation, before->manifest().generation + 1);
  search_both({now, 5.5, 0}, {now, other, elsewhere}, {.top = 30});
  // Who has the older state open keeps it, though its file has no name any more.
  const SearchResult late =
      search_by_example({old, 5.5, 0}, {old, other}, {.top = 5}, before.get()).value();
  EXPECT_EQ(late.n_windows_by_sketch, 2000 - 1 - 1 + 500 - 1);
}

TEST_F(SearchIndexTest, DamageAnywhereIsNoticedAndMended) {
  const std::vector<EmbeddedRecording> all{make("a", 400, 1), make("b", 300, 2)};
  ASSERT_TRUE(update(all).ok());
  const std::filesystem::path sets = index_files::sets(folder());
  for (const int which : {0, 1}) {
    const auto generation = SearchIndex::open(folder()).value()->manifest().generation;
    std::filesystem::path path = which == 0 ? sets : index_files::sketches(folder(), generation);
    const std::string whole = audio::testing::read_bytes(path);
    std::vector<std::size_t> places{0, 9, 30, whole.size() / 2, whole.size() - 2};
    for (const std::size_t at : places) {
      SCOPED_TRACE(testing::Message() << path << " " << at);
      std::string damaged = whole;
      damaged[at] = static_cast<char>(damaged[at] ^ 4);
      audio::testing::write_bytes(path, damaged);
      EXPECT_EQ(SearchIndex::open(folder()).error().code, ErrorCode::file_corrupt);
      audio::testing::write_bytes(path, whole.substr(0, at));
      EXPECT_EQ(SearchIndex::open(folder()).error().code, ErrorCode::file_corrupt);
      audio::testing::write_bytes(path, whole);
      ASSERT_TRUE(SearchIndex::open(folder()).ok());
    }
    std::string damaged = whole;
    damaged[whole.size() / 2] ^= 1;
    audio::testing::write_bytes(path, damaged);
    EXPECT_EQ(update(all)->n_windows_added, 700);
    search_both({all[0], 5.5, 0}, all, {.top = 30});
    if (which == 1) path = index_files::sketches(folder(), generation + 1);
    ASSERT_TRUE(std::filesystem::remove(path));
    EXPECT_FALSE(SearchIndex::open(folder()).ok());
    EXPECT_EQ(update(all)->n_windows_added, 700);
    search_both({all[0], 5.5, 0}, all, {.top = 30});
  }
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder()), {}), 3)
      << "sets.json, one file of sketches, lock";
}

TEST(IndexManifest, WhatCannotBeIsRefusedAlthoughItsDigestHolds) {
  IndexManifest sound{1, 1000, 264, 0, 10, {{"a", "digest", 5000, 0, 10, 9, 10, 8, {4, 3000}}}};
  ASSERT_EQ(IndexManifest::parse(sound.to_text())->sets, sound.sets);
  const auto code_of = [&](const auto& damage) {
    IndexManifest damaged = sound;
    damage(damaged);
    const auto parsed = IndexManifest::parse(damaged.to_text());
    return parsed.ok() ? ErrorCode::internal : parsed.error().code;
  };
  using Manifest = IndexManifest;
  EXPECT_EQ(code_of([](Manifest& m) { m.header_bytes = INT64_MAX; }), ErrorCode::file_corrupt);
  EXPECT_EQ(code_of([](Manifest& m) { m.header_bytes = -1; }), ErrorCode::file_corrupt);
  EXPECT_EQ(code_of([](Manifest& m) { m.record_bytes = INT64_MAX; }), ErrorCode::file_corrupt);
  EXPECT_EQ(code_of([](Manifest& m) { m.record_bytes = 0; }), ErrorCode::file_corrupt);
  EXPECT_EQ(code_of([](Manifest& m) { m.n_rows = 9; }), ErrorCode::file_corrupt);
  EXPECT_EQ(code_of([](Manifest& m) { m.sets[0].group_offsets[1] = -1; }), ErrorCode::file_corrupt);
  EXPECT_EQ(code_of([](Manifest& m) { m.sets[0].group_offsets[1] = 5001; }),
            ErrorCode::file_corrupt);
  const std::string no_json = R"({"sha256":")" + core::sha256_hex("}") + R"(",})";
  EXPECT_EQ(IndexManifest::parse(no_json).error().code, ErrorCode::file_corrupt);
}

TEST_F(SearchIndexTest, WhatAKilledWriterLeftBehindTheLastRowIsOverwritten) {
  std::vector<EmbeddedRecording> all{make("a", 400, 1)};
  ASSERT_TRUE(update(all).ok());
  const std::filesystem::path path = index_files::sketches(folder(), 1);
  const std::string whole = audio::testing::read_bytes(path);
  audio::testing::write_bytes(path, whole + std::string(100'001, 'x'));
  search_both({all[0], 5.5, 0}, all, {.top = 30});
  all.push_back(make("b", 300, 2));
  ASSERT_EQ(update(all)->n_windows_added, 300);
  search_both({all[0], 5.5, 0}, all, {.top = 30});
  EXPECT_TRUE(audio::testing::read_bytes(path).starts_with(whole));
}

TEST_F(SearchIndexTest, OneWritesAtATimeAndReadersNeedNoLock) {
  const std::vector<EmbeddedRecording> all{make("a", 400, 1)};
  ASSERT_TRUE(update(all).ok());
  const core::Fd lock = core::open_locked(index_files::lock(folder())).value();
  EXPECT_EQ(update(all).error().code, ErrorCode::conflict);
  search_both({all[0], 5.5, 0}, all, {.top = 3});
}

TEST_F(SearchIndexTest, WhatCannotBeSketchedIsComparedItself) {
  const EmbeddedRecording good = make("a", 400, 1);
  std::vector<float> values(static_cast<std::size_t>(kSize) * 2, 1);
  values[5] = NAN;
  const EmbeddedRecording bad = write("b", {0, 1}, {0, 1}, {1, 2}, values);
  ASSERT_EQ(update({good, bad})->n_windows_added, 400);
  const auto index = SearchIndex::open(folder()).value();
  ASSERT_NE(index->find(bad.sha256), nullptr) << "it is not tried again";
  const SearchResult found =
      search_by_example({good, 5.5, 0}, {good, bad}, {.top = 3}, index.get()).value();
  EXPECT_EQ(found.n_windows, 398 + 2);
  EXPECT_EQ(found.n_windows_by_sketch, 398);
}

TEST_F(SearchIndexTest, AFileThatIsNotTheOneIndexedIsComparedItself) {
  const std::vector<EmbeddedRecording> all{make("a", 400, 1), make("b", 300, 2)};
  ASSERT_TRUE(update(all).ok());
  const EmbeddedRecording other = make("c", 350, 3);
  std::filesystem::rename(other.embeddings, all[1].embeddings);
  const auto index = SearchIndex::open(folder()).value();
  const SearchResult found =
      search_by_example({all[0], 5.5, 0}, all, {.top = 9}, index.get()).value();
  EXPECT_EQ(found.n_windows_by_sketch, 0);
  EXPECT_EQ(places(found), places(search_by_example({all[0], 5.5, 0}, all, {.top = 9}).value()));
  std::filesystem::remove(all[1].embeddings);
  EXPECT_EQ(search_by_example({all[0], 5.5, 0}, all, {.top = 9}, index.get()).error().code,
            ErrorCode::file_not_found);
}

TEST_F(SearchIndexTest, PointsWithoutStructureAreComparedThemselvesRatherThanMissed) {
  std::mt19937 random(1);
  std::normal_distribution<float> normal;
  constexpr int kRows = 20'000;
  std::vector<std::int32_t> rows;
  std::vector<double> start_s, end_s;
  for (int i = 0; i < kRows; ++i) {
    rows.push_back(i);
    start_s.push_back(i);
    end_s.push_back(i + 1);
  }
  std::vector<float> values(static_cast<std::size_t>(kRows) * kSize);
  for (float& value : values) value = normal(random);
  const EmbeddedRecording recording = write("noise", rows, start_s, end_s, values);
  ASSERT_TRUE(update({recording}, {.n_threads = 2}).ok());
  const auto index = SearchIndex::open(folder()).value();
  const SearchResult found =
      search_by_example({recording, 5.5, 0}, {recording}, {.top = 20}, index.get()).value();
  EXPECT_EQ(found.n_windows_by_sketch, 0);
  EXPECT_EQ(found.n_windows, kRows - 1);
}

TEST_F(SearchIndexTest, OpenIndexesNoticeEveryChangeAndHoldOnlySoMany) {
  OpenIndexes indexes(1);
  EXPECT_EQ(indexes.open(folder()).error().code, ErrorCode::file_not_found);
  std::vector<EmbeddedRecording> all{make("a", 400, 1)};
  ASSERT_TRUE(update(all).ok());
  const auto first = indexes.open(folder()).value();
  EXPECT_EQ(indexes.open(folder()).value(), first) << "nothing changed";
  all.push_back(make("b", 300, 2));
  ASSERT_TRUE(update(all).ok());
  const auto second = indexes.open(folder()).value();
  EXPECT_EQ(n_indexed_rows(*second), 700);
  EXPECT_EQ(n_indexed_rows(*first), 400);
  ASSERT_TRUE(update(all, {.is_made_anew = true}).ok());
  EXPECT_EQ(n_indexed_rows(*indexes.open(folder()).value()), 700);
  std::filesystem::remove(index_files::sets(folder()));
  EXPECT_EQ(indexes.open(folder()).error().code, ErrorCode::file_not_found);
}

}  // namespace
}  // namespace baleen::bioacoustics
