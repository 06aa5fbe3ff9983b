#include "audio/libav.h"

#include <array>
#include <cstdarg>
#include <cstdio>
#include <mutex>

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/cpu.h>
#include <libavutil/error.h>
#include <libavutil/frame.h>
#include <libavutil/log.h>
#include <libavutil/mem.h>
}

#include <fmt/format.h>

namespace baleen::audio {
namespace {

// A cover picture is a packet, too; no packet or frame of sane audio comes near this.
constexpr std::size_t kAllocationBytesMax = 128U << 20;

thread_local LogCapture* current_capture = nullptr;

void log_callback(void*, int level, const char* format, va_list arguments) {
  if (level > AV_LOG_ERROR || current_capture == nullptr) return;
  std::array<char, 200> line{};
  std::vsnprintf(line.data(), line.size(), format, arguments);
  std::string text;
  for (const char* c = line.data(); *c != '\0'; ++c) {
    if (*c >= 0x20 && *c < 0x7F) text += *c;
  }
  if (!text.empty()) current_capture->record(std::move(text));
}

}  // namespace

void LibavDeleter::operator()(AVCodecContext* context) const noexcept {
  avcodec_free_context(&context);
}
void LibavDeleter::operator()(AVFormatContext* context) const noexcept {
  avformat_close_input(&context);
}
void LibavDeleter::operator()(AVFrame* frame) const noexcept { av_frame_free(&frame); }
void LibavDeleter::operator()(AVIOContext* io) const noexcept {
  if (io != nullptr) av_freep(&io->buffer);
  avio_context_free(&io);
}
void LibavDeleter::operator()(AVPacket* packet) const noexcept { av_packet_free(&packet); }

void init_libav() {
  static std::once_flag once;
  std::call_once(once, [] {
    av_log_set_callback(log_callback);
    av_max_alloc(kAllocationBytesMax);
  });
}

std::string libav_error_text(int code) {
  std::array<char, AV_ERROR_MAX_STRING_SIZE> text{};
  av_strerror(code, text.data(), text.size());
  return text.data();
}

std::string libav_fingerprint() {
  return fmt::format("{}.{}.{:x}", avformat_version(), avcodec_version(), av_get_cpu_flags());
}

LogCapture::LogCapture() : previous_(current_capture) { current_capture = this; }
LogCapture::~LogCapture() { current_capture = previous_; }

}  // namespace baleen::audio
