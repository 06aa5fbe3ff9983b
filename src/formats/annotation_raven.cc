#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "formats/annotations.h"
#include "formats/delimited_text.h"

namespace baleen::formats {
namespace {

constexpr char kTab = '\t';

/// The columns that are looked at; those that a table need not have may be absent.
struct RavenColumns {
  std::size_t begin = 0;
  std::size_t end = 0;
  std::optional<std::size_t> selection, view, low, high, begin_file, begin_path, offset, label,
      confidence;
};

std::optional<std::size_t> first_of(const TextTable& table,
                                    std::initializer_list<std::string_view> names) {
  for (const std::string_view name : names)
    if (const auto found = table.find(name)) return found;
  return std::nullopt;
}

Result<RavenColumns> columns_of(const TextTable& table, const AnnotationReadOptions& options) {
  RavenColumns columns;
  BALEEN_ASSIGN_OR_RETURN(columns.begin, table.column("Begin Time (s)"));
  BALEEN_ASSIGN_OR_RETURN(columns.end, table.column("End Time (s)"));
  columns.selection = table.find("Selection");
  columns.view = table.find("View");
  columns.low = table.find("Low Freq (Hz)");
  columns.high = table.find("High Freq (Hz)");
  columns.begin_file = table.find("Begin File");
  columns.begin_path = table.find("Begin Path");
  columns.offset = first_of(table, {"File Offset (s)", "Begin Time - File (s)"});
  columns.confidence = first_of(table, {"Confidence", "Score"});
  columns.label = first_of(
      table, {"Annotation", "Species", "Label", "Common Name", "Call Type", "Type", "Tags"});
  if (!options.label_column.empty()) {
    BALEEN_ASSIGN_OR_RETURN(columns.label, table.column(options.label_column));
  }
  return columns;
}

std::string lower_case(std::string text) {
  for (char& letter : text)
    if (letter >= 'A' && letter <= 'Z') letter = static_cast<char>(letter - 'A' + 'a');
  return text;
}

/// The name at the end of a path of Windows or Unix.
std::string base_name(std::string_view path) {
  return std::string(path.substr(path.find_last_of("/\\") + 1));
}

class RavenReader {
 public:
  RavenReader(const TextTable& table,
              const RavenColumns& columns,
              const AnnotationReadOptions& options)
      : table_(&table), columns_(columns), options_(&options) {}

  Result<std::vector<Annotation>> read() {
    BALEEN_RETURN_IF_ERROR(decide_what_times_mean());
    for (const TextRecord& record : table_->records()) {
      BALEEN_ASSIGN_OR_RETURN(Annotation annotation, annotation_of(record));
      add(record, std::move(annotation));
    }
    return std::move(annotations_);
  }

 private:
  /// What "Begin Time (s)" counts from.
  enum class Times {
    of_file,            ///< The beginning of the recording.
    of_list_and_named,  ///< The first of several recordings; the row says which one is meant.
    of_list,            ///< The same, and only the time says it.
  };

  /// Empty where the record does not say.
  std::string named_file_of(const TextRecord& record) const {
    const std::string_view file = TextTable::field(record, columns_.begin_file);
    if (!file.empty()) return std::string(file);
    return base_name(TextTable::field(record, columns_.begin_path));
  }

  /// Cumulative times of several files say nothing without the files' durations.
  Result<void> decide_what_times_mean() {
    if (columns_.offset) return {};
    std::set<std::string> files;
    for (const TextRecord& record : table_->records()) files.insert(named_file_of(record));
    if (!options_->files.empty()) {
      if (files.contains("")) times_ = Times::of_list;
      if (!files.contains("") && files.size() > 1) times_ = Times::of_list_and_named;
      return {};
    }
    if (files.size() <= 1) return {};
    return fail(ErrorCode::invalid_argument,
                "the times count through {} files, and there is no column \"File Offset (s)\": add "
                "it in Raven, or give the recordings with their durations",
                files.size());
  }

  Result<Annotation> annotation_of(const TextRecord& record) const {
    Annotation annotation;
    annotation.source = options_->source;
    annotation.line = record.line;
    annotation.file = named_file_of(record);
    if (annotation.file.empty()) annotation.file = options_->default_file;
    annotation.label = TextTable::field(record, columns_.label);
    BALEEN_ASSIGN_OR_RETURN(const double begin_s, table_->required_number(record, columns_.begin));
    BALEEN_ASSIGN_OR_RETURN(const double end_s, table_->required_number(record, columns_.end));
    BALEEN_ASSIGN_OR_RETURN(const std::optional<double> offset_s,
                            table_->number(record, columns_.offset));
    BALEEN_ASSIGN_OR_RETURN(annotation.low_hz, table_->number(record, columns_.low));
    BALEEN_ASSIGN_OR_RETURN(annotation.high_hz, table_->number(record, columns_.high));
    BALEEN_ASSIGN_OR_RETURN(annotation.confidence, table_->number(record, columns_.confidence));
    annotation.start_s = begin_s;
    if (offset_s) {
      annotation.start_s = *offset_s;
    } else if (times_ == Times::of_list) {
      BALEEN_RETURN_IF_ERROR(place(record, annotation));
    } else if (times_ == Times::of_list_and_named) {
      BALEEN_RETURN_IF_ERROR(place_in_named(record, annotation));
    }
    annotation.end_s = rounded_to_millionths(annotation.start_s + (end_s - begin_s));
    annotation.is_manual = !annotation.confidence;  // Detectors have a score, people do not.
    BALEEN_RETURN_IF_ERROR(
        check_annotation(annotation, fmt::format("selection table: line {}", record.line)));
    return annotation;
  }

  /// From the time since the beginning of the first file to a file and the time in it.
  Result<void> place(const TextRecord& record, Annotation& annotation) const {
    double begin_s = 0;
    for (const AnnotatedFile& file : options_->files) {
      if (annotation.start_s < begin_s + file.duration_s) {
        annotation.file = file.name;
        annotation.start_s = rounded_to_millionths(annotation.start_s - begin_s);
        return {};
      }
      begin_s += file.duration_s;
    }
    return fail(ErrorCode::invalid_argument,
                "selection table: line {}: begins at {} s, but the recordings end at {} s",
                record.line, annotation.start_s, begin_s);
  }

  /// The same where the record says which file it means, which must agree.
  Result<void> place_in_named(const TextRecord& record, Annotation& annotation) const {
    constexpr double kRoundedS = 1e-3;
    double begin_s = 0;
    for (const AnnotatedFile& file : options_->files) {
      if (lower_case(base_name(file.name)) != lower_case(base_name(annotation.file))) {
        begin_s += file.duration_s;
        continue;
      }
      const double start_s = rounded_to_millionths(annotation.start_s - begin_s);
      if (start_s < -kRoundedS || start_s > file.duration_s + kRoundedS) {
        return fail(ErrorCode::invalid_argument,
                    "selection table: line {}: begins at {} s since the first recording, which is "
                    "not in {}: the recordings were opened in another order than they are given "
                    "here, or others with them; add Raven's column \"File Offset (s)\"",
                    record.line, annotation.start_s, annotation.file);
      }
      annotation.start_s = std::max(0.0, start_s);
      return {};
    }
    return fail(ErrorCode::invalid_argument,
                "selection table: line {}: the times count through several recordings, and {} is "
                "not among those that are known; add Raven's column \"File Offset (s)\"",
                record.line, annotation.file);
  }

  /// Raven may write a selection once for each view; the one with frequencies says more.
  void add(const TextRecord& record, Annotation annotation) {
    const std::string number(TextTable::field(record, columns_.selection));
    const std::string_view view = TextTable::field(record, columns_.view);
    if (number.empty() || view.empty()) {
      annotations_.push_back(std::move(annotation));
      return;
    }
    const auto [place, is_new] = by_number_.emplace(number, annotations_.size());
    if (is_new) {
      annotations_.push_back(std::move(annotation));
    } else if (!annotations_[place->second].low_hz) {
      annotations_[place->second] = std::move(annotation);
    }
  }

  const TextTable* table_;
  RavenColumns columns_;
  const AnnotationReadOptions* options_;
  Times times_ = Times::of_file;
  std::vector<Annotation> annotations_;
  std::map<std::string, std::size_t> by_number_;
};

std::string seconds(double value) { return fmt::format("{:.6f}", value); }
std::string optional_number(const std::optional<double>& value) {
  return value ? fmt::format("{}", *value) : "";
}

}  // namespace

double rounded_to_millionths(double value) { return std::round(value * 1e6) / 1e6; }

Result<void> check_annotation(const Annotation& a, std::string_view where) {
  constexpr double kSecondsMax = 1e9;
  const bool is_time_ok = a.start_s >= 0 && a.end_s >= a.start_s && a.end_s <= kSecondsMax;
  const double low_hz = a.low_hz.value_or(0);
  const bool is_band_ok = low_hz >= 0 && a.high_hz.value_or(low_hz) >= low_hz;
  if (is_time_ok && is_band_ok) return {};
  return fail(ErrorCode::invalid_argument,
              "{}: from {} to {} s, {} to {} Hz: a range that ends before it begins, or begins "
              "before 0",
              where, a.start_s, a.end_s, low_hz, a.high_hz.value_or(low_hz));
}

Result<std::vector<Annotation>> read_raven(std::string_view text,
                                           const AnnotationReadOptions& options) {
  BALEEN_ASSIGN_OR_RETURN(const TextTable table,
                          TextTable::parse(text, kTab, Quoting::none, "selection table"));
  BALEEN_ASSIGN_OR_RETURN(const RavenColumns columns, columns_of(table, options));
  return RavenReader(table, columns, options).read();
}

Result<std::string> write_raven(std::span<const Annotation> annotations,
                                std::span<const AnnotatedFile> files) {
  std::map<std::string, std::pair<double, const AnnotatedFile*>> begins;
  double begin_s = 0;
  for (const AnnotatedFile& file : files) {
    begins.emplace(file.name, std::pair(begin_s, &file));
    begin_s += file.duration_s;
  }
  std::string out;
  append_record(
      std::vector<std::string>{"Selection", "View", "Channel", "Begin Time (s)", "End Time (s)",
                               "Low Freq (Hz)", "High Freq (Hz)", "Begin File", "File Offset (s)",
                               "Begin Path", "Annotation", "Confidence"},
      kTab, Quoting::none, out);
  std::size_t number = 0;
  for (const Annotation& a : annotations) {
    const auto found = begins.find(a.file);
    if (found == begins.end())
      return fail(ErrorCode::invalid_argument,
                  "annotation {} is of \"{}\", which is not among the {} recordings", number + 1,
                  a.file, files.size());
    const auto& [file_begin_s, file] = found->second;
    const bool has_band = a.low_hz || a.high_hz;
    append_record(
        std::vector<std::string>{
            std::to_string(++number), has_band ? "Spectrogram 1" : "Waveform 1", "1",
            seconds(file_begin_s + a.start_s), seconds(file_begin_s + a.end_s),
            optional_number(a.low_hz), optional_number(a.high_hz), a.file, seconds(a.start_s),
            file->path, a.label, optional_number(a.confidence)},
        kTab, Quoting::none, out);
  }
  return out;
}

}  // namespace baleen::formats
