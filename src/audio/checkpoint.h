#pragma once

/// What `normalize` needs to go on after a crash: a small JSON file beside the partial WAV.
///
/// It is only ever a hint that must prove itself: it is used if its digest, the identity of source,
/// parameters and code, and the checksum of the samples already in the partial file all agree.
/// Otherwise the work starts from the beginning, which is always right. Internal to this room.

#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>

#include "core/result.h"

namespace baleen::audio {

/// A checksum of samples that does not depend on how they are cut into pieces: against accidents, not
/// attackers. 4 lanes of multiply-and-xor, about 5 GB/s.
class PcmChecksum {
 public:
  void update(std::span<const std::int16_t> samples);
  [[nodiscard]] std::string to_hex() const;

 private:
  std::array<std::uint64_t, 4> lanes_ = {1, 2, 3, 4};
  std::size_t next_lane_ = 0;
};

struct Checkpoint {
  std::string identity;  ///< Digest of all that decides the output: source, parameters, code.
  std::int64_t header_bytes = 0;
  std::int64_t output_samples = 0;
  std::string pcm_checksum;  ///< Of the first `output_samples` samples of the partial file.
  bool is_complete = false;
  std::int64_t input_frames = 0;  ///< PCM frames decoded so far; the counts below belong to them.
  double duration_s = 0;
  std::int64_t nan_samples = 0;
  std::int64_t clipped_samples = 0;
  std::int64_t decode_errors = 0;
};

[[nodiscard]] Result<void> save_checkpoint(const std::filesystem::path& path,
                                           const Checkpoint& checkpoint);
/// Nothing where the file is absent, damaged, or of another identity.
[[nodiscard]] std::optional<Checkpoint> load_checkpoint(const std::filesystem::path& path,
                                                        const std::string& identity);
/// The checkpoint and what a crash may have left of its writing.
[[nodiscard]] Result<void> remove_checkpoint(const std::filesystem::path& path);

}  // namespace baleen::audio
