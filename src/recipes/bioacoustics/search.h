#pragma once

/// Search by example: the windows of a collection that are most like a stretch of a recording. Exact: every vector is
/// compared, mapped from its file. A pure function of files.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <string>
#include <vector>

#include "core/result.h"

namespace baleen::bioacoustics {

/// One recording's embeddings.
struct EmbeddedRecording {
  std::string asset_id;
  std::filesystem::path embeddings;  ///< An embedding set (formats/parquet_tables.h).
  /// Only windows that overlap with this stretch of the recording are found.
  double from_s = 0;
  double to_s = std::numeric_limits<double>::infinity();
};

struct Example {
  EmbeddedRecording recording;
  double start_s = 0;
  double end_s = 0;  ///< Not after start_s: the one window whose middle is nearest to start_s.
};

struct SearchOptions {
  std::size_t top = 20;
  /// In the example's own recording, windows that are nearer than this to it are not found; 0: those that overlap.
  double apart_s = 0;
};

struct SearchHit {
  std::size_t recording = 0;  ///< Which of those searched.
  std::int64_t row_index = 0;
  double start_s = 0;
  double end_s = 0;
  double similarity = 0;  ///< Cosine with the window of the example that is most like it: -1 to 1.
};

struct SearchResult {
  double start_s = 0, end_s = 0;  ///< Of the windows that stand for the example.
  std::int64_t n_example_windows = 0;
  std::int64_t n_windows = 0;  ///< That were compared.
  std::vector<SearchHit>
      hits;  ///< Most like first; of equal ones the earlier recording and window.
};

/// Windows that hold less sound than this part of them are neither example nor found (windows.h).
inline constexpr double kSearchedFillMin = 0.5;

/// An example of more windows is refused: each of them is compared with all others.
inline constexpr std::size_t kExampleWindowsMax = 256;

/// INVALID_ARGUMENT for an example without windows or with too many; EMBEDDING_DIMENSIONS_DIFFER; ARTIFACT_CORRUPT.
[[nodiscard]] Result<SearchResult> search_by_example(const Example& example,
                                                     const std::vector<EmbeddedRecording>& among,
                                                     const SearchOptions& options);

}  // namespace baleen::bioacoustics
