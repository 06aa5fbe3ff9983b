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
  std::string start_local;      ///< RFC 3339; "" where it is not known.
  std::string deployment = {};  ///< deployment_of
  std::string filename = {};    ///< As the recorder called it, if that is known.
};

/// What one recorder recorded without being moved or set anew, as far as is known: a name, equal for all its recordings.
/// What people say is believed first: tag_data.deployment; then what the recorder states as deployment; then the recorder
/// (its serial number) at its place (tag_data.site); either alone. "": nothing of that is known.
/// @param description  recording.v1, or empty.
[[nodiscard]] std::string deployment_of(const json::object& metadata,
                                        const json::object& description);

[[nodiscard]] RecordingFacts facts_of(std::string asset_id,
                                      json::object metadata,
                                      const json::object& description);

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
