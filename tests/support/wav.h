#pragma once

/// The samples of a plain 16-bit mono WAV file, for tests of rooms that cannot see `audio`.

#include <filesystem>
#include <vector>

namespace baleen::test_support {

struct Wav {
  int sample_rate_hz = 0;
  std::vector<float> samples;  ///< ±1: the integers divided by 32768.
};

/// Throws std::runtime_error for anything but 16-bit mono PCM.
[[nodiscard]] Wav read_wav_s16_mono(const std::filesystem::path& path);

}  // namespace baleen::test_support
