#include "formats/annotations.h"
#include "formats/delimited_text.h"

namespace baleen::formats {
namespace {

constexpr char kComma = ',';
constexpr std::string_view kWhat = "Kaleidoscope table";

struct KaleidoscopeColumns {
  std::size_t file = 0, offset = 0, duration = 0;
  std::optional<std::size_t> folder, low, high, auto_id, top_match, manual_id, ratio;
  double hz_per_unit = 1000;  ///< Of frequencies: bats' are in kHz, clusters' in Hz.
};

Result<KaleidoscopeColumns> columns_of(const TextTable& table) {
  KaleidoscopeColumns columns;
  BALEEN_ASSIGN_OR_RETURN(columns.file, table.column("IN FILE"));
  BALEEN_ASSIGN_OR_RETURN(columns.offset, table.column("OFFSET"));
  BALEEN_ASSIGN_OR_RETURN(columns.duration, table.column("DURATION"));
  const auto either = [&table](std::string_view name) {
    const auto found = table.find(name);
    return found ? found : table.find(std::string(name) + "*");
  };
  columns.folder = table.find("FOLDER");
  columns.low = table.find("Fmin");
  columns.high = table.find("Fmax");
  columns.auto_id = either("AUTO ID");
  columns.top_match = either("TOP1MATCH");
  columns.manual_id = either("MANUAL ID");
  columns.ratio = table.find("MATCH RATIO");
  if (columns.top_match) columns.hz_per_unit = 1;
  return columns;
}

/// "folder/file", with slashes.
std::string file_of(const TextRecord& record, const KaleidoscopeColumns& columns) {
  std::string folder(TextTable::field(record, columns.folder));
  for (char& letter : folder)
    if (letter == '\\') letter = '/';
  while (!folder.empty() && folder.back() == '/') folder.pop_back();
  const std::string file(TextTable::field(record, columns.file));
  return folder.empty() ? file : folder + "/" + file;
}

Result<Annotation> annotation_of(const TextTable& table,
                                 const TextRecord& record,
                                 const KaleidoscopeColumns& columns) {
  Annotation a;
  a.file = file_of(record, columns);
  a.line = record.line;
  BALEEN_ASSIGN_OR_RETURN(const double offset_s, table.required_number(record, columns.offset));
  BALEEN_ASSIGN_OR_RETURN(const double duration_s, table.required_number(record, columns.duration));
  BALEEN_ASSIGN_OR_RETURN(a.low_hz, table.number(record, columns.low));
  BALEEN_ASSIGN_OR_RETURN(a.high_hz, table.number(record, columns.high));
  a.start_s = offset_s;
  a.end_s = rounded_to_millionths(offset_s + duration_s);
  if (a.low_hz) a.low_hz = rounded_to_millionths(*a.low_hz * columns.hz_per_unit);
  if (a.high_hz) a.high_hz = rounded_to_millionths(*a.high_hz * columns.hz_per_unit);
  const std::string_view manual = TextTable::field(record, columns.manual_id);
  const std::string_view automatic = TextTable::field(record, columns.auto_id);
  a.is_manual = !manual.empty();
  a.label = a.is_manual          ? manual
            : !automatic.empty() ? automatic
                                 : TextTable::field(record, columns.top_match);
  if (!a.is_manual) {
    BALEEN_ASSIGN_OR_RETURN(a.confidence, table.number(record, columns.ratio));
  }
  BALEEN_RETURN_IF_ERROR(check_annotation(a, fmt::format("{}: line {}", kWhat, record.line)));
  return a;
}

}  // namespace

Result<std::vector<Annotation>> read_kaleidoscope(std::string_view text,
                                                  const AnnotationReadOptions& options) {
  BALEEN_ASSIGN_OR_RETURN(const TextTable table,
                          TextTable::parse(text, kComma, Quoting::csv, kWhat));
  BALEEN_ASSIGN_OR_RETURN(const KaleidoscopeColumns columns, columns_of(table));
  std::vector<Annotation> annotations;
  for (const TextRecord& record : table.records()) {
    BALEEN_ASSIGN_OR_RETURN(Annotation annotation, annotation_of(table, record, columns));
    annotation.source = options.source;
    if (annotation.file.empty()) annotation.file = options.default_file;
    annotations.push_back(std::move(annotation));
  }
  return annotations;
}

std::string write_kaleidoscope(std::span<const Annotation> annotations) {
  std::string out;
  append_record(
      std::vector<std::string>{"INDIR", "OUTDIR", "FOLDER", "IN FILE", "CHANNEL", "OFFSET",
                               "DURATION", "Fmin", "Fmax", "AUTO ID*", "MATCH RATIO", "MANUAL ID"},
      kComma, Quoting::csv, out);
  const auto seconds = [](double value) { return fmt::format("{:.6f}", value); };
  const auto kilohertz = [](const std::optional<double>& hz) {
    return hz ? fmt::format("{}", *hz / 1000) : std::string();
  };
  for (const Annotation& a : annotations) {
    const std::size_t slash = a.file.rfind('/');
    const bool has_folder = slash != std::string::npos;
    append_record(
        std::vector<std::string>{
            "", "", has_folder ? a.file.substr(0, slash) : "",
            has_folder ? a.file.substr(slash + 1) : a.file, "0", seconds(a.start_s),
            seconds(a.end_s - a.start_s), kilohertz(a.low_hz), kilohertz(a.high_hz),
            a.is_manual ? "" : a.label,
            a.confidence && !a.is_manual ? fmt::format("{}", *a.confidence) : "",
            a.is_manual ? a.label : ""},
        kComma, Quoting::csv, out);
  }
  return out;
}

}  // namespace baleen::formats
