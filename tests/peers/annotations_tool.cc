// usage: annotations_tool read raven|audacity FILE      prints the annotations as JSON
//        annotations_tool write raven|audacity FILE     writes four by formula (annotations_test.py repeats it)
#include <cstdio>
#include <vector>

#include "core/check.h"
#include "core/file.h"
#include "core/json.h"
#include "formats/annotations.h"

using namespace baleen;
using formats::Annotation;

namespace {

constexpr int kAnnotations = 4;

json::value number(const std::optional<double>& value) {
  return value ? json::value(*value) : json::value();
}

int read(bool is_raven, const char* path) {
  const std::string text = core::read_text_file(path).value();
  const formats::AnnotationReadOptions options = {
      .source = "peer", .default_file = "x.wav", .label_column = {}, .files = {}};
  const auto annotations =
      is_raven ? formats::read_raven(text, options) : formats::read_audacity(text, options);
  if (!annotations.ok()) std::fprintf(stderr, "%s\n", annotations.error().to_string().c_str());
  BALEEN_CHECK(annotations.ok());
  json::array out;
  for (const Annotation& a : *annotations)
    out.push_back({a.file, a.start_s, a.end_s, number(a.low_hz), number(a.high_hz), a.label});
  std::printf("%s\n", core::to_json(out).c_str());
  return 0;
}

int write(bool is_raven, const char* path) {
  std::vector<Annotation> annotations;
  for (int i = 0; i < kAnnotations; ++i) {
    Annotation& a = annotations.emplace_back();
    a.file = i < 2 || !is_raven ? "a.wav" : "b.wav";
    a.start_s = 1.25 + i;
    a.end_s = 1.75 + i;
    if (is_raven) {
      a.low_hz = 100.5 * i;
      a.high_hz = 1000 + 100.5 * i;
    }
    a.label = "call " + std::to_string(i);
  }
  const std::vector<formats::AnnotatedFile> files = {{"a.wav", 60, ""}, {"b.wav", 60, ""}};
  const std::string text = is_raven ? formats::write_raven(annotations, files).value()
                                    : formats::write_audacity(annotations);
  BALEEN_CHECK(core::write_file_atomic(path, text).ok());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  BALEEN_CHECK(argc == 4);
  const bool is_raven = std::string(argv[2]) == "raven";
  return std::string(argv[1]) == "read" ? read(is_raven, argv[3]) : write(is_raven, argv[3]);
}
