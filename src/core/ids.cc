#include "core/ids.h"

#include <sys/random.h>

#include <algorithm>
#include <array>
#include <cstdint>

#include "core/check.h"
#include "core/clock.h"
#include "core/sha256.h"

namespace baleen::core {
namespace {

std::string dashed(std::string hex, char version) {
  hex[12] = version;
  static constexpr std::string_view kVariant = "89ab";
  const char nibble = hex[16];
  const int value = nibble <= '9' ? nibble - '0' : nibble - 'a' + 10;
  hex[16] = kVariant[static_cast<std::size_t>(value & 3)];
  return hex.substr(0, 8) + "-" + hex.substr(8, 4) + "-" + hex.substr(12, 4) + "-" +
         hex.substr(16, 4) + "-" + hex.substr(20, 12);
}

}  // namespace

std::string new_id() {
  std::array<unsigned char, 16> bytes{};
  BALEEN_CHECK(getrandom(bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size()));
  // A clock before 1970 has no place in the format; what it makes sorts before everything else.
  const auto milliseconds =
      static_cast<std::uint64_t>(std::max<std::int64_t>(0, system_clock().now_us() / 1000));
  for (unsigned i = 0; i < 6; ++i) {
    bytes[i] = static_cast<unsigned char>(milliseconds >> (8U * (5U - i)));
  }
  static constexpr std::string_view kDigits = "0123456789abcdef";
  std::string hex;
  for (const unsigned char byte : bytes) {
    hex.push_back(kDigits[byte >> 4U]);
    hex.push_back(kDigits[byte & 15U]);
  }
  return dashed(std::move(hex), '7');
}

std::string derived_id(std::string_view text) {
  return dashed(sha256_hex(text).substr(0, 32), '8');
}

}  // namespace baleen::core
