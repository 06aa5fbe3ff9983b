#include "engine/copy_in.h"

#include <algorithm>

#include "core/sha256.h"
#include "core/sparse_file.h"

namespace baleen::engine {
namespace {

constexpr std::size_t kFirstBytes = 64;
constexpr std::int64_t kZerosBetweenQuestions = std::int64_t{16} << 20;

/// Hashes a file and writes what it hashes to `copy`, if that is open: an empty file.
class Copier {
 public:
  Copier(const core::Fd& copy, const KeepGoing& keep_going)
      : copy_(copy), keep_going_(keep_going) {}

  Result<Digest> run(const core::Fd& source) {
    const Result<std::int64_t> size = core::read_sparse(
        source, [this](std::int64_t at, auto bytes) { return take(at, bytes); },
        [this](std::int64_t, std::int64_t size_bytes) { return skip(size_bytes); });
    if (!size.ok()) {
      if (is_said(size.error())) return size.error();
      return fail(ErrorCode::hash_failed, "{}", size.error().message);
    }
    digest_.bytes = *size;
    if (copy_.is_open() && written_ < digest_.bytes) {  // Ends with a hole.
      const Result<void> resized = core::set_file_size(copy_, digest_.bytes);
      if (!resized.ok()) return error_of_copy(resized.error());
    }
    digest_.sha256 = hash_.finish_hex();
    return std::move(digest_);
  }

 private:
  Result<void> take(std::int64_t at, std::span<const std::byte> bytes) {
    begin_with({reinterpret_cast<const char*>(bytes.data()), std::min(bytes.size(), kFirstBytes)});
    hash_.update(bytes);
    if (!copy_.is_open()) return ask();
    if (const Result<void> written = core::write_all_at(copy_, bytes, at); !written.ok())
      return error_of_copy(written.error());
    written_ = at + std::ssize(bytes);
    return ask();
  }

  Result<void> skip(std::int64_t size_bytes) {
    begin_with(std::string(std::min<std::size_t>(static_cast<std::size_t>(size_bytes), kFirstBytes),
                           '\0'));
    for (std::int64_t left = size_bytes; left > 0; left -= kZerosBetweenQuestions) {
      hash_.update_zeros(std::min(left, kZerosBetweenQuestions));
      BALEEN_RETURN_IF_ERROR(ask());
    }
    return {};
  }

  void begin_with(std::string_view bytes) {
    digest_.first_bytes += bytes.substr(0, kFirstBytes - digest_.first_bytes.size());
  }

  static Error error_of_copy(const Error& error) {
    if (error.code == ErrorCode::disk_full) return error;
    return fail(ErrorCode::ingest_failed, "{}", error.message);
  }
  /// Whether an error is ours already, and not one of reading.
  static bool is_said(const Error& error) {
    return error.code == ErrorCode::disk_full || error.code == ErrorCode::ingest_failed ||
           error.code == ErrorCode::canceled;
  }
  [[nodiscard]] Result<void> ask() const {
    if (!keep_going_ || keep_going_()) return {};
    return fail(ErrorCode::canceled, "stopped before all was read");
  }

  const core::Fd& copy_;
  const KeepGoing& keep_going_;
  std::int64_t written_ = 0;
  core::Sha256 hash_;
  Digest digest_;
};

}  // namespace

Result<Digest> hash_file(const core::Fd& file, const KeepGoing& keep_going) {
  const core::Fd no_copy;
  return Copier(no_copy, keep_going).run(file);
}

Result<Digest> copy_in(const core::Fd& source,
                       const std::filesystem::path& path,
                       const KeepGoing& keep_going) {
  BALEEN_ASSIGN_OR_RETURN(const core::Fd copy, core::create_file(path));
  BALEEN_ASSIGN_OR_RETURN(const bool is_clone, core::clone_file(source, copy));
  // The clone is what will be kept, so it is what is read.
  Result<Digest> digest =
      is_clone ? hash_file(copy, keep_going) : Copier(copy, keep_going).run(source);
  if (digest.ok()) BALEEN_RETURN_IF_ERROR(core::sync_file(copy));
  return digest;
}

}  // namespace baleen::engine
