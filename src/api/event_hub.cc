#include "api/event_hub.h"

#include <algorithm>
#include <exception>
#include <iterator>
#include <utility>

#include "core/log.h"

namespace baleen::api {
namespace {

std::chrono::steady_clock::duration seconds(double count) {
  return std::chrono::duration_cast<std::chrono::steady_clock::duration>(
      std::chrono::duration<double>(count));
}

bool matches_type(std::string_view pattern, std::string_view type) {
  if (!pattern.empty() && pattern.back() == '*') {
    pattern.remove_suffix(1);
    return type.substr(0, pattern.size()) == pattern;
  }
  return pattern == type;
}

/// Takes frames [first, last) for a stream; the first one that it has not looked at, or `last`.
template <typename Iterator>
Iterator take(Iterator first,
              Iterator last,
              const EventsBody::Filter& filter,
              std::size_t bytes_max,
              std::int64_t& cursor,
              std::string& out) {
  const auto is_before = [](std::int64_t after, const EventFrame& frame) {
    return after < frame.id;
  };
  for (first = std::upper_bound(first, last, cursor, is_before); first != last; ++first) {
    if (out.size() >= bytes_max) break;
    if (wants(filter, *first)) out += first->text;
    cursor = first->id;
  }
  return first;
}

}  // namespace

EventFrame frame_of(Event event) {
  EventFrame frame;
  if (event.id != 0) frame.text = "id: " + std::to_string(event.id) + "\n";
  frame.text += "event: " + event.type + "\ndata: ";
  for (const char letter : event.data) {
    if (letter == '\r') continue;
    frame.text += letter;
    if (letter == '\n') frame.text += "data: ";
  }
  frame.text += "\n\n";
  frame.id = event.id;
  frame.type = std::move(event.type);
  frame.owner = std::move(event.owner);
  frame.run_id = std::move(event.run_id);
  frame.asset_id = std::move(event.asset_id);
  return frame;
}

bool wants(const EventsBody::Filter& filter, const EventFrame& frame) {
  const auto allows = [](const std::string& wanted, const std::string& actual) {
    return wanted.empty() || wanted == actual;
  };
  if (!allows(filter.owner, frame.owner) || !allows(filter.run_id, frame.run_id) ||
      !allows(filter.asset_id, frame.asset_id)) {
    return false;
  }
  const auto fits = [&](const std::string& pattern) { return matches_type(pattern, frame.type); };
  return filter.types.empty() || std::any_of(filter.types.begin(), filter.types.end(), fits);
}

bool collect(const std::vector<EventFrame>& frames,
             const EventsBody::Filter& filter,
             std::size_t bytes_max,
             std::int64_t& cursor,
             std::string& out) {
  return take(frames.begin(), frames.end(), filter, bytes_max, cursor, out) == frames.end();
}

EventHub::EventHub(ReadEventsFn read, std::function<void()> on_news, const Options& options)
    : read_(std::move(read)), on_news_(std::move(on_news)), options_(options) {
  thread_ = std::thread([this] { run(); });
}

void EventHub::subscribe() {
  const std::lock_guard lock(mutex_);
  ++n_subscribers_;
}

void EventHub::unsubscribe() {
  const std::lock_guard lock(mutex_);
  if (--n_subscribers_ == 0) reset();
}

bool EventHub::collect(const EventsBody::Filter& filter,
                       std::size_t bytes_max,
                       std::int64_t& cursor,
                       std::string& out) const {
  const std::lock_guard lock(mutex_);
  if (!head_ || cursor < floor_) return false;
  take(ring_.begin(), ring_.end(), filter, bytes_max, cursor, out);
  return true;
}

void EventHub::catch_up(std::int64_t after, BatchFn done) {
  {
    const std::lock_guard lock(mutex_);
    requests_.push_back({after, std::move(done)});
  }
  changed_.notify_one();
}

void EventHub::join(std::int64_t cursor) {
  {
    const std::lock_guard lock(mutex_);
    if (n_subscribers_ == 0) return;
    // An empty ring that begins too late: the first to join had named an event that does not exist yet.
    const bool is_too_late = head_ && ring_.empty() && cursor < floor_;
    if (head_ && !is_too_late) return;
    head_ = floor_ = cursor;
    next_poll_ = {};
  }
  changed_.notify_one();
}

void EventHub::notify() {
  {
    const std::lock_guard lock(mutex_);
    is_notified_ = true;
  }
  changed_.notify_one();
}

void EventHub::stop() {
  {
    const std::lock_guard lock(mutex_);
    is_stopping_ = true;
  }
  changed_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void EventHub::reset() {
  ring_.clear();
  ring_bytes_ = 0;
  head_.reset();
  floor_ = 0;
}

void EventHub::run() {
  Lock lock(mutex_);
  while (true) {
    wait_for_work(lock);
    if (is_stopping_) return;
    if (!requests_.empty()) serve_requests(lock);
    const bool is_due = is_notified_ || std::chrono::steady_clock::now() >= next_poll_;
    if (is_polling() && is_due) poll(lock);
  }
}

void EventHub::wait_for_work(Lock& lock) {
  while (!is_stopping_) {
    const TimePoint now = std::chrono::steady_clock::now();
    if (now < not_before_) {
      changed_.wait_until(lock, not_before_);
      continue;
    }
    if (!requests_.empty()) return;
    if (!is_polling()) {
      is_notified_ = false;  // Nobody listens; the next one to join looks for itself.
      changed_.wait(lock);
      continue;
    }
    if (is_notified_ || now >= next_poll_) return;
    changed_.wait_until(lock, next_poll_);
  }
}

std::optional<std::vector<Event>> EventHub::read(Lock& lock, std::int64_t after) {
  lock.unlock();
  Result<std::vector<Event>> events = fail(ErrorCode::internal, "read events");
  try {
    events = read_(after, options_.batch_events);
  } catch (const std::exception& error) {
    events = fail(ErrorCode::internal, "read events: {}", error.what());
  }
  if (!events.ok()) {
    core::log(core::LogLevel::error, "events cannot be read",
              {{"code", events.error().name()}, {"error", events.error().message}});
  }
  lock.lock();
  if (events.ok()) return std::move(events).value();
  not_before_ = std::chrono::steady_clock::now() + seconds(options_.retry_s);
  return std::nullopt;
}

void EventHub::serve_requests(Lock& lock) {
  const auto is_lower = [](const Request& a, const Request& b) { return a.after < b.after; };
  const std::int64_t after = std::min_element(requests_.begin(), requests_.end(), is_lower)->after;
  std::optional<std::vector<Event>> events = read(lock, after);
  if (!events) return;  // The requests stay, for the next try.
  const auto batch = std::make_shared<Batch>();
  batch->is_end = events->size() < options_.batch_events;
  for (Event& event : *events) batch->frames.push_back(frame_of(std::move(event)));
  // Whoever asked for a place within the batch is served by it as well. The others come next: also those
  // who asked for an earlier place while it was being read.
  const std::int64_t last = batch->frames.empty() ? after : batch->frames.back().id;
  const auto is_other = [&](const Request& request) {
    const bool is_within = request.after == after || request.after < last || batch->is_end;
    return request.after < after || !is_within;
  };
  const auto served = std::partition(requests_.begin(), requests_.end(), is_other);
  std::vector<Request> ready(std::make_move_iterator(served),
                             std::make_move_iterator(requests_.end()));
  requests_.erase(served, requests_.end());
  lock.unlock();
  for (const Request& request : ready) request.done(batch);
  lock.lock();
}

void EventHub::poll(Lock& lock) {
  is_notified_ = false;
  const std::int64_t after = head_.value_or(0);
  std::optional<std::vector<Event>> events = read(lock, after);
  if (!events || head_ != after) return;  // All left meanwhile, and perhaps others came.
  const bool is_end = events->size() < options_.batch_events;
  next_poll_ = is_end ? std::chrono::steady_clock::now() + seconds(options_.poll_s) : TimePoint{};
  if (events->empty()) return;
  append(*std::move(events));
  lock.unlock();
  on_news_();
  lock.lock();
}

void EventHub::append(std::vector<Event> events) {
  for (Event& event : events) {
    if (event.id <= *head_) continue;
    head_ = event.id;
    ring_.push_back(frame_of(std::move(event)));
    ring_bytes_ += ring_.back().text.size();
  }
  while (ring_.size() > options_.ring_events ||
         (ring_bytes_ > options_.ring_bytes && ring_.size() > 1)) {
    floor_ = ring_.front().id;
    ring_bytes_ -= ring_.front().text.size();
    ring_.pop_front();
  }
}

}  // namespace baleen::api
