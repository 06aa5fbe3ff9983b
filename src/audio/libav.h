#pragma once

/// libav's handles with their deleters, and its messages. Internal to this room.

#include <cstdarg>
#include <cstdint>
#include <memory>
#include <string>

struct AVCodecContext;
struct AVFormatContext;
struct AVFrame;
struct AVIOContext;
struct AVPacket;

namespace baleen::audio {

struct LibavDeleter {
  void operator()(AVCodecContext* context) const noexcept;
  void operator()(AVFormatContext* context) const noexcept;
  void operator()(AVFrame* frame) const noexcept;
  void operator()(AVIOContext* io) const noexcept;  ///< Its buffer too.
  void operator()(AVPacket* packet) const noexcept;
};
template <typename T>
using LibavPtr = std::unique_ptr<T, LibavDeleter>;

/// "Invalid data found when processing input"
[[nodiscard]] std::string libav_error_text(int code);

/// What decides the bits that come out of libav: its versions and the processor's features.
[[nodiscard]] std::string libav_fingerprint();

/// Keeps the last error that libav logs on this thread while the object lives. One at a time.
class LogCapture {
 public:
  LogCapture();
  ~LogCapture();
  LogCapture(const LogCapture&) = delete;
  LogCapture& operator=(const LogCapture&) = delete;

  /// The last error line, printable and short; empty if there was none.
  [[nodiscard]] const std::string& last_error() const { return last_error_; }
  void record(std::string line) { last_error_ = std::move(line); }

 private:
  LogCapture* previous_;
  std::string last_error_;
};

/// The callback of libav's log: hands errors to the capture of this thread, drops the rest.
void capture_log(void* context, int level, const char* format, va_list arguments);

}  // namespace baleen::audio
