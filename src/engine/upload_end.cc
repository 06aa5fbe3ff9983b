// How an upload ends: as an asset, or by being forgotten.

#include <unistd.h>

#include <cerrno>
#include <vector>

#include "core/failpoint.h"
#include "core/log.h"
#include "engine/upload.h"
#include "store/collections.h"

namespace baleen::engine {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kBlockBytes = std::size_t{1} << 20U;
constexpr int kExpiredPage = 500;

}  // namespace

/// The last byte is here: the digest, the disk, then what makes it an asset.
Result<void> UploadStore::complete(store::Database& database, Upload& upload, LockedFile& locked) {
  Digest& digest = locked.digest;
  const double begin_s = core::steady_s();
  std::vector<std::byte> block(digest.bytes < locked.bytes ? kBlockBytes : 0);
  while (digest.bytes < locked.bytes) {
    const ssize_t n =
        ::pread(locked.file.get(), block.data(), block.size(), static_cast<off_t>(digest.bytes));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return fail(ErrorCode::hash_failed, "upload '{}' cannot be read", upload.upload_id);
    digest.hash.update(std::span(block).first(static_cast<std::size_t>(n)));
    digest.bytes += n;
  }
  digest.seconds += core::steady_s() - begin_s;
  if (Result<void> synced = core::sync_file(locked.file); !synced.ok()) {
    // What the kernel could not write it may have dropped: only the client has these bytes for sure.
    (void)drop_file(upload.upload_id).ok();
    return synced;
  }
  BALEEN_FAILPOINT("UPLOAD_AFTER_SYNC");
  const std::string sha256 = digest.hash.finish_hex();
  upload.request["sha256"] = sha256;
  upload.request["hash_s"] = digest.seconds;
  digest = {};
  upload.asset_id = asset_id_of(upload.owner_entity_id, sha256);
  BALEEN_RETURN_IF_ERROR(database.execute(
      "UPDATE uploads SET asset_id = $1, request_json = $2 WHERE upload_id = $3 AND state = 'open'",
      upload.asset_id, core::to_json(upload.request), upload.upload_id));
  BALEEN_FAILPOINT("UPLOAD_BEFORE_RENAME");
  return settle(database, upload);
}

/// From the digest to the run; may be repeated.
Result<void> UploadStore::settle(store::Database& database, Upload& upload) {
  Arrival arrival;
  arrival.file = file_of(upload.upload_id);
  arrival.filename = upload.filename;
  arrival.source_uri = "upload:" + upload.upload_id;
  arrival.owner_entity_id = upload.owner_entity_id;
  arrival.metadata = core::get_object(upload.request, "metadata");
  arrival.sha256 = core::get_string(upload.request, "sha256");
  arrival.bytes = upload.bytes;
  arrival.hash_s = core::get_double(upload.request, "hash_s");
  arrival.started_us = upload.created_at_us;
  if (Result<core::Fd> file = core::open_read(arrival.file); file.ok()) {
    BALEEN_ASSIGN_OR_RETURN(arrival.first_bytes, read_first_bytes(*file));
  }
  BALEEN_ASSIGN_OR_RETURN(const Recipe* const recipe,
                          recipes_.find(core::get_string(upload.request, "recipe")));
  Result<Ingested> ingested = adopt_file(database, root_, arrival, probe_);
  if (!ingested.ok() && ingested.error().code == ErrorCode::file_not_found) {
    // Neither here nor in its place: the disk was changed behind us, and the client must send it again.
    upload.request.erase("sha256");
    BALEEN_RETURN_IF_ERROR(
        database.execute("UPDATE uploads SET asset_id = NULL, request_json = $1 WHERE upload_id = "
                         "$2 AND state = 'open'",
                         core::to_json(upload.request), upload.upload_id));
  }
  if (!ingested.ok()) return std::move(ingested).error();
  BALEEN_FAILPOINT("UPLOAD_BEFORE_SUBMIT");
  SubmitOptions options;
  options.priority = static_cast<int>(core::get_int(upload.request, "priority"));
  options.params = core::get_object(upload.request, "params");
  upload.is_new_asset = ingested->is_new;
  options.also = [&](const Submitted& submitted) -> Result<void> {  // U1
    upload.request["is_new_asset"] = ingested->is_new;
    BALEEN_ASSIGN_OR_RETURN(
        const std::int64_t n_changed,
        database.execute("UPDATE uploads SET state = 'complete', run_id = $1, request_json = $2 "
                         "WHERE upload_id = $3 AND state = 'open'",
                         submitted.run_id, core::to_json(upload.request), upload.upload_id));
    if (n_changed == 0) return locked_error(upload.upload_id);
    const std::string collection = core::get_string(upload.request, "collection");
    if (collection.empty()) return {};
    return store::add_to_collection_of_name(database, upload.owner_entity_id, collection,
                                            ingested->asset.asset_id, clock_.now_us());
  };
  Queue queue(database, root_, recipes_, queue_options_, clock_);
  Result<Submitted> submitted = queue.submit(*recipe, ingested->asset.asset_id, options);
  if (submitted.ok()) {
    upload.run_id = submitted->run_id;
    upload.state = "complete";
  } else {
    if (submitted.error().code != ErrorCode::locked) return std::move(submitted).error();
    BALEEN_ASSIGN_OR_RETURN(upload, load(database, upload.upload_id, ""));  // Another was faster.
    if (upload.state != "complete") return std::move(submitted).error();
  }
  BALEEN_FAILPOINT("UPLOAD_BEFORE_DROP");
  return drop_file(upload.upload_id);
}

Result<void> UploadStore::drop_file(std::string_view upload_id) const {
  return core::remove_file(file_of(upload_id));
}

Result<void> UploadStore::remove(store::Database& database,
                                 std::string_view upload_id,
                                 std::string_view owner) {
  BALEEN_ASSIGN_OR_RETURN(const Upload upload, load(database, upload_id, owner));
  BALEEN_ASSIGN_OR_RETURN(const bool is_removed, remove_if_unused(database, upload.upload_id));
  if (!is_removed) return locked_error(upload_id);
  return {};
}

Result<bool> UploadStore::remove_if_unused(store::Database& database, const std::string& id) {
  const Result<LockedFile> locked = lock(id, false);
  if (!locked.ok()) {
    if (locked.error().code == ErrorCode::locked) return false;
    return locked.error();
  }
  BALEEN_RETURN_IF_ERROR(drop_file(id));
  BALEEN_RETURN_IF_ERROR(database.execute("DELETE FROM uploads WHERE upload_id = $1", id));
  return true;
}

Result<int> UploadStore::sweep(store::Database& database) {
  const std::int64_t now_us = clock_.now_us();
  BALEEN_ASSIGN_OR_RETURN(const auto open_rows,
                          database.query("SELECT upload_id FROM uploads WHERE state = 'open' AND "
                                         "token_id >= ''"));  // The partial index.
  for (const store::Row& row : open_rows) {
    if (const Result<Upload> found = find(database, row.text(0), ""); !found.ok()) {
      core::log(core::LogLevel::warning, "an upload that is whole cannot be completed",
                {{"upload_id", row.text(0)}, {"error", found.error().to_string()}});
    }
  }
  int n_removed = 0;
  std::string last_id;
  while (true) {
    BALEEN_ASSIGN_OR_RETURN(const auto rows,
                            database.query("SELECT upload_id FROM uploads WHERE expires_at_us < $1 "
                                           "AND upload_id > $2 ORDER BY upload_id LIMIT $3",
                                           now_us, last_id, kExpiredPage));
    if (rows.empty()) break;
    last_id = rows.back().text(0);
    for (const store::Row& row : rows) {
      BALEEN_ASSIGN_OR_RETURN(const bool is_removed, remove_if_unused(database, row.text(0)));
      n_removed += is_removed ? 1 : 0;
    }
  }
  BALEEN_RETURN_IF_ERROR(sweep_files(database));
  return n_removed;
}

/// Files that no open upload owns: what a death left between two steps.
Result<void> UploadStore::sweep_files(store::Database& database) {
  constexpr std::string_view kBegin = "upload.", kEnd = ".tmp";
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(root_.incoming(), error)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with(kBegin) || !name.ends_with(kEnd)) continue;
    const std::string id = name.substr(kBegin.size(), name.size() - kBegin.size() - kEnd.size());
    const Result<LockedFile> locked = lock(id, false);
    if (!locked.ok()) continue;
    BALEEN_ASSIGN_OR_RETURN(
        const auto rows,
        database.query("SELECT 1 FROM uploads WHERE upload_id = $1 AND state = 'open'", id));
    if (rows.empty()) BALEEN_RETURN_IF_ERROR(drop_file(id));
  }
  return {};
}

}  // namespace baleen::engine
