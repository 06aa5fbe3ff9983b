#pragma once

/// What people know of recordings, as a filter and as a summary of a cluster.

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "core/json.h"
#include "core/result.h"

namespace baleen::bioacoustics {

/// Whether metadata has every value that is asked for: `where` names members by dotted paths,
/// {"tag_data.species": "humpback"}; a list asked for is one of its values, a list found is any of its values.
[[nodiscard]] bool matches(const json::object& metadata, const json::object& where);

/// INVALID_ARGUMENT for a path that is empty or a value that is an object.
[[nodiscard]] Result<void> check_where(const json::object& where);

/// What is known of one recording.
struct RecordingFacts {
  std::string asset_id;
  json::object metadata;
  std::string start_local;  ///< RFC 3339; "" where it is not known.
};

/// Counts windows by what is known of their recordings.
class MetadataSummary {
 public:
  /// @param offset_s  Of the window in its recording.
  void add(const RecordingFacts& recording, double offset_s);
  /// Many windows of one recording at once. @param hours  How many begin in each hour of the day; empty: it is not known.
  void add(const RecordingFacts& recording,
           std::int64_t n_windows,
           std::span<const std::int64_t> hours);
  /// {recordings, hours: [24] or null, values: {"tag_data.species": {"humpback": 12}}}; of each path the most frequent
  /// values, at most kValuesMax, and "(others)".
  [[nodiscard]] json::object to_json() const;

  static constexpr std::size_t kValuesMax = 20;

 private:
  std::map<std::string, std::int64_t> recordings_;
  std::vector<std::int64_t> hours_;
  std::map<std::string, std::map<std::string, std::int64_t>> values_;
};

}  // namespace baleen::bioacoustics
