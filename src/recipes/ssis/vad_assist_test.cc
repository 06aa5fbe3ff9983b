#include "recipes/ssis/vad_assist.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "support/shared_dir.h"
#include "support/wav.h"

namespace baleen::ssis {
namespace {

/// Takes loud for speech.
class LoudnessDetector final : public VoiceActivityDetector {
 public:
  void reset() override { ++n_resets; }
  Result<float> next(std::span<const float> window) override {
    ++n_windows;
    float peak = 0;
    for (const float sample : window) peak = std::max(peak, std::abs(sample));
    return peak > 0.1F ? 0.9F : 0.1F;
  }
  int n_resets = 0;
  int n_windows = 0;
};

ReadSamples16k reader_of(const std::vector<float>& samples) {
  return [&samples](std::int64_t begin, std::span<float> out) -> Result<std::size_t> {
    const auto size = static_cast<std::int64_t>(samples.size());
    const auto n = static_cast<std::size_t>(
        std::clamp<std::int64_t>(size - begin, 0, static_cast<std::int64_t>(out.size())));
    std::copy_n(samples.begin() + std::min(begin, size), n, out.begin());
    return n;
  };
}

void fill(std::vector<float>& samples, double begin_s, double end_s) {
  std::fill(samples.begin() + static_cast<std::ptrdiff_t>(begin_s * 16000),
            samples.begin() + static_cast<std::ptrdiff_t>(end_s * 16000), 0.5F);
}

TEST(VadAssist, FindsSpeechInGapsAndKeepsTheSegmentsGapless) {
  std::vector<float> samples(16000 * 10, 0.0F);
  fill(samples, 4.0, 5.0);   // Speech in the gap.
  fill(samples, 6.0, 6.05);  // Too short to be believed.
  LoudnessDetector detector;
  const std::vector<SmnSegment> segments = {{0, 2, SmnLabel::music, 0.8F},
                                            {2, 10, SmnLabel::no_energy, 1.0F}};
  const auto assisted = find_speech_in_gaps(segments, reader_of(samples), detector).value();
  ASSERT_EQ(assisted.size(), 4U);
  EXPECT_EQ(assisted[0].label, SmnLabel::music);
  EXPECT_EQ(assisted[2].label, SmnLabel::speech);
  EXPECT_NEAR(assisted[2].begin_s, 4.0, 0.033);
  EXPECT_NEAR(assisted[2].end_s, 5.0, 0.033);
  EXPECT_NEAR(assisted[2].mean_prob, 0.9F, 1e-3);
  for (std::size_t i = 1; i < assisted.size(); ++i)
    EXPECT_EQ(assisted[i].begin_s, assisted[i - 1].end_s);
  EXPECT_EQ(assisted.back().end_s, 10);
}

TEST(VadAssist, ListensToNothingButGaps) {
  const std::vector<float> samples(16000 * 10, 0.5F);
  LoudnessDetector detector;
  const std::vector<SmnSegment> segments = {{0, 9.9, SmnLabel::noise, 0.8F},
                                            {9.9, 10, SmnLabel::no_energy, 1.0F}};
  EXPECT_EQ(find_speech_in_gaps(segments, reader_of(samples), detector).value().size(), 2U);
  EXPECT_EQ(detector.n_windows, 0);
}

TEST(VadAssist, SileroHearsTheSpeechOfARealRecording) {
  BALEEN_SHARED_FILE_OR_SKIP(model, "models/silero-vad/silero_vad.onnx");
  BALEEN_SHARED_FILE_OR_SKIP(audio, "audio/silero/test.wav");
  const auto wav = test_support::read_wav_s16_mono(audio);
  auto detector = make_silero_vad(ml::Session::open(model, {}).value()).value();
  const double duration_s = static_cast<double>(wav.samples.size()) / 16000.0;
  const auto assisted = find_speech_in_gaps({{0, duration_s, SmnLabel::no_energy, 1.0F}},
                                            reader_of(wav.samples), *detector)
                            .value();
  double speech_s = 0;
  for (const SmnSegment& segment : assisted) {
    if (segment.label == SmnLabel::speech) speech_s += segment.end_s - segment.begin_s;
  }
  // The model's card: 77.4 % of the windows are above 0.5; the hysteresis adds a little.
  EXPECT_NEAR(speech_s / duration_s, 0.80, 0.04);
}

}  // namespace
}  // namespace baleen::ssis
