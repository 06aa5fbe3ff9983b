#include "formats/document.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <thread>

namespace baleen::formats {
namespace {

using ::testing::HasSubstr;

json::object header(std::string_view schema_id) {
  return begin_document(schema_id, {"asset-1", "2026-11-20T09:27:09.123Z", "0.1.0", "1"});
}

json::object parse(std::string_view text) { return core::parse_json(text, "test")->as_object(); }

json::object with(json::object document, const json::object& more) {
  for (const auto& member : more) document[member.key()] = member.value();
  return document;
}

const std::string kHash = "sha256:" + std::string(64, 'a');

json::object valid_document(std::string_view schema_id) {
  if (schema_id == "audio_asset.v1")
    return with(header(schema_id),
                parse(R"({"owner_entity_id":"me","content_sha256":")" + std::string(64, '0') +
                      R"(","source_uri":"audio/asset-1/original.wav","size_bytes":44,
                      "duration_s":8.0,"sample_rate_hz":44100,"channels":2,"codec":null})"));
  if (schema_id == "pipeline_job.v1")
    return with(
        header(schema_id),
        parse(R"({"job_id":"j1","stage":"decode","status":"complete","attempt":1,"metrics":{}})"));
  if (schema_id == "feature_pack.v1")
    return with(
        header(schema_id),
        parse(R"({"feature_spec_id":"mel64","feature_spec_alias":"0123456789ab",
      "embedding_backend":"builtin","embedding_model_id":"builtin1024","embedding_model_hash":")" +
              kHash + R"(","melspec":{"hdf5_uri":"features/asset-1.0123456789ab.h5#/melspec",
      "shape":[800,64],"dtype":"float32","hop_s":0.009977324263038548,"units":"dB"},
      "embeddings":{"hdf5_uri":"features/asset-1.0123456789ab.h5#/embeddings",
      "shape":[15,1024],"dtype":"float32","hop_s":0.5,"units":"1"}})"));
  if (schema_id == "segments.v1")
    return with(header(schema_id), parse(R"({"duration_s":8.0,"model_id":"builtin",
      "confidence_type":"heuristic_v1",
      "segments":[{"start_s":0.0,"end_s":8.0,"label":"music","confidence":0.8}],
      "metrics":{"segment_count":1,"flip_rate":0.0,"class_distribution":{
        "speech":{"seconds":0.0,"fraction":0.0},"music":{"seconds":8.0,"fraction":1.0},
        "noise":{"seconds":0.0,"fraction":0.0},"silence":{"seconds":0.0,"fraction":0.0}}}})"));
  if (schema_id == "preview_candidate.v1")
    return with(header(schema_id),
                parse(R"({"mode":"intro","preview":{"start_s":0.0,"end_s":8.0,"duration_s":8.0},
      "score":0.1,"confidence":0.0,"confidence_type":"heuristic_v1","candidates_count":0,
      "best_score":null,"fallback_used":true,"feature_spec_alias":"0123456789ab",
      "warnings":[{"code":"PREVIEW_LOW_CONF","message":"no candidate"}]})"));
  if (schema_id == "embedding_set.v1")
    return with(header(schema_id), parse(R"({"encoding_signature":")" + std::string(64, 'e') +
                                         R"(","encoding_id":"yamnet__w5_h5_sr16000__0123456789ab",
      "model_version":"yamnet","model_sha256":")" +
                                         std::string(64, 'f') +
                                         R"(","window_size_seconds":5.0,"hop_seconds":2.5,
      "target_sample_rate":16000,"vector_dim":1024,"duration_s":12.0,"windows_expected":4,
      "windows_written":4,"windows_padded":1,"parquet_uri":"embeddings/yamnet/asset-1/e.parquet"})"));
  if (schema_id == "recording.v1")
    return with(header(schema_id),
                parse(R"({"filename":"S4A03895_20190522_060000.wav","start_utc":null,
      "start_local":"2019-05-22T06:00:00","start_source":"file name","utc_offset_s":null,
      "latitude_deg":{"value":9.1,"source":"guano"},"longitude_deg":null,"elevation_m":null,
      "gain":null,"temperature_c":null,"battery_v":null,"make":null,"model":null,
      "serial":{"value":"S4A03895","source":"file name"},"firmware":null,"deployment":null,
      "stated_sample_rate_hz":null,"time_expansion":1.0,"comment":null,"contradictions":["a"]})"));
  if (schema_id == "sweep.v1")
    return with(header(schema_id), parse(R"({"encoding_id":"yamnet__w5","where":{},"recordings":1,
      "windows":30,"seeds":3,"combinations":[{"tried":{"min_cluster_size":5},"parameters":{"seed":42},
      "clusters":2.5,"noise":0.25,"stability":0.9}],"recommended":0,"why":"seeds agree"})"));
  if (schema_id == "clusters.v1")
    return with(header(schema_id),
                parse(R"({"encoding_id":"yamnet__w5","parameters":{"seed":42},"where":{},
      "recordings":1,"windows":30,"windows_left_out":1,"noise":3,"clusters":[{"label":0,"size":27,"persistence":0.5,
      "stability":13.5,"exemplars":[{"asset_id":"asset-1","row_index":3,"start_s":15.0,
      "end_s":20.0}],"metadata_summary":{"recordings":1,"hours":null,"values":{}}}],
      "assignments_uri":"clusters/c1/assignments.parquet"})"));
  if (schema_id == "ingest_local_request.v1")
    return parse(R"({"source_path":"/a.wav","owner_entity_id":"me","metadata":{"x":[1]}})");
  if (schema_id == "preview.feedback.v1")
    return parse(R"({"schema_id":"preview.feedback.v1","version":"1.0.0","asset_id":"asset-1",
      "timestamp":"2026-11-20T09:27:09.123Z","preview":{"start_s":0,"end_s":8},
      "metrics":{"listened_s":3.5,"skipped":true},"user_actions":["save"]})");
  return {};
}

TEST(Document, EverySchemaAcceptsAValidDocument) {
  ASSERT_EQ(schema_ids().size(), 11U);
  for (const std::string& id : schema_ids()) {
    SCOPED_TRACE(id);
    const json::object document = valid_document(id);
    ASSERT_FALSE(document.empty());
    const Result<void> result = validate(id, document);
    EXPECT_TRUE(result.ok()) << result.error().message;
  }
}

TEST(Document, EverySchemaRefusesAnUnknownMemberAndALostOneAndAWrongType) {
  for (const std::string& id : schema_ids()) {
    SCOPED_TRACE(id);
    const json::object good = valid_document(id);
    EXPECT_FALSE(validate(id, with(good, {{"surprise", 1}})).ok());
    EXPECT_FALSE(validate(id, json::array{}).ok());
    const json::value schema = core::parse_json(schema_text(id), id).value();
    for (const json::value& required : schema.at("required").as_array()) {
      SCOPED_TRACE(required.as_string().c_str());
      json::object lost = good;
      lost.erase(required.as_string());
      const auto result = validate(id, lost);
      ASSERT_FALSE(result.ok());
      EXPECT_EQ(result.error().code, ErrorCode::schema_invalid);
      json::object mistyped = good;
      mistyped[required.as_string()] = json::array{json::array{}};
      EXPECT_FALSE(validate(id, mistyped).ok());
    }
  }
}

TEST(Document, EveryMemberOfEverySchemaIsDescribed) {
  std::function<void(const json::object&)> visit = [&](const json::object& node) {
    for (const auto& member : core::get_object(node, "properties")) {
      SCOPED_TRACE(member.key());
      const json::object& property = member.value().as_object();
      const bool is_shared = property.contains("$ref");
      EXPECT_TRUE(is_shared || property.contains("description"));
      visit(property);
      visit(core::get_object(property, "items"));
    }
  };
  for (const std::string& id : schema_ids()) {
    SCOPED_TRACE(id);
    visit(core::parse_json(schema_text(id), id)->as_object());
  }
}

TEST(Document, AFaultIsReportedWithItsPath) {
  json::object document = valid_document("segments.v1");
  document["segments"].at(0).as_object()["label"] = "birdsong";
  const auto result = validate("segments.v1", document);
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().code, ErrorCode::schema_invalid);
  EXPECT_THAT(result.error().message, HasSubstr("segments[0].label: "));
}

TEST(Document, AtMostThreeFaultsAreListed) {
  json::object document = valid_document("preview_candidate.v1");
  for (const char* key : {"score", "confidence", "mode", "candidates_count", "preview"})
    document[key] = json::array{};
  const std::string message = validate("preview_candidate.v1", document).error().message;
  EXPECT_THAT(message, HasSubstr("more"));
  EXPECT_LT(message.size(), 1000U);
}

TEST(Document, ComputedAtMustBeUtcWithMilliseconds) {
  for (const char* time : {"2026-11-20T09:27:09Z", "2026-11-20T09:27:09.123456Z",
                           "2026-11-20T09:27:09.123+01:00", "2026-11-20 09:27:09.123Z", ""}) {
    SCOPED_TRACE(time);
    json::object document = valid_document("segments.v1");
    document["computed_at"] = time;
    EXPECT_FALSE(validate("segments.v1", document).ok());
  }
}

TEST(Document, AnAssetIdCannotWalkOutOfAFolder) {
  for (const char* id : {"../x", "a/b", ".", "", "a\nb"}) {
    json::object document = valid_document("segments.v1");
    document["asset_id"] = id;
    EXPECT_FALSE(validate("segments.v1", document).ok()) << id;
  }
}

TEST(Document, WholeNumbersCountAsNumbersButFractionsNotAsIntegers) {
  json::object document = valid_document("segments.v1");
  document["duration_s"] = 8;
  EXPECT_TRUE(validate("segments.v1", document).ok());
  document["metrics"].as_object()["segment_count"] = 1.5;
  EXPECT_FALSE(validate("segments.v1", document).ok());
}

TEST(Document, ReferencesInsideASchemaAreFollowed) {
  json::object document = valid_document("segments.v1");
  document["metrics"].at("class_distribution").at("speech").as_object()["seconds"] = "eight";
  EXPECT_FALSE(validate("segments.v1", document).ok());
}

TEST(Document, AFailedJobNeedsAnErrorCode) {
  json::object job = valid_document("pipeline_job.v1");
  job["status"] = "failed";
  EXPECT_FALSE(validate("pipeline_job.v1", job).ok());
  job["error_code"] = nullptr;
  EXPECT_FALSE(validate("pipeline_job.v1", job).ok());
  job["error_code"] = "FILE_CORRUPT";
  EXPECT_TRUE(validate("pipeline_job.v1", job).ok());
}

TEST(Document, AnIntroNeedsTheFallbackFlagAndAWarning) {
  json::object preview = valid_document("preview_candidate.v1");
  preview["fallback_used"] = false;
  EXPECT_FALSE(validate("preview_candidate.v1", preview).ok());
  preview["fallback_used"] = true;
  preview["warnings"] = json::array{};
  EXPECT_FALSE(validate("preview_candidate.v1", preview).ok());
}

TEST(Document, APackWithNanIsRefused) {
  json::object pack = valid_document("feature_pack.v1");
  pack["nan_count"] = 0;
  EXPECT_TRUE(validate("feature_pack.v1", pack).ok());
  pack["nan_count"] = 1;
  EXPECT_FALSE(validate("feature_pack.v1", pack).ok());
}

TEST(Document, AnUnknownSchemaIsTheCallersMistake) {
  EXPECT_EQ(validate("segments.v9", json::object{}).error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(schema_text("segments.v9"), "");
}

TEST(Document, ThreadsMayValidateAtOnce) {
  std::vector<std::thread> threads;
  std::vector<int> failures(4, 0);
  for (std::size_t t = 0; t < failures.size(); ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < 20; ++i)
        for (const std::string& id : schema_ids())
          if (!validate(id, valid_document(id)).ok()) ++failures[t];
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(failures, ::testing::Each(0));
}

}  // namespace
}  // namespace baleen::formats
