#include <cmath>
#include <set>

#include "core/clock.h"
#include "formats/annotations.h"
#include "formats/delimited_text.h"

namespace baleen::formats {
namespace {

/// "2019-05-22T06:00:00.000Z/2019-05-22T06:00:05.000Z": an interval of ISO 8601; without Z where no zone is known.
std::string event_date(const Occurrence& occurrence) {
  if (!occurrence.recording_start_us) return "";
  const auto at = [&](double seconds) {
    std::string time = core::rfc3339(*occurrence.recording_start_us + std::llround(seconds * 1e6));
    if (!occurrence.is_start_utc) time.pop_back();
    return time;
  };
  return at(occurrence.annotation.start_s) + "/" + at(occurrence.annotation.end_s);
}

std::string number(const std::optional<double>& value) {
  return value ? fmt::format("{}", *value) : "";
}

/// What no term is for: where in the recording, and which frequencies.
std::string remarks(const Annotation& a) {
  std::string text = fmt::format("{:.6f} to {:.6f} s of the recording", a.start_s, a.end_s);
  if (a.low_hz) text += fmt::format(", from {} Hz", *a.low_hz);
  if (a.high_hz) text += fmt::format(", up to {} Hz", *a.high_hz);
  return text;
}

Result<void> check(const Occurrence& occurrence, std::set<std::string>& ids) {
  const std::string& id = occurrence.occurrence_id;
  if (id.empty() || !ids.insert(id).second)
    return fail(ErrorCode::invalid_argument, "occurrence id \"{}\": empty, or used twice", id);
  const double latitude = occurrence.latitude_deg.value_or(0);
  const double longitude = occurrence.longitude_deg.value_or(0);
  if (!(std::abs(latitude) <= 90) || !(std::abs(longitude) <= 180))
    return fail(ErrorCode::invalid_argument, "occurrence {}: there is no place {}, {}", id,
                latitude, longitude);
  return check_annotation(occurrence.annotation, "occurrence " + id);
}

}  // namespace

Result<std::string> write_darwin_core(std::span<const Occurrence> occurrences) {
  std::string out;
  append_record(std::vector<std::string>{"occurrenceID",
                                         "basisOfRecord",
                                         "occurrenceStatus",
                                         "eventDate",
                                         "decimalLatitude",
                                         "decimalLongitude",
                                         "geodeticDatum",
                                         "minimumElevationInMeters",
                                         "maximumElevationInMeters",
                                         "locationID",
                                         "scientificName",
                                         "verbatimIdentification",
                                         "identifiedBy",
                                         "identificationVerificationStatus",
                                         "identificationRemarks",
                                         "recordedBy",
                                         "samplingProtocol",
                                         "associatedMedia",
                                         "occurrenceRemarks",
                                         "license"},
                ',', Quoting::csv, out);
  std::set<std::string> ids;
  for (const Occurrence& o : occurrences) {
    BALEEN_RETURN_IF_ERROR(check(o, ids));
    const Annotation& a = o.annotation;
    const bool has_place = o.latitude_deg && o.longitude_deg;
    append_record(
        std::vector<std::string>{
            o.occurrence_id,
            "MachineObservation",
            "present",
            event_date(o),
            has_place ? number(o.latitude_deg) : "",
            has_place ? number(o.longitude_deg) : "",
            has_place ? "EPSG:4326" : "",
            number(o.elevation_m),
            number(o.elevation_m),
            o.location_id,
            o.scientific_name,
            a.label,
            o.identified_by,
            a.is_manual ? "labelled by a person" : "unverified",
            a.confidence ? fmt::format("confidence {} by {}", *a.confidence, a.source) : a.source,
            o.recorded_by,
            o.sampling_protocol,
            a.file,
            remarks(a),
            o.license},
        ',', Quoting::csv, out);
  }
  return out;
}

}  // namespace baleen::formats
