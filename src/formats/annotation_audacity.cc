#include "formats/annotations.h"
#include "formats/delimited_text.h"

namespace baleen::formats {
namespace {

constexpr char kTab = '\t';

std::string where(const TextRecord& record) {
  return fmt::format("label track: line {}", record.line);
}

/// A line with the frequencies of the label before it. -1 is what Audacity writes for an open end.
Result<void> read_band(const TextRecord& record, std::vector<Annotation>& annotations) {
  if (annotations.empty() || record.fields.size() < 3)
    return fail(ErrorCode::invalid_argument, "{}: frequencies without a label", where(record));
  BALEEN_ASSIGN_OR_RETURN(const double low_hz, parse_decimal(record.fields[1], where(record)));
  BALEEN_ASSIGN_OR_RETURN(const double high_hz, parse_decimal(record.fields[2], where(record)));
  if (low_hz >= 0) annotations.back().low_hz = low_hz;
  if (high_hz >= 0) annotations.back().high_hz = high_hz;
  return check_annotation(annotations.back(), where(record));
}

}  // namespace

Result<std::vector<Annotation>> read_audacity(std::string_view text,
                                              const AnnotationReadOptions& options) {
  Result<std::vector<TextRecord>> records = split_records(text, kTab, Quoting::none);
  if (!records.ok()) return std::move(records).error().context("label track");
  std::vector<Annotation> annotations;
  for (const TextRecord& record : *records) {
    if (record.fields[0] == "\\") {
      BALEEN_RETURN_IF_ERROR(read_band(record, annotations));
      continue;
    }
    if (record.fields.size() < 2)
      return fail(ErrorCode::invalid_argument, "{}: no start, end and label between tabs",
                  where(record));
    Annotation annotation;
    annotation.file = options.default_file;
    annotation.source = options.source;
    annotation.is_manual = true;
    annotation.line = record.line;
    BALEEN_ASSIGN_OR_RETURN(annotation.start_s, parse_decimal(record.fields[0], where(record)));
    BALEEN_ASSIGN_OR_RETURN(annotation.end_s, parse_decimal(record.fields[1], where(record)));
    if (record.fields.size() > 2) annotation.label = record.fields[2];
    BALEEN_RETURN_IF_ERROR(check_annotation(annotation, where(record)));
    annotations.push_back(std::move(annotation));
  }
  return annotations;
}

std::string write_audacity(std::span<const Annotation> annotations) {
  std::string out;
  const auto number = [](double value) { return fmt::format("{:.6f}", value); };
  for (const Annotation& a : annotations) {
    append_record(std::vector<std::string>{number(a.start_s), number(a.end_s), a.label}, kTab,
                  Quoting::none, out);
    if (!a.low_hz && !a.high_hz) continue;
    append_record(std::vector<std::string>{"\\", number(a.low_hz.value_or(-1)),
                                           number(a.high_hz.value_or(-1))},
                  kTab, Quoting::none, out);
  }
  return out;
}

}  // namespace baleen::formats
