#include "recipes/bioacoustics/review_view.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <map>
#include <tuple>

#include "audio/field_time.h"

namespace baleen::bioacoustics {
namespace {

static_assert(std::endian::native == std::endian::little, "the bytes of the map are little-endian");

constexpr std::size_t kHours = 24;

json::value number_or_null(double number) {
  return std::isfinite(number) ? json::value(number) : json::value(nullptr);
}

/// The mean distance of each row to some of them, evenly chosen; infinite where the map has no place for it.
std::vector<float> mean_distances(const ClusteredWindows& windows,
                                  std::span<const std::uint32_t> rows) {
  std::vector<float> sample_x, sample_y;
  const std::size_t n_wanted = std::min(rows.size(), kMedoidSample);
  for (std::size_t i = 0; i < n_wanted; ++i) {
    const std::uint32_t row = rows[i * rows.size() / n_wanted];
    if (!std::isfinite(windows.x[row]) || !std::isfinite(windows.y[row])) continue;
    sample_x.push_back(windows.x[row]);
    sample_y.push_back(windows.y[row]);
  }
  std::vector<float> distances(rows.size(), std::numeric_limits<float>::infinity());
  if (sample_x.empty()) return distances;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const float x = windows.x[rows[i]], y = windows.y[rows[i]];
    if (!std::isfinite(x) || !std::isfinite(y)) continue;
    float sum = 0;
    for (std::size_t k = 0; k < sample_x.size(); ++k) {
      const float dx = x - sample_x[k], dy = y - sample_y[k];
      sum += std::sqrt(dx * dx + dy * dy);
    }
    distances[i] = sum;
  }
  return distances;
}

/// The place of each recording in time.
std::vector<float> ranks_in_time(const ClusteredWindows& windows) {
  using Key = std::tuple<bool, std::int64_t, std::string, std::uint32_t>;
  std::vector<Key> keys;
  for (std::size_t i = 0; i < windows.recordings.size(); ++i) {
    const ReviewedRecording& recording = windows.recordings[i];
    const auto start = audio::parse_field_time(recording.facts.start_local);
    keys.emplace_back(!start, start ? start->wall_us : 0, recording.filename,
                      static_cast<std::uint32_t>(i));
  }
  std::ranges::sort(keys);
  std::vector<float> ranks(keys.size());
  for (std::size_t i = 0; i < keys.size(); ++i) ranks[std::get<3>(keys[i])] = static_cast<float>(i);
  return ranks;
}

/// What comes first is least; of equals the likelier, then the earlier row.
std::vector<float> keys_of(const ClusteredWindows& windows,
                           std::span<const std::uint32_t> rows,
                           WindowOrder order) {
  if (order == WindowOrder::medoid) return mean_distances(windows, rows);
  const std::vector<float> ranks =
      order == WindowOrder::time ? ranks_in_time(windows) : std::vector<float>();
  std::vector<float> keys(rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const std::uint32_t row = rows[i];
    keys[i] = order == WindowOrder::time   ? ranks[windows.recording[row]]
              : order == WindowOrder::edge ? windows.probability[row]
                                           : -windows.outlier_score[row];
    if (std::isnan(keys[i])) keys[i] = std::numeric_limits<float>::infinity();
  }
  return keys;
}

json::array describe_windows(const Review& review, const std::vector<std::uint32_t>& rows) {
  json::array list;
  for (const std::uint32_t row : rows) list.push_back(describe_window(review, row));
  return list;
}

/// How the rows of a cluster spread over recordings and hours.
struct Spread {
  std::vector<std::pair<std::int64_t, std::uint32_t>> recordings;  // Windows, recording.
  std::array<std::int64_t, kHours> hours{};
  std::int64_t n_hours_unknown = 0;
  MetadataSummary summary;
};

Spread spread_of(const ClusteredWindows& windows, std::span<const std::uint32_t> rows) {
  Spread spread;
  for (std::size_t begin = 0; begin < rows.size();) {
    const std::uint32_t recording = windows.recording[rows[begin]];
    std::array<std::int64_t, kHours> hours{};
    std::int64_t n_known = 0;
    std::size_t end = begin;
    for (; end < rows.size() && windows.recording[rows[end]] == recording; ++end) {
      const std::uint8_t hour = windows.hour[rows[end]];
      if (hour == ClusteredWindows::kHourUnknown) continue;
      ++hours[hour];
      ++n_known;
    }
    const auto n = static_cast<std::int64_t>(end - begin);
    spread.recordings.emplace_back(n, recording);
    spread.n_hours_unknown += n - n_known;
    for (std::size_t hour = 0; hour < kHours; ++hour) spread.hours[hour] += hours[hour];
    spread.summary.add(
        windows.recordings[recording].facts, n,
        n_known > 0 ? std::span<const std::int64_t>(hours) : std::span<const std::int64_t>());
    begin = end;
  }
  std::ranges::sort(spread.recordings, [](const auto& a, const auto& b) {
    return a.first != b.first ? a.first > b.first : a.second < b.second;
  });
  return spread;
}

template <typename T>
void append_bytes(std::string& bytes, const T* values, std::size_t n) {
  bytes.append(reinterpret_cast<const char*>(values), n * sizeof(T));
}

void append_u32(std::string& bytes, std::size_t number) {
  const auto value = static_cast<std::uint32_t>(number);
  append_bytes(bytes, &value, 1);
}

/// Times in single precision: to a tenth of a second at ten days.
void append_as_floats(std::string& bytes, const std::vector<double>& values) {
  for (const double value : values) {
    const auto single = static_cast<float>(value);
    append_bytes(bytes, &single, 1);
  }
}

}  // namespace

std::optional<WindowOrder> parse_window_order(std::string_view text) {
  if (text == "time") return WindowOrder::time;
  if (text == "medoid") return WindowOrder::medoid;
  if (text == "edge") return WindowOrder::edge;
  if (text == "outlier") return WindowOrder::outlier;
  return std::nullopt;
}

std::vector<std::uint32_t> rows_in_order(const Review& review,
                                         std::span<const std::uint32_t> rows,
                                         WindowOrder order,
                                         std::size_t first,
                                         std::size_t count) {
  if (first >= rows.size()) return {};
  count = std::min(count, rows.size() - first);
  const ClusteredWindows& windows = review.windows();
  const std::vector<float> keys = keys_of(windows, rows, order);
  std::vector<std::uint32_t> places(rows.size());
  for (std::size_t i = 0; i < places.size(); ++i) places[i] = static_cast<std::uint32_t>(i);
  const bool likelier_first = order != WindowOrder::time;
  const auto is_before = [&](std::uint32_t a, std::uint32_t b) {
    if (keys[a] != keys[b]) return keys[a] < keys[b];
    const float pa = windows.probability[rows[a]], pb = windows.probability[rows[b]];
    if (likelier_first && pa != pb) return pa > pb;
    return rows[a] < rows[b];
  };
  const auto end = places.begin() + static_cast<std::ptrdiff_t>(first + count);
  std::partial_sort(places.begin(), end, places.end(), is_before);
  std::vector<std::uint32_t> found;
  for (auto place = end - static_cast<std::ptrdiff_t>(count); place != end; ++place)
    found.push_back(rows[*place]);
  return found;
}

json::object describe_window(const Review& review, std::size_t row) {
  const ClusteredWindows& windows = review.windows();
  const ReviewedRecording& recording = windows.recordings[windows.recording[row]];
  const std::string label = review.label_text(row);
  return {{"row", static_cast<std::int64_t>(row)},
          {"asset_id", recording.facts.asset_id},
          {"filename", core::valid_utf8(recording.filename)},
          {"row_index", windows.row_index[row]},
          {"start_s", windows.start_s[row]},
          {"end_s", windows.end_s[row]},
          {"cluster", review.cluster_of(row)},
          {"label", label.empty() ? json::value(nullptr) : json::value(json::string(label))},
          {"probability", number_or_null(windows.probability[row])},
          {"outlier_score", number_or_null(windows.outlier_score[row])}};
}

json::object describe_cluster(const Review& review, std::int32_t number) {
  const ClusteredWindows& windows = review.windows();
  const Review::Cluster& cluster = *review.find(number);
  const auto some = [&](WindowOrder order) {
    return describe_windows(review, rows_in_order(review, cluster.rows, order, 0, kExemplarsShown));
  };
  const Spread spread = spread_of(windows, cluster.rows);
  json::array recordings;
  for (const auto& [n, index] : spread.recordings) {
    if (recordings.size() == kRecordingsShown) break;
    const ReviewedRecording& recording = windows.recordings[index];
    recordings.push_back({{"asset_id", recording.facts.asset_id},
                          {"filename", core::valid_utf8(recording.filename)},
                          {"windows", n}});
  }
  const auto at = static_cast<std::size_t>(number);
  const bool is_known =
      number >= 0 && !cluster.is_made_by_review && at < windows.persistence.size();
  return {
      {"cluster", number},
      {"label", cluster.label == Review::kNoLabel
                    ? json::value(nullptr)
                    : json::value(review.labels()[static_cast<std::size_t>(cluster.label)])},
      {"size", static_cast<std::int64_t>(cluster.rows.size())},
      {"persistence", is_known ? number_or_null(windows.persistence[at]) : json::value(nullptr)},
      {"made_by_review", cluster.is_made_by_review},
      {"exemplars",
       {{"medoids", some(WindowOrder::medoid)},
        {"edges", some(WindowOrder::edge)},
        {"outliers", some(WindowOrder::outlier)}}},
      {"hours", json::array(spread.hours.begin(), spread.hours.end())},
      {"hours_unknown", spread.n_hours_unknown},
      {"recordings", std::move(recordings)},
      {"metadata_summary", spread.summary.to_json()}};
}

json::array describe_recordings(const ClusteredWindows& windows) {
  std::vector<std::int64_t> counts(windows.recordings.size());
  for (const std::uint32_t recording : windows.recording) ++counts[recording];
  json::array list;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    const ReviewedRecording& recording = windows.recordings[i];
    const std::string& start = recording.facts.start_local;
    list.push_back(
        {{"asset_id", recording.facts.asset_id},
         {"filename", core::valid_utf8(recording.filename)},
         {"start_local", start.empty() ? json::value(nullptr) : json::value(json::string(start))},
         {"site", recording.site()},
         {"windows", counts[i]}});
  }
  return list;
}

LabelCounts count_labels(const Review& review) {
  const std::vector<std::string>& all = review.labels();
  std::vector<std::int64_t> counts(all.size());
  std::vector<bool> is_used(all.size(), false);
  for (const auto& [number, cluster] : review.clusters()) {
    if (cluster.label != Review::kNoLabel) is_used[static_cast<std::size_t>(cluster.label)] = true;
    for (const std::uint32_t row : cluster.rows) {
      const std::int32_t label =
          review.own_label_of(row) != Review::kNoLabel ? review.own_label_of(row) : cluster.label;
      if (label != Review::kNoLabel) ++counts[static_cast<std::size_t>(label)];
    }
  }
  std::map<std::string, std::size_t> sorted;
  for (std::size_t i = 0; i < all.size(); ++i)
    if (counts[i] > 0 || is_used[i]) sorted[all[i]] = i;
  LabelCounts found;
  found.index.assign(all.size(), Review::kNoLabel);
  for (const auto& [label, i] : sorted) {
    found.index[i] = static_cast<std::int32_t>(found.labels.size());
    found.labels.push_back(label);
    found.windows.push_back(counts[i]);
  }
  return found;
}

std::string points_bytes(const ClusteredWindows& windows) {
  const std::size_t n = windows.size();
  std::string bytes = "BLNPTS01";
  bytes.reserve(16 + n * 29);
  append_u32(bytes, n);
  append_u32(bytes, windows.recordings.size());
  append_bytes(bytes, windows.x.data(), n);
  append_bytes(bytes, windows.y.data(), n);
  append_as_floats(bytes, windows.start_s);
  append_as_floats(bytes, windows.end_s);
  append_bytes(bytes, windows.probability.data(), n);
  append_bytes(bytes, windows.recording.data(), n);
  append_bytes(bytes, windows.row_index.data(), n);
  append_bytes(bytes, windows.hour.data(), n);
  return bytes;
}

std::string labels_bytes(const Review& review, std::int64_t version) {
  const std::size_t n = review.windows().size();
  const LabelCounts counts = count_labels(review);
  std::vector<std::int32_t> numbers(2 * n);
  for (const auto& [number, cluster] : review.clusters()) {
    for (const std::uint32_t row : cluster.rows) {
      const std::int32_t own = review.own_label_of(row);
      const std::int32_t label = own != Review::kNoLabel ? own : cluster.label;
      numbers[row] = number;
      numbers[n + row] = label == Review::kNoLabel ? Review::kNoLabel
                                                   : counts.index[static_cast<std::size_t>(label)];
    }
  }
  std::string bytes = "BLNLBL01";
  bytes.reserve(16 + n * 8);
  append_u32(bytes, n);
  append_u32(bytes, static_cast<std::size_t>(version));
  append_bytes(bytes, numbers.data(), numbers.size());
  return bytes;
}

}  // namespace baleen::bioacoustics
