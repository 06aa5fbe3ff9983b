#pragma once

/// What a file is, told by its own first bytes.
///
/// The answer pins libav's demuxer: nothing else ever guesses. A name or an extension is never
/// looked at, and text (a playlist, XML, SDP) is always refused, because some demuxers would follow
/// it to other files or to the network.

#include <cstdint>
#include <span>
#include <string_view>

#include "audio/source_file.h"
#include "core/result.h"

namespace baleen::audio {

struct Sniffed {
  std::string_view demuxer;    ///< libav's name: "mov".
  std::string_view container;  ///< Our short name: "mp4".
  std::string_view words;      ///< For messages: "an MP4/QuickTime file".
};

/// Reads at most some 300 kB, also behind ID3v2 tags of any size. CODEC_UNSUPPORTED with what it looks
/// like instead, or FILE_CORRUPT for an empty file or a tag that is larger than its file.
[[nodiscard]] Result<Sniffed> sniff(const SourceFile& source);

}  // namespace baleen::audio
