#include "api/live_feed.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>

#include "core/clock.h"

namespace baleen::api {
namespace {

constexpr double kProgressIntervalS = 1;
constexpr int kQuietMs = 20;  // Commits come in swarms: one look serves them all.

}  // namespace

LiveFeed::LiveFeed(Server& server, const store::DataRoot& root, ReadProgressFn read_progress)
    : server_(server),
      read_progress_(std::move(read_progress)),
      watch_(root),
      stop_(::eventfd(0, EFD_CLOEXEC)) {
  thread_ = std::thread([this] { run(); });
}

LiveFeed::~LiveFeed() {
  const std::uint64_t one = 1;
  (void)!::write(stop_.get(), &one, sizeof one);
  thread_.join();
}

void LiveFeed::run() {
  double next_progress_s = 0;
  const auto wait_ms = [&](int timeout_ms, bool also_news) {
    std::array<pollfd, 2> polled = {{{stop_.get(), POLLIN, 0}, {watch_.fd(), POLLIN, 0}}};
    ::poll(polled.data(), also_news && watch_.is_watching() ? 2 : 1, timeout_ms);
    return polled[0].revents == 0;
  };
  while (wait_ms(static_cast<int>(1000 * kProgressIntervalS), true)) {
    if (server_.stats().event_streams == 0) {
      if (watch_.take_news() && !wait_ms(kQuietMs, false)) return;
      continue;
    }
    if (watch_.take_news()) server_.notify_events();
    if (const double now_s = core::steady_s(); now_s >= next_progress_s) {
      next_progress_s = now_s + kProgressIntervalS;
      server_.show_events(read_progress_());
    }
    if (!wait_ms(kQuietMs, false)) return;
  }
}

}  // namespace baleen::api
