#pragma once

/// What every speech / music / noise segmenter hands on, whichever model it used: a sorted, gapless
/// list of labelled stretches that covers the recording.

#include <cstdint>

namespace baleen::ssis {

/// Not written to disk as a number; documents spell the name.
enum class SmnLabel : std::uint8_t { speech, music, noise, no_energy };

/// One stretch [begin_s, end_s) of a single label.
struct SmnSegment {
  double begin_s = 0;
  double end_s = 0;
  SmnLabel label = SmnLabel::no_energy;
  /// The model's mean probability of `label` over the stretch, 0 to 1; 1 for `no_energy`.
  float mean_prob = 0;
};

}  // namespace baleen::ssis
