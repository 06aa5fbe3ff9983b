#pragma once

/// Speech-like, music-like and noise-like sound by formula, for tests: float32 mono at 22050 Hz.

#include <cmath>
#include <cstddef>
#include <random>
#include <vector>

namespace baleen::ssis::testing {

inline constexpr double kRate = 22050.0;
inline constexpr double kTau = 6.283185307179586;

/// Uniform in [-1, 1): mt19937's output is the same everywhere, its distributions are not.
inline double uniform(std::mt19937& random) {
  return static_cast<double>(random()) / 2147483648.0 - 1.0;
}

/// A two-pole resonator.
class Resonator {
 public:
  void tune(double hz, double width_hz) {
    const double r = std::exp(-kTau / 2 * width_hz / kRate);
    a1_ = 2 * r * std::cos(kTau * hz / kRate);
    a2_ = -r * r;
    gain_ = (1 - r) * std::sqrt(1 - 2 * r * std::cos(2 * kTau * hz / kRate) + r * r);
  }
  double operator()(double x) {
    const double y = gain_ * x + a1_ * y1_ + a2_ * y2_;
    y2_ = y1_;
    y1_ = y;
    return y;
  }

 private:
  double a1_ = 0, a2_ = 0, gain_ = 0, y1_ = 0, y2_ = 0;
};

/// A formant synthesiser that babbles: syllables of a hiss and a vowel whose pitch and formants
/// move, 3 to 5 a second, with a pause after every few.
inline std::vector<float> babble(double seconds, unsigned seed) {
  struct Vowel {
    double f1, f2, f3;
  };
  constexpr Vowel kVowels[] = {{730, 1090, 2440}, {270, 2290, 3010}, {300, 870, 2240},
                               {530, 1840, 2480}, {570, 840, 2410},  {660, 1720, 2410}};
  std::mt19937 random(seed);
  const auto n_total = static_cast<std::size_t>(seconds * kRate);
  std::vector<float> out;
  Resonator formant[3];
  Resonator hiss;
  double phase = 0;
  double phrase_hz = 120;
  int left_in_phrase = 0;
  Vowel now = kVowels[0];
  while (out.size() < n_total) {
    if (left_in_phrase-- == 0) {
      left_in_phrase = 3 + static_cast<int>(random() % 5);
      phrase_hz = 125 + 25 * uniform(random);
      out.resize(out.size() + static_cast<std::size_t>((0.15 + 0.1 * uniform(random)) * kRate),
                 0.0F);
    }
    const auto n_hiss = static_cast<std::size_t>((0.06 + 0.03 * uniform(random)) * kRate);
    hiss.tune(3000 + 1500 * uniform(random), 900);
    for (std::size_t i = 0; i < n_hiss; ++i) {
      const double t = static_cast<double>(i) / static_cast<double>(n_hiss);
      out.push_back(static_cast<float>(0.5 * hiss(uniform(random)) * std::sin(kTau / 2 * t)));
    }
    const Vowel target = kVowels[random() % 6];
    const auto n_vowel = static_cast<std::size_t>((0.17 + 0.06 * uniform(random)) * kRate);
    const double bend = 1 + 0.2 * uniform(random);
    for (std::size_t i = 0; i < n_vowel; ++i) {
      const double t = static_cast<double>(i) / static_cast<double>(n_vowel);
      if (i % 64 == 0) {
        now.f1 += (target.f1 - now.f1) * 0.06;
        now.f2 += (target.f2 - now.f2) * 0.06;
        now.f3 += (target.f3 - now.f3) * 0.06;
        formant[0].tune(now.f1, 80);
        formant[1].tune(now.f2, 110);
        formant[2].tune(now.f3, 170);
      }
      const double hz = phrase_hz * (1 + (bend - 1) * t) * (1 - 0.03 * left_in_phrase / 8.0);
      phase += hz / kRate;
      double pulse = 0.02 * uniform(random);
      if (phase >= 1) {
        phase -= 1;
        pulse += 1 + 0.05 * uniform(random);
      }
      const double voice = 3 * formant[0](pulse) + 2 * formant[1](pulse) + formant[2](pulse);
      out.push_back(static_cast<float>(3 * voice * std::sqrt(std::sin(kTau / 2 * t))));
    }
  }
  out.resize(n_total);
  return out;
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
