// Any labels of a classifier become segments that cover the recording; doing it again changes nothing.
#include "recipes/ssis/segments.h"

#include "fuzz/input.h"

using namespace baleen;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  const ssis::Millis duration = input.number<std::uint32_t>();
  std::vector<ssis::RawSegment> raw;
  while (!input.is_empty() && raw.size() < 512) {
    const auto kind = input.number<std::uint8_t>();
    ssis::RawSegment segment;
    segment.label = static_cast<ssis::SegmentLabel>(kind % ssis::kLabelCount);
    if (kind >= 0x80) {  // Anything that eight bytes can be.
      segment.start_s = input.number<double>();
      segment.end_s = input.number<double>();
      segment.probability = input.number<float>();
    } else {
      segment.start_s = 0.01 * input.number<std::uint16_t>();
      segment.end_s = segment.start_s + 0.01 * input.number<std::uint16_t>();
      segment.probability = input.number<std::uint8_t>() / 255.0;
    }
    raw.push_back(segment);
  }
  const std::vector<ssis::Segment> segments = ssis::post_process_segments(raw, duration);
  BALEEN_CHECK(segments.empty() == (duration == 0));
  if (segments.empty()) return 0;
  BALEEN_CHECK(ssis::check_segments(segments, duration).ok());
  std::vector<ssis::RawSegment> as_raw;
  for (const ssis::Segment& segment : segments)
    as_raw.push_back({ssis::to_seconds(segment.start), ssis::to_seconds(segment.end), segment.label,
                      segment.confidence});
  const std::vector<ssis::Segment> again = ssis::post_process_segments(as_raw, duration);
  BALEEN_CHECK(again.size() == segments.size());
  for (std::size_t i = 0; i < again.size(); ++i)
    BALEEN_CHECK(again[i].start == segments[i].start && again[i].label == segments[i].label);
  return 0;
}
