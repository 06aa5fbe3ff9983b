// What a file is, told by its first bytes; and the search for MPEG frames.
#include "audio/sniff.h"

#include <set>

#include "audio/mpeg_sync.h"
#include "engine/ingest.h"
#include "fuzz/input.h"

using namespace baleen;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static fuzz::MemoryFile file;
  const std::string_view bytes = fuzz::text_of(data, size);
  file.set(bytes);
  const Result<audio::SourceFile> source = audio::open_source(file.path());
  BALEEN_CHECK(source.ok() && source->size_bytes == static_cast<std::int64_t>(size));
  const Result<audio::Sniffed> sniffed = audio::sniff(*source);
  BALEEN_CHECK(fuzz::is_value_or(sniffed, {ErrorCode::file_corrupt, ErrorCode::codec_unsupported}));
  const bool is_plain_text = std::all_of(data, data + size, [](std::uint8_t byte) {
    return byte == '\n' || (byte >= 0x20 && byte < 0x7f);
  });
  // Text that begins like a sound file is one, if a broken one; all other text is refused. A demuxer that follows
  // references (playlists, manifests) is never named.
  if (sniffed.ok()) {
    static const std::set<std::string_view> never = {"hls",    "dash", "concat", "sdp",   "rtsp",
                                                     "image2", "tty",  "data",   "lavfi", ""};
    BALEEN_CHECK(!never.contains(sniffed->demuxer));
    BALEEN_CHECK(bytes.substr(0, 7) != "#EXTM3U" && bytes.substr(0, 8) != "ffconcat");
  }
  const std::span<const std::uint8_t> span(data, size);
  for (const bool is_whole : {false, true}) {
    const audio::SyncKind kind = audio::find_audio_sync(span, is_whole);
    BALEEN_CHECK(kind == audio::SyncKind::none || !is_plain_text);
  }
  // What ingest says of the first bytes: one or the other.
  const std::string_view first = bytes.substr(0, 64);
  if (!engine::name_if_no_audio(first).empty())
    BALEEN_CHECK(!engine::guess_format(first).starts_with("audio/"));
  return 0;
}
