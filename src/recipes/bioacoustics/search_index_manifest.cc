// sets.json: JSON whose first member is the SHA-256 of all that follows it.

#include <fmt/format.h>

#include <algorithm>

#include "core/json.h"
#include "core/sha256.h"
#include "recipes/bioacoustics/search_index.h"

namespace baleen::bioacoustics {
namespace {

constexpr std::string_view kFormat = "search_index.v1";
constexpr std::string_view kBegin = R"({"sha256":")";
constexpr std::string_view kBehindDigest = R"(",)";
constexpr std::size_t kDigestSize = 64;
/// More than any codec has; so the size of a file of sketches is a number of 64 bits.
constexpr std::int64_t kHeaderBytesMax = std::int64_t{1} << 30;
constexpr std::int64_t kRecordBytesMax = 4096;

json::object to_json(const IndexedSet& set) {
  return {{"asset_id", set.asset_id},
          {"sha256", set.sha256},
          {"bytes", set.bytes},
          {"first_row", set.first_row},
          {"rows", set.n_rows},
          {"searched", set.n_searched},
          {"end_s", set.end_s},
          {"group_rows", set.group_rows},
          {"group_offsets", json::array(set.group_offsets.begin(), set.group_offsets.end())},
          {"crc32", set.crc32}};
}

Error corrupt(std::string_view why) {
  return fail(ErrorCode::file_corrupt, "read the sets of a search index: {}", why);
}

Result<IndexedSet> set_from_json(const json::value& value, std::int64_t n_rows_of_all) {
  if (!value.is_object()) return corrupt("a set is no object");
  const json::object& object = value.get_object();
  IndexedSet set;
  set.asset_id = core::get_string(object, "asset_id");
  set.sha256 = core::get_string(object, "sha256");
  set.bytes = core::get_int(object, "bytes");
  set.first_row = core::get_int(object, "first_row");
  set.n_rows = core::get_int(object, "rows");
  set.n_searched = core::get_int(object, "searched");
  set.end_s = core::get_double(object, "end_s");
  set.group_rows = core::get_int(object, "group_rows");
  for (const json::value& offset : core::get_array(object, "group_offsets"))
    set.group_offsets.push_back(offset.is_int64() ? offset.get_int64() : -1);
  set.crc32 = static_cast<std::uint32_t>(core::get_int(object, "crc32"));
  const bool has_offsets = std::ranges::all_of(
      set.group_offsets, [&](std::int64_t offset) { return offset >= 0 && offset <= set.bytes; });
  const bool has_rows =
      set.n_rows == 0 ||
      (set.n_rows > 0 && set.first_row >= 0 && set.first_row <= n_rows_of_all - set.n_rows &&
       set.n_searched >= 0 && set.n_searched <= set.n_rows && set.group_rows > 0 &&
       (set.n_rows - 1) / set.group_rows + 1 == std::ssize(set.group_offsets));
  if (set.sha256.empty() || !has_rows || !has_offsets) return corrupt("a set whose rows cannot be");
  return set;
}

}  // namespace

std::string IndexManifest::to_text() const {
  json::array list;
  for (const IndexedSet& set : sets) list.push_back(to_json(set));
  const json::object document{{"format", kFormat},
                              {"generation", generation},
                              {"header_bytes", header_bytes},
                              {"record_bytes", record_bytes},
                              {"header_crc32", header_crc32},
                              {"rows", n_rows},
                              {"sets", std::move(list)}};
  const std::string rest = core::to_json(document).substr(1);
  return fmt::format("{}{}{}{}", kBegin, core::sha256_hex(rest), kBehindDigest, rest);
}

Result<IndexManifest> IndexManifest::parse(std::string_view text) {
  const std::size_t size = kBegin.size() + kDigestSize + kBehindDigest.size();
  if (text.size() < size || !text.starts_with(kBegin)) return corrupt("it is cut off");
  if (core::sha256_hex(text.substr(size)) != text.substr(kBegin.size(), kDigestSize))
    return corrupt("its digest is another");
  const Result<json::object> parsed = core::parse_json_object(text, "sets.json");
  if (!parsed.ok()) return corrupt(parsed.error().message);
  const json::object& document = *parsed;
  if (core::get_string(document, "format") != kFormat) return corrupt("of another version");
  IndexManifest manifest;
  manifest.generation = core::get_int(document, "generation");
  manifest.header_bytes = core::get_int(document, "header_bytes");
  manifest.record_bytes = core::get_int(document, "record_bytes");
  manifest.header_crc32 = static_cast<std::uint32_t>(core::get_int(document, "header_crc32"));
  manifest.n_rows = core::get_int(document, "rows");
  if (manifest.n_rows < 0 || manifest.n_rows > UINT32_MAX || manifest.header_bytes < 0 ||
      manifest.header_bytes > kHeaderBytesMax || manifest.record_bytes <= 0 ||
      manifest.record_bytes > kRecordBytesMax)
    return corrupt("rows that cannot be");
  for (const json::value& value : core::get_array(document, "sets")) {
    BALEEN_ASSIGN_OR_RETURN(IndexedSet set, set_from_json(value, manifest.n_rows));
    manifest.sets.push_back(std::move(set));
  }
  return manifest;
}

}  // namespace baleen::bioacoustics
