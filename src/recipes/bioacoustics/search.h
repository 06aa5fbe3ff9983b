#pragma once

/// Search by example: the windows of a collection that are most like a stretch of a recording. Every vector is compared,
/// mapped from its file; or, of recordings that are in an index (search_index.h), those whose sketches are nearest. A
/// pure function of files.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <string>
#include <vector>

#include "core/result.h"
#include "recipes/bioacoustics/search_index.h"
#include "recipes/bioacoustics/window_times.h"

namespace baleen::bioacoustics {

/// One recording's embeddings.
struct EmbeddedRecording {
  std::string asset_id;
  std::filesystem::path embeddings;  ///< An embedding set (formats/parquet_tables.h).
  /// Only windows that overlap with this stretch of the recording are found.
  double from_s = 0;
  double to_s = std::numeric_limits<double>::infinity();
  /// Of that file, as they are in an index; not needed where there is none.
  std::string sha256 = {};
  std::int64_t bytes = 0;
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
  int n_threads = 1;  ///< For the sketches.
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
  std::int64_t n_windows = 0;            ///< That were compared, by their sketches or themselves.
  std::int64_t n_windows_by_sketch = 0;  ///< Of these, by sketches first.
  std::int64_t n_windows_looked_at = 0;  ///< Of these, then themselves.
  std::vector<SearchHit>
      hits;  ///< Most like first; of equal ones the earlier recording and window.
};

/// An example of more windows is refused: each of them is compared with all others.
inline constexpr std::size_t kExampleWindowsMax = 256;

/// How sure an answer from sketches is: one that is among the nearest is missed only if the error of its sketch is more
/// than so many times the usual (cluster/sketch_index.h). Where that cannot be had, every vector is compared.
inline constexpr double kSketchDeviations = 5;

/// With an index or without one the hits are the same, but for which of windows that are equally like come last.
///
/// @param index  Null, or where sketches of recordings may be found; what is not there is compared itself.
/// @return INVALID_ARGUMENT for an example without windows or with too many; EMBEDDING_DIMENSIONS_DIFFER;
///         ARTIFACT_CORRUPT.
[[nodiscard]] Result<SearchResult> search_by_example(const Example& example,
                                                     const std::vector<EmbeddedRecording>& among,
                                                     const SearchOptions& options,
                                                     const SearchIndex* index = nullptr);

}  // namespace baleen::bioacoustics
