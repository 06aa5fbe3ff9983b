#pragma once

/// The chunks of a WAV file (RIFF, RF64, BW64) of anybody, behind the samples too. Bounded: at most 1000 chunks are
/// looked at, and what a chunk says of its length is believed as far as the file reaches.

#include <cstdint>
#include <string>
#include <vector>

#include "audio/source_file.h"
#include "core/result.h"

namespace baleen::audio {

struct RiffChunk {
  std::string id;               ///< Four bytes.
  std::int64_t offset = 0;      ///< Of the content in the file.
  std::int64_t size_bytes = 0;  ///< Of the content, as much as the file holds.
};

/// In the order of the file. Empty for what is no WAV file; only errors of the system are errors.
[[nodiscard]] Result<std::vector<RiffChunk>> list_riff_chunks(const SourceFile& source);

/// A chunk's content, at most 1 MiB of it.
[[nodiscard]] Result<std::string> read_riff_chunk(const SourceFile& source, const RiffChunk& chunk);

/// The texts of a "LIST" chunk of kind INFO: id and text, without what follows a zero.
[[nodiscard]] std::vector<std::pair<std::string, std::string>> parse_info_list(
    std::string_view content);

}  // namespace baleen::audio
