#pragma once

/// SHA-256 (FIPS 180-4), streaming. Digests are lower-case hex of 64 characters.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "core/result.h"

namespace baleen::core {

class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;

  void update(std::span<const std::byte> bytes);
  void update(std::string_view text);
  /// So many zero bytes, as a hole of a file holds.
  void update_zeros(std::int64_t size_bytes);
  /// The digest of everything so far; the object may not be used afterwards.
  [[nodiscard]] std::string finish_hex();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

[[nodiscard]] std::string sha256_hex(std::string_view text);
/// The digest of a whole file, read in 1 MiB blocks; its holes are not read.
[[nodiscard]] Result<std::string> sha256_file(const std::filesystem::path& path);

}  // namespace baleen::core
