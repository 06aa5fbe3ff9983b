#include "api/live_feed.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "core/clock.h"

namespace baleen::api {
namespace {

constexpr double kProgressIntervalS = 1;

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
  store::NewsSchedule news;
  double next_progress_s = 0;
  while (true) {
    double now_s = core::steady_s();
    const double wait_s =
        std::min(kProgressIntervalS, news.wait_s(now_s).value_or(kProgressIntervalS));
    std::array<pollfd, 2> polled = {{{stop_.get(), POLLIN, 0}, {watch_.fd(), POLLIN, 0}}};
    ::poll(polled.data(), watch_.is_watching() ? 2 : 1, static_cast<int>(std::ceil(1e3 * wait_s)));
    if (polled[0].revents != 0) return;
    now_s = core::steady_s();
    const bool is_news = watch_.take_news();
    if (server_.stats().event_streams == 0) continue;
    if (is_news) news.on_news(now_s);
    if (news.take_due(now_s)) server_.notify_events();
    if (now_s < next_progress_s) continue;
    next_progress_s = now_s + kProgressIntervalS;
    server_.show_events(read_progress_());
  }
}

}  // namespace baleen::api
