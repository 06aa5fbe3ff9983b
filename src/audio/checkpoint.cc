#include "audio/checkpoint.h"

#include <cstdlib>
#include <string_view>
#include <utility>

#include "core/file.h"
#include "core/json.h"
#include "core/sha256.h"

namespace baleen::audio {
namespace {

constexpr std::string_view kSchemaId = "decode_checkpoint.v1";

json::object to_object(const Checkpoint& checkpoint) {
  return {{"schema_id", kSchemaId},
          {"identity", checkpoint.identity},
          {"header_bytes", checkpoint.header_bytes},
          {"output_samples", checkpoint.output_samples},
          {"pcm_checksum", checkpoint.pcm_checksum},
          {"is_complete", checkpoint.is_complete},
          {"input_frames", checkpoint.input_frames},
          // As text: the parser's doubles may be off by a bit, and the digest must not be.
          {"duration_s", fmt::format("{}", checkpoint.duration_s)},
          {"nan_samples", checkpoint.nan_samples},
          {"clipped_samples", checkpoint.clipped_samples},
          {"decode_errors", checkpoint.decode_errors}};
}

std::string digest_of(const json::object& object) {
  return core::sha256_hex(core::to_canonical_json(object));
}

/// One fixed name: what a crash leaves of it is overwritten by the next checkpoint.
std::filesystem::path temporary_of(const std::filesystem::path& path) {
  return path.string() + ".tmp";
}

}  // namespace

void PcmChecksum::update(std::span<const std::int16_t> samples) {
  constexpr std::uint64_t kMultiplier = 0x9E3779B97F4A7C15;  // 2⁶⁴ / golden ratio, odd.
  const auto mix = [](std::uint64_t lane, std::int16_t sample) {
    lane = (lane ^ static_cast<std::uint16_t>(sample)) * kMultiplier;
    return lane ^ (lane >> 32);
  };
  std::size_t i = 0;
  for (; i < samples.size() && next_lane_ != 0; ++i) {
    lanes_[next_lane_] = mix(lanes_[next_lane_], samples[i]);
    next_lane_ = (next_lane_ + 1) % lanes_.size();
  }
  for (; i + 4 <= samples.size(); i += 4) {
    for (std::size_t lane = 0; lane < 4; ++lane)
      lanes_[lane] = mix(lanes_[lane], samples[i + lane]);
  }
  for (; i < samples.size(); ++i) {
    lanes_[next_lane_] = mix(lanes_[next_lane_], samples[i]);
    next_lane_ = (next_lane_ + 1) % lanes_.size();
  }
}

std::string PcmChecksum::to_hex() const {
  return fmt::format("{:016x}{:016x}{:016x}{:016x}", lanes_[0], lanes_[1], lanes_[2], lanes_[3]);
}

Result<void> save_checkpoint(const std::filesystem::path& path, const Checkpoint& checkpoint) {
  json::object object = to_object(checkpoint);
  object["digest"] = digest_of(object);
  const std::filesystem::path temporary = temporary_of(path);
  BALEEN_RETURN_IF_ERROR(core::make_directories(path.parent_path()));
  BALEEN_RETURN_IF_ERROR(core::write_file_synced(temporary, core::to_json(object)));
  return core::publish_file(temporary, path);
}

std::optional<Checkpoint> load_checkpoint(const std::filesystem::path& path,
                                          const std::string& identity) {
  Result<json::value> parsed = core::read_json_file(path);
  if (!parsed.ok() || !parsed->is_object()) return std::nullopt;
  json::object object = std::move(*parsed).as_object();
  const std::string digest = core::get_string(object, "digest");
  object.erase("digest");
  if (digest != digest_of(object) || core::get_string(object, "schema_id") != kSchemaId ||
      core::get_string(object, "identity") != identity) {
    return std::nullopt;
  }
  Checkpoint checkpoint;
  checkpoint.identity = identity;
  checkpoint.header_bytes = core::get_int(object, "header_bytes");
  checkpoint.output_samples = core::get_int(object, "output_samples");
  checkpoint.pcm_checksum = core::get_string(object, "pcm_checksum");
  checkpoint.is_complete = core::get_bool(object, "is_complete");
  checkpoint.input_frames = core::get_int(object, "input_frames");
  checkpoint.duration_s = std::strtod(core::get_string(object, "duration_s").c_str(), nullptr);
  checkpoint.nan_samples = core::get_int(object, "nan_samples");
  checkpoint.clipped_samples = core::get_int(object, "clipped_samples");
  checkpoint.decode_errors = core::get_int(object, "decode_errors");
  return checkpoint;
}

Result<void> remove_checkpoint(const std::filesystem::path& path) {
  BALEEN_RETURN_IF_ERROR(core::remove_file(path));
  return core::remove_file(temporary_of(path));
}

}  // namespace baleen::audio
