#pragma once

/// The inside of the preloaded library: whose file a call is about, which files must not be synced again, the log.

#include <sys/stat.h>
#include <sys/uio.h>

#include "fault_shim.h"

namespace fault_shim {

extern Page* page;  // Null where the library is loaded but not steered.

/// A file or folder that a call is about.
struct Place {
  char path[kPathMax] = "";
  std::uint64_t device = 0, inode = 0;
  mode_t mode = 0;
  bool is_ours = false;
  [[nodiscard]] bool is_directory() const { return S_ISDIR(mode); }
  [[nodiscard]] bool is_database() const;  // With its log and journal.
};

/// By descriptor: known since it was opened, or asked of /proc. `path` if it is known already.
Place place_of(int fd, const char* path = nullptr);
Place place_at(int directory, const char* name);
void keep(int fd, const Place& place);
void forget(int fd);
bool exists(const Place& place);

// A file whose fsync failed may have lost what was written to it, and another fsync would not say so. A file of data
// must be made anew. SQLite writes again what it needs: the frames of the transaction that failed lie beyond the end
// of its log as it knows it, and the frames before it were synced by their own commits; a checkpoint that failed is
// repeated from its beginning. So its log may be synced again at any time and its database after a change. A folder
// is rebuilt by making the change again; if nothing had been changed in it, nothing was lost.
void remember_failed(const Place& place);
void judge_sync(const Place& place);
void remember_synced(const Place& place);
void touch(const Place& place);
void touch_parent(const Place& place);
void forgive(const Place& place);  // Its name or its content goes away.

void lock_log();
void unlock_log();
void log(Op op, const Place& place, std::int64_t offset, const char* other = "");
void log_write(const Place& place, std::int64_t offset, const iovec* parts, std::size_t size);

}  // namespace fault_shim
