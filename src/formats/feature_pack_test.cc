#include "formats/feature_pack.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmath>
#include <csignal>
#include <fstream>
#include <limits>
#include <random>

#include "core/failpoint.h"
#include "core/file.h"
#include "core/process.h"
#include "formats/document.h"

namespace baleen::formats {
namespace {

namespace fs = std::filesystem;

std::vector<float> random_rows(std::int64_t n_rows, int n_columns, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> level(-30.0F, 12.0F);
  std::vector<float> rows(static_cast<std::size_t>(n_rows * n_columns));
  for (float& value : rows) value = level(random);
  return rows;
}

class FeaturePackTest : public ::testing::Test {
 protected:
  FeaturePackTest()
      : directory_(fs::temp_directory_path() /
                   ("baleen_feature_pack_test_" + std::to_string(::getpid()))) {
    fs::create_directories(directory_);
  }
  ~FeaturePackTest() override { fs::remove_all(directory_); }

  static FeaturePackInfo info(std::int64_t n_frames, std::int64_t n_embeddings) {
    FeaturePackInfo info;
    info.asset_id = "asset-1";
    info.computed_at = "2026-11-20T09:27:09.123Z";
    info.feature_spec_id = "mel64_h10ms_w25ms_sr22050__yamnet1024_h0.5s_onnx";
    info.feature_spec_alias = "0123456789ab";
    info.embedding_backend = "onnxruntime";
    info.embedding_model_id = "yamnet";
    info.embedding_model_hash = "sha256:" + std::string(64, 'a');
    info.pipeline_version = "0.1.0";
    info.worker_version = "1";
    info.n_frames = n_frames;
    info.n_embeddings = n_embeddings;
    return info;
  }

  /// Appends both matrices alternately in portions of the given numbers of rows.
  static Result<FeaturePackSummary> write(const fs::path& path,
                                          const FeaturePackInfo& info,
                                          std::span<const float> mel,
                                          std::span<const float> embeddings,
                                          std::size_t mel_portion = 1000,
                                          std::size_t embedding_portion = 7) {
    BALEEN_ASSIGN_OR_RETURN(FeaturePackWriter writer, FeaturePackWriter::create(path, info));
    mel_portion *= static_cast<std::size_t>(info.n_mels);
    embedding_portion *= static_cast<std::size_t>(info.n_dims);
    while (!mel.empty() || !embeddings.empty()) {
      const std::size_t m = std::min(mel.size(), mel_portion);
      const std::size_t e = std::min(embeddings.size(), embedding_portion);
      BALEEN_RETURN_IF_ERROR(writer.append_melspec(mel.first(m)));
      BALEEN_RETURN_IF_ERROR(writer.append_embeddings(embeddings.first(e)));
      mel = mel.subspan(m);
      embeddings = embeddings.subspan(e);
    }
    return writer.finish();
  }

  static std::string bytes_of(const fs::path& path) { return core::read_text_file(path).value(); }

  fs::path directory_;
};

TEST_F(FeaturePackTest, EveryRowComesBackBitForBit) {
  for (const std::int64_t n_frames : {0, 1, 171, 2047, 2048, 2049, 5000}) {
    SCOPED_TRACE(n_frames);
    const std::int64_t n_embeddings = n_frames / 40;
    const auto mel = random_rows(n_frames, 64, 1);
    const auto embeddings = random_rows(n_embeddings, 1024, 2);
    const fs::path path = directory_ / "a.h5";
    const auto summary = write(path, info(n_frames, n_embeddings), mel, embeddings);
    ASSERT_TRUE(summary.ok()) << summary.error().message;
    EXPECT_EQ(summary->nan_count, 0);
    EXPECT_EQ(summary->size_bytes, static_cast<std::int64_t>(fs::file_size(path)));

    auto reader = FeaturePackReader::open(path);
    ASSERT_TRUE(reader.ok()) << reader.error().message;
    EXPECT_EQ(reader->info().n_frames, n_frames);
    EXPECT_EQ(reader->info().n_embeddings, n_embeddings);
    std::vector<float> mel_back(mel.size());
    std::vector<float> embeddings_back(embeddings.size());
    std::vector<double> times(static_cast<std::size_t>(n_embeddings));
    ASSERT_TRUE(reader->read_melspec(0, n_frames, mel_back).ok());
    ASSERT_TRUE(reader->read_embeddings(0, n_embeddings, embeddings_back).ok());
    ASSERT_TRUE(reader->read_times(0, n_embeddings, times).ok());
    EXPECT_EQ(mel_back, mel);
    EXPECT_EQ(embeddings_back, embeddings);
    for (std::size_t i = 0; i < times.size(); ++i)
      EXPECT_EQ(times[i], 0.5 * static_cast<double>(i));
  }
}

TEST_F(FeaturePackTest, SparseAndDenseEmbeddingsComeBackAlike) {
  auto embeddings = random_rows(200, 1024, 13);
  for (std::size_t i = 0; i < embeddings.size() / 2; ++i)  // Some chunks are shuffled, some not.
    if (embeddings[i] < -30.0F) embeddings[i] = 0.0F;
  const fs::path path = directory_ / "a.h5";
  ASSERT_TRUE(write(path, info(0, 200), {}, embeddings).ok());
  auto reader = FeaturePackReader::open(path);
  ASSERT_TRUE(reader.ok());
  std::vector<float> back(embeddings.size());
  ASSERT_TRUE(reader->read_embeddings(0, 200, back).ok());
  EXPECT_EQ(back, embeddings);
}

TEST_F(FeaturePackTest, AnySliceCanBeRead) {
  const auto mel = random_rows(5000, 64, 3);
  const auto embeddings = random_rows(150, 1024, 4);
  const fs::path path = directory_ / "a.h5";
  ASSERT_TRUE(write(path, info(5000, 150), mel, embeddings).ok());
  auto reader = FeaturePackReader::open(path);
  ASSERT_TRUE(reader.ok());
  for (const auto& [first, count] :
       {std::pair{0, 1}, {2040, 20}, {4999, 1}, {100, 4000}, {5000, 0}}) {
    std::vector<float> rows(static_cast<std::size_t>(count) * 64);
    ASSERT_TRUE(reader->read_melspec(first, count, rows).ok());
    EXPECT_TRUE(std::equal(rows.begin(), rows.end(), mel.begin() + first * 64));
  }
  std::vector<float> rows(70 * 1024);
  ASSERT_TRUE(reader->read_embeddings(60, 70, rows).ok());
  EXPECT_TRUE(std::equal(rows.begin(), rows.end(), embeddings.begin() + 60 * 1024));
}

TEST_F(FeaturePackTest, ReadingOutsideIsRefused) {
  const fs::path path = directory_ / "a.h5";
  ASSERT_TRUE(write(path, info(10, 2), random_rows(10, 64, 1), random_rows(2, 1024, 1)).ok());
  auto reader = FeaturePackReader::open(path);
  ASSERT_TRUE(reader.ok());
  std::vector<float> rows(64);
  for (const auto& [first, count] : {std::pair{10, 1}, {-1, 1}, {0, -1}, {0, 2}, {0, 0}}) {
    const auto result = reader->read_melspec(first, count, rows);
    ASSERT_FALSE(result.ok()) << first << " " << count;
    EXPECT_EQ(result.error().code, ErrorCode::invalid_argument);
  }
}

TEST_F(FeaturePackTest, TheInfoComesBack) {
  const fs::path path = directory_ / "a.h5";
  FeaturePackInfo written = info(10, 2);
  written.worker_version = "größer";
  ASSERT_TRUE(write(path, written, random_rows(10, 64, 1), random_rows(2, 1024, 1)).ok());
  const auto reader = FeaturePackReader::open(path);
  ASSERT_TRUE(reader.ok());
  const FeaturePackInfo& back = reader->info();
  EXPECT_EQ(back.asset_id, written.asset_id);
  EXPECT_EQ(back.computed_at, written.computed_at);
  EXPECT_EQ(back.feature_spec_id, written.feature_spec_id);
  EXPECT_EQ(back.feature_spec_alias, written.feature_spec_alias);
  EXPECT_EQ(back.embedding_backend, written.embedding_backend);
  EXPECT_EQ(back.embedding_model_id, written.embedding_model_id);
  EXPECT_EQ(back.embedding_model_hash, written.embedding_model_hash);
  EXPECT_EQ(back.pipeline_version, written.pipeline_version);
  EXPECT_EQ(back.worker_version, written.worker_version);
  EXPECT_EQ(back.mel_hop_s, written.mel_hop_s);
  EXPECT_EQ(back.embedding_hop_s, written.embedding_hop_s);
}

TEST_F(FeaturePackTest, TheBytesDoNotDependOnThePortions) {
  const auto mel = random_rows(4500, 64, 5);
  const auto embeddings = random_rows(130, 1024, 6);
  const fs::path path = directory_ / "a.h5";
  const auto write_in_turn = [&](std::size_t mel_rows, std::size_t embedding_rows) {
    auto writer = FeaturePackWriter::create(path, info(4500, 130));
    for (std::span<const float> rest = mel; !rest.empty();) {
      const std::size_t n = std::min(rest.size(), mel_rows * 64);
      EXPECT_TRUE(writer->append_melspec(rest.first(n)).ok());
      rest = rest.subspan(n);
    }
    for (std::span<const float> rest = embeddings; !rest.empty();) {
      const std::size_t n = std::min(rest.size(), embedding_rows * 1024);
      EXPECT_TRUE(writer->append_embeddings(rest.first(n)).ok());
      rest = rest.subspan(n);
    }
    EXPECT_TRUE(writer->finish().ok());
    return bytes_of(path);
  };
  const std::string whole = write_in_turn(4500, 130);
  EXPECT_TRUE(write_in_turn(1, 1) == whole);
  EXPECT_TRUE(write_in_turn(37, 63) == whole);
  EXPECT_TRUE(write_in_turn(2048, 64) == whole);
}

TEST_F(FeaturePackTest, TheContentDigestDoesNotDependOnHowTheMatricesAlternate) {
  const auto mel = random_rows(4500, 64, 5);
  const auto embeddings = random_rows(130, 1024, 6);
  const fs::path path = directory_ / "a.h5";
  const auto one = write(path, info(4500, 130), mel, embeddings, 4500, 130);
  const auto two = write(path, info(4500, 130), mel, embeddings, 11, 3);
  ASSERT_TRUE(one.ok() && two.ok());
  EXPECT_EQ(one->content_sha256, two->content_sha256);
}

TEST_F(FeaturePackTest, OnlyTheTwentyFourBytesOfComputedAtDiffer) {
  const auto mel = random_rows(4500, 64, 7);
  const auto embeddings = random_rows(130, 1024, 8);
  FeaturePackInfo now = info(4500, 130);
  const auto first = write(directory_ / "a.h5", now, mel, embeddings);
  now.computed_at = "1999-01-02T03:04:05.678Z";
  const auto second = write(directory_ / "b.h5", now, mel, embeddings);
  ASSERT_TRUE(first.ok() && second.ok());
  EXPECT_EQ(first->content_sha256, second->content_sha256);

  const std::string a = bytes_of(directory_ / "a.h5");
  std::string b = bytes_of(directory_ / "b.h5");
  ASSERT_EQ(a.size(), b.size());
  const std::size_t at = b.find("1999-01-02T03:04:05.678Z");
  ASSERT_NE(at, std::string::npos);
  b.replace(at, 24, "2026-11-20T09:27:09.123Z");
  EXPECT_TRUE(a == b);
}

TEST_F(FeaturePackTest, TheContentDigestSeesEveryValueAndEveryMember) {
  const auto mel = random_rows(300, 64, 9);
  auto embeddings = random_rows(7, 1024, 10);
  const fs::path path = directory_ / "a.h5";
  const auto base = write(path, info(300, 7), mel, embeddings);
  ASSERT_TRUE(base.ok());
  FeaturePackInfo other = info(300, 7);
  other.worker_version = "2";
  EXPECT_NE(write(path, other, mel, embeddings)->content_sha256, base->content_sha256);
  embeddings.back() = std::nextafter(embeddings.back(), 1e9F);
  EXPECT_NE(write(path, info(300, 7), mel, embeddings)->content_sha256, base->content_sha256);
}

TEST_F(FeaturePackTest, NanAndInfinityAreCounted) {
  auto mel = random_rows(3000, 64, 11);
  auto embeddings = random_rows(7, 1024, 12);
  mel[5] = std::numeric_limits<float>::quiet_NaN();
  mel[190'000] = std::numeric_limits<float>::infinity();
  embeddings[7000] = -std::numeric_limits<float>::infinity();
  embeddings[7001] = std::numeric_limits<float>::max();
  embeddings[7002] = std::numeric_limits<float>::denorm_min();
  const auto summary = write(directory_ / "a.h5", info(3000, 7), mel, embeddings);
  ASSERT_TRUE(summary.ok());
  EXPECT_EQ(summary->nan_count, 3);
}

TEST_F(FeaturePackTest, AWrongNumberOfRowsIsAnError) {
  const fs::path path = directory_ / "a.h5";
  const auto mel = random_rows(10, 64, 1);
  const auto embeddings = random_rows(2, 1024, 1);
  EXPECT_EQ(write(path, info(11, 2), mel, embeddings).error().code, ErrorCode::internal);
  EXPECT_EQ(write(path, info(9, 2), mel, embeddings).error().code, ErrorCode::internal);
  EXPECT_EQ(write(path, info(10, 3), mel, embeddings).error().code, ErrorCode::internal);
  const auto torn = std::span(mel).first(63);
  EXPECT_EQ(write(path, info(1, 2), torn, embeddings).error().code, ErrorCode::invalid_argument);
}

TEST_F(FeaturePackTest, AnImpossibleInfoIsRefused) {
  const fs::path path = directory_ / "a.h5";
  FeaturePackInfo wrong = info(10, 2);
  wrong.computed_at = "yesterday";
  EXPECT_EQ(FeaturePackWriter::create(path, wrong).error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(FeaturePackWriter::create(path, info(-1, 2)).error().code, ErrorCode::invalid_argument);
  EXPECT_FALSE(fs::exists(path));
}

TEST_F(FeaturePackTest, AFileTruncatedAnywhereIsCorruptAndNeverCrashes) {
  const fs::path path = directory_ / "a.h5";
  ASSERT_TRUE(write(path, info(2500, 20), random_rows(2500, 64, 1), random_rows(20, 1024, 1)).ok());
  const std::string whole = bytes_of(path);
  const fs::path torn = directory_ / "torn.h5";
  std::vector<std::size_t> lengths = {0, 1, 7, 8, 9, 95, 96, 100, 511, 512, 800, 2048, 4096};
  for (std::size_t i = 1; i < 100; ++i) lengths.push_back(whole.size() * i / 100);
  lengths.push_back(whole.size() - 1);
  for (const std::size_t length : lengths) {
    SCOPED_TRACE(length);
    std::ofstream(torn, std::ios::binary) << whole.substr(0, length);
    const auto reader = FeaturePackReader::open(torn);
    ASSERT_FALSE(reader.ok());
    EXPECT_EQ(reader.error().code, ErrorCode::artifact_corrupt);
  }
}

TEST_F(FeaturePackTest, ADamagedChunkIsCorrupt) {
  const fs::path path = directory_ / "a.h5";
  ASSERT_TRUE(write(path, info(5000, 20), random_rows(5000, 64, 1), random_rows(20, 1024, 1)).ok());
  std::string bytes = bytes_of(path);
  for (std::size_t i = bytes.size() / 2; i < bytes.size() / 2 + 200'000; i += 20'000)
    bytes[i] = static_cast<char>(bytes[i] ^ 0x10);
  std::ofstream(path, std::ios::binary) << bytes;
  auto reader = FeaturePackReader::open(path);
  ASSERT_TRUE(reader.ok());  // Only reading the chunks shows it, by their checksums.
  std::vector<float> rows(5000 * 64);
  const auto result = reader->read_melspec(0, 5000, rows);
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().code, ErrorCode::artifact_corrupt);
}

TEST_F(FeaturePackTest, OtherFilesAreRefusedWithTheirCode) {
  EXPECT_EQ(FeaturePackReader::open(directory_ / "none.h5").error().code,
            ErrorCode::file_not_found);
  EXPECT_FALSE(FeaturePackReader::open(directory_).ok());
  const fs::path text = directory_ / "text.h5";
  std::ofstream(text) << std::string(5000, 'x');
  EXPECT_EQ(FeaturePackReader::open(text).error().code, ErrorCode::artifact_corrupt);
}

TEST_F(FeaturePackTest, AnUnwritablePlaceIsReported) {
  const auto writer = FeaturePackWriter::create(directory_ / "none" / "a.h5", info(1, 1));
  ASSERT_FALSE(writer.ok());
  EXPECT_EQ(writer.error().code, ErrorCode::file_not_found) << writer.error().message;
}

TEST_F(FeaturePackTest, AWriteThatTheSystemRefusesIsAnErrorAndLeavesNothingBehind) {
  const fs::path path = directory_ / "a.h5";
  const auto mel = random_rows(6000, 64, 1);
  const auto embeddings = random_rows(20, 1024, 1);
  const auto size_bytes = write(path, info(6000, 20), mel, embeddings)->size_bytes;
  const auto count_open_files = [] {
    return std::distance(fs::directory_iterator("/proc/self/fd"), {});
  };
  const auto n_open_before = count_open_files();
  const auto previous_handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit previous{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &previous), 0);
  for (std::int64_t limit = 0; limit < size_bytes; limit += 40'000) {
    SCOPED_TRACE(limit);
    rlimit small = previous;
    small.rlim_cur = static_cast<rlim_t>(limit);
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
    const auto result = write(path, info(6000, 20), mel, embeddings);
    ::setrlimit(RLIMIT_FSIZE, &previous);
    ASSERT_FALSE(result.ok());
    EXPECT_EQ(result.error().code, ErrorCode::disk_full) << result.error().message;
    EXPECT_THAT(result.error().message, ::testing::HasSubstr("a.h5"));
    EXPECT_FALSE(fs::exists(path));
  }
  std::signal(SIGXFSZ, previous_handler);
  EXPECT_EQ(count_open_files(), n_open_before);
  // The same process can try again at the same place.
  const auto again = write(path, info(6000, 20), mel, embeddings);
  ASSERT_TRUE(again.ok()) << again.error().message;
  EXPECT_TRUE(FeaturePackReader::open(path).ok());
}

TEST_F(FeaturePackTest, AnUnfinishedFileIsRemoved) {
  const fs::path path = directory_ / "a.h5";
  {
    auto writer = FeaturePackWriter::create(path, info(5000, 2));
    ASSERT_TRUE(writer.ok());
    ASSERT_TRUE(writer->append_melspec(random_rows(4000, 64, 1)).ok());
    EXPECT_TRUE(fs::exists(path));
  }
  EXPECT_FALSE(fs::exists(path));
}

TEST_F(FeaturePackTest, AFileThatWasNeverFinishedIsNoPackEvenIfItIsWhole) {
  const fs::path path = directory_ / "a.h5";
  const fs::path copy = directory_ / "copy.h5";
  ASSERT_TRUE(write(path, info(10, 2), random_rows(10, 64, 1), random_rows(2, 1024, 1)).ok());
  // The schema's name is written last; a file without it is what a killed process may leave.
  std::string bytes = bytes_of(path);
  const std::size_t at = bytes.rfind("schema_id");
  ASSERT_NE(at, std::string::npos);
  bytes.replace(at, 9, "schema_xx");
  std::ofstream(copy, std::ios::binary) << bytes;
  const auto reader = FeaturePackReader::open(copy);
  ASSERT_FALSE(reader.ok());
  EXPECT_EQ(reader.error().code, ErrorCode::artifact_corrupt);
}

TEST_F(FeaturePackTest, MemoryDoesNotGrowWithTheNumberOfRows) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "a sanitizer keeps freed memory";
#endif
  const fs::path path = directory_ / "a.h5";
  const auto mel = random_rows(2048, 64, 1);
  const auto peak_after = [&](std::int64_t n_blocks) {
    auto writer = FeaturePackWriter::create(path, info(n_blocks * 2048, 0));
    EXPECT_TRUE(writer.ok());
    for (std::int64_t i = 0; i < n_blocks; ++i) EXPECT_TRUE(writer->append_melspec(mel).ok());
    EXPECT_TRUE(writer->finish().ok());
    return core::peak_rss_bytes();
  };
  const std::int64_t small = peak_after(20);   // 7 minutes, 10 MB.
  const std::int64_t large = peak_after(200);  // 1.1 hours, 105 MB.
  EXPECT_LT(large - small, 4 << 20);
}

TEST_F(FeaturePackTest, TheFailpointStandsBehindTheWholeTemporaryFile) {
  const fs::path path = directory_ / "a.h5";
  const auto run = [&] {
    // The constant that enables failpoints is read at start, so the child starts anew.
    (void)write(path, info(10, 2), random_rows(10, 64, 1), random_rows(2, 1024, 1));
    ::_exit(core::failpoints_enabled() ? 1 : 0);
  };
  ::setenv("SSIS_ENABLE_FAILPOINTS", "1", 1);
  ::setenv("SSIS_FAILPOINT", "FEATURES_AFTER_H5_TMP_WRITE", 1);
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(run(), ::testing::ExitedWithCode(42), "");
  ::unsetenv("SSIS_ENABLE_FAILPOINTS");
  ::unsetenv("SSIS_FAILPOINT");
}

TEST_F(FeaturePackTest, TheDocumentSatisfiesItsSchema) {
  const FeaturePackInfo written = info(300, 7);
  const auto summary =
      write(directory_ / "a.h5", written, random_rows(300, 64, 1), random_rows(7, 1024, 1));
  ASSERT_TRUE(summary.ok());
  const json::object document =
      feature_pack_document(written, *summary, "features/asset-1.0123456789ab.h5");
  const auto valid = validate("feature_pack.v1", document);
  EXPECT_TRUE(valid.ok()) << valid.error().message;
  EXPECT_EQ(document.at("melspec").at("hdf5_uri").as_string(),
            "features/asset-1.0123456789ab.h5#/melspec");
}

}  // namespace
}  // namespace baleen::formats
