// A foreign file as libav sees it, behind our bounds. libav's own faults are the sandbox's affair; ours is that what
// comes of it is a fact or one of three codes.
#include "audio/probe.h"

#include <cmath>

#include "fuzz/input.h"

using namespace baleen;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static fuzz::MemoryFile file;
  file.set(fuzz::text_of(data, size));
  const Result<audio::AudioInfo> info = audio::probe(file.path());
  BALEEN_CHECK(fuzz::is_value_or(info, {ErrorCode::file_corrupt, ErrorCode::codec_unsupported}));
  if (!info.ok()) return 0;
  BALEEN_CHECK(info->sample_rate.value > 0 && info->channels > 0);
  BALEEN_CHECK(info->bytes == static_cast<std::int64_t>(size) && !info->codec.empty());
  if (info->duration_s) BALEEN_CHECK(std::isfinite(*info->duration_s) && *info->duration_s >= 0);
  return 0;
}
