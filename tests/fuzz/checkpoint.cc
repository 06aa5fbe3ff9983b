// The checkpoint of a decode: used only if it proves itself, and read back as it was written.
#include "audio/checkpoint.h"

#include "core/file.h"
#include "core/json.h"
#include "core/sha256.h"
#include "fuzz/input.h"

using namespace baleen;

namespace {

bool is_same(const audio::Checkpoint& a, const audio::Checkpoint& b) {
  return a.identity == b.identity && a.header_bytes == b.header_bytes &&
         a.output_samples == b.output_samples && a.pcm_checksum == b.pcm_checksum &&
         a.is_complete == b.is_complete && a.input_frames == b.input_frames &&
         a.duration_s == b.duration_s && a.nan_samples == b.nan_samples &&
         a.clipped_samples == b.clipped_samples && a.decode_errors == b.decode_errors;
}

/// The text with the digest that belongs to it, so that what lies behind that check is reached; and whether it had
/// that digest already.
std::pair<std::string, bool> with_digest(std::string_view text) {
  Result<json::value> value = core::parse_json(text, "");
  if (!value.ok() || !value->is_object()) return {std::string(text), false};
  json::object& object = value->get_object();
  const std::string claimed = core::get_string(object, "digest");
  object.erase("digest");
  const std::string digest = core::sha256_hex(core::to_canonical_json(object));
  object["digest"] = digest;
  return {core::to_json(object), claimed == digest};
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static fuzz::MemoryFile file;
  static fuzz::Folder folder;
  const std::string_view bytes = fuzz::text_of(data, size);
  file.set(bytes);
  const auto [text, was_whole] = with_digest(bytes);
  BALEEN_CHECK(!audio::load_checkpoint(file.path(), "another"));
  BALEEN_CHECK(was_whole || !audio::load_checkpoint(file.path(), "id"));
  file.set(text);
  const auto loaded = audio::load_checkpoint(file.path(), "id");
  if (!loaded) return 0;
  const std::filesystem::path path = folder.path() / "checkpoint";
  BALEEN_CHECK(audio::save_checkpoint(path, *loaded).ok());
  const auto again = audio::load_checkpoint(path, "id");
  BALEEN_CHECK(again && (is_same(*again, *loaded) || loaded->duration_s != loaded->duration_s));
  return 0;
}
