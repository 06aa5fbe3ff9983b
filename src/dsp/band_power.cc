#include "dsp/band_power.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "dsp/band_power.cc"
#include <hwy/foreach_target.h>
// foreach_target must come first.
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace baleen::dsp::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;
constexpr std::size_t kFrames = BandPower::kFramesAtOnce;
constexpr std::size_t kBins = BandPower::kBlockBins;

/// One block of bins of four frames. `folded` has for each n the even values of the frames, then the odd ones.
void power_of_block(const float* HWY_RESTRICT table,
                    const float* HWY_RESTRICT folded,
                    std::size_t n_folded,
                    float* HWY_RESTRICT power) {
  const hn::CappedTag<float, kBins> d;
  for (std::size_t lane = 0; lane < kBins; lane += hn::Lanes(d)) {
    auto re0 = hn::Zero(d), re1 = re0, re2 = re0, re3 = re0;
    auto im0 = re0, im1 = re0, im2 = re0, im3 = re0;
    for (std::size_t n = 0; n < n_folded; ++n) {
      const float* const f = folded + n * 2 * kFrames;
      const auto cosine = hn::LoadU(d, table + n * 2 * kBins + lane);
      const auto sine = hn::LoadU(d, table + n * 2 * kBins + kBins + lane);
      re0 = hn::MulAdd(hn::Set(d, f[0]), cosine, re0);
      re1 = hn::MulAdd(hn::Set(d, f[1]), cosine, re1);
      re2 = hn::MulAdd(hn::Set(d, f[2]), cosine, re2);
      re3 = hn::MulAdd(hn::Set(d, f[3]), cosine, re3);
      im0 = hn::MulAdd(hn::Set(d, f[4]), sine, im0);
      im1 = hn::MulAdd(hn::Set(d, f[5]), sine, im1);
      im2 = hn::MulAdd(hn::Set(d, f[6]), sine, im2);
      im3 = hn::MulAdd(hn::Set(d, f[7]), sine, im3);
    }
    hn::StoreU(hn::MulAdd(re0, re0, hn::Mul(im0, im0)), d, power + lane);
    hn::StoreU(hn::MulAdd(re1, re1, hn::Mul(im1, im1)), d, power + kBins + lane);
    hn::StoreU(hn::MulAdd(re2, re2, hn::Mul(im2, im2)), d, power + 2 * kBins + lane);
    hn::StoreU(hn::MulAdd(re3, re3, hn::Mul(im3, im3)), d, power + 3 * kBins + lane);
  }
}

}  // namespace baleen::dsp::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace baleen::dsp {

HWY_EXPORT(power_of_block);

Result<BandPower> BandPower::create(std::span<const double> window,
                                    std::size_t bin_begin,
                                    std::size_t bin_end) {
  constexpr std::size_t kSamplesMax = 65'536;
  if (window.size() < 2 || window.size() > kSamplesMax || bin_begin >= bin_end ||
      bin_end > window.size() / 2 + 1) {
    return fail(ErrorCode::invalid_argument, "plan bins {} to {} of a transform of {} points",
                bin_begin, bin_end, window.size());
  }
  return BandPower(window, bin_begin, bin_end);
}

BandPower::BandPower(std::span<const double> window, std::size_t bin_begin, std::size_t bin_end)
    : window_(window.begin(), window.end()),
      bin_count_(bin_end - bin_begin),
      n_blocks_((bin_count_ + kBlockBins - 1) / kBlockBins),
      n_folded_(window.size() / 2 + 1),
      table_(n_blocks_ * n_folded_ * 2 * kBlockBins) {
  const std::size_t size = window.size();
  for (std::size_t b = 0; b < n_blocks_ * kBlockBins; ++b) {
    const std::size_t bin = std::min(bin_begin + b, bin_end - 1);
    float* const column = &table_[b / kBlockBins * n_folded_ * 2 * kBlockBins + b % kBlockBins];
    for (std::size_t n = 0; n < n_folded_; ++n) {
      const double angle =
          2 * std::numbers::pi * static_cast<double>(bin * n % size) / static_cast<double>(size);
      column[n * 2 * kBlockBins] = static_cast<float>(std::cos(angle));
      column[n * 2 * kBlockBins + kBlockBins] = static_cast<float>(std::sin(angle));
    }
  }
}

/// x[n] ± x[N-n], which meet the same cosine and, but for the sign, the same sine.
void BandPower::fold(const float* samples, float* folded) const {
  const std::size_t size = window_.size();
  constexpr std::size_t kStep = 2 * kFramesAtOnce;
  folded[0] = window_[0] * samples[0];
  folded[kFramesAtOnce] = 0;
  for (std::size_t n = 1; 2 * n < size; ++n) {
    const float low = window_[n] * samples[n];
    const float high = window_[size - n] * samples[size - n];
    folded[n * kStep] = low + high;
    folded[n * kStep + kFramesAtOnce] = low - high;
  }
  if (size % 2 == 0) {
    folded[size / 2 * kStep] = window_[size / 2] * samples[size / 2];
    folded[size / 2 * kStep + kFramesAtOnce] = 0;
  }
}

void BandPower::process(std::span<const float> samples,
                        std::size_t hop,
                        std::size_t n_frames,
                        std::span<float> rows) const {
  if (n_frames == 0) return;
  BALEEN_CHECK(samples.size() >= (n_frames - 1) * hop + frame_samples());
  BALEEN_CHECK(rows.size() == n_frames * row_stride());
  std::vector<float> folded(n_folded_ * 2 * kFramesAtOnce);
  std::array<float, kFramesAtOnce * kBlockBins> power{};
  for (std::size_t first = 0; first < n_frames; first += kFramesAtOnce) {
    const std::size_t n = std::min(kFramesAtOnce, n_frames - first);
    // Where fewer frames are left, the others are older ones, whose power nobody reads.
    for (std::size_t i = 0; i < n; ++i) fold(&samples[(first + i) * hop], &folded[i]);
    for (std::size_t block = 0; block < n_blocks_; ++block) {
      HWY_DYNAMIC_DISPATCH(power_of_block)
      (&table_[block * n_folded_ * 2 * kBlockBins], folded.data(), n_folded_, power.data());
      for (std::size_t i = 0; i < n; ++i) {
        std::copy_n(&power[i * kBlockBins], kBlockBins,
                    &rows[(first + i) * row_stride() + block * kBlockBins]);
      }
    }
  }
}

}  // namespace baleen::dsp
#endif  // HWY_ONCE
