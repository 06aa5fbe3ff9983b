#pragma once

/// What the tests of this room share: files that they write by hand, signals, folders.

#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <numbers>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace baleen::audio::testing {

/// A folder of the test's own, removed at the end.
class TempDir {
 public:
  TempDir() : TempDir(std::filesystem::temp_directory_path()) {}
  explicit TempDir(const std::filesystem::path& parent) {
    std::string name = (parent / "baleen-audio-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) std::abort();
    path_ = name;
  }
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  std::filesystem::path operator/(std::string_view name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

/// Where fsync costs nothing, if there is such a place: for tests of many small steps.
inline std::filesystem::path memory_folder() {
  const std::filesystem::path shm = "/dev/shm";
  return ::access(shm.c_str(), W_OK) == 0 ? shm : std::filesystem::temp_directory_path();
}

inline void write_bytes(const std::filesystem::path& path, std::string_view bytes) {
  std::ofstream(path, std::ios::binary).write(bytes.data(), std::ssize(bytes));
}

inline std::string read_bytes(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// The folder of shared recordings, or nothing where it is absent.
inline std::optional<std::filesystem::path> shared_dir() {
  const char* set = std::getenv("BALEEN_SHARED");
  const std::filesystem::path path =
      set != nullptr ? set : std::filesystem::path(BALEEN_SOURCE_DIR) / ".." / "shared";
  if (!std::filesystem::is_directory(path / "audio")) return std::nullopt;
  return path;
}

template <typename T>
std::string little_endian(T value) {
  std::string bytes(sizeof value, '\0');
  std::memcpy(bytes.data(), &value, sizeof value);
  return bytes;
}

template <typename T>
std::string bytes_of(const std::vector<T>& samples) {
  return {reinterpret_cast<const char*>(samples.data()), samples.size() * sizeof(T)};
}

struct WavSpec {
  int sample_rate = 22050;
  int channels = 1;
  int bits = 16;
  bool is_float = false;
  std::optional<std::uint32_t> channel_mask = {};  ///< Makes it WAVE_FORMAT_EXTENSIBLE.
};

/// A WAVE file, byte by byte.
inline std::string wav_bytes(const WavSpec& spec, const std::string& data) {
  const int block = spec.channels * spec.bits / 8;
  const auto tag = static_cast<std::uint16_t>(spec.is_float ? 3 : 1);
  std::string format = little_endian<std::uint16_t>(spec.channel_mask ? 0xFFFE : tag) +
                       little_endian(static_cast<std::uint16_t>(spec.channels)) +
                       little_endian(static_cast<std::uint32_t>(spec.sample_rate)) +
                       little_endian(static_cast<std::uint32_t>(spec.sample_rate * block)) +
                       little_endian(static_cast<std::uint16_t>(block)) +
                       little_endian(static_cast<std::uint16_t>(spec.bits));
  if (spec.channel_mask) {
    format += little_endian<std::uint16_t>(22) +
              little_endian(static_cast<std::uint16_t>(spec.bits)) +
              little_endian(*spec.channel_mask) + little_endian(tag) +
              std::string("\x00\x00\x00\x00\x10\x00\x80\x00\x00\xAA\x00\x38\x9B\x71", 14);
  }
  const auto size = [](const std::string& text) {
    return little_endian(static_cast<std::uint32_t>(text.size()));
  };
  const std::string body = "WAVEfmt " + size(format) + format + "data" + size(data) + data;
  return "RIFF" + size(body) + body;
}

inline std::string wav_bytes(const WavSpec& spec, const std::vector<std::int16_t>& samples) {
  return wav_bytes(spec, bytes_of(samples));
}

inline std::vector<float> sine(double frequency_hz,
                               double sample_rate_hz,
                               std::size_t n,
                               double amplitude = 0.5) {
  std::vector<float> samples(n);
  for (std::size_t i = 0; i < n; ++i) {
    const double t = static_cast<double>(i) / sample_rate_hz;
    samples[i] = static_cast<float>(amplitude * std::sin(2 * std::numbers::pi * frequency_hz * t));
  }
  return samples;
}

inline std::vector<float> noise(std::size_t n, unsigned seed, float amplitude = 0.5F) {
  std::mt19937 generator(seed);
  std::uniform_real_distribution<float> uniform(-amplitude, amplitude);
  std::vector<float> samples(n);
  for (float& sample : samples) sample = uniform(generator);
  return samples;
}

inline std::vector<std::int16_t> to_16_bits(std::span<const float> samples) {
  std::vector<std::int16_t> out;
  for (const float sample : samples) {
    out.push_back(static_cast<std::int16_t>(std::lround(sample * 32767.0F)));
  }
  return out;
}

/// dB of the root mean square over [begin, end); full scale is 0 dB for a mean square of 1.
inline double rms_db(std::span<const float> samples) {
  double sum = 0;
  for (const float sample : samples) sum += double{sample} * sample;
  return 10 * std::log10(sum / static_cast<double>(samples.size()));
}

}  // namespace baleen::audio::testing
