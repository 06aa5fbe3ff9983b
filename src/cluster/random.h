#pragma once

/// Random numbers that are the same on every machine and at any number of threads: what is drawn depends on the seed
/// and the stream, and streams (one for each point, tree or epoch) do not influence each other.

#include <cstdint>

namespace baleen::cluster {

/// SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, OOPSLA 2014): one addition and a
/// mixing of bits a draw, good enough for sampling and not for secrets.
class Random {
 public:
  explicit Random(std::uint64_t seed, std::uint64_t stream = 0)
      : state_(mix(seed) ^ mix(stream + 0x632be59bd9b4e019)) {}

  [[nodiscard]] std::uint64_t next() { return mix(state_ += 0x9e3779b97f4a7c15); }

  /// Of [0, n), n > 0, by multiplication (Lemire, 2016); its bias of n / 2^32 is far below what matters here.
  [[nodiscard]] std::uint32_t below(std::uint32_t n) {
    return static_cast<std::uint32_t>(((next() >> 32) * n) >> 32);
  }

  /// Of [0, 1), of 24 bits.
  [[nodiscard]] float uniform() { return static_cast<float>(next() >> 40) * 0x1p-24F; }

 private:
  static std::uint64_t mix(std::uint64_t z) {
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  std::uint64_t state_;
};

}  // namespace baleen::cluster
