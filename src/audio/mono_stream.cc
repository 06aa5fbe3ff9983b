#include "audio/mono_stream.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include "audio/decoder.h"
#include "audio/libav.h"
#include "audio/resample_kernels.h"

namespace baleen::audio {
namespace {

/// An hour may come out of any file: digital silence compresses as well as one likes.
constexpr double kUnquestionedS = 3600;

/// A part of the source with one sample rate; nearly always there is just one.
struct Segment {
  Resampler resampler;
  Hertz sample_rate;              ///< As the file says.
  std::int64_t output_begin = 0;  ///< Of the whole output.
  std::int64_t feed_from = 0;     ///< Frames before this one are not needed.
  std::int64_t frames = 0;        ///< So far.
};

}  // namespace

struct MonoStream::State {
  State(std::filesystem::path path_, const MonoStreamOptions& options_, KeepGoing keep_going_)
      : path(std::move(path_)), options(options_), keep_going(std::move(keep_going_)) {}

  Result<void> open_decoder() {
    BALEEN_ASSIGN_OR_RETURN(decoder, Decoder::open(path, keep_going));
    return {};
  }

  /// Enters plain PCM where it is to begin. Everything else is decoded from the start.
  Result<void> enter() {
    if (options.begin_sample == 0) return {};
    BALEEN_RETURN_IF_ERROR(begin_segment(decoder->info().sample_rate));
    if (options.entry == Entry::by_time) {
      BALEEN_ASSIGN_OR_RETURN(const auto frame, decoder->seek_by_time(segment->feed_from));
      if (frame) {
        segment->frames = *frame;
        return {};
      }
    } else {
      BALEEN_ASSIGN_OR_RETURN(const bool is_exact, decoder->seek_exact(segment->feed_from));
      if (is_exact) {
        segment->frames = segment->feed_from;
        return {};
      }
    }
    segment.reset();
    return open_decoder();
  }

  [[nodiscard]] double seconds(const Segment& part) const {
    return static_cast<double>(part.frames) /
           (static_cast<double>(part.sample_rate.value) * options.time_expansion);
  }
  [[nodiscard]] double duration_s() const { return finished_s + (segment ? seconds(*segment) : 0); }
  [[nodiscard]] std::int64_t n_samples() const {
    if (!segment) return 0;
    return segment->output_begin + segment->resampler.output_samples(segment->frames);
  }

  Result<void> begin_segment(Hertz sample_rate) {
    const std::int64_t output_begin = n_samples();
    const Hertz of_sound{static_cast<int>(std::lround(sample_rate.value * options.time_expansion))};
    Result<Resampler> resampler = Resampler::create(of_sound, options.sample_rate, options.shape);
    if (!resampler.ok()) return fail(ErrorCode::file_corrupt, "{}", resampler.error().message);
    finished_s = duration_s();
    segment.emplace(Segment{std::move(*resampler), sample_rate, output_begin});
    if (options.begin_sample > output_begin)
      segment->feed_from = segment->resampler.start_at(options.begin_sample - output_begin);
    return {};
  }

  Result<void> accept(MonoBlock block, std::vector<float>& out) {
    if (!segment || segment->sample_rate != block.sample_rate) {
      if (segment) segment->resampler.flush(out);
      BALEEN_RETURN_IF_ERROR(begin_segment(block.sample_rate));
    }
    const auto n_skipped = static_cast<std::size_t>(std::clamp<std::int64_t>(
        segment->feed_from - segment->frames, 0, std::ssize(block.samples)));
    segment->frames += std::ssize(block.samples);
    const std::span<float> wanted = block.samples.subspan(n_skipped);
    nan_samples += make_finite(wanted.data(), wanted.size());
    if (!wanted.empty()) segment->resampler.process(wanted, out);
    return check_budget();
  }

  [[nodiscard]] Result<void> check_budget() const {
    if (options.expansion_max <= 0 || duration_s() < kUnquestionedS) return {};
    const double bytes = 2 * duration_s() * options.sample_rate.value;
    if (bytes <= options.expansion_max * static_cast<double>(decoder->info().bytes)) return {};
    return fail(ErrorCode::decode_budget_exceeded,
                "{:.0f} s of audio came out of {} bytes and there is more: {} times its size is "
                "allowed (decode.expansion_max)",
                duration_s(), decoder->info().bytes, options.expansion_max);
  }

  Result<bool> read(std::vector<float>& out) {
    if (is_over) return false;
    BALEEN_ASSIGN_OR_RETURN(const std::optional<MonoBlock> block, decoder->next());
    if (block) {
      BALEEN_RETURN_IF_ERROR(accept(*block, out));
      return true;
    }
    is_over = true;
    if (!segment) {
      return fail(ErrorCode::file_corrupt, "none of its {} audio could be decoded{}{}",
                  decoder->info().codec, decoder->last_error().empty() ? "" : ": ",
                  decoder->last_error());
    }
    segment->resampler.flush(out);
    return true;
  }

  std::filesystem::path path;
  MonoStreamOptions options;
  KeepGoing keep_going;
  std::optional<Decoder> decoder;
  std::optional<Segment> segment;
  double finished_s = 0;  // Of the segments before this one.
  std::int64_t nan_samples = 0;
  bool is_over = false;
};

MonoStream::MonoStream(std::unique_ptr<State> state) : state_(std::move(state)) {}
MonoStream::~MonoStream() = default;
MonoStream::MonoStream(MonoStream&&) noexcept = default;
MonoStream& MonoStream::operator=(MonoStream&&) noexcept = default;

Result<MonoStream> MonoStream::open(const std::filesystem::path& path,
                                    const MonoStreamOptions& options,
                                    KeepGoing keep_going) {
  if (!(options.time_expansion > 0) || options.begin_sample < 0) {
    return fail(ErrorCode::invalid_argument, "time expansion {}, from sample {} on",
                options.time_expansion, options.begin_sample);
  }
  auto state = std::make_unique<State>(path, options, std::move(keep_going));
  BALEEN_RETURN_IF_ERROR(state->open_decoder());
  BALEEN_RETURN_IF_ERROR(state->enter());
  return MonoStream(std::move(state));
}

Result<bool> MonoStream::read(std::vector<float>& out) { return state_->read(out); }
const AudioInfo& MonoStream::info() const { return state_->decoder->info(); }
std::int64_t MonoStream::n_samples() const { return state_->n_samples(); }
double MonoStream::duration_s() const { return state_->duration_s(); }
std::int64_t MonoStream::nan_samples() const { return state_->nan_samples; }
std::int64_t MonoStream::decode_errors() const { return state_->decoder->decode_errors(); }

std::string decoder_fingerprint() { return libav_fingerprint(); }

}  // namespace baleen::audio
