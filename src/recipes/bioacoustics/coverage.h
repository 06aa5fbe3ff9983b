#pragma once

/// What of the time of its deployments a collection covers: files in order, and the gaps between them by name.

#include "core/json.h"
#include "recipes/bioacoustics/collection_windows.h"

namespace baleen::bioacoustics {

/// For each deployment, by name: {deployment, recordings, windows, without_start, recorded_s, gaps_s, overlaps_s, breaks}.
/// `breaks` are sentences, one for each gap or overlap of more than a second, at most kBreaksMax; a recording is as long as
/// its windows reach. Starts count in true time where the clock was compared; those with a zone and those without are not
/// held against each other.
[[nodiscard]] json::array describe_coverage(const CollectionWindows& windows);

inline constexpr std::size_t kBreaksMax = 100;

}  // namespace baleen::bioacoustics
