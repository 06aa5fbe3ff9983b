// Tables of annotations: understood or refused whole; what was understood is written and read as the same.
#include "formats/annotations.h"

#include <cmath>

#include "core/json.h"
#include "fuzz/input.h"

using namespace baleen;
using formats::Annotation;

namespace {

using Read = Result<std::vector<Annotation>> (*)(std::string_view,
                                                 const formats::AnnotationReadOptions&);

void check(const Annotation& a) {
  BALEEN_CHECK(formats::check_annotation(a, "").ok());
  BALEEN_CHECK(std::isfinite(a.end_s) && std::isfinite(a.confidence.value_or(0)));
  BALEEN_CHECK(core::valid_utf8(a.label) == a.label && core::valid_utf8(a.file) == a.file);
}

void check(Read read, std::string_view text, std::string (*write)(std::span<const Annotation>)) {
  const formats::AnnotationReadOptions options = {
      .source = "fuzz", .default_file = "x", .label_column = {}, .files = {}};
  const auto annotations = read(text, options);
  BALEEN_CHECK(fuzz::is_value_or(annotations, {ErrorCode::invalid_argument}));
  if (!annotations.ok()) return;
  for (const Annotation& annotation : *annotations) check(annotation);
  const auto again = read(write(*annotations), options);
  BALEEN_CHECK(again.ok() && again->size() == annotations->size());
}

/// A table of any format, with recordings at hand whose times it may count through.
void check_list(std::string_view text) {
  const formats::AnnotationReadOptions options = {
      .source = "fuzz",
      .default_file = "",
      .label_column = {},
      .files = {{"a.wav", 10, ""}, {"b.wav", 1e-3, ""}, {"c.wav", 0, ""}}};
  (void)formats::names_its_files(text);
  const auto format = formats::detect_annotation_format(text);
  BALEEN_CHECK(fuzz::is_value_or(format, {ErrorCode::invalid_argument}));
  if (!format.ok()) return;
  const auto annotations = formats::read_annotations(*format, text, options);
  BALEEN_CHECK(fuzz::is_value_or(annotations, {ErrorCode::invalid_argument}));
  if (!annotations.ok()) return;
  for (const Annotation& annotation : *annotations) check(annotation);
}

std::string as_raven(std::span<const Annotation> annotations) {
  std::vector<formats::AnnotatedFile> files;
  for (const Annotation& annotation : annotations)
    if (files.empty() || files.back().name != annotation.file)
      files.push_back({annotation.file, 1000, ""});
  return formats::write_raven(annotations, files).value();
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  switch (input.number<std::uint8_t>()) {
    case 0: check(formats::read_raven, input.rest(), as_raven); break;
    case 1: check(formats::read_audacity, input.rest(), formats::write_audacity); break;
    case 3: check_list(input.rest()); break;
    default: check(formats::read_kaleidoscope, input.rest(), formats::write_kaleidoscope); break;
  }
  return 0;
}
