#include "api/server_core.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

namespace baleen::api {
namespace {

EventHub::Options hub_options(const ServerOptions& options) {
  EventHub::Options hub;
  hub.poll_s = options.events_poll_s;
  hub.ring_events = options.events_ring;
  return hub;
}

}  // namespace

ServerCore::ServerCore(const ServerOptions& server_options,
                       Router routes,
                       AuthenticateFn authenticate_fn,
                       ReadEventsFn read_events)
    : options(server_options),
      router(std::move(routes)),
      authenticate(std::move(authenticate_fn)),
      pool(options.pool_threads, static_cast<std::size_t>(options.requests_queued_max)),
      random(std::random_device()()),
      hub(
          std::move(read_events),
          [this] {
            if (has_news.exchange(true)) return;
            asio::post(io, [this] {
              has_news = false;
              for (Peer* stream : streams) stream->pump_events();
            });
          },
          hub_options(options)) {}

Task<bool> ServerCore::on_pool(std::function<void()> job, bool may_wait) {
  bool was_taken = true;
  const auto start = [&](auto handler) {
    // Shared only because std::function copies; one owner at a time, and it dies on the network thread.
    auto resume = std::make_shared<decltype(handler)>(std::move(handler));
    const auto go_on = [this](auto& waiting) {
      asio::post(io, [resumed = std::move(waiting)]() mutable {
        auto last = std::move(*resumed);
        resumed.reset();
        last();
      });
    };
    WorkerPool::Job work = [&job, resume, go_on]() mutable {
      job();
      go_on(resume);
    };
    if (may_wait) {
      resume.reset();
      pool.post(std::move(work));
    } else if (pool.try_post(work)) {
      resume.reset();
    } else {
      was_taken = false;
      go_on(resume);
    }
  };
  co_await asio::async_initiate<const asio::use_awaitable_t<Executor>&, void()>(
      start, asio::use_awaitable_t<Executor>());
  co_return was_taken;
}

std::string ServerCore::random_hex(std::size_t n_digits) {
  std::string digits(n_digits, '0');
  std::uint64_t bits = 0;
  for (std::size_t i = 0; i < n_digits; ++i, bits >>= 4U) {
    if (i % 16 == 0) bits = random();
    digits[i] = "0123456789abcdef"[bits & 15U];
  }
  return digits;
}

void ServerCore::recheck_streams(TimePoint now) {
  if (is_rechecking || now < next_recheck) return;
  next_recheck = now + seconds_of(options.recheck_s);
  std::vector<std::shared_ptr<const StreamTicket>> held = tickets.in_use();
  if (held.empty()) return;
  is_rechecking = true;
  pool.post([this, asked = std::move(held)] {
    std::vector<std::shared_ptr<const StreamTicket>> refused;
    for (const auto& ticket : asked) {
      if (is_refused(authenticate, *ticket)) refused.push_back(ticket);
    }
    asio::post(io, [this, lost = std::move(refused)] {
      is_rechecking = false;
      for (const auto& ticket : lost) {
        tickets.forget(*ticket);
        for (Peer* stream : streams) {
          if (stream->ticket() == ticket.get()) stream->close();
        }
      }
    });
  });
}

}  // namespace baleen::api
