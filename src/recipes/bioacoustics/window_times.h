#pragma once

/// When the windows of a recording are, and which of them count where windows are compared.

#include <cstdint>
#include <utility>
#include <vector>

#include "core/result.h"
#include "formats/parquet_tables.h"

namespace baleen::bioacoustics {

/// Windows that hold less sound than this part of them are neither example nor found (windows.h).
inline constexpr double kSearchedFillMin = 0.5;

/// Of an embedding set; (n,) each.
struct WindowTimes {
  std::vector<double> start_s, end_s;
  double window_s = 0;

  /// As of windows.h.
  [[nodiscard]] bool is_mostly_padding(std::size_t row) const;
};

[[nodiscard]] Result<WindowTimes> read_window_times(formats::EmbeddingsFile& file);

/// A stretch of rows: [first, second). Windows follow each other in time, so a stretch of time is one.
using RowRange = std::pair<std::int64_t, std::int64_t>;

/// Which of them overlap with [from_s, to_s).
[[nodiscard]] RowRange rows_between(const WindowTimes& times, double from_s, double to_s);

}  // namespace baleen::bioacoustics
