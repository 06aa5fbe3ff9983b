#pragma once

/// Tells that somebody has written to the database: any process of this machine, without asking the database.

#include "core/file.h"
#include "store/paths.h"

namespace baleen::store {

/// Watches SQLite's write-ahead log by inotify. Where that is not to be had (a network file system, no
/// watches left) is_watching() is false, and one has to ask the database now and then.
class DatabaseWatch {
 public:
  explicit DatabaseWatch(const DataRoot& root);

  [[nodiscard]] bool is_watching() const { return inotify_.is_open(); }
  /// Readable when there may be news: for poll(2). -1 where it does not watch.
  [[nodiscard]] int fd() const { return inotify_.get(); }
  /// Whether the database was written to since the last call.
  [[nodiscard]] bool take_news();

 private:
  core::Fd inotify_;
  std::string log_name_;
};

}  // namespace baleen::store
