#include "core/sha256.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>

#include "core/check.h"
#include "core/sparse_file.h"

namespace baleen::core {
namespace {

constexpr std::size_t kZerosBytes = std::size_t{1} << 14U;  // Stays in the first-level cache.

}  // namespace

struct Sha256::State {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  ~State() { EVP_MD_CTX_free(context); }
};

Sha256::Sha256() : state_(std::make_unique<State>()) {
  BALEEN_CHECK(state_->context != nullptr);
  BALEEN_CHECK(EVP_DigestInit_ex(state_->context, EVP_sha256(), nullptr) == 1);
}
Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;

void Sha256::update(std::span<const std::byte> bytes) {
  BALEEN_CHECK(EVP_DigestUpdate(state_->context, bytes.data(), bytes.size()) == 1);
}

void Sha256::update(std::string_view text) { update(std::as_bytes(std::span(text))); }

void Sha256::update_zeros(std::int64_t size_bytes) {
  static constexpr std::array<std::byte, kZerosBytes> kZeros{};
  for (; size_bytes > 0; size_bytes -= std::ssize(kZeros)) {
    const std::int64_t n = std::min<std::int64_t>(size_bytes, std::ssize(kZeros));
    update(std::span(kZeros).first(static_cast<std::size_t>(n)));
  }
}

std::string Sha256::finish_hex() {
  std::array<unsigned char, 32> digest{};
  unsigned int size = 0;
  BALEEN_CHECK(EVP_DigestFinal_ex(state_->context, digest.data(), &size) == 1 && size == 32);
  static constexpr std::string_view kDigits = "0123456789abcdef";
  std::string hex;
  hex.reserve(64);
  for (const unsigned char byte : digest) {
    hex.push_back(kDigits[byte >> 4U]);
    hex.push_back(kDigits[byte & 15U]);
  }
  return hex;
}

std::string sha256_hex(std::string_view text) {
  Sha256 hash;
  hash.update(text);
  return hash.finish_hex();
}

Result<std::string> sha256_file(const std::filesystem::path& path) {
  BALEEN_ASSIGN_OR_RETURN(const Fd file, open_read(path));
  Sha256 hash;
  const auto on_data = [&](std::int64_t, std::span<const std::byte> bytes) -> Result<void> {
    hash.update(bytes);
    return {};
  };
  const auto on_hole = [&](std::int64_t, std::int64_t size_bytes) -> Result<void> {
    hash.update_zeros(size_bytes);
    return {};
  };
  BALEEN_RETURN_IF_ERROR(read_sparse(file, on_data, on_hole));
  return hash.finish_hex();
}

}  // namespace baleen::core
