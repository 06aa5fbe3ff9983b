#include "audio/probe.h"

#include <memory>

#include "audio/media_input.h"

namespace baleen::audio {

Result<AudioInfo> probe(const std::filesystem::path& path) {
  BALEEN_ASSIGN_OR_RETURN(const std::unique_ptr<MediaInput> input, MediaInput::open(path, {}));
  return input->info();
}

}  // namespace baleen::audio
