#include "ops/secret.h"

#include <sys/random.h>

#include <array>
#include <cerrno>

#include "core/result.h"

namespace baleen::ops {
namespace {

constexpr std::size_t kRandomBytes = 32;
constexpr std::size_t kRandomChars = 43;

std::string base64url(const std::array<unsigned char, kRandomBytes>& bytes) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string text;
  unsigned bits = 0;
  int n_bits = 0;
  for (const unsigned char byte : bytes) {
    bits = bits << 8U | byte;
    for (n_bits += 8; n_bits >= 6; n_bits -= 6) text += kDigits[bits >> (n_bits - 6) & 63U];
  }
  if (n_bits > 0) text += kDigits[bits << (6 - n_bits) & 63U];
  return text;
}

}  // namespace

Result<std::string> new_secret(std::string_view prefix) {
  std::array<unsigned char, kRandomBytes> bytes{};
  if (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size()))
    return core::errno_error(errno, "getrandom");
  return std::string(prefix) + base64url(bytes);
}

bool has_form_of_secret(std::string_view text, std::string_view prefix) {
  return text.size() == prefix.size() + kRandomChars && text.starts_with(prefix);
}

}  // namespace baleen::ops
