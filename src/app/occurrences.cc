#include <fmt/format.h>

#include <map>
#include <set>

#include "app/exported.h"
#include "audio/field_time.h"
#include "core/sha256.h"
#include "recipes/bioacoustics/deployment_clock.h"
#include "recipes/bioacoustics/recorder_documents.h"

namespace baleen {
namespace {

constexpr std::size_t kIdDigits = 32;

std::optional<double> number_in(const json::object& object, std::string_view name) {
  const json::value* const value = object.if_contains(name);
  if (value == nullptr || !value->is_number()) return std::nullopt;
  return value->to_number<double>();
}

/// What people say comes before what the recorder wrote.
std::optional<double> fact(const json::object& tags,
                           std::string_view tag,
                           const json::object& document,
                           std::string_view member) {
  if (const auto said = number_in(tags, tag)) return said;
  return number_in(core::get_object(document, member), "value");
}

/// All that the occurrences of one recording share.
formats::Occurrence describe(const json::object& tags, const json::object& document) {
  formats::Occurrence occurrence;
  if (const auto start = audio::parse_field_time(core::get_string(document, "start_utc"))) {
    occurrence.recording_start_us = start->utc_us();
  } else if (const auto local =
                 audio::parse_field_time(core::get_string(document, "start_local"))) {
    occurrence.recording_start_us = local->wall_us;
    occurrence.is_start_utc = false;
  }
  occurrence.latitude_deg = fact(tags, "latitude", document, "latitude_deg");
  occurrence.longitude_deg = fact(tags, "longitude", document, "longitude_deg");
  occurrence.elevation_m = fact(tags, "elevation_m", document, "elevation_m");
  occurrence.recorded_by = core::get_string(tags, "recorded_by");
  occurrence.sampling_protocol = core::get_string(tags, "sampling_protocol");
  occurrence.license = core::get_string(tags, "license");
  occurrence.location_id = core::get_string(tags, "site", core::get_string(tags, "location"));
  return occurrence;
}

/// The same from one export to the next: made of the recording's bytes and of what is said of them.
std::string identifier(const ExportedRecording& recording,
                       const formats::Annotation& a,
                       std::set<std::string>& used) {
  const std::string text =
      fmt::format("{}\n{:.6f}\n{:.6f}\n{:.6f}\n{:.6f}\n{}", recording.content_hash, a.start_s,
                  a.end_s, a.low_hz.value_or(-1), a.high_hz.value_or(-1), a.label);
  const std::string id = "baleen:" + core::sha256_hex(text).substr(0, kIdDigits);
  std::string unique = id;
  for (int n = 2; !used.insert(unique).second; ++n) unique = fmt::format("{}:{}", id, n);
  return unique;
}

}  // namespace

Result<std::vector<formats::Occurrence>> occurrences_of(store::Database& database,
                                                        const store::DataRoot& root,
                                                        const std::string& collection_id,
                                                        const Exported& exported) {
  BALEEN_ASSIGN_OR_RETURN(auto documents,
                          bioacoustics::recorder_documents(database, root, collection_id));
  std::vector<formats::Occurrence> occurrences;
  std::set<std::string> used;
  for (const ExportedRecording& recording : exported.recordings) {
    const json::object& tags = core::get_object(recording.metadata, "tag_data");
    BALEEN_ASSIGN_OR_RETURN(
        const json::object document,
        bioacoustics::in_true_time(documents[recording.asset_id], recording.metadata));
    const formats::Occurrence shared = describe(tags, document);
    const json::object& scientific_names = core::get_object(tags, "scientific_names");
    for (const formats::Annotation& annotation : recording.annotations) {
      if (annotation.label.empty()) continue;
      formats::Occurrence& occurrence = occurrences.emplace_back(shared);
      occurrence.occurrence_id = identifier(recording, annotation, used);
      occurrence.annotation = annotation;
      occurrence.scientific_name = core::get_string(scientific_names, annotation.label);
    }
  }
  return occurrences;
}

}  // namespace baleen
