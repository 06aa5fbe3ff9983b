#include "store/watch.h"

#include <sys/inotify.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace baleen::store {

DatabaseWatch::DatabaseWatch(const DataRoot& root)
    : inotify_(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC)),
      log_name_(root.database().filename().string() + "-wal") {
  // The directory, not the file: SQLite removes the log when the last connection closes.
  if (inotify_.is_open() &&
      ::inotify_add_watch(inotify_.get(), root.path.c_str(), IN_MODIFY | IN_CREATE) < 0)
    inotify_.reset();
}

bool DatabaseWatch::take_news() {
  if (!inotify_.is_open()) return false;
  bool is_news = false;
  alignas(inotify_event) std::array<char, 4096> bytes;
  while (true) {
    const ssize_t n = ::read(inotify_.get(), bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return is_news;
    for (const char* at = bytes.data(); at < bytes.data() + n;) {
      const auto* event = reinterpret_cast<const inotify_event*>(at);
      const bool has_lost_some = (event->mask & IN_Q_OVERFLOW) != 0;
      if (has_lost_some || (event->len > 0 && log_name_ == event->name)) is_news = true;
      at += sizeof(inotify_event) + event->len;
    }
  }
}

}  // namespace baleen::store
