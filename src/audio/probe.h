#pragma once

/// What an audio file is, without decoding it.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "core/result.h"
#include "core/units.h"

namespace baleen::audio {

struct AudioInfo {
  std::string container;  ///< "wav", "mp3", "mp4", "ogg", …
  std::string codec;      ///< libav's name: "pcm_s16le", "aac", …
  Hertz sample_rate;
  int channels = 0;
  std::optional<double> duration_s;  ///< As the file claims; an estimate for some formats.
  std::int64_t bytes = 0;
};

/// The facts of the first (or default) audio stream that can be decoded.
///
/// FILE_NOT_FOUND for what is no regular file, CODEC_UNSUPPORTED for what is no audio or needs a
/// decoder that does not exist, FILE_CORRUPT for a file that cannot be opened as what it looks like.
/// Reads a bounded part of the file, never follows a reference out of it. Thread-safe.
[[nodiscard]] Result<AudioInfo> probe(const std::filesystem::path& path);

/// Loads the decoders, which the first probe or decode would do otherwise. NOT_SUPPORTED where there are none.
[[nodiscard]] Result<void> load_decoders();

/// "libavformat 59.27.100, libavcodec 59.37.100". NOT_SUPPORTED where they cannot be loaded.
[[nodiscard]] Result<std::string> decoder_versions();

}  // namespace baleen::audio
