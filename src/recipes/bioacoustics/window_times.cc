#include "recipes/bioacoustics/window_times.h"

#include <algorithm>

#include "recipes/bioacoustics/windows.h"

namespace baleen::bioacoustics {

bool WindowTimes::is_mostly_padding(std::size_t row) const {
  return bioacoustics::is_mostly_padding(static_cast<std::int64_t>(row), end_s[row] - start_s[row],
                                         window_s, kSearchedFillMin);
}

Result<WindowTimes> read_window_times(formats::EmbeddingsFile& file) {
  WindowTimes times;
  times.window_s = file.info.window_size_s;
  times.start_s.resize(static_cast<std::size_t>(file.reader.n_rows()));
  times.end_s.resize(times.start_s.size());
  BALEEN_RETURN_IF_ERROR(file.reader.read(file.start_s, 0, times.start_s));
  BALEEN_RETURN_IF_ERROR(file.reader.read(file.end_s, 0, times.end_s));
  return times;
}

RowRange rows_between(const WindowTimes& times, double from_s, double to_s) {
  const auto first = std::ranges::upper_bound(times.end_s, from_s) - times.end_s.begin();
  const auto last = std::ranges::lower_bound(times.start_s, to_s) - times.start_s.begin();
  return {first, std::max(first, last)};
}

}  // namespace baleen::bioacoustics
