#include "dsp/spectrogram_picture.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <utility>

#include "dsp/window.h"

namespace baleen::dsp {
namespace {

constexpr int kSizeMax = 4096;
constexpr double kFftMin = 64, kFftMax = 16'384;
/// What is below the first is the noise floor; of the loudest, one in 500 pixels may be beyond the range.
constexpr double kFloorQuantile = 0.4, kTopQuantile = 0.998;
constexpr float kRangeDbMin = 25, kRangeDbMax = 80;
constexpr float kRowFlattening = 0.5F;
constexpr float kNoSound = -std::numeric_limits<float>::infinity();

float quantile(std::vector<float>& values, double q) {
  const auto at = values.begin() + std::llround(q * static_cast<double>(std::ssize(values) - 1));
  std::nth_element(values.begin(), at, values.end());
  return *at;
}

float median_of_sound(std::span<const float> row) {
  std::vector<float> heard;
  std::ranges::copy_if(row, std::back_inserter(heard), [](float db) { return db != kNoSound; });
  return heard.empty() ? kNoSound : quantile(heard, 0.5);
}

/// @param picture  Shape (height, width) in dB. Takes from each row half of what its median is above the picture's.
void flatten_rows(std::span<float> picture, std::size_t width) {
  const float whole = median_of_sound(picture);
  for (std::size_t begin = 0; begin < picture.size(); begin += width) {
    const std::span<float> row = picture.subspan(begin, width);
    const float median = median_of_sound(row);
    if (median == kNoSound) continue;
    for (float& db : row) db -= kRowFlattening * (median - whole);
  }
}

}  // namespace

Result<SpectrogramPicture> SpectrogramPicture::create(const SpectrogramPictureOptions& options) {
  if (options.width < 1 || options.width > kSizeMax || options.height < 1 ||
      options.height > kSizeMax) {
    return fail(ErrorCode::invalid_argument, "a picture of {} by {} pixels: 1 to {} each",
                options.width, options.height, kSizeMax);
  }
  const double rate_hz = options.sample_rate.value;
  if (!(options.high_hz > 0) || options.high_hz > rate_hz / 2 || options.n_samples <= 0) {
    return fail(ErrorCode::invalid_argument,
                "{} samples up to {} Hz, in a recording that has sound up to {} Hz",
                options.n_samples, options.high_hz, rate_hz / 2);
  }
  // As short as tells the rows apart: that is as sharp in time as the picture's height allows.
  const double wanted = std::clamp(options.height * rate_hz / options.high_hz, kFftMin, kFftMax);
  BALEEN_ASSIGN_OR_RETURN(RealFft fft,
                          RealFft::create(std::bit_ceil(static_cast<std::size_t>(wanted))));
  return SpectrogramPicture(options, std::move(fft));
}

SpectrogramPicture::SpectrogramPicture(const SpectrogramPictureOptions& options, RealFft fft)
    : options_(options),
      n_fft_(fft.size()),
      hop_(std::clamp<std::int64_t>(
          options.n_samples / options.width, 1, static_cast<std::int64_t>(n_fft_ / 2))),
      n_frames_(std::max<std::int64_t>(1, options.n_samples / hop_)),
      fft_(std::move(fft)),
      window_(periodic_hann(n_fft_)),
      frame_(n_fft_),
      bins_(fft_.bin_count()),
      n_to_skip_(hop_ / 2),
      power_(static_cast<std::size_t>(options.width) * static_cast<std::size_t>(options.height),
             -1.0F) {
  const double n_bins = options.high_hz * static_cast<double>(n_fft_) / options.sample_rate.value;
  for (int row = 0; row <= options.height; ++row) {
    const auto bin = static_cast<std::size_t>(n_bins * row / options.height);
    row_bins_.push_back(std::min(bin, bins_.size() - 1));
  }
}

void SpectrogramPicture::push(std::span<const float> samples) {
  const auto n_skipped = std::min<std::int64_t>(n_to_skip_, std::ssize(samples));
  n_to_skip_ -= n_skipped;
  samples = samples.subspan(static_cast<std::size_t>(n_skipped));
  if (n_done_ == n_frames_) return;
  pending_.insert(pending_.end(), samples.begin(), samples.end());
  std::size_t begin = 0;
  while (n_done_ < n_frames_ && begin + n_fft_ <= pending_.size()) {
    for (std::size_t n = 0; n < n_fft_; ++n) frame_[n] = window_[n] * pending_[begin + n];
    take_frame();
    begin += static_cast<std::size_t>(hop_);
  }
  // The hop is at most half a frame, so that the next frame begins in what is there.
  pending_.erase(pending_.begin(), pending_.begin() + static_cast<std::ptrdiff_t>(begin));
}

void SpectrogramPicture::take_frame() {
  fft_.process(frame_, bins_);
  const std::int64_t centre = n_done_++ * hop_ + hop_ / 2;
  const auto column = static_cast<std::size_t>(centre * options_.width / options_.n_samples);
  const auto height = static_cast<std::size_t>(options_.height);
  float* const pixels = power_.data() + column * height;
  for (std::size_t row = 0; row < height; ++row) {
    const std::size_t end = std::max(row_bins_[row] + 1, row_bins_[row + 1]);
    for (std::size_t bin = row_bins_[row]; bin < end; ++bin)
      pixels[row] = std::max(pixels[row], static_cast<float>(std::norm(bins_[bin])));
  }
}

/// Shape (height, width), the highest frequency first; kNoSound where there is none.
std::vector<float> SpectrogramPicture::decibels() const {
  const auto width = static_cast<std::size_t>(options_.width);
  const auto height = static_cast<std::size_t>(options_.height);
  std::vector<float> picture(width * height, kNoSound);
  std::size_t heard =
      0;  // The last column with a frame: a short stretch has fewer of them than columns.
  for (std::size_t column = 0; column < width; ++column) {
    if (power_[column * height] >= 0) heard = column;
    for (std::size_t row = 0; row < height; ++row) {
      const float power = power_[heard * height + row];
      if (power > 0) picture[(height - 1 - row) * width + column] = 10 * std::log10(power);
    }
  }
  return picture;
}

void SpectrogramPicture::finish(std::span<std::uint8_t> levels) {
  BALEEN_CHECK(levels.size() == power_.size());
  const auto rest = static_cast<std::size_t>(n_frames_ - n_done_);
  const bool has_sound_left = !pending_.empty() && rest > 0;
  if (has_sound_left) push(std::vector<float>(n_fft_, 0.0F));  // Of frames that the end cuts.
  std::vector<float> picture = decibels();
  flatten_rows(picture, static_cast<std::size_t>(options_.width));
  std::vector<float> heard;
  std::ranges::copy_if(picture, std::back_inserter(heard), [](float db) { return db != kNoSound; });
  std::ranges::fill(levels, std::uint8_t{0});
  if (heard.empty()) return;
  float top = quantile(heard, kTopQuantile);
  const float floor = std::max(quantile(heard, kFloorQuantile), top - kRangeDbMax);
  top = std::max(top, floor + kRangeDbMin);
  for (std::size_t i = 0; i < levels.size(); ++i) {
    const float part = std::clamp((picture[i] - floor) / (top - floor), 0.0F, 1.0F);
    levels[i] = static_cast<std::uint8_t>(std::lround(255 * part));
  }
}

}  // namespace baleen::dsp
