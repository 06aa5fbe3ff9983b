#include "audio/libav.h"

#include <fmt/format.h>

#include <array>
#include <cstdarg>
#include <cstdio>

#include "audio/libav_functions.h"

namespace baleen::audio {
namespace {

thread_local LogCapture* current_capture = nullptr;

}  // namespace

void capture_log(void* /*context*/, int level, const char* format, va_list arguments) {
  if (level > AV_LOG_ERROR || current_capture == nullptr) return;
  std::array<char, 200> line{};
  std::vsnprintf(line.data(), line.size(), format, arguments);
  std::string text;
  for (const char* c = line.data(); *c != '\0'; ++c) {
    if (*c >= 0x20 && *c < 0x7F) text += *c;
  }
  if (!text.empty()) current_capture->record(std::move(text));
}

void LibavDeleter::operator()(AVCodecContext* context) const noexcept {
  libav().avcodec_free_context(&context);
}
void LibavDeleter::operator()(AVFormatContext* context) const noexcept {
  libav().avformat_close_input(&context);
}
void LibavDeleter::operator()(AVFrame* frame) const noexcept { libav().av_frame_free(&frame); }
void LibavDeleter::operator()(AVIOContext* io) const noexcept {
  if (io != nullptr) libav().av_freep(&io->buffer);
  libav().avio_context_free(&io);
}
void LibavDeleter::operator()(AVPacket* packet) const noexcept { libav().av_packet_free(&packet); }

std::string libav_error_text(int code) {
  std::array<char, AV_ERROR_MAX_STRING_SIZE> text{};
  libav().av_strerror(code, text.data(), text.size());
  return text.data();
}

std::string libav_fingerprint() {
  return fmt::format("{}.{}.{:x}", libav().avformat_version(), libav().avcodec_version(),
                     libav().av_get_cpu_flags());
}

LogCapture::LogCapture() : previous_(current_capture) { current_capture = this; }
LogCapture::~LogCapture() { current_capture = previous_; }

}  // namespace baleen::audio
