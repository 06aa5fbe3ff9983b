/// One client of text/event-stream. Not a coroutine but a small object with callbacks: thousands of them sit
/// idle for hours, and each costs its socket, its cursor and its filter.
///
///   pump(): nothing is being written ──► take frames from the hub ──► write ──► pump() again
///                                   └──► behind the ring ──► hub.catch_up() ──► write ──► …
///
/// A read is always under way beside it, else a client that has left would be noticed at the next write
/// only.

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <utility>

#include "api/server_core.h"

namespace baleen::api {
namespace {

constexpr std::string_view kPreamble = "retry: 2000\n\n";

class EventStream final : public Peer, public std::enable_shared_from_this<EventStream> {
 public:
  EventStream(ServerCore& core,
              Socket socket,
              EventsBody body,
              std::shared_ptr<const StreamTicket> ticket)
      : core_(core),
        socket_(std::move(socket)),
        filter_(std::move(body.filter)),
        cursor_(body.after),
        sent_id_(body.after),
        ticket_(std::move(ticket)),
        registration_(core, this) {
    core_.streams.insert(this);
    ++core_.n_streams;
    core_.hub.subscribe();
  }
  ~EventStream() override {
    core_.streams.erase(this);
    --core_.n_streams;
    core_.hub.unsubscribe();
  }

  void start(std::string head) {
    NetError ignored;
    socket_.non_blocking(true, ignored);
    out_ = std::move(head);
    out_ += kPreamble;
    watch();
    write();
  }

  void tick(TimePoint now) override {
    if (is_writing_) {
      if (now - last_progress_ > seconds_of(core_.options.body_timeout_s)) close();
    } else if (!is_catching_up_ && now - last_progress_ >= seconds_of(core_.options.heartbeat_s)) {
      // The id tells a client whose filter lets little pass how far it has come.
      out_ = cursor_ == sent_id_ ? ":\n\n" : "id: " + std::to_string(cursor_) + "\n\n";
      sent_id_ = cursor_;
      write();
    }
  }
  void drain() override { close(); }
  void close() override {
    is_closed_ = true;
    NetError ignored;
    socket_.close(ignored);  // Ends the read, whose callback holds the last reference.
  }
  void pump_events() override { pump(); }
  void show_events(const std::vector<EventFrame>& frames) override {
    if (is_closed_ || is_writing_ || is_catching_up_) return;
    for (const EventFrame& frame : frames) {
      if (wants(filter_, frame)) out_ += frame.text;
    }
    if (!out_.empty()) write();
  }
  [[nodiscard]] const StreamTicket* ticket() const override { return ticket_.get(); }

 private:
  void pump() {
    if (is_closed_ || is_writing_ || is_catching_up_) return;
    if (!core_.hub.collect(filter_, core_.options.stream_buffer_bytes, cursor_, out_)) {
      catch_up();
    } else if (!out_.empty()) {
      sent_id_ = cursor_;
      write();
    }
  }

  void catch_up() {
    is_catching_up_ = true;
    // Weak: the object must die on the network thread.
    core_.hub.catch_up(cursor_, [&core = core_, weak = weak_from_this()](const auto& batch) {
      asio::post(core.io, [weak, batch] {
        if (const auto self = weak.lock()) self->take(*batch);
      });
    });
  }

  void take(const EventHub::Batch& batch) {
    is_catching_up_ = false;
    if (is_closed_) return;
    const bool is_whole =
        collect(batch.frames, filter_, core_.options.stream_buffer_bytes, cursor_, out_);
    if (is_whole && batch.is_end) core_.hub.join(cursor_);
    if (out_.empty()) return pump();
    sent_id_ = cursor_;
    write();
  }

  void write() {
    is_writing_ = true;
    last_progress_ = std::chrono::steady_clock::now();
    const auto rest = asio::buffer(out_) + written_;
    socket_.async_write_some(rest, [self = shared_from_this()](NetError error, std::size_t n) {
      self->on_written(error, n);
    });
  }

  void on_written(NetError error, std::size_t n) {
    if (error || is_closed_) return close();
    written_ += n;
    if (written_ < out_.size()) return write();
    is_writing_ = false;
    written_ = 0;
    last_progress_ = std::chrono::steady_clock::now();
    out_.clear();
    if (out_.capacity() > 256) out_.shrink_to_fit();  // Thousands of streams are idle at a time.
    pump();
  }

  void watch() {
    socket_.async_wait(Socket::wait_read, [self = shared_from_this()](NetError error) {
      if (!error && self->discard_input()) return self->watch();
      self->close();
    });
  }

  /// What a client sends on an event stream is nothing to us; false when it has left.
  bool discard_input() {
    std::array<char, 512> bytes;
    NetError error;
    bytes_discarded_ += socket_.read_some(asio::buffer(bytes), error);
    if (error == asio::error::would_block) return true;
    return !error && bytes_discarded_ < (std::size_t{64} << 10U);
  }

  ServerCore& core_;
  Socket socket_;
  const EventsBody::Filter filter_;
  std::int64_t cursor_;   ///< Everything up to here was taken or not wanted.
  std::int64_t sent_id_;  ///< The cursor as the client may know it.
  std::string out_;       ///< Being written, from written_ on.
  std::size_t written_ = 0;
  std::size_t bytes_discarded_ = 0;
  TimePoint last_progress_{};
  bool is_writing_ = false, is_catching_up_ = false, is_closed_ = false;
  const std::shared_ptr<const StreamTicket> ticket_;
  Registration registration_;
};

}  // namespace

void start_event_stream(ServerCore& core,
                        Socket socket,
                        EventsBody body,
                        std::string head,
                        std::shared_ptr<const StreamTicket> ticket) {
  std::make_shared<EventStream>(core, std::move(socket), std::move(body), std::move(ticket))
      ->start(std::move(head));
}

}  // namespace baleen::api
