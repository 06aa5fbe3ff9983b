#include "engine/upload.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>
#include <vector>

#include "core/failpoint.h"
#include "core/ids.h"
#include "core/log.h"
#include "store/collections.h"

namespace baleen::engine {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kDigestsMax = 256;
constexpr std::size_t kFirstBytes = 64;                       // Enough to know what is no audio.
constexpr std::int64_t kFlushBytes = std::int64_t{16} << 20;  // Then the disk may begin to write.
constexpr std::int64_t kSpaceCheckBytes = std::int64_t{64} << 20;
constexpr std::size_t kFilenameBytesMax = 255;
constexpr const char* kColumns =
    "upload_id, owner_entity_id, filename, bytes, request_json, state, asset_id, run_id, "
    "error_code, error_message, created_at_us, expires_at_us";

std::int64_t changed_at_ns(const struct stat& status) {
  return std::int64_t{1'000'000'000} * status.st_mtim.tv_sec + status.st_mtim.tv_nsec;
}

Upload upload_of(const store::Row& row) {
  Upload upload;
  upload.upload_id = row.text(0);
  upload.owner_entity_id = row.text(1);
  upload.filename = row.text(2);
  upload.bytes = row.integer(3);
  if (Result<json::value> request = core::parse_json(row.text(4), "uploads.request_json");
      request.ok() && request->is_object())
    upload.request = std::move(request->as_object());
  upload.state = row.text(5);
  upload.asset_id = row.text(6);
  upload.run_id = row.text(7);
  if (!row.is_null(8)) {
    upload.error =
        Error{core::parse_error_code(row.text(8)).value_or(ErrorCode::internal), row.text(9)};
  }
  upload.created_at_us = row.integer(10);
  upload.expires_at_us = row.integer(11);
  upload.is_new_asset = core::get_bool(upload.request, "is_new_asset");
  return upload;
}

/// Whether the last byte has come and the digest been recorded: what follows needs no file of ours.
bool is_settling(const Upload& upload) { return upload.request.contains("sha256"); }

}  // namespace

json::object Upload::to_json() const {
  const auto or_null = [](const std::string& text) {
    return text.empty() ? json::value(nullptr) : json::value(text);
  };
  json::value problem = nullptr;
  if (error) {
    problem = {{"code", error->name()},
               {"message", error->message},
               {"cause", error->info().cause},
               {"action", error->info().action}};
  }
  const bool is_complete = state == "complete";
  return {{"upload_id", upload_id},
          {"owner_entity_id", owner_entity_id},
          {"filename", filename},
          {"bytes", bytes},
          {"offset_bytes", offset_bytes},
          {"state", state},
          {"run_id", is_complete ? or_null(run_id) : nullptr},
          {"asset_id", is_complete ? or_null(asset_id) : nullptr},
          {"is_new_asset", is_complete ? json::value(is_new_asset) : nullptr},
          {"error", problem},
          {"created_at", core::rfc3339(created_at_us)},
          {"expires_at", core::rfc3339(expires_at_us)}};
}

Result<std::string> safe_filename(std::string_view name) {
  if (const std::size_t slash = name.find_last_of("/\\"); slash != std::string_view::npos)
    name.remove_prefix(slash + 1);
  if (name.empty() || name == "." || name == "..") return std::string("upload");
  if (name.size() > kFilenameBytesMax)
    return fail(ErrorCode::invalid_argument, "the file's name has {} bytes; {} are allowed",
                name.size(), kFilenameBytesMax);
  if (core::valid_utf8(name) != name)
    return fail(ErrorCode::invalid_argument, "the file's name is not UTF-8");
  const bool has_control =
      std::any_of(name.begin(), name.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; });
  if (has_control)
    return fail(ErrorCode::invalid_argument, "the file's name has control characters in it");
  return std::string(name);
}

// ---- a piece ----------------------------------------------------------------------------------

struct UploadWriter::State {
  UploadStore& store;
  Upload upload;
  std::mutex mutex = {};  ///< Of what follows: the store may take the file away.
  UploadStore::LockedFile locked = {};
  double active_s = core::steady_s();  ///< When the last bytes came.
  std::string first_bytes = {};
  std::string expected_sha256 = {};
  core::Sha256 piece = {};
  std::int64_t flushed_bytes = 0, space_checked_bytes = 0;

  State(UploadStore& its_store, Upload its_upload)
      : store(its_store), upload(std::move(its_upload)) {}
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() {
    {
      const std::lock_guard lock(store.mutex_);
      const auto entry = store.writers_.find(upload.upload_id);
      if (entry != store.writers_.end() && entry->second == this) store.writers_.erase(entry);
    }
    if (!locked.file.is_open()) return;
    if (!expected_sha256.empty()) forget_piece();
    store.keep_digest(upload.upload_id, locked);
  }
  [[nodiscard]] bool is_taken_over() const {
    return upload.state == "open" && !locked.file.is_open();
  }
  /// Back to where the piece began.
  void forget_piece() {
    if (::ftruncate(locked.file.get(), upload.offset_bytes) != 0) {
      core::log(core::LogLevel::error, "an unchecked piece stays",
                {{"upload_id", upload.upload_id}, {"errno", errno}});
    }
    locked.bytes = upload.offset_bytes;
    if (locked.digest.bytes > locked.bytes) locked.digest = {};
    expected_sha256.clear();
  }
  Result<void> check_type() {
    const std::string_view name = name_if_no_audio(first_bytes);
    if (name.empty()) return {};
    return fail(ErrorCode::media_type_unsupported, "'{}' is {}, not a recording", upload.filename,
                name);
  }
  /// Lets the disk write meanwhile, so that the fsync at the end has little left; and looks whether there is room.
  Result<void> keep_up() {
    if (locked.bytes - flushed_bytes >= kFlushBytes) {
      ::sync_file_range(locked.file.get(), flushed_bytes, locked.bytes - flushed_bytes,
                        SYNC_FILE_RANGE_WRITE);
      flushed_bytes = locked.bytes;
    }
    if (locked.bytes - space_checked_bytes < kSpaceCheckBytes) return {};
    space_checked_bytes = locked.bytes;
    return store.check_space(0);
  }
};

UploadWriter::UploadWriter(std::unique_ptr<State> state) : state_(std::move(state)) {}
UploadWriter::UploadWriter(UploadWriter&&) noexcept = default;
UploadWriter::~UploadWriter() = default;

void UploadWriter::expect_sha256(std::string hex) { state_->expected_sha256 = std::move(hex); }

Result<void> UploadWriter::write(std::span<const std::byte> bytes) {
  if (bytes.empty()) return {};
  State& s = *state_;
  const std::lock_guard lock(s.mutex);
  s.active_s = core::steady_s();
  const auto n = static_cast<std::int64_t>(bytes.size());
  if (s.is_taken_over()) return UploadStore::locked_error(s.upload.upload_id);
  if (!s.locked.file.is_open() || n > s.upload.bytes - s.locked.bytes) {
    return fail(ErrorCode::too_large, "the upload has {} bytes; these are more", s.upload.bytes);
  }
  if (s.first_bytes.size() < kFirstBytes) {
    const std::size_t wanted = std::min(kFirstBytes - s.first_bytes.size(), bytes.size());
    s.first_bytes.append(reinterpret_cast<const char*>(bytes.data()), wanted);
    if (s.first_bytes.size() == kFirstBytes) BALEEN_RETURN_IF_ERROR(s.check_type());
  }
  BALEEN_RETURN_IF_ERROR(core::write_all_at(s.locked.file, bytes, s.locked.bytes));
  BALEEN_FAILPOINT("UPLOAD_AFTER_WRITE");
  if (s.locked.digest.bytes == s.locked.bytes) {
    const double begin_s = core::steady_s();
    s.locked.digest.hash.update(bytes);
    s.locked.digest.bytes += n;
    s.locked.digest.seconds += core::steady_s() - begin_s;
  }
  if (!s.expected_sha256.empty()) s.piece.update(bytes);
  s.locked.bytes += n;
  return s.keep_up();
}

Result<void> UploadWriter::refuse(store::Database& database, const Error& error) {
  State& s = *state_;
  BALEEN_RETURN_IF_ERROR(
      database.execute("UPDATE uploads SET state = 'failed', error_code = $1, error_message = $2 "
                       "WHERE upload_id = $3 AND state = 'open'",
                       error.name(), error.message, s.upload.upload_id));
  s.expected_sha256.clear();
  return s.store.drop_file(s.upload.upload_id);
}

Result<Upload> UploadWriter::finish(store::Database& database) {
  State& s = *state_;
  const std::lock_guard lock(s.mutex);
  if (s.is_taken_over()) return UploadStore::locked_error(s.upload.upload_id);
  if (s.locked.file.is_open()) {
    const bool is_whole = s.locked.bytes == s.upload.bytes;
    if (is_whole && s.first_bytes.size() < kFirstBytes) {
      if (Result<void> checked = s.check_type(); !checked.ok()) {
        BALEEN_RETURN_IF_ERROR(refuse(database, checked.error()));
        return std::move(checked).error();
      }
    }
    if (!s.expected_sha256.empty()) {
      const std::string found = s.piece.finish_hex();
      if (found != s.expected_sha256) {
        Error error =
            fail(ErrorCode::checksum_mismatch,
                 "the piece has the SHA-256 {}, not {}; it was dropped", found, s.expected_sha256);
        s.forget_piece();
        return error;
      }
      s.expected_sha256.clear();
    }
    s.upload.offset_bytes = s.locked.bytes;
    if (is_whole) BALEEN_RETURN_IF_ERROR(s.store.complete(database, s.upload, s.locked));
  }
  return s.upload;
}

// ---- the store --------------------------------------------------------------------------------

UploadStore::UploadStore(const store::DataRoot& root,
                         const RecipeRegistry& recipes,
                         QueueOptions queue_options,
                         ProbeAssetFn probe,
                         const UploadOptions& options,
                         const core::Clock& clock)
    : root_(root),
      recipes_(recipes),
      queue_options_(std::move(queue_options)),
      probe_(std::move(probe)),
      clock_(clock),
      options_(options) {}

UploadStore::~UploadStore() = default;

UploadOptions UploadStore::options() const {
  const std::lock_guard lock(mutex_);
  return options_;
}

void UploadStore::set_options(const UploadOptions& options) {
  const std::lock_guard lock(mutex_);
  options_ = options;
}

Result<std::string> UploadStore::read_first_bytes(const core::Fd& file) {
  std::string bytes(kFirstBytes, '\0');
  const ssize_t n = ::pread(file.get(), bytes.data(), bytes.size(), 0);
  if (n < 0) return core::errno_error(errno, "read");
  bytes.resize(static_cast<std::size_t>(n));
  return bytes;
}

Error UploadStore::locked_error(std::string_view upload_id) {
  return fail(ErrorCode::locked, "another connection is sending bytes of upload '{}'", upload_id);
}

fs::path UploadStore::file_of(std::string_view upload_id) const {
  return root_.incoming() / ("upload." + std::string(upload_id) + ".tmp");
}

Result<Upload> UploadStore::create(store::Database& database, const UploadRequest& request) {
  const UploadOptions options = this->options();
  if (request.bytes <= 0)
    return fail(ErrorCode::invalid_argument, "the file is empty: there is nothing to upload");
  if (request.bytes > options.bytes_max)
    return fail(ErrorCode::too_large, "the file has {} bytes; this service takes up to {}",
                request.bytes, options.bytes_max);
  BALEEN_ASSIGN_OR_RETURN(const Recipe* const recipe, recipes_.find(request.recipe));
  BALEEN_ASSIGN_OR_RETURN(json::object params, recipe->check_params(request.params));
  if (!request.collection.empty())
    BALEEN_RETURN_IF_ERROR(store::check_collection_name(request.collection));
  BALEEN_RETURN_IF_ERROR(check_space(request.bytes));

  Upload upload;
  BALEEN_ASSIGN_OR_RETURN(upload.filename, safe_filename(request.filename));
  upload.upload_id = core::new_id();
  upload.owner_entity_id = request.owner_entity_id;
  upload.bytes = request.bytes;
  upload.state = "open";
  upload.created_at_us = clock_.now_us();
  upload.expires_at_us = upload.created_at_us + static_cast<std::int64_t>(1e6 * options.lifetime_s);
  upload.request = {
      {"recipe", request.recipe},         {"priority", request.priority},
      {"metadata", request.metadata},     {"params", std::move(params)},
      {"collection", request.collection}, {"upload_metadata", request.upload_metadata}};
  BALEEN_RETURN_IF_ERROR(database.transaction("UPLOAD", [&]() -> Result<void> {
    BALEEN_ASSIGN_OR_RETURN(
        const auto rows,
        database.query("SELECT COUNT(*) FROM uploads WHERE token_id = $1 AND state = 'open'",
                       request.token_id));
    if (rows.front().integer(0) >= options.open_max)
      return fail(ErrorCode::limit_reached, "this token has {} uploads open; finish or delete some",
                  rows.front().integer(0));
    BALEEN_RETURN_IF_ERROR(database.execute(
        "INSERT INTO uploads (upload_id, owner_entity_id, token_id, filename, bytes, request_json, "
        "state, created_at_us, expires_at_us) VALUES ($1, $2, $3, $4, $5, $6, 'open', $7, $8)",
        upload.upload_id, upload.owner_entity_id, request.token_id, upload.filename, upload.bytes,
        core::to_json(upload.request), upload.created_at_us, upload.expires_at_us));
    return {};
  }));
  return upload;
}

Result<Upload> UploadStore::load(store::Database& database,
                                 std::string_view upload_id,
                                 std::string_view owner) const {
  BALEEN_ASSIGN_OR_RETURN(const auto rows, database.query(std::string("SELECT ") + kColumns +
                                                              " FROM uploads WHERE upload_id = $1",
                                                          upload_id));
  if (rows.empty() || (!owner.empty() && rows.front().text(1) != owner))
    return fail(ErrorCode::not_found, "there is no upload '{}'", upload_id);
  Upload upload = upload_of(rows.front());
  upload.offset_bytes = upload.bytes;
  if (upload.state == "open" && !is_settling(upload)) {
    const Result<std::int64_t> bytes = core::file_size_bytes(file_of(upload.upload_id));
    upload.offset_bytes = bytes.ok() ? std::min(*bytes, upload.bytes) : 0;
  } else if (upload.state == "failed") {
    upload.offset_bytes = 0;
  }
  return upload;
}

Result<UploadStore::LockedFile> UploadStore::lock(std::string_view upload_id, bool may_create) {
  const fs::path path = file_of(upload_id);
  if (may_create) BALEEN_RETURN_IF_ERROR(core::make_directories(path.parent_path()));
  for (int i = 0; i < 3; ++i) {
    LockedFile locked;
    locked.file =
        core::Fd(::open(path.c_str(), O_RDWR | O_CLOEXEC | (may_create ? O_CREAT : 0), 0644));
    if (!locked.file.is_open()) {
      if (errno == ENOENT && !may_create) return LockedFile();
      return core::errno_error(errno, "open " + path.string());
    }
    if (::flock(locked.file.get(), LOCK_EX | LOCK_NB) != 0) {
      if (take_over(upload_id)) continue;
      return locked_error(upload_id);
    }
    struct stat status {};
    if (::fstat(locked.file.get(), &status) != 0)
      return core::errno_error(errno, "stat " + path.string());
    struct stat named {};
    const bool has_name = ::stat(path.c_str(), &named) == 0 && named.st_ino == status.st_ino &&
                          named.st_dev == status.st_dev;
    if (!has_name) continue;  // It was renamed or removed while we came.
    locked.bytes = status.st_size;
    std::optional<Digest> digest = take_digest(upload_id);
    if (digest && digest->file_changed_at_ns == changed_at_ns(status) &&
        digest->bytes <= locked.bytes)
      locked.digest = *std::move(digest);
    return locked;
  }
  return locked_error(upload_id);
}

bool UploadStore::take_over(std::string_view upload_id) {
  LockedFile taken;
  {
    const std::lock_guard lock(mutex_);
    const auto entry = writers_.find(upload_id);
    if (entry == writers_.end()) return false;
    UploadWriter::State& writer = *entry->second;  // Lives: its end needs mutex_, too.
    const std::unique_lock writer_lock(writer.mutex, std::try_to_lock);
    if (!writer_lock || core::steady_s() - writer.active_s < options_.silence_s) return false;
    if (!writer.expected_sha256.empty()) writer.forget_piece();
    taken = std::move(writer.locked);
    writers_.erase(entry);
  }
  keep_digest(upload_id, taken);
  return true;
}

void UploadStore::keep_digest(std::string_view upload_id, LockedFile& locked) {
  struct stat status {};
  if (locked.digest.bytes == 0 || ::fstat(locked.file.get(), &status) != 0 || status.st_nlink == 0)
    return;
  locked.digest.file_changed_at_ns = changed_at_ns(status);
  const std::lock_guard lock(mutex_);
  digests_.emplace_front(upload_id, std::move(locked.digest));
  if (digests_.size() > kDigestsMax) digests_.pop_back();
}

std::optional<UploadStore::Digest> UploadStore::take_digest(std::string_view upload_id) {
  const std::lock_guard lock(mutex_);
  for (auto entry = digests_.begin(); entry != digests_.end(); ++entry) {
    if (entry->first != upload_id) continue;
    Digest digest = std::move(entry->second);
    digests_.erase(entry);
    return digest;
  }
  return std::nullopt;
}

Result<void> UploadStore::check_space(std::int64_t bytes) const {
  struct statvfs status {};
  if (::statvfs(root_.path.c_str(), &status) != 0)
    return core::errno_error(errno, "statvfs " + root_.path.string());
  const auto free_bytes = static_cast<std::int64_t>(status.f_bavail * status.f_frsize);
  const std::int64_t kept_bytes = options().free_bytes_min;
  if (free_bytes - kept_bytes >= bytes) return {};
  return fail(ErrorCode::disk_full,
              "{} bytes of the data disk are free, {} of them are kept for others, and {} are "
              "wanted",
              free_bytes, kept_bytes, bytes);
}

Result<void> UploadStore::extend_life(store::Database& database, Upload& upload) const {
  const auto lifetime_us = static_cast<std::int64_t>(1e6 * options().lifetime_s);
  const std::int64_t now_us = clock_.now_us();
  if (upload.expires_at_us - now_us > lifetime_us / 2) return {};
  upload.expires_at_us = now_us + lifetime_us;
  BALEEN_RETURN_IF_ERROR(
      database.execute("UPDATE uploads SET expires_at_us = $1 WHERE upload_id = $2",
                       upload.expires_at_us, upload.upload_id));
  return {};
}

Result<Upload> UploadStore::find(store::Database& database,
                                 std::string_view upload_id,
                                 std::string_view owner) {
  BALEEN_ASSIGN_OR_RETURN(Upload upload, load(database, upload_id, owner));
  if (upload.state != "open" || upload.offset_bytes < upload.bytes) return upload;
  Result<LockedFile> locked = lock(upload_id, false);
  if (!locked.ok()) {
    if (locked.error().code == ErrorCode::locked) return upload;  // Whoever has it completes it.
    return std::move(locked).error();
  }
  BALEEN_ASSIGN_OR_RETURN(upload, load(database, upload_id, owner));
  if (upload.state != "open" || upload.offset_bytes < upload.bytes) return upload;
  if (locked->file.is_open()) {
    BALEEN_RETURN_IF_ERROR(complete(database, upload, *locked));
  } else {
    BALEEN_RETURN_IF_ERROR(settle(database, upload));
  }
  return upload;
}

Result<UploadWriter> UploadStore::open(store::Database& database,
                                       std::string_view upload_id,
                                       std::string_view owner,
                                       std::int64_t offset_bytes) {
  BALEEN_ASSIGN_OR_RETURN(Upload found, find(database, upload_id, owner));
  auto state = std::make_unique<UploadWriter::State>(*this, std::move(found));
  Upload& upload = state->upload;
  if (upload.state == "failed") return *upload.error;
  if (upload.state == "open") {
    BALEEN_ASSIGN_OR_RETURN(state->locked, lock(upload_id, true));
    BALEEN_ASSIGN_OR_RETURN(upload, load(database, upload_id, owner));
    if (upload.state != "open" || is_settling(upload)) {
      // Another connection has just finished it, and the file is an empty one that we have made.
      BALEEN_RETURN_IF_ERROR(drop_file(upload_id));
      return locked_error(upload_id);
    }
    BALEEN_RETURN_IF_ERROR(extend_life(database, upload));
    BALEEN_RETURN_IF_ERROR(check_space(upload.bytes - upload.offset_bytes));
    BALEEN_ASSIGN_OR_RETURN(state->first_bytes, read_first_bytes(state->locked.file));
  }
  if (offset_bytes != upload.offset_bytes)
    return fail(ErrorCode::conflict, "upload '{}' goes on from byte {}, not {}", upload_id,
                upload.offset_bytes, offset_bytes);
  state->flushed_bytes = state->space_checked_bytes = offset_bytes;
  if (state->locked.file.is_open()) {
    const std::lock_guard lock(mutex_);
    writers_[std::string(upload_id)] = state.get();
  }
  return UploadWriter(std::move(state));
}

}  // namespace baleen::engine
