// Documents against every schema; segments that are taken keep their rules.
#include "formats/document.h"

#include "core/json.h"
#include "fuzz/input.h"
#include "recipes/ssis/segments.h"

using namespace baleen;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Result<json::value> value = core::parse_json(fuzz::text_of(data, size), "input");
  if (!value.ok()) return 0;
  static const std::vector<std::string> ids = formats::schema_ids();
  for (const std::string& id : ids) {
    const Result<void> checked = formats::validate(id, *value);
    BALEEN_CHECK(fuzz::is_value_or(checked, {ErrorCode::schema_invalid}));
    BALEEN_CHECK(!checked.ok() || value->is_object());
  }
  const Result<std::vector<ssis::Segment>> segments = ssis::parse_segments_document(*value);
  BALEEN_CHECK(fuzz::is_value_or(segments, {ErrorCode::segments_invalid}));
  if (!segments.ok()) return 0;
  BALEEN_CHECK(ssis::check_segments(*segments, segments->back().end).ok());
  BALEEN_CHECK(ssis::segment_metrics(*segments).segment_count == std::ssize(*segments));
  return 0;
}
