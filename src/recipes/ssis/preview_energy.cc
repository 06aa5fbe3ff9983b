#include "recipes/ssis/preview_energy.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "core/check.h"

namespace baleen::ssis {
namespace {

constexpr int kStepsPerSecond = 1000 / static_cast<int>(PreviewEnergy::kStep);
constexpr double kLoudPercentile = 0.95;
constexpr double kQuietPercentile = 0.10;
constexpr double kPauseBelowLoudDb = 30.0;
constexpr double kPauseAboveFloorDb = 3.0;
constexpr double kPauseMarginDb = 10.0;

double dbfs_of(std::size_t level) {
  return PreviewEnergy::kFloorDbfs + PreviewEnergy::kResolutionDb * static_cast<double>(level);
}

const std::array<double, 256>& rms_table() {
  static const std::array<double, 256> table = [] {
    std::array<double, 256> rms{};
    for (std::size_t level = 1; level < rms.size(); ++level)
      rms[level] = std::pow(10.0, dbfs_of(level) / 20.0);
    return rms;
  }();
  return table;
}

std::int64_t sum_of_squares(std::span<const std::int16_t> samples) {
  std::int64_t sum = 0;
  for (const std::int16_t sample : samples) {
    const std::int32_t square =
        std::int32_t{sample} * sample;  // At most 2^30: no need to widen first.
    sum += square;
  }
  return sum;
}

}  // namespace

PreviewEnergy::PreviewEnergy(Hertz rate, std::int64_t n_samples) : rate_(rate) {
  BALEEN_CHECK(rate.value >= kStepsPerSecond);
  constexpr std::int64_t kHintMax = std::int64_t{100} * 3600 * kStepsPerSecond;
  const std::int64_t n_steps = n_samples / rate.value * kStepsPerSecond + kStepsPerSecond;
  levels_.reserve(static_cast<std::size_t>(std::clamp<std::int64_t>(n_steps, 0, kHintMax)));
}

std::int64_t PreviewEnergy::step_end(std::int64_t step) const {
  return (step + 1) * rate_.value / kStepsPerSecond;
}

void PreviewEnergy::push(std::span<const std::int16_t> samples) {
  while (!samples.empty()) {
    const std::int64_t missing = step_end(step_count()) - n_pushed_;
    const std::size_t take = std::min(samples.size(), static_cast<std::size_t>(missing));
    sum_of_squares_ += sum_of_squares(samples.first(take));
    n_pushed_ += static_cast<std::int64_t>(take);
    n_in_step_ += static_cast<std::int64_t>(take);
    if (static_cast<std::int64_t>(take) == missing) close_step();
    samples = samples.subspan(take);
  }
}

void PreviewEnergy::push(std::span<const float> samples) {
  std::array<std::int16_t, 1024> block;
  while (!samples.empty()) {
    const std::size_t n = std::min(samples.size(), block.size());
    for (std::size_t i = 0; i < n; ++i) {
      const float scaled = samples[i] * 32768.0F;
      const float high = scaled < 32767.0F ? scaled : 32767.0F;  // NaN becomes full scale here.
      const float cut = high > -32768.0F ? high : -32768.0F;
      // Made positive, so that cutting off the fraction rounds to nearest, without a branch.
      block[i] = static_cast<std::int16_t>(static_cast<std::int32_t>(cut + 32768.5F) - 32768);
    }
    push(std::span<const std::int16_t>(block.data(), n));
    samples = samples.subspan(n);
  }
}

void PreviewEnergy::finish() {
  if (n_in_step_ > 0) close_step();
}

void PreviewEnergy::close_step() {
  std::uint8_t level = 0;
  if (sum_of_squares_ > 0) {
    const double mean_square = static_cast<double>(sum_of_squares_) /
                               (static_cast<double>(n_in_step_) * 32768.0 * 32768.0);
    const double steps = (10.0 * std::log10(mean_square) - kFloorDbfs) / kResolutionDb;
    level = static_cast<std::uint8_t>(std::clamp(std::round(steps), 0.0, 255.0));
  }
  levels_.push_back(level);
  sum_of_squares_ = 0;
  n_in_step_ = 0;
}

double PreviewEnergy::level_dbfs(std::int64_t step) const {
  return dbfs_of(levels_[static_cast<std::size_t>(step)]);
}

double PreviewEnergy::rms(std::int64_t step) const {
  return rms_table()[levels_[static_cast<std::size_t>(step)]];
}

double PreviewEnergy::percentile_dbfs(double fraction) const {
  std::array<std::int64_t, 256> counts{};
  for (const std::uint8_t level : levels_) ++counts[level];
  const auto wanted = static_cast<std::int64_t>(fraction * static_cast<double>(levels_.size()));
  std::int64_t below = 0;
  for (std::size_t level = 0; level < counts.size(); ++level) {
    below += counts[level];
    if (below > wanted) return dbfs_of(level);
  }
  return kFloorDbfs;
}

double PreviewEnergy::pause_threshold_dbfs() const {
  const double loud = percentile_dbfs(kLoudPercentile);
  const double quiet = percentile_dbfs(kQuietPercentile);
  return std::min(loud - kPauseMarginDb,
                  std::max(loud - kPauseBelowLoudDb, quiet + kPauseAboveFloorDb));
}

std::vector<Pause> PreviewEnergy::pauses(Millis minimum) const {
  const double threshold = pause_threshold_dbfs();
  std::vector<Pause> found;
  std::int64_t begin = 0;
  for (std::int64_t step = 0; step <= step_count(); ++step) {
    if (step < step_count() && level_dbfs(step) < threshold) continue;
    if ((step - begin) * kStep > minimum) found.push_back({begin, step});
    begin = step + 1;
  }
  return found;
}

double PreviewEnergy::relative_variance(std::int64_t begin, std::int64_t end) const {
  begin = std::clamp<std::int64_t>(begin, 0, step_count());
  end = std::clamp<std::int64_t>(end, begin, step_count());
  double sum = 0.0;
  double sum_squares = 0.0;
  for (std::int64_t step = begin; step < end; ++step) {
    const double value = rms(step);
    sum += value;
    sum_squares += value * value;
  }
  if (sum <= 0.0) return 0.0;
  const double n = static_cast<double>(end - begin);
  return std::max(0.0, n * sum_squares / (sum * sum) - 1.0);
}

}  // namespace baleen::ssis
