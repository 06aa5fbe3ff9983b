// A search index from anywhere, one whose checksums hold included: what it says lies inside its files, or FILE_CORRUPT;
// rows that were read can be searched, and who writes goes on with it or makes it anew.
//
// The first two bytes are the length of sets.json; what follows that is the file of sketches.
#include "recipes/bioacoustics/search_index.h"

#include "core/file.h"
#include "core/json.h"
#include "core/sha256.h"
#include "formats/checksum.h"
#include "formats/parquet_tables.h"
#include "fuzz/input.h"
#include "recipes/bioacoustics/search_index_files.h"

using namespace baleen;
using bioacoustics::IndexManifest;
using bioacoustics::SearchIndex;
using bioacoustics::SetToIndex;

namespace {

constexpr std::size_t kSize = 3;

/// An embedding set of two windows that can be added.
SetToIndex make_set(const std::filesystem::path& folder) {
  SetToIndex set{"asset-2", std::string(64, '2'), folder / "set.parquet"};
  auto writer = formats::ParquetWriter::create(set.path, formats::embeddings_schema(kSize)).value();
  const std::vector<std::int32_t> row_index = {0, 1};
  const std::vector<double> start_s = {0, 1}, end_s = {1, 2};
  const std::vector<std::uint8_t> is_padded = {0, 0};
  const std::vector<float> embedding = {1, 2, 3, 3, 2, 1};
  BALEEN_CHECK(writer
                   .append(formats::columns_of(
                       formats::EmbeddingRows{row_index, start_s, end_s, is_padded, embedding}))
                   .ok());
  formats::EmbeddingsInfo info;
  info.asset_id = set.asset_id;
  info.window_size_s = info.hop_s = 1;
  info.vector_dim = kSize;
  BALEEN_CHECK(writer.finish(formats::to_metadata(info)).ok());
  set.bytes = core::file_size_bytes(set.path).value();
  return set;
}

/// Of a part of the sketches, as far as they reach.
std::int64_t crc32_of(std::string_view sketches, std::int64_t begin, std::int64_t size) {
  const auto n = std::ssize(sketches);
  if (begin < 0 || size < 0 || begin > n || size > n - begin) return 0;
  return formats::crc32(0, std::as_bytes(std::span(sketches).subspan(
                               static_cast<std::size_t>(begin), static_cast<std::size_t>(size))));
}

/// The text with the checksums that belong to it, so that what lies behind them is reached.
std::string with_checksums(std::string_view text, std::string_view sketches) {
  const Result<json::value> value = core::parse_json(text, "");
  if (!value.ok() || !value->is_object()) return std::string(text);
  json::object manifest = value->get_object();
  const std::int64_t header_bytes = core::get_int(manifest, "header_bytes");
  manifest["header_crc32"] = crc32_of(sketches, 0, header_bytes);
  if (json::value* const sets = manifest.if_contains("sets"); sets && sets->is_array()) {
    for (json::value& set : sets->get_array()) {
      if (!set.is_object()) continue;
      std::int64_t begin = -1, size = -1;
      const std::int64_t record_bytes = core::get_int(manifest, "record_bytes");
      const bool is_there =
          !__builtin_mul_overflow(core::get_int(set.get_object(), "first_row"), record_bytes,
                                  &begin) &&
          !__builtin_add_overflow(begin, header_bytes, &begin) &&
          !__builtin_mul_overflow(core::get_int(set.get_object(), "rows"), record_bytes, &size);
      set.get_object()["crc32"] = is_there ? crc32_of(sketches, begin, size) : 0;
    }
  }
  manifest.erase("sha256");
  const std::string rest = core::to_json(manifest).substr(1);
  return R"({"sha256":")" + core::sha256_hex(rest) + R"(",)" + rest;
}

void check(const IndexManifest& manifest) {
  BALEEN_CHECK(manifest.n_rows >= 0 && manifest.header_bytes >= 0);
  const Result<IndexManifest> again = IndexManifest::parse(manifest.to_text());
  BALEEN_CHECK(again.ok() && again->to_text() == manifest.to_text());
}

void check(const SearchIndex& index) {
  const std::size_t record_bytes = index.codec().record_bytes();
  BALEEN_CHECK(index.codec().header().size() == index.header().size());
  BALEEN_CHECK(index.records().size() ==
               static_cast<std::size_t>(index.manifest().n_rows) * record_bytes);
  for (const bioacoustics::IndexedSet& set : index.manifest().sets) {
    BALEEN_CHECK(index.find(set.sha256) != nullptr);
    if (set.n_rows == 0) continue;
    for (const std::int64_t row : {set.first_row, set.first_row + set.n_rows - 1})
      BALEEN_CHECK(index.set_of_row(row) < index.manifest().sets.size());
  }
  const std::size_t d = index.codec().n_dimensions();
  const std::vector<float> query(d, 1);
  const auto found = cluster::nearest_sketches(index.codec(), index.records(),
                                               cluster::MatrixView(query, 1, d), {.k = 3});
  BALEEN_CHECK(found.ok());
  for (const cluster::SketchCandidate& one : found->front())
    BALEEN_CHECK(one.row < index.manifest().n_rows);
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static fuzz::Folder folder;
  static const SetToIndex set = make_set(folder.path());
  fuzz::Input input(data, size);
  const std::size_t n = input.number<std::uint16_t>();
  const std::string_view text = input.rest().substr(0, n);
  const std::string_view sketches = input.rest().substr(text.size());
  (void)IndexManifest::parse(text);
  const std::string whole = with_checksums(text, sketches);
  const Result<IndexManifest> manifest = IndexManifest::parse(whole);
  BALEEN_CHECK(fuzz::is_value_or(manifest, {ErrorCode::file_corrupt}));
  if (!manifest.ok()) return 0;
  check(*manifest);

  const std::filesystem::path directory = folder.path() / "index";
  std::filesystem::remove_all(directory);
  BALEEN_CHECK(core::make_directories(directory).ok());
  const auto put = [](const std::filesystem::path& path, std::string_view bytes) {
    BALEEN_CHECK(core::write_file_synced(path, bytes).ok());
  };
  put(bioacoustics::index_files::sketches(directory, manifest->generation), sketches);
  put(bioacoustics::index_files::sets(directory), whole);
  BALEEN_CHECK(
      fuzz::is_value_or(bioacoustics::look_at_search_index(directory), {ErrorCode::file_corrupt}));
  const auto index = SearchIndex::open(directory);
  BALEEN_CHECK(fuzz::is_value_or(index, {ErrorCode::file_corrupt}));
  if (index.ok()) {
    check(**index);
    BALEEN_CHECK((*index)->is_state_of(directory));
    BALEEN_CHECK(SearchIndex::open(directory, index->get()).ok());
  }
  // Whoever adds a set leaves an index that has it, unless that one is of vectors of another size.
  const auto update = bioacoustics::update_search_index(directory, {set}, {.n_forgotten_max = 0});
  BALEEN_CHECK(update.ok());
  const auto after = SearchIndex::open(directory);
  BALEEN_CHECK(after.ok() && (!update->is_complete || (*after)->find(set.sha256) != nullptr));
  check(**after);
  return 0;
}
