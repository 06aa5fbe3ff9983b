#include "audio/decoder.h"

#include <cerrno>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "audio/downmix.h"
#include "audio/libav_functions.h"

namespace baleen::audio {

struct Decoder::State {
  std::unique_ptr<MediaInput> input;
  LibavPtr<AVCodecContext> codec;
  LibavPtr<AVPacket> packet;
  LibavPtr<AVFrame> frame;
  Downmixer downmixer;
  std::vector<float> mono;
  std::string last_error;
  std::int64_t decode_errors = 0;
  bool has_pending_packet = false;  ///< `packet` was read by a seek and not decoded yet.
  bool has_pending_frame = false;   ///< `frame` was decoded by a seek and not given yet.
  bool is_draining = false;

  Result<void> open_codec();
  Result<bool> receive();
  Result<void> send_next();
};

Decoder::Decoder(std::unique_ptr<State> state) : state_(std::move(state)) {}
Decoder::~Decoder() = default;
Decoder::Decoder(Decoder&&) noexcept = default;
Decoder& Decoder::operator=(Decoder&&) noexcept = default;

const AudioInfo& Decoder::info() const { return state_->input->info(); }
const SourceFile& Decoder::source() const { return state_->input->source(); }
const std::string& Decoder::last_error() const { return state_->last_error; }
std::int64_t Decoder::decode_errors() const {
  return state_->decode_errors + state_->input->read_errors();
}

Result<Decoder> Decoder::open(const std::filesystem::path& path, KeepGoing keep_going) {
  auto state = std::make_unique<State>();
  BALEEN_ASSIGN_OR_RETURN(state->input, MediaInput::open(path, std::move(keep_going)));
  state->last_error = state->input->last_error();
  BALEEN_RETURN_IF_ERROR(state->open_codec());
  return Decoder(std::move(state));
}

Result<void> Decoder::State::open_codec() {
  const LogCapture log;
  const AVCodec& decoder = input->decoder();
  codec.reset(libav().avcodec_alloc_context3(&decoder));
  packet.reset(libav().av_packet_alloc());
  frame.reset(libav().av_frame_alloc());
  BALEEN_CHECK(codec != nullptr && packet != nullptr && frame != nullptr);
  const AVStream& stream = input->stream();
  int status = libav().avcodec_parameters_to_context(codec.get(), stream.codecpar);
  if (status >= 0) {
    codec->pkt_timebase = stream.time_base;
    codec->thread_count = 1;
    status = libav().avcodec_open2(codec.get(), &decoder, nullptr);
  }
  if (status < 0) {
    return fail(ErrorCode::file_corrupt, "its {} audio cannot be decoded: {}", input->info().codec,
                log.last_error().empty() ? libav_error_text(status) : log.last_error());
  }
  return {};
}

Result<void> Decoder::State::send_next() {
  if (!has_pending_packet) {
    BALEEN_ASSIGN_OR_RETURN(const bool has_packet, input->read_packet(*packet));
    is_draining = !has_packet;
  }
  has_pending_packet = false;
  const int status = libav().avcodec_send_packet(codec.get(), is_draining ? nullptr : packet.get());
  if (status < 0 && status != AVERROR_EOF) ++decode_errors;  // A damaged packet: go on behind it.
  return {};
}

/// True with a frame in `frame`, false at the end of the stream.
Result<bool> Decoder::State::receive() {
  if (std::exchange(has_pending_frame, false)) return true;
  while (true) {
    const int status = libav().avcodec_receive_frame(codec.get(), frame.get());
    if (status >= 0) {
      if (frame->nb_samples > 0) return true;
    } else if (status == AVERROR_EOF) {
      return false;
    } else if (status == AVERROR(EAGAIN)) {
      if (is_draining) return false;
      BALEEN_RETURN_IF_ERROR(send_next());
    } else {
      ++decode_errors;
      if (is_draining) return false;
    }
  }
}

Result<std::optional<MonoBlock>> Decoder::next() {
  State& state = *state_;
  const LogCapture log;
  const Result<bool> received = state.receive();
  if (!log.last_error().empty()) state.last_error = log.last_error();
  if (!received.ok()) return received.error();
  if (!*received) return std::optional<MonoBlock>();
  state.mono.clear();
  BALEEN_RETURN_IF_ERROR(state.downmixer.append(*state.frame, state.mono));
  const int rate =
      state.frame->sample_rate > 0 ? state.frame->sample_rate : state.codec->sample_rate;
  return std::optional(MonoBlock{state.mono, Hertz{rate}});
}

Result<bool> Decoder::seek_exact(std::int64_t frame) {
  BALEEN_ASSIGN_OR_RETURN(const bool is_exact, state_->input->seek_pcm(frame, *state_->packet));
  state_->has_pending_packet = is_exact;
  return is_exact;
}

Result<std::optional<std::int64_t>> Decoder::seek_by_time(std::int64_t frame) {
  // What lossy codecs give right after a jump is not right yet: MP3 refers to up to 9 frames before (its bit
  // reservoir), Opus needs 80 ms (RFC 7845, section 4.6).
  constexpr double kPrerollS = 0.5;
  const std::optional<std::int64_t> nowhere;
  State& state = *state_;
  const double rate_hz = info().sample_rate.value;
  const double time_s = static_cast<double>(frame) / rate_hz - kPrerollS;
  if (time_s <= 0) return std::optional<std::int64_t>(0);
  const LogCapture log;
  if (!state.input->seek_before(time_s)) return nowhere;
  BALEEN_ASSIGN_OR_RETURN(const bool has_frame, state.receive());
  const std::int64_t stamp = has_frame ? state.frame->best_effort_timestamp : AV_NOPTS_VALUE;
  if (stamp == AV_NOPTS_VALUE) return nowhere;
  const double at_s = static_cast<double>(stamp) * av_q2d(state.input->stream().time_base) -
                      state.input->start_time_s();
  const std::int64_t at = std::llround(at_s * rate_hz);
  if (at < 0 || at > frame || state.frame->sample_rate != info().sample_rate.value) return nowhere;
  state.has_pending_frame = true;
  return std::optional<std::int64_t>(at);
}

}  // namespace baleen::audio
