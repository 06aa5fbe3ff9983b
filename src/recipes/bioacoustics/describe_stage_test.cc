#include <gtest/gtest.h>

#include "audio/testing/test_audio.h"
#include "core/file.h"
#include "recipes/bioacoustics/stages.h"

namespace baleen::bioacoustics {
namespace {

using audio::testing::noise;
using audio::testing::TempDir;
using audio::testing::to_16_bits;
using audio::testing::wav_bytes;
using audio::testing::write_bytes;

json::object describe(const TempDir& dir, const std::string& filename) {
  engine::StageRequest request;
  request.asset_id = "a1";
  request.computed_at = "2026-01-02T03:04:05.678Z";
  request.params["filename"] = filename;
  request.inputs.push_back({"original", dir / "original.wav", "", "a1"});
  request.outputs.push_back({"recording_v1", dir / "out.json.tmp", "", "recording.json"});
  const auto stage = make_describe_stage();
  EXPECT_TRUE(stage->warm_up(request).ok());
  const engine::StageOutcome outcome = stage->run(request, [](double) {}).value();
  const json::object recorded =
      core::parse_json_object(outcome.artifacts.at(0).document_json, "document").value();
  EXPECT_EQ(core::read_json_file(dir / "out.json.tmp").value(), json::value(recorded));
  return recorded;
}

TEST(DescribeStage, TheNameThatTheRecorderGaveTellsWhenItWas) {
  const TempDir dir;
  write_bytes(dir / "original.wav",
              wav_bytes({.sample_rate = 16'000}, to_16_bits(noise(16'000, 1))));
  const json::object document = describe(dir, "S4A03895_20190522_060000.wav");
  EXPECT_EQ(core::get_string(document, "start_local"), "2019-05-22T06:00:00");
  EXPECT_EQ(core::get_string(document, "start_source"), "file name");
  EXPECT_TRUE(document.at("start_utc").is_null()) << "nobody said in which zone its clock ran";
  EXPECT_EQ(core::get_double(document, "time_expansion"), 1);
}

TEST(DescribeStage, AGuanoChunkTellsTheTimeExpansion) {
  const TempDir dir;
  std::string bytes = wav_bytes({.sample_rate = 44'100}, to_16_bits(noise(4410, 1)));
  const std::string guano = "GUANO|Version: 1.0\nTE: 10\nTimestamp: 2017-05-01T22:10:00.5-04:00\n";
  bytes += "guan" + audio::testing::little_endian(static_cast<std::uint32_t>(guano.size())) + guano;
  if (guano.size() % 2 == 1) bytes += '\0';
  const std::string size =
      audio::testing::little_endian(static_cast<std::uint32_t>(bytes.size() - 8));
  bytes.replace(4, 4, size);
  write_bytes(dir / "original.wav", bytes);
  const json::object document = describe(dir, "bat.wav");
  EXPECT_EQ(core::get_double(document, "time_expansion"), 10);
  EXPECT_EQ(core::get_string(document, "start_utc"), "2017-05-02T02:10:00.500Z");
  EXPECT_EQ(core::get_int(document, "utc_offset_s"), -14'400);
}

TEST(DescribeStage, WhatIsNoSoundIsDescribedAsFarAsItGoes) {
  const TempDir dir;
  write_bytes(dir / "original.wav", "no sound at all");
  const json::object document = describe(dir, "20190522_060000.WAV");
  EXPECT_EQ(core::get_string(document, "start_local"), "2019-05-22T06:00:00");
}

}  // namespace
}  // namespace baleen::bioacoustics
