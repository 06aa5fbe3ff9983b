#pragma once

/// Carries events from the database to all event streams: one reader for all of them.
///
///   database ──poll, notify()──► pump thread ──► ring of the newest events ──collect()──► streams
///                                     └──── catch_up(): what has left the ring ────────────┘
///
/// Invariants:
/// E1  The ring holds every event with an id in (floor, head], in order, and nothing else.
/// E2  A stream's cursor moves forward only, past events that it has taken or whose filter it does not match;
///     collect() serves cursors at or above the floor only. So nothing is missed and nothing is doubled.
/// E3  Without subscribers the database is not asked and the ring is empty; head and floor are unset.

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "api/server.h"

namespace baleen::api {

/// An event as it goes over the wire.
struct EventFrame {
  std::int64_t id = 0;
  std::string type, owner, run_id, asset_id;
  std::string text;  ///< "id: 7\nevent: task.complete\ndata: {…}\n\n"
};

[[nodiscard]] EventFrame frame_of(Event event);
[[nodiscard]] bool wants(const EventsBody::Filter& filter, const EventFrame& frame);

/// Thread-safe.
class EventHub {
 public:
  struct Options {
    double poll_s = 0.1;   ///< Between two looks at the database, while there are subscribers.
    double retry_s = 1.0;  ///< After a look that failed.
    std::size_t ring_events = 8192;
    std::size_t ring_bytes = std::size_t{16} << 20U;
    std::size_t batch_events = 256;  ///< Of one look.
  };
  struct Batch {
    std::vector<EventFrame> frames;
    bool is_end = false;  ///< There was nothing after them.
  };
  using BatchFn = std::function<void(const std::shared_ptr<const Batch>&)>;

  /// `on_news` is called on the pump thread after the ring has grown.
  EventHub(ReadEventsFn read, std::function<void()> on_news, const Options& options);
  ~EventHub() { stop(); }
  EventHub(const EventHub&) = delete;
  EventHub& operator=(const EventHub&) = delete;

  void subscribe();
  void unsubscribe();

  /// Appends what `filter` wants after `cursor`, until `out` has `bytes_max` or more, and moves the cursor.
  /// False where the cursor lies before the ring, or nobody has joined yet: catch_up() then.
  [[nodiscard]] bool collect(const EventsBody::Filter& filter,
                             std::size_t bytes_max,
                             std::int64_t& cursor,
                             std::string& out) const;
  /// Reads what comes after `after` and calls `done` on the pump thread. Streams that ask for the same place
  /// share one read. Never called after stop().
  void catch_up(std::int64_t after, BatchFn done);
  /// Tells that the database held nothing after `cursor` a moment ago: where the ring begins if nobody has
  /// joined before.
  void join(std::int64_t cursor);
  /// New events are in the database: look now.
  void notify();
  void stop();

 private:
  struct Request {
    std::int64_t after = 0;
    BatchFn done;
  };
  using Lock = std::unique_lock<std::mutex>;
  using TimePoint = std::chrono::steady_clock::time_point;

  void run();
  void wait_for_work(Lock& lock);
  void serve_requests(Lock& lock);
  void poll(Lock& lock);
  void append(std::vector<Event> events);
  void reset();
  std::optional<std::vector<Event>> read(Lock& lock, std::int64_t after);
  [[nodiscard]] bool is_polling() const { return n_subscribers_ > 0 && head_.has_value(); }

  const ReadEventsFn read_;
  const std::function<void()> on_news_;
  const Options options_;

  mutable std::mutex mutex_;  // Guards everything below.
  std::condition_variable changed_;
  std::deque<EventFrame> ring_;
  std::size_t ring_bytes_ = 0;
  std::int64_t floor_ = 0;
  std::optional<std::int64_t> head_;  ///< Unset: nobody has joined.
  std::vector<Request> requests_;
  int n_subscribers_ = 0;
  bool is_notified_ = false;
  bool is_stopping_ = false;
  TimePoint next_poll_{};
  TimePoint not_before_{};  ///< After a failed read.
  std::thread thread_;
};

/// The same as EventHub::collect for the frames of a batch. True when all were looked at.
bool collect(const std::vector<EventFrame>& frames,
             const EventsBody::Filter& filter,
             std::size_t bytes_max,
             std::int64_t& cursor,
             std::string& out);

}  // namespace baleen::api
