#include "ops/bundle.h"

#include <gmock/gmock.h>
#include <minizip/unzip.h>
#include <unistd.h>

#include "core/file.h"
#include "ops/testing/ops_fixture.h"

namespace baleen::ops {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const std::string kSecret = "bln_QZE3XLf4yBITHjSa9OtJ9l4ikwKEZDOG6njGzXh2i38";

TEST(Redact, TokensGoFromTextsAndWordsStay) {
  EXPECT_EQ(redact(std::string("a " + kSecret + ", b bls_" + std::string(43, 'x') + ".")),
            "a (redacted), b (redacted).");
  EXPECT_EQ(redact(std::string("bln_short and stable_bln_ stay")),
            "bln_short and stable_bln_ stay");
  EXPECT_EQ(redact(std::string("bln_x " + kSecret)), "bln_x (redacted)") << "close behind another";
}

TEST(Redact, MembersThatSpeakOfSecretsLoseTheirValues) {
  const json::value value = {{"acoustid_api_key", "abc"},
                             {"Password", "x"},
                             {"session_cookie", "y"},
                             {"token_id", "7"},
                             {"empty_secret", ""},
                             {"deep", {{"list", {kSecret, 1}}}},
                             {"keyframes", 3},
                             {"monkey", "z"}};
  EXPECT_EQ(core::to_json(redact(value)),
            R"x({"acoustid_api_key":"(redacted)","Password":"(redacted)",)x"
            R"x("session_cookie":"(redacted)","token_id":"7","empty_secret":"",)x"
            R"x("deep":{"list":["(redacted)",1]},"keyframes":3,"monkey":"z"})x");
}

class Bundle : public testing::OpsFixture {
 protected:
  /// Reads a zip file with minizip's reader: name → text.
  std::map<std::string, std::string> unzip(const std::string& bytes) {
    const std::filesystem::path path = directory_ / "bundle.zip";
    EXPECT_TRUE(core::write_file_atomic(path, bytes).ok());
    std::map<std::string, std::string> files;
    const unzFile archive = ::unzOpen64(path.c_str());
    EXPECT_NE(archive, nullptr);
    if (archive == nullptr) return files;
    for (int state = ::unzGoToFirstFile(archive); state == UNZ_OK;
         state = ::unzGoToNextFile(archive)) {
      char name[256];
      unz_file_info64 info{};
      ::unzGetCurrentFileInfo64(archive, &info, name, sizeof name, nullptr, 0, nullptr, 0);
      std::string text(info.uncompressed_size, '\0');
      EXPECT_EQ(::unzOpenCurrentFile(archive), UNZ_OK);
      EXPECT_EQ(::unzReadCurrentFile(archive, text.data(), static_cast<unsigned>(text.size())),
                static_cast<int>(text.size()));
      EXPECT_EQ(::unzCloseCurrentFile(archive), UNZ_OK) << "wrong checksum";
      files[name] = text;
    }
    ::unzClose(archive);
    return files;
  }
};

TEST_F(Bundle, AZipFileHoldsWhatWasPutIn) {
  const std::string large(300'000, 'a');
  const auto files = unzip(zip({{"a.txt", "hello"}, {"b.txt", large}, {"c.txt", ""}}).value());
  EXPECT_EQ(files.at("a.txt"), "hello");
  EXPECT_EQ(files.at("b.txt"), large);
  EXPECT_EQ(files.at("c.txt"), "");
}

TEST_F(Bundle, ABundleTellsTheStoryOfARunAndNoSecret) {
  ASSERT_TRUE(database_
                  .execute_script("INSERT INTO audio_assets (asset_id, owner_entity_id, "
                                  "content_hash, source_uri, original_path, "
                                  "original_filename, bytes, created_at_us) VALUES ('a', 'anna', "
                                  "'h', 'file:///a', 'audio/a', "
                                  "'whale.wav', 1, 1);"
                                  "INSERT INTO runs (run_id, recipe, asset_id, owner_entity_id, "
                                  "state, trace_id, created_at_us) "
                                  "VALUES ('r', 'ssis', 'a', 'anna', 'failed', 't', 1000000);"
                                  "INSERT INTO tasks (task_id, run_id, recipe, asset_id, stage, "
                                  "stage_class, state, reason, "
                                  "error_code, error_message, updated_at_us) VALUES (1, 'r', "
                                  "'ssis', 'a', 'decode', 'cpu', "
                                  "'failed', 'never_ran', 'FILE_CORRUPT', 'no sound in it', 1);"
                                  "INSERT INTO pipeline_jobs (run_id, task_id, asset_id, stage, "
                                  "status, attempt, error_code, "
                                  "error_message, trace_id, worker, started_at_us, finished_at_us) "
                                  "VALUES ('r', 1, 'a', "
                                  "'decode', 'failed', 1, 'FILE_CORRUPT', 'no sound in " +
                                  kSecret +
                                  "', 't', 'w', 2000000, "
                                  "3000000);"
                                  "INSERT INTO events (time_us, type, run_id, task_id) VALUES "
                                  "(2500000, 'task.failed', 'r', 1);")
                  .ok());
  const store::DataRoot root{directory_};
  const auto files = unzip(
      diagnostic_bundle(database_, root, "r", ServiceFacts{{{"acoustid.api_key", kSecret}}, {}})
          .value());
  EXPECT_THAT(files.at("log.txt"), HasSubstr("FILE_CORRUPT"));
  EXPECT_THAT(files.at("log.txt"), HasSubstr("task.failed"));
  EXPECT_THAT(files.at("run.json"), HasSubstr("whale.wav"));
  for (const char* name : {"README.txt", "asset.json", "events.json", "status.json", "checks.json",
                           "configuration.json"})
    EXPECT_EQ(files.count(name), 1U) << name;
  for (const auto& [name, text] : files) EXPECT_THAT(text, Not(HasSubstr(kSecret))) << name;
  EXPECT_EQ(unzip(diagnostic_bundle(database_, root, "r", {}).value()).count("status.json"), 0U);
  EXPECT_EQ(diagnostic_bundle(database_, root, "s", {}).error().code, ErrorCode::not_found);
}

}  // namespace
}  // namespace baleen::ops
