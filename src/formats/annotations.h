#pragma once

/// Annotations and the tables in which other programs keep them: Raven, Audacity, Kaleidoscope, Darwin Core
/// (docs/formats/annotations.md). Texts in, texts out; times in tables have microseconds.
///
/// All readers: INVALID_ARGUMENT with line and column for what cannot be understood, a decimal comma included; nothing
/// is taken of a table that is wrong in one line.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"

namespace baleen::formats {

/// A stretch of a recording about which somebody or something says a word.
struct Annotation {
  std::string file;                  ///< Name of the file or asset, as the table has it.
  double start_s = 0;                ///< From the beginning of that file.
  double end_s = 0;                  ///< Not before start_s.
  std::optional<double> low_hz;      ///< Nothing: all frequencies.
  std::optional<double> high_hz;     ///< Not below low_hz.
  std::string label;                 ///< May be empty.
  std::optional<double> confidence;  ///< As the table has it.
  std::string source;      ///< Where it comes from: "raven: my.selections.txt", "cluster 7".
  bool is_manual = false;  ///< A person said so.
  int line = 0;            ///< Of the table that it was read from; 0: of none. Not compared.
  bool operator==(const Annotation& other) const;
};

/// A recording of several: their times add up in Raven's tables.
struct AnnotatedFile {
  std::string name;
  double duration_s = 0;
  std::string path;  ///< For Raven's "Begin Path"; may be empty.
};

struct AnnotationReadOptions {
  std::string source;        ///< What becomes each annotation's source.
  std::string default_file;  ///< Of tables that do not name the recording.
  std::string label_column;  ///< Empty: the first known one.
  /// The recordings in the order in which they were opened, for tables with cumulative times only. A row that names one
  /// of them is of that one; it is refused if its time is not.
  std::vector<AnnotatedFile> files;
};

/// "raven", "audacity" or "kaleidoscope", by the first line with anything in it. INVALID_ARGUMENT for what is none.
[[nodiscard]] Result<std::string> detect_annotation_format(std::string_view text);
/// By the reader of this format. INVALID_ARGUMENT for another one, and as that reader.
[[nodiscard]] Result<std::vector<Annotation>> read_annotations(
    std::string_view format, std::string_view text, const AnnotationReadOptions& options);
/// Whether it is a selection table with a column for the recording, "Begin File" or "Begin Path".
[[nodiscard]] bool names_its_files(std::string_view text);

/// Raven's selection tables (tab-separated). Both views of a selection become one annotation. Within a list of files
/// "File Offset (s)" counts from the beginning of "Begin File"; without that column the times are cumulative, which needs
/// options.files as soon as there are several files. Label: "Annotation", "Species", "Label", "Common Name", "Call Type",
/// "Type", "Tags"; confidence: "Confidence", "Score".
[[nodiscard]] Result<std::vector<Annotation>> read_raven(std::string_view text,
                                                         const AnnotationReadOptions& options);
/// One table for several recordings that Raven opens as a list in this order. INVALID_ARGUMENT for an annotation of a
/// file that is not among them.
[[nodiscard]] Result<std::string> write_raven(std::span<const Annotation> annotations,
                                              std::span<const AnnotatedFile> files);

/// Audacity's labels: start, end, label; a line that begins with a backslash has the frequencies. They do not say whose
/// they are: options.default_file.
[[nodiscard]] Result<std::vector<Annotation>> read_audacity(std::string_view text,
                                                            const AnnotationReadOptions& options);
/// All annotations as if they were of one file: choose them before.
[[nodiscard]] std::string write_audacity(std::span<const Annotation> annotations);

/// Kaleidoscope's id.csv, meta.csv (frequencies in kHz) and cluster.csv (in Hz). MANUAL ID comes before AUTO ID and
/// TOP1MATCH; MATCH RATIO is the confidence of an automatic one. "file" is FOLDER/IN FILE.
[[nodiscard]] Result<std::vector<Annotation>> read_kaleidoscope(
    std::string_view text, const AnnotationReadOptions& options);
/// With the columns that Kaleidoscope's viewer looks at. Manual annotations have a MANUAL ID, all others an AUTO ID.
[[nodiscard]] std::string write_kaleidoscope(std::span<const Annotation> annotations);

/// An annotation as an occurrence of Darwin Core. What is not known stays empty.
struct Occurrence {
  std::string occurrence_id;  ///< Must be unique, and stay the same from one export to the next.
  Annotation annotation;
  std::string scientific_name;  ///< A label is a scientific name only if somebody says so.
  std::optional<std::int64_t> recording_start_us;  ///< Since 1970-01-01.
  bool is_start_utc = true;                        ///< False: on a clock whose zone nobody knows.
  std::optional<double> latitude_deg;
  std::optional<double> longitude_deg;
  std::optional<double> elevation_m;
  std::string recorded_by;
  std::string identified_by;
  std::string sampling_protocol;
  std::string location_id;  ///< Site or deployment.
  std::string license;
};

/// Terms of Darwin Core (https://dwc.tdwg.org/terms/), one CSV record each. INVALID_ARGUMENT for an id that is empty or
/// used twice, and for a place that is none on earth.
[[nodiscard]] Result<std::string> write_darwin_core(std::span<const Occurrence> occurrences);

/// INVALID_ARGUMENT where times or frequencies cannot be; `where` begins the message.
[[nodiscard]] Result<void> check_annotation(const Annotation& annotation, std::string_view where);

/// To six decimals, which is what tables have: sums and products of numbers in a table are taken to be that exact.
[[nodiscard]] double rounded_to_millionths(double value);

}  // namespace baleen::formats
