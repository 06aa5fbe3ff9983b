#pragma once

/// Annotations of recordings as a Parquet file, for programs that learn from them (docs/formats/annotations.md).

#include <span>
#include <string>

#include "core/result.h"
#include "formats/annotations.h"
#include "formats/parquet_schema.h"

namespace baleen::formats {

/// A recording and what is said of it.
struct LabelledRecording {
  std::string asset_id;
  std::string file;
  std::span<const Annotation> annotations;  ///< Annotation::file is not looked at.
};

/// The bytes of the file. One row for each annotation, recording behind recording: file, asset_id, start_s, end_s, low_hz,
/// high_hz, label, confidence, is_by_person, source; low_hz, high_hz and confidence may be null. Equal contents give equal
/// bytes. Errors as ParquetWriter.
[[nodiscard]] Result<std::string> write_labels_parquet(
    std::span<const LabelledRecording> recordings, const ParquetMetadata& metadata);

}  // namespace baleen::formats
