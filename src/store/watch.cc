#include "store/watch.h"

#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace baleen::store {

namespace {

constexpr std::array<double, 7> kDelaysS = {0.004, 0.02, 0.05, 0.1, 0.3, 1.0, 3.0};
constexpr double kBetweenLooksS = 0.02;

}  // namespace

void NewsSchedule::on_news(double now_s) {
  n_looks_ = 0;
  const double next_s = std::max(now_s + kDelaysS[0], last_s_ + kBetweenLooksS);
  next_s_ = next_s_ ? std::min(*next_s_, next_s) : next_s;
}

bool NewsSchedule::take_due(double now_s) {
  if (!next_s_ || now_s < *next_s_) return false;
  last_s_ = now_s;
  ++n_looks_;
  next_s_ = n_looks_ < kDelaysS.size() ? std::optional(now_s + kDelaysS[n_looks_]) : std::nullopt;
  return true;
}

std::optional<double> NewsSchedule::wait_s(double now_s) const {
  if (!next_s_) return std::nullopt;
  return std::max(0.0, *next_s_ - now_s);
}

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
