#include "formats/labels_parquet.h"

#include <fmt/format.h>
#include <sys/mman.h>

#include <cerrno>
#include <cstdint>
#include <filesystem>
#include <string_view>
#include <vector>

#include "core/file.h"
#include "formats/parquet_writer.h"

namespace baleen::formats {
namespace {

constexpr std::size_t kRowsAtOnce = 65'536;

/// Numbers of which some are not there.
struct Numbers {
  std::vector<double> values;
  std::vector<std::uint8_t> is_valid;

  void push_back(const std::optional<double>& value) {
    values.push_back(value.value_or(0));
    is_valid.push_back(value ? 1 : 0);
  }
  void clear() {
    values.clear();
    is_valid.clear();
  }
  [[nodiscard]] ParquetBatchColumn column() const {
    return {std::span<const double>(values), is_valid};
  }
};

/// Some rows of the table, column behind column; texts are the annotations'.
struct Portion {
  std::vector<std::string_view> file, asset_id, label, source;
  std::vector<double> start_s, end_s;
  Numbers low_hz, high_hz, confidence;
  std::vector<std::uint8_t> is_by_person;

  void add(const LabelledRecording& recording, const Annotation& annotation) {
    file.emplace_back(recording.file);
    asset_id.emplace_back(recording.asset_id);
    start_s.push_back(annotation.start_s);
    end_s.push_back(annotation.end_s);
    low_hz.push_back(annotation.low_hz);
    high_hz.push_back(annotation.high_hz);
    label.emplace_back(annotation.label);
    confidence.push_back(annotation.confidence);
    is_by_person.push_back(annotation.is_manual ? 1 : 0);
    source.emplace_back(annotation.source);
  }
  Result<void> write_to(ParquetWriter& writer) {
    using Texts = std::span<const std::string_view>;
    const std::vector<ParquetBatchColumn> columns = {{Texts(file)},
                                                     {Texts(asset_id)},
                                                     {std::span<const double>(start_s)},
                                                     {std::span<const double>(end_s)},
                                                     low_hz.column(),
                                                     high_hz.column(),
                                                     {Texts(label)},
                                                     confidence.column(),
                                                     {std::span<const std::uint8_t>(is_by_person)},
                                                     {Texts(source)}};
    BALEEN_RETURN_IF_ERROR(writer.append(columns));
    *this = {};
    return {};
  }
};

ParquetSchema schema() {
  return {{.name = "file", .type = ParquetType::string},
          {.name = "asset_id", .type = ParquetType::string},
          {.name = "start_s", .type = ParquetType::float64},
          {.name = "end_s", .type = ParquetType::float64},
          {.name = "low_hz", .type = ParquetType::float64, .is_nullable = true},
          {.name = "high_hz", .type = ParquetType::float64, .is_nullable = true},
          {.name = "label", .type = ParquetType::string},
          {.name = "confidence", .type = ParquetType::float64, .is_nullable = true},
          {.name = "is_by_person", .type = ParquetType::boolean},
          {.name = "source", .type = ParquetType::string}};
}

}  // namespace

Result<std::string> write_labels_parquet(std::span<const LabelledRecording> recordings,
                                         const ParquetMetadata& metadata) {
  // A file in memory: nothing is left behind by whoever is killed here.
  const core::Fd file(::memfd_create("labels.parquet", MFD_CLOEXEC));
  if (!file.is_open()) return core::errno_error(errno, "memfd_create");
  const std::filesystem::path path = fmt::format("/proc/self/fd/{}", file.get());
  {
    BALEEN_ASSIGN_OR_RETURN(
        ParquetWriter writer,
        ParquetWriter::create(path, schema(), {.compression = ParquetCompression::gzip}));
    Portion portion;
    for (const LabelledRecording& recording : recordings) {
      for (const Annotation& annotation : recording.annotations) {
        portion.add(recording, annotation);
        if (portion.start_s.size() == kRowsAtOnce) BALEEN_RETURN_IF_ERROR(portion.write_to(writer));
      }
    }
    BALEEN_RETURN_IF_ERROR(portion.write_to(writer));
    BALEEN_RETURN_IF_ERROR(writer.finish(metadata));
  }
  return core::read_text_file(path);
}

}  // namespace baleen::formats
