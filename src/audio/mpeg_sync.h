#pragma once

/// Finding MPEG audio and ADTS frames in bytes without any file header.

#include <cstddef>
#include <cstdint>
#include <span>

namespace baleen::audio {

enum class SyncKind { none, mpeg_audio, adts };

/// The first chain of consistent frame headers in `bytes`, which end with the file if `is_whole`.
///
/// A frame at the very start need not be followed by others; a chain further on has at least three
/// headers, or two and ends with the file, so that chance hits in other data are not believed.
[[nodiscard]] SyncKind find_audio_sync(std::span<const std::uint8_t> bytes, bool is_whole);

}  // namespace baleen::audio
