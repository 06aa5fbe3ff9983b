#include "audio/probe.h"

#include <memory>

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

}  // namespace baleen::audio
