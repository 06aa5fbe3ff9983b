#include "support/wav.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>

namespace baleen::test_support {
namespace {

template <typename T>
T value_at(const std::string& bytes, std::size_t offset) {
  T value{};
  if (offset + sizeof(T) > bytes.size()) throw std::runtime_error("wav: truncated");
  std::memcpy(&value, bytes.data() + offset, sizeof(T));
  return value;
}

}  // namespace

Wav read_wav_s16_mono(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("wav: open " + path.string());
  const std::string bytes{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  Wav wav;
  for (std::size_t at = 12; at + 8 <= bytes.size();) {
    const std::string id = bytes.substr(at, 4);
    const std::size_t size = value_at<std::uint32_t>(bytes, at + 4);
    if (id == "fmt ") {
      const bool is_s16_mono = value_at<std::uint16_t>(bytes, at + 10) == 1 &&
                               value_at<std::uint16_t>(bytes, at + 22) == 16;
      if (!is_s16_mono) throw std::runtime_error("wav: not 16-bit mono");
      wav.sample_rate_hz = static_cast<int>(value_at<std::uint32_t>(bytes, at + 12));
    } else if (id == "data") {
      const std::size_t n_samples = std::min(size, bytes.size() - at - 8) / 2;
      for (std::size_t i = 0; i < n_samples; ++i) {
        const auto integer = value_at<std::int16_t>(bytes, at + 8 + 2 * i);
        wav.samples.push_back(static_cast<float>(integer) / 32768.0F);
      }
    }
    at += 8 + size + size % 2;
  }
  return wav;
}

}  // namespace baleen::test_support
