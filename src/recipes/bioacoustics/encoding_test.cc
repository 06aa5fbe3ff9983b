#include "recipes/bioacoustics/encoding.h"

#include <gtest/gtest.h>

#include <functional>
#include <set>

namespace baleen::bioacoustics {
namespace {

const std::string kAudio(64, 'a');

Encoding encoding() {
  Encoding encoding;
  encoding.kind = EmbedderKind::network;
  encoding.model_version = "perch";
  encoding.model_sha256 = std::string(64, '1');
  encoding.sample_rate_hz = 32'000;
  encoding.feature_config = {{"frontend", "waveform"}, {"peak", 0.25}};
  return encoding;
}

TEST(EncodingSignature, IsTheSameForTheSameAndDiffersInEachPart) {
  const std::string signature = encoding().signature(kAudio);
  EXPECT_EQ(signature.size(), 64U);
  EXPECT_EQ(encoding().signature(kAudio), signature);
  std::set<std::string> all{signature, encoding().signature(std::string(64, 'b'))};
  const auto changed = [&](const std::function<void(Encoding&)>& change) {
    Encoding other = encoding();
    change(other);
    const bool is_comparable = other.time_expansion != 1;
    EXPECT_EQ(other.alias() == encoding().alias(), is_comparable);
    EXPECT_EQ(other.id() == encoding().id(), is_comparable);
    all.insert(other.signature(kAudio));
  };
  changed([](Encoding& e) { e.model_version = "birdnet"; });
  changed([](Encoding& e) { e.model_sha256 = std::string(64, '2'); });
  changed([](Encoding& e) { e.window_s = 3; });
  changed([](Encoding& e) { e.hop_s = 2.5; });
  changed([](Encoding& e) { e.sample_rate_hz = 48'000; });
  changed([](Encoding& e) { e.time_expansion = 10; });
  changed([](Encoding& e) { e.feature_config["peak"] = 0.5; });
  EXPECT_EQ(all.size(), 9U);
}

TEST(EncodingSignature, DoesNotDependOnTheOrderOfTheConfiguration) {
  Encoding other = encoding();
  other.feature_config = {{"peak", 0.25}, {"frontend", "waveform"}};
  EXPECT_EQ(other.signature(kAudio), encoding().signature(kAudio));
}

TEST(Encoding, SurvivesTheWayToTheStage) {
  const Encoding copy = Encoding::from_json(encoding().to_json());
  EXPECT_EQ(copy.id(), encoding().id());
  EXPECT_EQ(copy.kind, EmbedderKind::network);
  EXPECT_EQ(copy.signature(kAudio), encoding().signature(kAudio));
}

TEST(EncodingParams, AreWrittenInOneWayOnly) {
  const auto params = canonical_encoding_params({{"window_s", 3}}, "builtin").value();
  EXPECT_EQ(
      json::value(params),
      json::value(
          {{"model", "builtin"}, {"window_s", 3.0}, {"hop_s", 3.0}, {"time_expansion", 0.0}}));
  EXPECT_EQ(canonical_encoding_params(params, "other").value(), params);
  EXPECT_EQ(core::get_double(canonical_encoding_params({}, "auto").value(), "window_s"), 5);
}

TEST(EncodingParams, WhatIsUnknownOrImpossibleIsNamed) {
  const auto message = [](const json::object& given) {
    const auto params = canonical_encoding_params(given, "auto");
    EXPECT_FALSE(params.ok());
    EXPECT_EQ(params.error().code, ErrorCode::invalid_argument);
    return params.error().message;
  };
  EXPECT_NE(message({{"windows_s", 5}}).find("'windows_s'"), std::string::npos);
  EXPECT_NE(message({{"window_s", 0}}).find("window_s"), std::string::npos);
  EXPECT_NE(message({{"window_s", -1}}).find("window_s"), std::string::npos);
  EXPECT_NE(message({{"hop_s", "1"}}).find("hop_s"), std::string::npos);
  EXPECT_NE(message({{"time_expansion", 1000}}).find("time_expansion"), std::string::npos);
  EXPECT_NE(message({{"model", 7}}).find("model"), std::string::npos);
}

TEST(ResolveEncoding, WithoutAnyModelTheBuiltInOneIsMeant) {
  const ml::ModelStore models(std::filesystem::temp_directory_path() / "baleen_no_models");
  const auto of = [&](const json::object& given) {
    return resolve_encoding(canonical_encoding_params(given, "auto").value(), models);
  };
  const Encoding automatic = of({}).value();
  EXPECT_EQ(automatic.kind, EmbedderKind::builtin);
  EXPECT_EQ(automatic.model_version, "builtin1024");
  EXPECT_EQ(automatic.sample_rate_hz, 22'050);
  EXPECT_EQ(of({{"model", "stub"}})->model_version, "stub16");
  EXPECT_EQ(automatic.time_expansion, 1);
  const auto params = canonical_encoding_params({}, "auto").value();
  EXPECT_EQ(resolve_encoding(params, models, 10)->time_expansion, 10) << "as the recorder states";
  EXPECT_EQ(of({{"time_expansion", 8}})->time_expansion, 8);
  EXPECT_EQ(of({{"model", "perch-v2-fp32"}}).error().code, ErrorCode::model_not_found);
}

}  // namespace
}  // namespace baleen::bioacoustics
