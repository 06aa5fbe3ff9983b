#include "recipes/ssis/vad_assist.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace baleen::ssis {
namespace {

constexpr std::size_t kWindow = 512;  // Samples: 32 ms at 16 kHz.
constexpr std::size_t kContext = 64;  // Samples before the window that the network hears again.
constexpr std::size_t kStateValues = 256;  // Shape (2, 1, 128).
constexpr double kRateHz = 16000.0;

/// See https://github.com/snakers4/silero-vad: input (1, 576), state (2, 1, 128), sr → output, stateN.
class SileroVad final : public VoiceActivityDetector {
 public:
  explicit SileroVad(ml::Session session) : session_(std::move(session)) {}

  void reset() override {
    input_.fill(0.0F);
    state_.fill(0.0F);
  }

  Result<float> next(std::span<const float> window) override {
    std::copy(input_.end() - kContext, input_.end(), input_.begin());
    std::copy(window.begin(), window.end(), input_.begin() + kContext);
    float probability = 0.0F;
    std::array<float, kStateValues> next_state{};
    const std::array<std::int64_t, 1> rate{16000};
    const std::array inputs{
        ml::InputTensor{"input", {1, kContext + kWindow}, std::span<const float>(input_)},
        ml::InputTensor{"state", {2, 1, 128}, std::span<const float>(state_)},
        ml::InputTensor{"sr", {}, std::span<const std::int64_t>(rate)},
    };
    const std::array outputs{ml::OutputTensor{"output", {1, 1}, std::span(&probability, 1)},
                             ml::OutputTensor{"stateN", {2, 1, 128}, next_state}};
    BALEEN_RETURN_IF_ERROR(session_.run(inputs, outputs));
    state_ = next_state;
    return probability;
  }

 private:
  ml::Session session_;
  std::array<float, kContext + kWindow> input_{};
  std::array<float, kStateValues> state_{};
};

struct Speech {
  double begin_s = 0;
  double end_s = 0;
  double probability_sum = 0;
  int n_windows = 0;
};

/// Runs of likely windows within [begin_s, end_s).
Result<std::vector<Speech>> listen(double begin_s,
                                   double end_s,
                                   const ReadSamples16k& read,
                                   VoiceActivityDetector& detector,
                                   const VadOptions& options) {
  detector.reset();
  std::vector<Speech> found;
  bool is_speech = false;
  std::array<float, kWindow> window{};
  const auto end = static_cast<std::int64_t>(std::llround(end_s * kRateHz));
  auto position =
      static_cast<std::int64_t>(std::llround(std::max(0.0, begin_s - options.lead_in_s) * kRateHz));
  for (; position < end; position += static_cast<std::int64_t>(kWindow)) {
    window.fill(0.0F);
    BALEEN_ASSIGN_OR_RETURN(const std::size_t n, read(position, window));
    if (n == 0) break;
    BALEEN_ASSIGN_OR_RETURN(const float probability, detector.next(window));
    const double at_s = static_cast<double>(position) / kRateHz;
    if (at_s < begin_s) continue;
    if (!is_speech && probability >= options.begin_probability) {
      found.push_back({at_s, at_s, 0, 0});
      is_speech = true;
    } else if (is_speech && probability < options.end_probability) {
      is_speech = false;
    }
    if (!is_speech) continue;
    found.back().end_s = std::min(end_s, at_s + static_cast<double>(kWindow) / kRateHz);
    found.back().probability_sum += probability;
    ++found.back().n_windows;
  }
  std::erase_if(found, [&](const Speech& speech) {
    return speech.end_s - speech.begin_s < options.min_speech_s;
  });
  return found;
}

}  // namespace

Result<std::unique_ptr<VoiceActivityDetector>> make_silero_vad(ml::Session session) {
  const std::array<std::int64_t, 3> state_shape{2, -1, 128};
  BALEEN_RETURN_IF_ERROR(session.expect_input("state", state_shape));
  return std::unique_ptr<VoiceActivityDetector>(std::make_unique<SileroVad>(std::move(session)));
}

Result<std::vector<SmnSegment>> find_speech_in_gaps(const std::vector<SmnSegment>& segments,
                                                    const ReadSamples16k& read,
                                                    VoiceActivityDetector& detector,
                                                    const VadOptions& options) {
  std::vector<SmnSegment> assisted;
  for (const SmnSegment& segment : segments) {
    if (segment.label != SmnLabel::no_energy ||
        segment.end_s - segment.begin_s < options.min_gap_s) {
      assisted.push_back(segment);
      continue;
    }
    BALEEN_ASSIGN_OR_RETURN(const std::vector<Speech> found,
                            listen(segment.begin_s, segment.end_s, read, detector, options));
    double done_s = segment.begin_s;
    for (const Speech& speech : found) {
      if (speech.begin_s > done_s)
        assisted.push_back({done_s, speech.begin_s, SmnLabel::no_energy, 1.0F});
      assisted.push_back({speech.begin_s, speech.end_s, SmnLabel::speech,
                          static_cast<float>(speech.probability_sum / speech.n_windows)});
      done_s = speech.end_s;
    }
    if (segment.end_s > done_s)
      assisted.push_back({done_s, segment.end_s, SmnLabel::no_energy, 1.0F});
  }
  return assisted;
}

}  // namespace baleen::ssis
