#include "audio/probe.h"

#include <fmt/format.h>

#include <memory>

#include "audio/libav_functions.h"
#include "audio/media_input.h"
#include "audio/source_file.h"

namespace baleen::audio {

Result<AudioInfo> probe(const std::filesystem::path& path) {
  Result<std::unique_ptr<MediaInput>> input = MediaInput::open(path, {});
  if (input.ok()) return (*input)->info();
  Error error = std::move(input).error();
  const bool is_about_content =
      error.code == ErrorCode::codec_unsupported || error.code == ErrorCode::file_corrupt;
  return is_about_content ? std::move(error).context(printable(path.filename())) : error;
}

Result<std::string> decoder_versions() {
  BALEEN_RETURN_IF_ERROR(load_libav());
  const auto to_text = [](unsigned version) {
    return fmt::format("{}.{}.{}", AV_VERSION_MAJOR(version), AV_VERSION_MINOR(version),
                       AV_VERSION_MICRO(version));
  };
  return fmt::format("libavformat {}, libavcodec {}", to_text(libav().avformat_version()),
                     to_text(libav().avcodec_version()));
}

Result<void> load_decoders() { return load_libav(); }

}  // namespace baleen::audio
