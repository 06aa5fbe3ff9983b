#pragma once

/// The optional help of a voice activity detector: quiet speech that the energy detector took for a gap
/// is speech again. Only gaps are listened to, so a recording without gaps costs nothing.

#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "core/result.h"
#include "ml/session.h"
#include "recipes/ssis/smn_segment.h"

namespace baleen::ssis {

struct VadOptions {
  float begin_probability = 0.5F;  ///< Speech begins with a window at least this likely,
  float end_probability = 0.35F;   ///< and goes on until one is less likely than this.
  double min_speech_s = 0.25;      ///< Shorter runs are not believed.
  double lead_in_s = 0.5;          ///< Heard before the gap, so that the detector has its memory.
  double min_gap_s = 0.25;         ///< Shorter gaps are left alone.
};

/// A detector with a memory: the speech probability of the next 512 samples at 16 kHz.
class VoiceActivityDetector {
 public:
  virtual ~VoiceActivityDetector() = default;
  virtual void reset() = 0;
  [[nodiscard]] virtual Result<float> next(std::span<const float> window) = 0;
};

/// Silero VAD (models of the task `vad`). MODEL_INVALID for another network.
[[nodiscard]] Result<std::unique_ptr<VoiceActivityDetector>> make_silero_vad(ml::Session session);

/// Samples [begin, begin + out.size()) at 16 kHz; how many exist.
using ReadSamples16k = std::function<Result<std::size_t>(std::int64_t begin, std::span<float> out)>;

/// The segments with the speech that was found in their gaps; still sorted and gapless. `segments` must be so.
[[nodiscard]] Result<std::vector<SmnSegment>> find_speech_in_gaps(
    const std::vector<SmnSegment>& segments,
    const ReadSamples16k& read,
    VoiceActivityDetector& detector,
    const VadOptions& options = {});

}  // namespace baleen::ssis
