#include "engine/upload.h"

#include <gmock/gmock.h>

#include <chrono>
#include <thread>

#include "engine/testing/engine_fixture.h"

namespace baleen::engine {
namespace {

class UploadTest : public testing::EngineFixture {
 protected:
  UploadTest() { restart(); }
  /// As after a kill: nothing is remembered.
  void restart() {
    uploads_ = std::make_unique<UploadStore>(
        root_, recipes_, QueueOptions{},
        [](const auto&) -> Result<json::object> { return json::object{}; }, options_, clock_);
  }
  static UploadRequest request(const std::string& content, const std::string& token = "t") {
    UploadRequest made;
    made.owner_entity_id = "me";
    made.token_id = token;
    made.filename = "a.txt";
    made.bytes = static_cast<std::int64_t>(content.size());
    made.recipe = "toy";
    return made;
  }
  std::string begin(const std::string& content) {
    return uploads_->create(database_, request(content)).value().upload_id;
  }
  Result<Upload> send(const std::string& id, std::int64_t offset, std::string_view bytes) {
    BALEEN_ASSIGN_OR_RETURN(UploadWriter writer, uploads_->open(database_, id, "", offset));
    Result<void> written = writer.write(std::as_bytes(std::span(bytes)));
    if (!written.ok()) {
      if (written.error().code == ErrorCode::media_type_unsupported) {
        EXPECT_TRUE(writer.refuse(database_, written.error()).ok());
      }
      return std::move(written).error();
    }
    return writer.finish(database_);
  }
  [[nodiscard]] std::filesystem::path file(const std::string& id) const {
    return root_.incoming() / ("upload." + id + ".tmp");
  }
  std::string original(const Upload& upload) {
    return core::read_text_file(
               root_.at(text_of("SELECT original_path FROM audio_assets WHERE asset_id = '" +
                                upload.asset_id + "'")))
        .value();
  }

  UploadOptions options_{.free_bytes_min = 0};
  std::unique_ptr<UploadStore> uploads_;
};

TEST_F(UploadTest, ComesInPiecesAndBecomesAnAssetWithItsRun) {
  const std::string id = begin("123456");
  EXPECT_EQ(send(id, 0, "12").value().offset_bytes, 2);
  EXPECT_EQ(send(id, 2, "345").value().offset_bytes, 5);
  const Upload done = send(id, 5, "6").value();
  EXPECT_EQ(done.state, "complete");
  EXPECT_TRUE(done.is_new_asset);
  EXPECT_EQ(done.asset_id, asset_id_of("me", core::sha256_hex("123456")));
  EXPECT_EQ(original(done), "123456");
  EXPECT_EQ(text_of("SELECT asset_id FROM runs WHERE run_id = '" + done.run_id + "'"),
            done.asset_id);
  EXPECT_FALSE(std::filesystem::exists(file(id)));
  EXPECT_EQ(send(id, 6, "").value().run_id, done.run_id)
      << "the last answer may be asked for again";
  EXPECT_EQ(send(id, 5, "6").error().code, ErrorCode::conflict);
}

TEST_F(UploadTest, ItsArtifactIsLikeThatOfALocalFile) {
  const Upload done = send(begin("77"), 0, "77").value();
  const Upload again = send(begin("77"), 0, "77").value();
  EXPECT_FALSE(again.is_new_asset);
  EXPECT_EQ(again.asset_id, done.asset_id);
  EXPECT_EQ(again.run_id, done.run_id) << "joined";
  EXPECT_EQ(asset(77, "me"), done.asset_id) << "a local file with these bytes is the same asset";
  EXPECT_EQ(number_of("SELECT COUNT(*) FROM artifact_index WHERE artifact_type = 'original'"), 1);
  EXPECT_EQ(text_of("SELECT sha256 FROM artifact_index"), core::sha256_hex("77"));
  EXPECT_EQ(count_temporaries(), 0);
}

TEST_F(UploadTest, WhatCameBeforeADeathCountsAndIsHashedAgain) {
  const std::string id = begin("123456");
  ASSERT_TRUE(send(id, 0, "1234").ok());
  restart();
  EXPECT_EQ(uploads_->find(database_, id, "me").value().offset_bytes, 4);
  const Upload done = send(id, 4, "56").value();
  EXPECT_EQ(done.asset_id, asset_id_of("me", core::sha256_hex("123456")));
}

TEST_F(UploadTest, AFileThatAnotherProcessChangedIsHashedAgain) {
  const std::string id = begin("123456");
  ASSERT_TRUE(send(id, 0, "1234").ok());
  ASSERT_TRUE(core::write_file_synced(file(id), "abcd").ok());
  const Upload done = send(id, 4, "56").value();
  EXPECT_EQ(done.asset_id, asset_id_of("me", core::sha256_hex("abcd56")));
  EXPECT_EQ(original(done), "abcd56");
}

TEST_F(UploadTest, ADeathAfterTheLastByteIsMadeGoodByALookOrTheSweep) {
  const std::string looked = begin("11"), swept = begin("22");
  ASSERT_TRUE(core::write_file_atomic(file(looked), "11").ok());
  ASSERT_TRUE(core::write_file_atomic(file(swept), "22").ok());
  EXPECT_EQ(uploads_->find(database_, looked, "me").value().state, "complete");
  EXPECT_EQ(uploads_->sweep(database_).value(), 0) << "nothing expired";
  EXPECT_EQ(text_of("SELECT state FROM uploads WHERE upload_id = '" + swept + "'"), "complete");
  EXPECT_EQ(number_of("SELECT COUNT(*) FROM runs"), 2);
}

TEST_F(UploadTest, ADeathBetweenRenameAndCommitIsMadeGood) {
  const std::string id = begin("33");
  const std::string asset_id = asset_id_of("me", core::sha256_hex("33"));
  // As complete() leaves it: the digest in the row, the file in its place, and no asset.
  ASSERT_TRUE(database_
                  .execute("UPDATE uploads SET asset_id = $1, request_json = $2", asset_id,
                           core::to_json(
                               json::object{{"recipe", "toy"}, {"sha256", core::sha256_hex("33")}}))
                  .ok());
  ASSERT_TRUE(core::write_file_atomic(root_.at("audio/" + asset_id + "/original.txt"), "33").ok());
  EXPECT_EQ(uploads_->find(database_, id, "me").value().state, "complete");
  const Upload done = send(id, 2, "").value();
  EXPECT_EQ(done.asset_id, asset_id);
  EXPECT_EQ(original(done), "33");
  EXPECT_EQ(number_of("SELECT COUNT(*) FROM runs"), 1);
}

TEST_F(UploadTest, WhatTheDiskHasLostIsSentAgain) {
  const std::string id = begin("33");
  ASSERT_TRUE(database_
                  .execute("UPDATE uploads SET asset_id = 'x', request_json = $1",
                           core::to_json(
                               json::object{{"recipe", "toy"}, {"sha256", core::sha256_hex("33")}}))
                  .ok());
  EXPECT_EQ(uploads_->find(database_, id, "me").error().code, ErrorCode::file_not_found);
  EXPECT_EQ(uploads_->find(database_, id, "me").value().offset_bytes, 0);
  EXPECT_EQ(send(id, 0, "33").value().state, "complete");
}

TEST_F(UploadTest, OneWritesAtATime) {
  const std::string id = begin("1234");
  {
    UploadWriter first = uploads_->open(database_, id, "", 0).value();
    EXPECT_EQ(uploads_->open(database_, id, "", 0).error().code, ErrorCode::locked);
    EXPECT_EQ(uploads_->remove(database_, id, "").error().code, ErrorCode::locked);
    ASSERT_TRUE(first.write(std::as_bytes(std::span("123", 3))).ok());
    EXPECT_EQ(uploads_->find(database_, id, "").value().offset_bytes, 3) << "looking is allowed";
  }
  EXPECT_EQ(send(id, 2, "x").error().code, ErrorCode::conflict);
  EXPECT_EQ(send(id, 3, "4").value().state, "complete");
}

TEST_F(UploadTest, WhoHasFallenSilentLosesItToTheNext) {
  options_.silence_s = 0.05;
  restart();
  const std::string id = begin("123456");
  UploadWriter silent = uploads_->open(database_, id, "", 0).value();
  ASSERT_TRUE(silent.write(std::as_bytes(std::span("12", 2))).ok());
  EXPECT_EQ(uploads_->open(database_, id, "", 2).error().code, ErrorCode::locked) << "not yet";
  std::this_thread::sleep_for(std::chrono::milliseconds(60));
  {
    UploadWriter next = uploads_->open(database_, id, "", 2).value();
    EXPECT_EQ(silent.write(std::as_bytes(std::span("xx", 2))).error().code, ErrorCode::locked);
    EXPECT_EQ(silent.finish(database_).error().code, ErrorCode::locked);
    ASSERT_TRUE(next.write(std::as_bytes(std::span("34", 2))).ok());
    EXPECT_EQ(next.finish(database_).value().offset_bytes, 4);
  }
  const Upload done = send(id, 4, "56").value();
  EXPECT_EQ(done.asset_id, asset_id_of("me", core::sha256_hex("123456")));
}

TEST_F(UploadTest, MoreBytesThanAnnouncedAreRefusedAndTheOthersKept) {
  const std::string id = begin("1234");
  EXPECT_EQ(send(id, 0, "12345").error().code, ErrorCode::too_large);
  EXPECT_EQ(uploads_->find(database_, id, "").value().offset_bytes, 0);
  EXPECT_EQ(send(id, 0, "123").value().offset_bytes, 3);
  EXPECT_EQ(send(id, 3, "45").error().code, ErrorCode::too_large) << "fewer than all, but too many";
  EXPECT_EQ(send(id, 3, "4").value().state, "complete");
}

TEST_F(UploadTest, APieceThatIsNotWhatItShouldBeIsDropped) {
  const std::string id = begin("123456");
  ASSERT_TRUE(send(id, 0, "12").ok());
  {
    UploadWriter writer = uploads_->open(database_, id, "", 2).value();
    writer.expect_sha256(core::sha256_hex("345"));
    ASSERT_TRUE(writer.write(std::as_bytes(std::span("3x5", 3))).ok());
    EXPECT_EQ(writer.finish(database_).error().code, ErrorCode::checksum_mismatch);
  }
  {
    UploadWriter broken_off = uploads_->open(database_, id, "", 2).value();
    broken_off.expect_sha256(core::sha256_hex("345"));
    ASSERT_TRUE(broken_off.write(std::as_bytes(std::span("34", 2))).ok());
  }
  UploadWriter writer = uploads_->open(database_, id, "", 2).value();
  writer.expect_sha256(core::sha256_hex("3456"));
  ASSERT_TRUE(writer.write(std::as_bytes(std::span("3456", 4))).ok());
  EXPECT_EQ(writer.finish(database_).value().asset_id,
            asset_id_of("me", core::sha256_hex("123456")));
}

TEST_F(UploadTest, WhatIsPlainlyNoSoundIsRefusedByItsFirstBytes) {
  const std::string page = "<!DOCTYPE html><title>" + std::string(100, 'x');
  const std::string id = begin(page);
  ASSERT_TRUE(send(id, 0, page.substr(0, 5)).ok()) << "too few to say";
  const Error error = send(id, 5, page.substr(5)).error();
  EXPECT_EQ(error.code, ErrorCode::media_type_unsupported);
  EXPECT_NE(error.message.find("an HTML page"), std::string::npos) << error.message;
  EXPECT_FALSE(std::filesystem::exists(file(id)));  // U4
  const Upload failed = uploads_->find(database_, id, "").value();
  EXPECT_EQ(failed.state, "failed");
  EXPECT_EQ(failed.error->message, error.message);
  EXPECT_EQ(send(id, 0, page).error().code, ErrorCode::media_type_unsupported);
  EXPECT_EQ(send(begin("%PDF-"), 0, "%PDF-").error().code, ErrorCode::media_type_unsupported)
      << "also a file of a few bytes";
}

TEST(NameIfNoAudio, KnowsWhatPeopleSendByMistakeAndLetsTheRestPass) {
  using std::string_literals::operator""s;
  const std::string png = "\x89PNG\r\n\x1a\n"s;
  for (const std::string& bytes : {"PK\3\4"s,
                                   "\x7f"
                                   "ELF"s,
                                   "%PDF-1.7"s, png, "\xff\xd8\xff\xe0"s, "GIF89a"s,
                                   "\xef\xbb\xbf\n <HTML>"s, "RIFF\0\0\0\0WEBPVP8 "s,
                                   "\0\0\0\x18"
                                   "ftypheic"s,
                                   "\x1f\x8b\x08"s, "#!/bin/sh"s, "<?xml version"s}) {
    EXPECT_NE(name_if_no_audio(bytes), "") << bytes;
    EXPECT_FALSE(guess_format(bytes).starts_with("audio/")) << "one says so, the other not";
  }
  for (const std::string& bytes : {"RIFF\0\0\0\0WAVE"s, "fLaC"s, "OggS"s, "ID3"s, "\xff\xfb\x90"s,
                                   "\0\0\0\x18"
                                   "ftypM4A "s,
                                   ""s, "FORM"s, "12345"s, "\0\0\0\0"s, "wvpk"s, "<3"s}) {
    EXPECT_EQ(name_if_no_audio(bytes), "") << bytes;
  }
}

TEST_F(UploadTest, LimitsAreToldBeforeAnyByte) {
  options_.bytes_max = 10;
  options_.open_max = 2;
  restart();
  EXPECT_EQ(uploads_->create(database_, request("")).error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(uploads_->create(database_, request(std::string(11, 'x'))).error().code,
            ErrorCode::too_large);
  UploadRequest unknown = request("1");
  unknown.recipe = "none";
  EXPECT_FALSE(uploads_->create(database_, unknown).ok());
  const std::string first = begin("1");
  begin("2");
  EXPECT_EQ(uploads_->create(database_, request("3")).error().code, ErrorCode::limit_reached);
  EXPECT_TRUE(uploads_->create(database_, request("3", "another")).ok());
  ASSERT_TRUE(send(first, 0, "1").ok());
  EXPECT_TRUE(uploads_->create(database_, request("3")).ok()) << "a complete one is not open";
  options_.free_bytes_min = std::int64_t{1} << 60;
  restart();
  EXPECT_EQ(uploads_->create(database_, request("4", "third")).error().code, ErrorCode::disk_full);
}

TEST_F(UploadTest, ExpiredOnesGoUnlessTheyAreInUse) {
  const std::string idle = begin("1234"), used = begin("1234"), done = begin("1234");
  ASSERT_TRUE(send(idle, 0, "12").ok());
  ASSERT_TRUE(send(done, 0, "1234").ok());
  clock_.advance_s(23 * 3600);
  UploadWriter writer = uploads_->open(database_, used, "", 0).value();  // Lives longer by that.
  clock_.advance_s(2 * 3600);
  EXPECT_EQ(uploads_->sweep(database_).value(), 2);
  EXPECT_EQ(uploads_->find(database_, idle, "").error().code, ErrorCode::not_found);
  EXPECT_FALSE(std::filesystem::exists(file(idle)));  // U4
  clock_.advance_s(48 * 3600);
  EXPECT_EQ(uploads_->sweep(database_).value(), 0) << "somebody writes";
  ASSERT_TRUE(writer.write(std::as_bytes(std::span("1234", 4))).ok());
  EXPECT_EQ(writer.finish(database_).value().state, "complete");
}

TEST_F(UploadTest, FilesThatNobodyOwnsAreSwept) {
  const std::string done = begin("44"), open = begin("5555");
  ASSERT_TRUE(send(done, 0, "44").ok());
  ASSERT_TRUE(send(open, 0, "5").ok());
  ASSERT_TRUE(core::write_file_atomic(file(done), "44").ok());
  ASSERT_TRUE(core::write_file_atomic(file("stranger"), "?").ok());
  EXPECT_EQ(uploads_->sweep(database_).value(), 0);
  EXPECT_FALSE(std::filesystem::exists(file(done)));
  EXPECT_FALSE(std::filesystem::exists(file("stranger")));
  EXPECT_TRUE(std::filesystem::exists(file(open)));
}

TEST_F(UploadTest, BelongsToItsOwner) {
  const std::string id = begin("1");
  EXPECT_EQ(uploads_->find(database_, id, "you").error().code, ErrorCode::not_found);
  EXPECT_EQ(uploads_->open(database_, id, "you", 0).error().code, ErrorCode::not_found);
  EXPECT_EQ(uploads_->remove(database_, id, "you").error().code, ErrorCode::not_found);
  EXPECT_TRUE(uploads_->remove(database_, id, "me").ok());
  EXPECT_EQ(uploads_->find(database_, id, "me").error().code, ErrorCode::not_found);
}

TEST(SafeFilename, IsOnePartInUtf8) {
  EXPECT_EQ(safe_filename("../../etc/passwd").value(), "passwd");
  EXPECT_EQ(safe_filename("C:\\Music\\täst.wav").value(), "täst.wav");
  EXPECT_EQ(safe_filename("a/..").value(), "upload");
  EXPECT_EQ(safe_filename("").value(), "upload");
  EXPECT_FALSE(safe_filename("\xff\xfe.wav").ok());
  EXPECT_FALSE(safe_filename("a\nb.wav").ok());
  EXPECT_TRUE(safe_filename(std::string(255, 'a')).ok());
  EXPECT_FALSE(safe_filename(std::string(256, 'a')).ok());
}

TEST_F(UploadTest, TwoThatCompleteOneMakeOneRun) {  // U1
  const std::string id = begin("33");
  const std::string asset_id = asset_id_of("me", core::sha256_hex("33"));
  ASSERT_TRUE(database_
                  .execute("UPDATE uploads SET asset_id = $1, request_json = $2", asset_id,
                           core::to_json(
                               json::object{{"recipe", "toy"}, {"sha256", core::sha256_hex("33")}}))
                  .ok());
  ASSERT_TRUE(core::write_file_atomic(root_.at("audio/" + asset_id + "/original.txt"), "33").ok());
  store::Database their_connection = open();
  std::string their_run;
  const auto probe = [&](const auto&) -> Result<json::object> {
    // Between the digest and the run somebody else completes it.
    their_run = uploads_->find(their_connection, id, "me").value().run_id;
    return json::object{};
  };
  UploadStore slower(root_, recipes_, QueueOptions{}, probe, options_, clock_);
  const Upload done = slower.find(database_, id, "me").value();
  EXPECT_EQ(done.state, "complete");
  EXPECT_FALSE(their_run.empty());
  EXPECT_EQ(done.run_id, their_run);
  EXPECT_EQ(number_of("SELECT COUNT(*) FROM runs"), 1);
}

TEST_F(UploadTest, SaysWhatItIsInEveryState) {
  const std::string id = begin("123456");
  ASSERT_TRUE(send(id, 0, "12").ok());
  const json::object is_open = uploads_->find(database_, id, "me").value().to_json();
  EXPECT_EQ(core::get_int(is_open, "offset_bytes"), 2);
  EXPECT_TRUE(is_open.at("run_id").is_null());
  const json::object is_complete = send(id, 2, "3456").value().to_json();
  EXPECT_EQ(core::get_string(is_complete, "state"), "complete");
  EXPECT_FALSE(core::get_string(is_complete, "run_id").empty());
  EXPECT_TRUE(core::get_bool(is_complete, "is_new_asset"));
  const std::string pdf = "%PDF-1.4" + std::string(80, ' ');
  const std::string refused = begin(pdf);
  EXPECT_FALSE(send(refused, 0, pdf).ok());
  const json::object is_failed = uploads_->find(database_, refused, "me").value().to_json();
  EXPECT_EQ(core::get_string(core::get_object(is_failed, "error"), "code"),
            "MEDIA_TYPE_UNSUPPORTED");
}

TEST_F(UploadTest, NewLimitsHoldFromNowOn) {
  UploadOptions smaller = uploads_->options();
  smaller.bytes_max = 3;
  uploads_->set_options(smaller);
  EXPECT_EQ(uploads_->create(database_, request("1234")).error().code, ErrorCode::too_large);
  EXPECT_TRUE(uploads_->create(database_, request("123")).ok());
}

}  // namespace
}  // namespace baleen::engine
