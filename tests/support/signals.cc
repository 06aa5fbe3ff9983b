#include "support/signals.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace baleen::test_support {
namespace {

constexpr double kTurn = 2.0 * std::numbers::pi;

}  // namespace

float to_s16(double x) {
  const double integer = std::clamp(std::floor(32768.0 * x + 0.5), -32768.0, 32767.0);
  return static_cast<float>(integer / 32768.0);
}

std::vector<float> white_noise(std::size_t n_samples, std::uint32_t seed, double amplitude) {
  Lcg random(seed);
  std::vector<float> samples(n_samples);
  for (float& sample : samples) sample = to_s16(amplitude * random.next_s16());
  return samples;
}

std::vector<float> sine(std::size_t n_samples,
                        double frequency_hz,
                        double sample_rate_hz,
                        double amplitude) {
  std::vector<float> samples(n_samples);
  for (std::size_t n = 0; n < n_samples; ++n) {
    const double turns = frequency_hz * static_cast<double>(n) / sample_rate_hz;
    samples[n] = to_s16(amplitude * std::sin(kTurn * turns));
  }
  return samples;
}

std::vector<float> chirp(std::size_t n_samples, const ChirpOptions& options) {
  Lcg random(options.seed);
  std::vector<float> samples(n_samples);
  for (std::size_t n = 0; n < n_samples; ++n) {
    const double at = static_cast<double>(n) / options.sample_rate_hz;
    const double progress = static_cast<double>(n) / static_cast<double>(n_samples);
    const double mean_hz = options.begin_hz + 0.5 * (options.end_hz - options.begin_hz) * progress;
    samples[n] = to_s16(options.amplitude * std::sin(kTurn * mean_hz * at) +
                        options.noise_amplitude * random.next_s16());
  }
  return samples;
}

}  // namespace baleen::test_support
