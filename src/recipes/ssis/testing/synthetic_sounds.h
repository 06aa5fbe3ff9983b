#pragma once

/// Speech-like, music-like and noise-like sound by formula, for tests: float32 mono at 22050 Hz.

#include <cmath>
#include <cstddef>
#include <random>
#include <utility>
#include <vector>

namespace baleen::ssis::testing {

inline constexpr double kRate = 22050.0;
inline constexpr double kTau = 6.283185307179586;

/// Uniform in [-1, 1): mt19937's output is the same everywhere, its distributions are not.
inline double uniform(std::mt19937& random) {
  return static_cast<double>(random()) / 2147483648.0 - 1.0;
}

/// Two poles; unity gain at 0 Hz.
class Resonator {
 public:
  void tune(double hz, double width_hz) {
    const double r = std::exp(-kTau / 2 * width_hz / kRate);
    a1_ = 2 * r * std::cos(kTau * hz / kRate);
    a2_ = -r * r;
  }
  double operator()(double x) {
    const double y = (1 - a1_ - a2_) * x + a1_ * y1_ + a2_ * y2_;
    y2_ = y1_;
    y1_ = y;
    return y;
  }

 private:
  double a1_ = 0, a2_ = 0, y1_ = 0, y2_ = 0;
};

/// The flow through the glottis at `phase` of its period (Rosenberg 1971).
inline double glottal_flow(double phase) {
  if (phase < 0.4) return 0.5 - 0.5 * std::cos(kTau / 2 * phase / 0.4);
  if (phase < 0.56) return std::cos(kTau / 4 * (phase - 0.4) / 0.16);
  return 0;
}

/// A formant synthesiser that babbles: vowels, four or five a second, with a hiss or a dip between
/// them, in phrases whose pitch falls, with pauses between.
class Babbler {
 public:
  explicit Babbler(unsigned seed) : random_(seed) {}

  std::vector<float> run(double seconds) {
    const auto n_total = static_cast<std::size_t>(seconds * kRate);
    while (out_.size() < n_total) {
      pitch_hz_ = 135 + 15 * uniform(random_);
      for (int left = 5 + static_cast<int>(random_() % 5); left > 0; --left) {
        if (random_() % 2 == 0) say_hiss(0.08 + 0.03 * uniform(random_));
        say_vowel(0.17 + 0.06 * uniform(random_), 0.8 + 0.2 * uniform(random_));
      }
      out_.resize(out_.size() + static_cast<std::size_t>((0.3 + 0.1 * uniform(random_)) * kRate));
    }
    out_.resize(n_total);
    return std::move(out_);
  }

 private:
  void say_hiss(double seconds) {
    const auto n = static_cast<std::size_t>(seconds * kRate);
    for (Resonator& r : hiss_) r.tune(4500 + 2000 * uniform(random_), 2000);
    for (std::size_t i = 0; i < n; ++i) {
      const double shape = std::sin(kTau / 2 * static_cast<double>(i) / static_cast<double>(n));
      out_.push_back(static_cast<float>(0.02 * shape * hiss_[1](hiss_[0](uniform(random_)))));
    }
  }

  void say_vowel(double seconds, double loudness) {
    constexpr double kVowels[6][3] = {{730, 1090, 2440}, {290, 2270, 3000}, {320, 900, 2240},
                                      {530, 1840, 2480}, {560, 850, 2410},  {660, 1720, 2410}};
    constexpr double kWidths[5] = {70, 100, 150, 220, 300};
    const double* const target = kVowels[random_() % 6];
    const double hump = 0.3 * std::abs(uniform(random_));
    const auto n = static_cast<std::size_t>(seconds * kRate);
    for (std::size_t i = 0; i < n; ++i) {
      const double t = static_cast<double>(i) / static_cast<double>(n);
      if (i % 22 == 0) {  // Every millisecond.
        for (std::size_t f = 0; f < 3; ++f) formants_[f] += 0.025 * (target[f] - formants_[f]);
        for (std::size_t f = 0; f < 5; ++f) tract_[f].tune(formants_[f], kWidths[f]);
      }
      pitch_hz_ *= 1 - 0.25 / kRate;
      const double arch = std::sin(kTau / 2 * t);
      phase_ += pitch_hz_ * (1 + hump * arch * arch) * (1 + 0.02 * uniform(random_)) / kRate;
      phase_ -= std::floor(phase_);
      double voice = glottal_flow(phase_) + 0.01 * uniform(random_);
      for (Resonator& r : tract_) voice = r(voice);
      out_.push_back(static_cast<float>(2.0 * loudness * (0.25 + 0.75 * arch) * (voice - lips_)));
      lips_ = voice;
    }
  }

  std::mt19937 random_;
  std::vector<float> out_;
  Resonator tract_[5];
  Resonator hiss_[2];
  double formants_[5] = {500, 1400, 2450, 3500, 4500};
  double pitch_hz_ = 135;
  double phase_ = 0;
  double lips_ = 0;
};

inline std::vector<float> babble(double seconds, unsigned seed) {
  return Babbler(seed).run(seconds);
}

/// A melody over chords: decaying harmonics, a new note every quarter second.
inline std::vector<float> melody(double seconds, unsigned seed) {
  constexpr int kScale[] = {0, 2, 4, 7, 9, 12, 14, 16};
  constexpr int kChords[4][3] = {{0, 4, 7}, {5, 9, 12}, {7, 11, 14}, {0, 4, 7}};
  std::mt19937 random(seed);
  std::vector<double> mix(static_cast<std::size_t>(seconds * kRate) + 22050 * 3);
  const auto add_note = [&mix](double at_s, double length_s, int key, double gain) {
    const double hz = 261.63 * std::pow(2.0, key / 12.0);
    const auto first = static_cast<std::size_t>(at_s * kRate);
    const auto n = static_cast<std::size_t>(length_s * kRate);
    for (std::size_t i = 0; i < n && first + i < mix.size(); ++i) {
      const double t = static_cast<double>(i) / kRate;
      double v = 0;
      for (int k = 1; k <= 6; ++k) v += std::sin(kTau * hz * k * t) / (k * k);
      mix[first + i] += gain * v * std::min(1.0, t * 200) * std::exp(-3 * t) *
                        std::min(1.0, (length_s - t) * 100);
    }
  };
  int bar = 0;
  for (double t = 0; t < seconds; t += 2.0, ++bar) {
    for (const int key : kChords[bar % 4]) {
      add_note(t, 2.0, key - 12, 0.12);
      add_note(t + 1.0, 1.0, key - 12, 0.1);
    }
    for (int beat = 0; beat < 8; ++beat) {
      if (random() % 6 != 0) add_note(t + beat * 0.25, 0.5, kScale[random() % 8], 0.25);
    }
  }
  mix.resize(static_cast<std::size_t>(seconds * kRate));
  return {mix.begin(), mix.end()};
}

/// Wind: low-passed noise whose strength wanders.
inline std::vector<float> wind(double seconds, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<float> out(static_cast<std::size_t>(seconds * kRate));
  double low = 0;
  double strength = 0.5;
  for (std::size_t i = 0; i < out.size(); ++i) {
    if (i % 2205 == 0) strength += 0.3 * (0.5 + 0.3 * uniform(random) - strength);
    const double white = uniform(random);
    low += 0.1 * (white - low);
    out[i] = static_cast<float>(0.6 * strength * (low + 0.05 * white));
  }
  return out;
}

}  // namespace baleen::ssis::testing
