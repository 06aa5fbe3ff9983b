#pragma once

/// What fault_shim.cc and the tests that steer it share: a page of memory, mapped by every process of a run.
///
/// shim.py reads and writes it, too: the fields and numbers here are the same there (Page in shim.py). All
/// fields have 8 bytes, so that nothing need be said about padding.

#include <pthread.h>

#include <atomic>
#include <cstdint>

namespace fault_shim {

constexpr std::uint64_t kMagic = 0x314d494853544c46;  // "FLTSHIM1", as written by shim.py.
constexpr std::size_t kTraceMax = 65536;              // Calls whose kind is kept.
constexpr std::size_t kFailedMax = 64;                // Files whose fsync failed, changed folders.
constexpr std::size_t kPathMax = 256;

/// Calls that are counted. The values are those of shim.py.
enum class Kind : std::uint8_t {
  open = 1,
  close,
  write,  // Also pwrite, writev, pwritev.
  fsync,  // Also fdatasync.
  rename,
  link,
  unlink,  // Also rmdir.
  mkdir,
  truncate,
  msync,
  fallocate,
  copy,  // copy_file_range and sendfile.
};

constexpr std::uint8_t kByChild = 0x80;

/// What happens at the chosen call.
enum class Fault : std::uint64_t {
  none,
  kill_before,  // Every process of the run dies: this one at once, the others at their next counted call.
  kill_after,
  eio,
  enospc,
  short_write,  // Half of the bytes are written, and the caller is told so.
  eintr,
  kill_one,  // Only the process that makes the call dies.
  lost_write  // A lie, for the test of the tests: nothing is written, and the caller is told that all was.
};

/// Calls that do nothing and say that they did: for the test of the tests.
enum Swallow : std::uint64_t { kSwallowFiles = 1, kSwallowDirectories = 2, kSwallowDatabase = 4 };

/// What the log of operations consists of.
enum class Op : std::uint16_t { create = 1, write, truncate, sync, rename, link, unlink, mkdir };

struct Record {
  std::uint32_t bytes;  // Of the whole record, with what follows it; a multiple of 8.
  std::uint16_t op;
  std::uint16_t path_bytes, other_bytes;  // Paths, right after the record.
  std::uint16_t pid_low;
  std::uint32_t data_bytes;  // After the paths.
  std::uint64_t inode;
  std::int64_t offset;  // Of a write; the size of a truncation; 1 for the sync of a directory.
};

struct FailedFile {
  std::uint64_t device, inode;
  std::uint64_t
      rule;  // 1: may never be synced again; 2: only after a change; 3: a folder changed, not failed.
  std::uint64_t touched;  // Changed since.
};

struct Page {
  std::uint64_t magic;
  std::uint64_t fault_at;  // The number of the call, from 1; 0: none.
  std::uint64_t fault;
  std::uint64_t swallow;
  std::uint64_t log_capacity;  // 0: nothing is recorded.
  std::atomic<std::uint64_t> log_bytes;
  std::atomic<std::uint64_t> log_overflow;
  std::atomic<std::uint64_t> calls;
  std::atomic<std::uint64_t> is_dead;
  std::uint64_t fired;  // 1: the fault was made; 2: it made no sense at that call.
  std::uint64_t fired_kind;
  std::atomic<std::uint64_t> violations;  // Files synced again after a failed fsync.
  std::uint64_t is_ready;                 // The mutex has been made.
  std::uint64_t lies;                     // Syncs swallowed.
  std::uint64_t first_pid;                // Of the process that the others descend from.
  char fired_path[kPathMax];
  char violation_path[kPathMax];
  FailedFile failed[kFailedMax];
  pthread_mutex_t mutex;  // 40 bytes; 64 are kept for it.
  char spare[24];
  std::uint8_t
      trace[kTraceMax];  // The kind of each call; kByChild added if not the first process made it.
};

}  // namespace fault_shim
