#pragma once

/// The recorder's clock of a deployment, as far as people know how wrong it was: tag_data.clock_sync of its recordings
/// (docs/recorder_metadata.md).
///
///   {"clock_sync": [{"recorder": "2019-05-22T06:00:00Z", "true": "2019-05-22T05:59:58Z"}, …]}

#include <optional>

#include "audio/clock_drift.h"
#include "core/json.h"
#include "core/result.h"

namespace baleen::bioacoustics {

/// Of wall clocks in the zone of `utc_offset_s` (nothing: the recorder's own, unknown one); nothing where nobody compared it.
/// INVALID_ARGUMENT for a comparison that is none, or whose zones are not those of the recording; and as
/// ClockCorrection::create.
[[nodiscard]] Result<std::optional<audio::ClockCorrection>> clock_of(
    const json::object& metadata, std::optional<int> utc_offset_s);

/// recording.v1 with start_utc and start_local in true time; as it is where nobody compared the clock or no start is known.
/// Errors as above.
[[nodiscard]] Result<json::object> in_true_time(json::object description,
                                                const json::object& metadata);

}  // namespace baleen::bioacoustics
