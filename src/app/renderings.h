#pragma once

/// Pictures and clips of stretches of recordings, made in executors: spectrograms as thumbnails, WAV to listen to.
///
/// Seconds and hertz are those of the sound: of a recording that a bat detector slowed down ten times, a second is ten of the
/// file's.

#include "engine/executor.h"

namespace baleen {

/// No stretch may be longer.
inline constexpr double kRenderedStretchMaxS = 60;
/// To be raised whenever a rendering comes out otherwise: older ones are then made again.
inline constexpr int kRenderingVersion = 1;

/// "thumbnail": {start_s, end_s, width, height, high_hz, time_expansion} → PNG; high_hz 0 is default_high_hz().
/// "clip": {start_s, end_s, speed, time_expansion} → WAV of 16 bits, mono, 8 to 48 kHz; speed 0.1 makes ten seconds of one.
/// INVALID_ARGUMENT for a stretch that the recording does not have, TOO_LARGE for a clip of too many samples, and the
/// errors of reading a recording.
[[nodiscard]] engine::Renderings renderings();

/// Up to where a picture goes if nobody says: all there is of ultrasound, and 12 kHz of what is made for ears.
///
/// Who records at 96 kHz or more does it for what lies above 20 kHz (bats, dolphins, insects). Of other recordings nearly
/// all calls of birds, frogs and whales lie below 12 kHz, as do their first overtones; on a linear axis to 24 kHz half of a
/// thumbnail would be empty, and what matters half as tall.
[[nodiscard]] double default_high_hz(double sample_rate_hz);

}  // namespace baleen
