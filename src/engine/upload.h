#pragma once

/// Uploads: a file that arrives in pieces, over many connections and over restarts, and becomes an asset.
///
/// The bytes go straight to incoming/upload.{upload_id}.tmp, hashed on the way; how many there are, the file's
/// size says, so nothing needs to be recorded while they come. Whoever writes holds the file's lock (flock):
/// one at a time, over processes, and given back by a death. A connection that has fallen silent (the client's
/// network is gone, and nobody told us) loses it to the next one.
///
///   open ── last byte ──► hashed, fsynced; its digest in the row ──► renamed to be the asset's original
///        ──► asset ──► run and state `complete`, in one transaction ──► rest of the file, if any, removed
///
/// After a death anywhere on this way the next look at the upload (or the sweep) goes on from there.
/// Invariants (cited in the tests):
///  U1  `complete` is recorded in the transaction that stores the run: never without it, never twice.
///  U2  The bytes of a complete upload are on the disk, and their digest is that of the asset.
///  U3  An offset that was told never shrinks, but for a piece that was to be checked and was not.
///  U4  What expires or is refused leaves no file.

#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "core/clock.h"
#include "core/file.h"
#include "core/sha256.h"
#include "engine/ingest.h"
#include "engine/queue.h"

namespace baleen::engine {

struct UploadOptions {
  std::int64_t bytes_max = std::int64_t{64} << 30;      ///< Of one file.
  std::int64_t free_bytes_min = std::int64_t{1} << 30;  ///< Of the disk, left to others.
  std::int64_t open_max = 100;    ///< Uploads of one token that are not complete.
  double lifetime_s = 24 * 3600;  ///< Without a piece, or after completion.
  double silence_s = 5;           ///< Then another connection may go on with an upload.
};

struct UploadRequest {
  std::string owner_entity_id, token_id;
  std::string filename;  ///< As the client calls it; see safe_filename.
  std::int64_t bytes = 0;
  std::string recipe;
  int priority = 0;
  json::object metadata;
  json::object params;          ///< Of the run.
  std::string collection;       ///< Where the recording is put; "": nowhere.
  std::string upload_metadata;  ///< As the client wrote it; it may ask for it again.
};

struct Upload {
  std::string upload_id, owner_entity_id, filename;
  std::int64_t bytes = 0, offset_bytes = 0;
  std::string state;  ///< open complete failed
  std::string asset_id, run_id;
  bool is_new_asset = false;
  std::optional<Error> error;  ///< Of a failed one.
  std::int64_t created_at_us = 0, expires_at_us = 0;
  json::object request;  ///< recipe, priority, metadata, upload_metadata

  [[nodiscard]] json::object to_json() const;
};

/// The last part of a name, whatever system it comes from; INVALID_ARGUMENT if it is no UTF-8, holds control
/// characters or is longer than 255 bytes. "" becomes "upload".
[[nodiscard]] Result<std::string> safe_filename(std::string_view name);

class UploadStore;

/// Takes the bytes of one piece; holds the upload's lock while it lives. Used by one thread at a time.
class UploadWriter {
 public:
  UploadWriter(UploadWriter&&) noexcept;
  ~UploadWriter();

  /// TOO_LARGE, DISK_FULL, MEDIA_TYPE_UNSUPPORTED, …; what was written before is kept.
  [[nodiscard]] Result<void> write(std::span<const std::byte> bytes);
  /// The digest that the piece has to have; without it, it is forgotten (also if the connection breaks).
  void expect_sha256(std::string hex);
  /// What write() found makes going on pointless: the bytes go, and whoever asks later is told the error.
  [[nodiscard]] Result<void> refuse(store::Database& database, const Error& error);
  /// The piece is whole: CHECKSUM_MISMATCH if it is not what it should be. Completes the upload if that was
  /// the last one.
  [[nodiscard]] Result<Upload> finish(store::Database& database);

 private:
  friend class UploadStore;
  struct State;
  explicit UploadWriter(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// Thread-safe; each call brings its own connection.
class UploadStore {
 public:
  UploadStore(const store::DataRoot& root,
              const RecipeRegistry& recipes,
              QueueOptions queue_options,
              ProbeAssetFn probe,
              const UploadOptions& options,
              const core::Clock& clock = core::system_clock());
  ~UploadStore();

  [[nodiscard]] UploadOptions options() const;
  /// From now on; what was promised to open uploads stays.
  void set_options(const UploadOptions& options);

  /// TOO_LARGE, DISK_FULL, LIMIT_REACHED, or INVALID_ARGUMENT: empty, a bad name, an unknown recipe.
  [[nodiscard]] Result<Upload> create(store::Database& database, const UploadRequest& request);
  /// NOT_FOUND also for another owner's ("" sees all). Completes one whose last byte is here.
  [[nodiscard]] Result<Upload> find(store::Database& database,
                                    std::string_view upload_id,
                                    std::string_view owner);
  /// LOCKED while another writes, CONFLICT where the offset is not the one to go on from.
  [[nodiscard]] Result<UploadWriter> open(store::Database& database,
                                          std::string_view upload_id,
                                          std::string_view owner,
                                          std::int64_t offset_bytes);
  [[nodiscard]] Result<void> remove(store::Database& database,
                                    std::string_view upload_id,
                                    std::string_view owner);
  /// Completes what a death left whole, and removes what has expired and is not in use; how many of these.
  [[nodiscard]] Result<int> sweep(store::Database& database);

 private:
  friend class UploadWriter;
  /// The running digest of a file's first bytes, kept between two pieces.
  struct Digest {
    core::Sha256 hash;
    std::int64_t bytes = 0;
    double seconds = 0;
    std::int64_t file_changed_at_ns = 0;
  };
  struct LockedFile {
    core::Fd file;  ///< Closed where there is none.
    std::int64_t bytes = 0;
    Digest digest;
  };

  [[nodiscard]] static Error locked_error(std::string_view upload_id);
  [[nodiscard]] static Result<std::string> read_first_bytes(const core::Fd& file);
  [[nodiscard]] std::filesystem::path file_of(std::string_view upload_id) const;
  [[nodiscard]] Result<Upload> load(store::Database& database,
                                    std::string_view upload_id,
                                    std::string_view owner) const;
  [[nodiscard]] Result<LockedFile> lock(std::string_view upload_id, bool may_create);
  [[nodiscard]] Result<void> check_space(std::int64_t bytes) const;
  [[nodiscard]] Result<void> extend_life(store::Database& database, Upload& upload) const;
  [[nodiscard]] Result<void> complete(store::Database& database,
                                      Upload& upload,
                                      LockedFile& locked);
  [[nodiscard]] Result<void> settle(store::Database& database, Upload& upload);
  [[nodiscard]] Result<void> drop_file(std::string_view upload_id) const;
  [[nodiscard]] Result<bool> remove_if_unused(store::Database& database, const std::string& id);
  [[nodiscard]] Result<void> sweep_files(store::Database& database);
  /// Whether a writer of this process had fallen silent and has lost the file.
  [[nodiscard]] bool take_over(std::string_view upload_id);
  void keep_digest(std::string_view upload_id, LockedFile& locked);
  [[nodiscard]] std::optional<Digest> take_digest(std::string_view upload_id);

  const store::DataRoot root_;
  const RecipeRegistry& recipes_;
  const QueueOptions queue_options_;
  const ProbeAssetFn probe_;
  const core::Clock& clock_;
  mutable std::mutex mutex_;
  UploadOptions options_;                              // Guarded by mutex_.
  std::list<std::pair<std::string, Digest>> digests_;  // Guarded by mutex_; newest first.
  std::map<std::string, UploadWriter::State*, std::less<>> writers_;  // Guarded by mutex_.
};

}  // namespace baleen::engine
