// Tables of what people know of recordings: understood or refused whole; read a second time a table changes nothing,
// nor does the table that is written of what stands now.
#include "app/metadata_table.h"

#include "core/file.h"
#include "engine/ingest.h"
#include "fuzz/input.h"
#include "fuzz/json_values.h"
#include "store/collections.h"
#include "store/schema.h"

using namespace baleen;

namespace {

/// A collection of two recordings.
struct World {
  fuzz::Folder folder;
  store::DataRoot root{folder.path() / "data"};
  store::Database database = open(root);
  std::string collection_id =
      store::make_collection(database, "anna", "reef", 0).value().collection_id;
  std::vector<std::string> assets = {ingest("a.wav"), ingest("b.wav")};

  static store::Database open(const store::DataRoot& root) {
    BALEEN_CHECK(core::make_directories(root.path).ok());
    store::Database database = store::Database::open(root.database()).value();
    BALEEN_CHECK(store::migrate(database).ok());
    return database;
  }
  std::string ingest(const std::string& name) {
    const std::filesystem::path file = folder.path() / name;
    BALEEN_CHECK(core::write_file_atomic(file, name).ok());
    const auto probe = [](const auto&) -> Result<json::object> { return json::object{}; };
    const std::string asset_id =
        engine::ingest_file(database, root, {file, "anna", {}}, probe).value().asset.asset_id;
    BALEEN_CHECK(store::add_member(database, collection_id, asset_id, 0).value());
    return asset_id;
  }
  /// What every input begins with.
  void reset() {
    const json::object known{{"tag_data", {{"site", "reef"}, {"depth_m", 12}, {"n", {{"a", 1}}}}},
                             {"group_composition", json::array{1, 2}}};
    for (const std::string& asset_id : assets) {
      const bool is_first = asset_id == assets.front();
      const auto metadata =
          store::AudioMetadata::from_json(is_first ? known : json::object()).value();
      BALEEN_CHECK(store::set_metadata(database, asset_id, metadata, 0).ok());
    }
  }
  Result<json::object> read(std::string_view text) {
    return read_metadata_table(root, database,
                               {{"collection_id", collection_id}, {"text", json::string(text)}});
  }
  /// Everything that is known, as text.
  std::string known() {
    std::string all;
    for (const std::string& asset_id : assets)
      all += core::to_canonical_json(store::find_metadata(database, asset_id)->to_json()) + "\n";
    return all;
  }
  bool has_double() {
    return std::ranges::any_of(assets, [&](const std::string& asset_id) {
      return fuzz::has_double(store::find_metadata(database, asset_id)->to_json());
    });
  }
};

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static World world;
  world.reset();
  const std::string before = world.known();
  const std::string_view text = fuzz::text_of(data, size);
  const Result<json::object> read = world.read(text);
  BALEEN_CHECK(fuzz::is_value_or(read, {ErrorCode::invalid_argument}));
  const std::string after = world.known();
  if (!read.ok() || core::get_int(*read, "changed") == 0) BALEEN_CHECK(after == before);
  if (!read.ok()) return 0;
  BALEEN_CHECK(world.read(text).ok() && world.known() == after);
  const Result<json::object> written =
      write_metadata_table(world.root, world.database, {{"collection_id", world.collection_id}});
  BALEEN_CHECK(written.ok());
  const Result<json::object> own = world.read(core::get_string(*written, "text"));
  BALEEN_CHECK(own.ok());
  if (world.has_double()) return 0;
  BALEEN_CHECK(core::get_int(*own, "changed") == 0 && world.known() == after);
  return 0;
}
