#include <tuple>

#include "formats/annotations.h"
#include "formats/delimited_text.h"

namespace baleen::formats {
namespace {

constexpr std::size_t kHeaderBytesMax = 64 * 1024;

/// The first line that is not empty, without its end and without a byte order mark.
std::string_view first_line(std::string_view text) {
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  const std::size_t begin = text.find_first_not_of("\r\n");
  if (begin == std::string_view::npos) return {};
  text = text.substr(begin, kHeaderBytesMax);
  return text.substr(0, text.find_first_of("\r\n"));
}

bool has_columns(std::string_view header,
                 char separator,
                 Quoting quoting,
                 std::initializer_list<std::string_view> names) {
  const Result<TextTable> table = TextTable::parse(header, separator, quoting, "header");
  if (!table.ok()) return false;
  for (const std::string_view name : names)
    if (!table->find(name)) return false;
  return true;
}

}  // namespace

bool Annotation::operator==(const Annotation& other) const {
  const auto all = [](const Annotation& a) {
    return std::tie(a.file, a.start_s, a.end_s, a.low_hz, a.high_hz, a.label, a.confidence,
                    a.source, a.is_manual);
  };
  return all(*this) == all(other);
}

Result<std::string> detect_annotation_format(std::string_view text) {
  const std::string_view line = first_line(text);
  if (has_columns(line, '\t', Quoting::none, {"Begin Time (s)", "End Time (s)"}))
    return std::string("raven");
  if (has_columns(line, ',', Quoting::csv, {"IN FILE", "OFFSET", "DURATION"}))
    return std::string("kaleidoscope");
  const std::size_t tab = line.find('\t');
  if (tab != std::string_view::npos && parse_decimal(line.substr(0, tab), "").ok() &&
      parse_decimal(line.substr(tab + 1, line.find('\t', tab + 1) - tab - 1), "").ok())
    return std::string("audacity");
  return fail(ErrorCode::invalid_argument,
              "it is none of: a selection table of Raven (tabs, \"Begin Time (s)\"), labels of "
              "Audacity (start, end and label between tabs), an id.csv of Kaleidoscope (\"IN "
              "FILE\", \"OFFSET\"); name its format if you know it");
}

Result<std::vector<Annotation>> read_annotations(std::string_view format,
                                                 std::string_view text,
                                                 const AnnotationReadOptions& options) {
  if (format == "raven") return read_raven(text, options);
  if (format == "audacity") return read_audacity(text, options);
  if (format == "kaleidoscope") return read_kaleidoscope(text, options);
  return fail(ErrorCode::invalid_argument,
              "there is no format '{}' to be read: raven, audacity, kaleidoscope, or auto", format);
}

bool names_its_files(std::string_view text) {
  const std::string_view line = first_line(text);
  return has_columns(line, '\t', Quoting::none, {"Begin File"}) ||
         has_columns(line, '\t', Quoting::none, {"Begin Path"});
}

}  // namespace baleen::formats
