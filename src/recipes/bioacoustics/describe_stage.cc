// describe: original → what its recorder wrote about it, as recording.v1.

#include "audio/probe.h"
#include "audio/recorder_metadata.h"
#include "core/file.h"
#include "core/process.h"
#include "core/sha256.h"
#include "formats/document.h"
#include "recipes/bioacoustics/stages.h"

namespace baleen::bioacoustics {
namespace {

template <typename T>
json::value fact(const std::optional<audio::Stated<T>>& stated) {
  if (!stated) return nullptr;
  return json::object{{"value", stated->value}, {"source", stated->source}};
}

json::value text_or_null(const std::optional<std::string>& text) {
  return text ? json::value(*text) : json::value(nullptr);
}

void add_facts(const audio::RecorderMetadata& metadata, json::object& document) {
  document["start_utc"] = text_or_null(metadata.start_rfc3339());
  document["start_local"] =
      metadata.start ? json::value(to_string(metadata.start->value)) : json::value(nullptr);
  document["start_source"] =
      metadata.start ? json::value(metadata.start->source) : json::value(nullptr);
  document["utc_offset_s"] =
      metadata.utc_offset_s ? json::value(metadata.utc_offset_s->value) : json::value(nullptr);
  document["latitude_deg"] = fact(metadata.latitude_deg);
  document["longitude_deg"] = fact(metadata.longitude_deg);
  document["elevation_m"] = fact(metadata.elevation_m);
  document["gain"] = fact(metadata.gain);
  document["temperature_c"] = fact(metadata.temperature_c);
  document["battery_v"] = fact(metadata.battery_v);
  document["make"] = fact(metadata.make);
  document["model"] = fact(metadata.model);
  document["serial"] = fact(metadata.serial);
  document["firmware"] = fact(metadata.firmware);
  document["deployment"] = fact(metadata.deployment);
  document["stated_sample_rate_hz"] = fact(metadata.sample_rate_hz);
  document["time_expansion"] = metadata.time_expansion ? metadata.time_expansion->value : 1.0;
  document["comment"] = fact(metadata.comment);
  document["contradictions"] =
      json::array(metadata.contradictions.begin(), metadata.contradictions.end());
}

class DescribeStage final : public engine::Stage {
 public:
  Result<void> warm_up(const engine::StageRequest&) override {
    formats::prepare_schema("recording.v1");
    return audio::load_decoders();
  }

  Result<engine::StageOutcome> run(const engine::StageRequest& request,
                                   const engine::ProgressFn&) override {
    const std::filesystem::path& path = request.input("original").path;
    audio::RecorderMetadataOptions options;
    options.filename = core::get_string(request.params, "filename");
    // What has no tags, or cannot be decoded at all, is described as far as it goes: embed will say the rest.
    if (Result<std::vector<std::pair<std::string, std::string>>> tags = audio::media_tags(path);
        tags.ok())
      options.tags = std::move(*tags);
    BALEEN_ASSIGN_OR_RETURN(const audio::RecorderMetadata metadata,
                            audio::read_recorder_metadata(path, options));
    const std::string version(core::version());
    json::object document = formats::begin_document(
        "recording.v1", {request.asset_id, request.computed_at, version, version});
    document["filename"] = options.filename;
    add_facts(metadata, document);
    BALEEN_RETURN_IF_ERROR(formats::validate("recording.v1", document));

    const engine::StageOutputSlot& slot = request.output("recording_v1");
    BALEEN_RETURN_IF_ERROR(core::write_file_synced(slot.temporary, core::to_pretty_json(document)));
    json::object content = document;
    content.erase("computed_at");
    engine::StageOutcome outcome;
    outcome.artifacts.push_back({"recording_v1", slot.temporary,
                                 core::sha256_hex(core::to_canonical_json(content)),
                                 core::to_json(document)});
    outcome.metrics = {{"has_start", metadata.start.has_value()},
                       {"contradictions", metadata.contradictions.size()}};
    return outcome;
  }
};

}  // namespace

std::unique_ptr<engine::Stage> make_describe_stage() { return std::make_unique<DescribeStage>(); }

}  // namespace baleen::bioacoustics
