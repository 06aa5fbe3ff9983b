#pragma once

/// Recordings that are entered in different ways when a decoder goes on in their middle.

#include <random>
#include <string>

#include "audio/testing/test_audio.h"

namespace baleen::audio::testing {

inline constexpr double kSourceS = 5.2;

/// PCM at another rate (entered by seeking), ADPCM (decoded again), or MP2 whose sample rate
/// and number of channels change in mid-stream.
enum class SourceKind { pcm, adpcm, changing };

/// MPEG-1 layer II frames of 128 kbit/s with valid headers and random contents: noise.
inline std::string mp2_frames(
    int n, char rate_bits, std::size_t size_bytes, char mode, unsigned seed) {
  std::mt19937 generator(seed);
  std::string frames;
  for (int i = 0; i < n; ++i) {
    frames += std::string("\xFF\xFD") + static_cast<char>(0x80 | rate_bits) + mode;
    for (std::size_t k = 4; k < size_bytes; ++k) frames += static_cast<char>(generator() & 0x7F);
  }
  return frames;
}

inline std::string source_bytes(SourceKind kind, unsigned seed = 1) {
  if (kind == SourceKind::pcm) {
    return wav_bytes({.sample_rate = 48000, .channels = 2},
                     to_16_bits(noise(static_cast<std::size_t>(kSourceS * 48000) * 2, seed)));
  }
  if (kind == SourceKind::changing) {
    return mp2_frames(110, 0, 417, 0x44, seed) + mp2_frames(60, 4, 384, 0x44, seed + 1) +
           mp2_frames(60, 4, 384, char(0xC4), seed + 2);
  }
  // IMA ADPCM in WAV: blocks of 256 bytes with 505 samples each; no seeking to a sample.
  std::mt19937 generator(seed);
  std::string data;
  constexpr int n_blocks = 227;
  for (int block = 0; block < n_blocks; ++block) {
    data += std::string("\0\0\x20\0", 4);
    for (int i = 0; i < 252; ++i) data += static_cast<char>(generator());
  }
  std::string bytes = wav_bytes({.sample_rate = 22050, .bits = 4}, data);
  const std::string format = little_endian<std::uint16_t>(0x11) + little_endian<std::uint16_t>(1) +
                             little_endian<std::uint32_t>(22050) +
                             little_endian<std::uint32_t>(11155) +
                             little_endian<std::uint16_t>(256) + little_endian<std::uint16_t>(4) +
                             little_endian<std::uint16_t>(2) + little_endian<std::uint16_t>(505);
  const auto size = [](std::size_t n) { return little_endian(static_cast<std::uint32_t>(n)); };
  return "RIFF" + size(4 + 8 + format.size() + 8 + data.size()) + "WAVEfmt " + size(format.size()) +
         format + "data" + size(data.size()) + data;
}

}  // namespace baleen::audio::testing
