#include "ops/secret.h"

#include <sys/random.h>

#include <array>
#include <cerrno>

#include "core/base64.h"

namespace baleen::ops {
namespace {

constexpr std::size_t kRandomBytes = 32;
constexpr std::size_t kRandomChars = 43;

}  // namespace

Result<std::string> new_secret(std::string_view prefix) {
  std::array<char, kRandomBytes> bytes{};
  if (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size()))
    return core::errno_error(errno, "getrandom");
  return std::string(prefix) + core::to_base64url({bytes.data(), bytes.size()});
}

bool has_form_of_secret(std::string_view text, std::string_view prefix) {
  return text.size() == prefix.size() + kRandomChars && text.starts_with(prefix);
}

}  // namespace baleen::ops
