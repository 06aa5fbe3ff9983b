#include "app/renderings.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "audio/mono_stream.h"
#include "audio/probe.h"
#include "audio/wav.h"
#include "core/file.h"
#include "dsp/spectrogram_picture.h"
#include "formats/png.h"

namespace baleen {
namespace {

namespace fs = std::filesystem;

constexpr int kUltrasonicRateHz = 96'000;
constexpr double kAudibleHighHz = 12'000;
/// What players and browsers take for sure.
constexpr int kClipRateMin = 8'000, kClipRateMax = 48'000;
/// 64 MB: 60 s at 441 kHz, ten times as slow, is 53 MB.
constexpr std::int64_t kClipSamplesMax = 32'000'000;

/// A stretch of the sound at one sample rate.
struct Stretch {
  Hertz sample_rate;
  double time_expansion = 1;        ///< MonoStreamOptions.
  std::int64_t begin = 0, end = 0;  ///< Samples; from before 0 on there are zeros.
  std::int64_t needed = 0;          ///< Before this one there must be sound.
};

/// Hands on the samples of a stretch, up to the end of the recording.
Result<void> read_stretch(const fs::path& path,
                          const Stretch& stretch,
                          const std::function<void(std::span<const float>)>& take) {
  audio::MonoStreamOptions options;
  options.sample_rate = stretch.sample_rate;
  options.shape = audio::FilterShape::steep;
  options.time_expansion = stretch.time_expansion;
  options.begin_sample = std::max<std::int64_t>(0, stretch.begin);
  options.entry = audio::Entry::by_time;
  BALEEN_ASSIGN_OR_RETURN(audio::MonoStream stream, audio::MonoStream::open(path, options));
  if (stretch.begin < 0)
    take(std::vector<float>(
        static_cast<std::size_t>(std::min(-stretch.begin, stretch.end - stretch.begin)), 0.0F));
  std::vector<float> samples;
  std::int64_t at = options.begin_sample;
  while (at < stretch.end) {
    samples.clear();
    BALEEN_ASSIGN_OR_RETURN(const bool is_more, stream.read(samples));
    if (!is_more) break;
    const auto n = static_cast<std::size_t>(std::min(std::ssize(samples), stretch.end - at));
    take(std::span(samples).first(n));
    at += static_cast<std::int64_t>(n);
  }
  if (at <= stretch.needed) {
    return fail(ErrorCode::invalid_argument,
                "the recording has no sound there: it ends at {:.3f} s", stream.duration_s());
  }
  return {};
}

Result<double> stretch_s(const json::object& params) {
  const double start_s = core::get_double(params, "start_s");
  const double end_s = core::get_double(params, "end_s");
  if (!(start_s >= 0) || !(end_s > start_s) || !(end_s <= 1e9))
    return fail(ErrorCode::invalid_argument, "from {} s to {} s is no stretch of a recording",
                start_s, end_s);
  if (end_s - start_s > kRenderedStretchMaxS) {
    return fail(ErrorCode::too_large, "a stretch of {} s: at most {} s are shown or played at once",
                end_s - start_s, kRenderedStretchMaxS);
  }
  return end_s - start_s;
}

/// The sample rate of the sound, and of the file.
Result<Hertz> sound_rate(const fs::path& path, double time_expansion) {
  BALEEN_ASSIGN_OR_RETURN(const audio::AudioInfo info, audio::probe(path));
  const double rate_hz = info.sample_rate.value * time_expansion;
  if (!(rate_hz >= 1'000 && rate_hz <= 1'536'000)) {
    return fail(ErrorCode::invalid_argument,
                "{} Hz, {} times as fast, is no sample rate to work with", info.sample_rate.value,
                time_expansion);
  }
  return Hertz{static_cast<int>(std::lround(rate_hz))};
}

double expansion_of(const json::object& params) {
  return core::get_double(params, "time_expansion", 1);
}

Result<json::object> make_thumbnail(const fs::path& path,
                                    const json::object& params,
                                    const fs::path& output) {
  BALEEN_ASSIGN_OR_RETURN(const double duration_s, stretch_s(params));
  BALEEN_ASSIGN_OR_RETURN(const Hertz rate, sound_rate(path, expansion_of(params)));
  const double asked_hz = core::get_double(params, "high_hz");
  dsp::SpectrogramPictureOptions options;
  options.sample_rate = rate;
  options.n_samples = std::max<std::int64_t>(1, std::llround(duration_s * rate.value));
  options.high_hz =
      asked_hz > 0 ? std::min(asked_hz, rate.value / 2.0) : default_high_hz(rate.value);
  options.width = static_cast<int>(core::get_int(params, "width"));
  options.height = static_cast<int>(core::get_int(params, "height"));
  BALEEN_ASSIGN_OR_RETURN(auto picture, dsp::SpectrogramPicture::create(options));
  const std::int64_t start = std::llround(core::get_double(params, "start_s") * rate.value);
  const Stretch stretch{rate, expansion_of(params), start - picture.lead_samples(),
                        start + options.n_samples + picture.lead_samples(), start};
  BALEEN_RETURN_IF_ERROR(
      read_stretch(path, stretch, [&](std::span<const float> samples) { picture.push(samples); }));
  std::vector<std::uint8_t> levels(static_cast<std::size_t>(options.width) *
                                   static_cast<std::size_t>(options.height));
  picture.finish(levels);
  BALEEN_ASSIGN_OR_RETURN(
      const std::string png,
      formats::write_png(levels, options.width, options.height, formats::even_palette()));
  BALEEN_ASSIGN_OR_RETURN(const core::Fd file, core::create_file(output));
  BALEEN_RETURN_IF_ERROR(core::write_all(file, std::as_bytes(std::span(png))));
  return json::object{{"high_hz", options.high_hz}, {"sample_rate_hz", rate.value}};
}

std::int16_t to_16_bits(float sample) {
  return static_cast<std::int16_t>(std::lround(std::clamp(sample * 32768.0F, -32768.0F, 32767.0F)));
}

Result<json::object> make_clip(const fs::path& path,
                               const json::object& params,
                               const fs::path& output) {
  BALEEN_ASSIGN_OR_RETURN(const double duration_s, stretch_s(params));
  const double speed = core::get_double(params, "speed", 1);
  if (!(speed >= 0.01 && speed <= 100))
    return fail(ErrorCode::invalid_argument, "a speed of {}: 0.01 to 100 can be played", speed);
  // Played at this rate, every sample of the file would be kept.
  const double expansion = expansion_of(params) * speed;
  BALEEN_ASSIGN_OR_RETURN(const Hertz played, sound_rate(path, expansion));
  const Hertz rate{std::clamp(played.value, kClipRateMin, kClipRateMax)};
  const std::int64_t begin = std::llround(core::get_double(params, "start_s") / speed * rate.value);
  const std::int64_t n = std::max<std::int64_t>(1, std::llround(duration_s / speed * rate.value));
  if (n > kClipSamplesMax) {
    return fail(ErrorCode::too_large,
                "a clip of {:.0f} s at {} Hz: ask for less than {:.0f} s of it", duration_s / speed,
                rate.value,
                duration_s * static_cast<double>(kClipSamplesMax) / static_cast<double>(n));
  }
  std::vector<std::int16_t> clip;
  clip.reserve(static_cast<std::size_t>(n));
  BALEEN_RETURN_IF_ERROR(read_stretch(
      path, {rate, expansion, begin, begin + n, begin}, [&](std::span<const float> samples) {
        std::ranges::transform(samples, std::back_inserter(clip), to_16_bits);
      }));
  BALEEN_ASSIGN_OR_RETURN(const core::Fd file, core::create_file(output));
  BALEEN_RETURN_IF_ERROR(
      core::write_all(file, audio::wav_header(audio::kPlainHeaderBytes, rate, 2 * std::ssize(clip),
                                              audio::kRiffDataBytesMax)));
  BALEEN_RETURN_IF_ERROR(core::write_all(file, std::as_bytes(std::span(clip))));
  return json::object{{"sample_rate_hz", rate.value}, {"samples", std::ssize(clip)}};
}

}  // namespace

double default_high_hz(double sample_rate_hz) {
  const double half_hz = sample_rate_hz / 2;
  return sample_rate_hz >= kUltrasonicRateHz ? half_hz : std::min(kAudibleHighHz, half_hz);
}

engine::Renderings renderings() {
  return {{"thumbnail", {audio::load_decoders, make_thumbnail}},
          {"clip", {audio::load_decoders, make_clip}}};
}

}  // namespace baleen
