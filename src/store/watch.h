#pragma once

/// Tells that somebody has written to the database: any process of this machine, without asking the database.

#include <cstddef>
#include <optional>
#include <string>

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

/// When to look after news. The log is written to before what was written can be read (SQLite syncs it in between,
/// which takes as long as the disk likes), so that one looks a few times, ever later; and commits come in swarms, so
/// that one does not look for each.
class NewsSchedule {
 public:
  /// There was news.
  void on_news(double now_s);
  /// Whether to look now; then the next look is later.
  [[nodiscard]] bool take_due(double now_s);
  /// Seconds until the next look; nothing if there is none to come.
  [[nodiscard]] std::optional<double> wait_s(double now_s) const;

 private:
  std::optional<double> next_s_;
  double last_s_ = -1;
  std::size_t n_looks_ = 0;  ///< Since the last news.
};

}  // namespace baleen::store
