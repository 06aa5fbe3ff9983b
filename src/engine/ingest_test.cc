#include "engine/ingest.h"

#include <sys/stat.h>

#include "core/process.h"
#include "engine/testing/engine_fixture.h"

namespace baleen::engine {
namespace {

class IngestTest : public testing::EngineFixture {
 protected:
  Result<Ingested> ingest(const std::filesystem::path& path, const std::string& owner = "me") {
    return ingest_file(
        database_, root_, {path, owner, {}}, [](const auto&) -> Result<json::object> {
          return json::object{{"container", "wav"}, {"channels", 2}, {"duration_s", 1.5}};
        });
  }
  std::filesystem::path write(const std::string& name, const std::string& bytes) {
    const auto path = root_.path / "source" / name;
    EXPECT_TRUE(core::write_file_atomic(path, bytes).ok());
    return path;
  }
};

TEST_F(IngestTest, TheSameBytesOfOneOwnerAreOneAsset) {
  const Ingested first = ingest(write("a.WAV", "RIFFbytes")).value();
  EXPECT_TRUE(first.is_new);
  EXPECT_EQ(first.asset.original_path, "audio/" + first.asset.asset_id + "/original.wav");
  EXPECT_EQ(core::read_text_file(root_.at(first.asset.original_path)).value(), "RIFFbytes");
  const Ingested renamed = ingest(write("b.flac", "RIFFbytes")).value();
  EXPECT_FALSE(renamed.is_new);
  EXPECT_EQ(renamed.asset.asset_id, first.asset.asset_id);
  EXPECT_NE(ingest(write("a.wav", "RIFFbytes"), "you").value().asset.asset_id,
            first.asset.asset_id);
  EXPECT_NE(ingest(write("c.wav", "RIFFbytez")).value().asset.asset_id, first.asset.asset_id);
}

TEST_F(IngestTest, RecordsTheRequiredMetrics) {
  ASSERT_TRUE(ingest(write("a.flac", "fLaC....")).ok());
  const std::string metrics =
      text_of("SELECT metrics_json FROM pipeline_jobs WHERE stage = 'ingest'");
  for (const char* key : {"file_size_bytes", "hash_s", "audio/flac"}) {
    EXPECT_NE(metrics.find(key), std::string::npos) << metrics;
  }
}

TEST_F(IngestTest, HostileNamesStayOutOfThePaths) {
  const auto path = write("-rf $(x);\"'\n\xff\xfe..wav\x01", "bytes");
  const Ingested ingested = ingest(path).value();
  EXPECT_EQ(ingested.asset.original_path, "audio/" + ingested.asset.asset_id + "/original.bin");
  EXPECT_NE(ingested.asset.source_uri.find("%FF%FE"), std::string::npos)
      << ingested.asset.source_uri;
}

TEST_F(IngestTest, WhatIsNoRegularFileIsRefusedWithoutBlocking) {
  std::filesystem::create_directories(root_.path / "source");
  const auto fifo = root_.path / "source" / "fifo.wav";
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  EXPECT_EQ(ingest(fifo).error().code, ErrorCode::file_not_found);
  EXPECT_EQ(ingest(root_.path).error().code, ErrorCode::file_not_found);
  EXPECT_EQ(ingest(root_.path / "none.wav").error().code, ErrorCode::file_not_found);
}

TEST_F(IngestTest, ALostOriginalIsPutBack) {
  const Ingested first = ingest(write("a.wav", "RIFFbytes")).value();
  std::filesystem::remove(root_.at(first.asset.original_path));
  EXPECT_FALSE(ingest(write("a.wav", "RIFFbytes")).value().is_new);
  EXPECT_EQ(core::read_text_file(root_.at(first.asset.original_path)).value(), "RIFFbytes");
}

TEST_F(IngestTest, AKilledIngestsRemainsAreSweptAndALivingOnesAreNot) {
  const auto& self = core::this_process();
  const auto name = [&](std::uint64_t start) {
    return root_.incoming() /
           ("ingest." + std::to_string(self.pid) + "." + std::to_string(start) + ".1.tmp");
  };
  ASSERT_TRUE(core::write_file_atomic(name(self.start_ticks + 1), "half").ok());
  ASSERT_TRUE(core::write_file_atomic(name(self.start_ticks), "being written").ok());
  EXPECT_EQ(sweep_incoming(root_).value(), 1);
  EXPECT_TRUE(std::filesystem::exists(name(self.start_ticks)));
}

TEST_F(IngestTest, AnEmptyFileIsAnAssetLikeAnyOther) {
  EXPECT_EQ(ingest(write("empty.wav", "")).value().asset.bytes, 0);
}

TEST_F(IngestTest, TwoThatIngestTheSameBytesMakeOneAsset) {
  const auto first = write("a.wav", "RIFFbytes"), second = write("b.flac", "RIFFbytes");
  store::Database their_connection = open();
  std::string theirs;
  const auto probe = [&](const auto&) -> Result<json::object> {
    if (theirs.empty()) {  // Somebody else is faster, and calls it otherwise.
      theirs = "being made";
      theirs = ingest_file(their_connection, root_, {second, "me", {}},
                           [](const auto&) -> Result<json::object> {
                             return fail(ErrorCode::file_corrupt, "no sound");
                           })
                   .value()
                   .asset.original_path;
    }
    return json::object{};
  };
  const Ingested mine = ingest_file(database_, root_, {first, "me", {}}, probe).value();
  EXPECT_FALSE(mine.is_new);
  EXPECT_EQ(mine.asset.original_path, theirs);
  EXPECT_EQ(core::read_text_file(root_.at(theirs)).value(), "RIFFbytes");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(root_.at(theirs).parent_path()), {}),
            1)
      << "the slower one's file is gone";
  EXPECT_NE(text_of("SELECT metrics_json FROM pipeline_jobs").find("no sound"), std::string::npos);
}

}  // namespace
}  // namespace baleen::engine
