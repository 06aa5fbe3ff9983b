#include "dsp/clip_features.h"

#include <algorithm>

#include "dsp/clip_features_window.h"

namespace baleen::dsp {
namespace {

constexpr auto kBlock = static_cast<std::int64_t>(kClipBlockRows);
constexpr auto kMargin = static_cast<std::int64_t>(kClipMarginRows);
static_assert(kMargin % kBlock == 0, "the sums of the fine structure are kept by block");
constexpr std::int64_t kMarginBlocks = kMargin / kBlock;

}  // namespace

std::vector<std::string> ClipFeatures::names() { return clip_feature_names(); }

void ClipFeatures::reset() { *this = ClipFeatures(); }

void ClipFeatures::push(std::span<const float> rows, std::vector<ClipFeatureWindow>& windows) {
  for (std::size_t i = 0; i + kClipMelBands <= rows.size(); i += kClipMelBands) {
    if (n_rows_ % kBlock == 0) fine_sums_.emplace_back();
    analyser_.analyse(rows.data() + i, rows_.emplace_back(), fine_sums_.back());
    ++n_rows_;
    if (n_rows_ == (next_block_ + 1) * kBlock + kMargin) emit(windows);
  }
}

void ClipFeatures::emit(std::vector<ClipFeatureWindow>& windows) {
  const std::int64_t first_block = std::max<std::int64_t>(0, next_block_ - kMarginBlocks);
  ClipFeatureWindow& window = windows.emplace_back();
  window.block_begin_row = next_block_ * kBlock;
  window.block_end_row = std::min(n_rows_, (next_block_ + 1) * kBlock);
  for (std::int64_t r = window.block_begin_row; r < window.block_end_row; ++r) {
    window.row_level_dbfs[static_cast<std::size_t>(r - window.block_begin_row)] =
        rows_[static_cast<std::size_t>(r - first_block * kBlock)][row_value::kLevel];
  }
  ClipFineSums fine;
  for (const ClipFineSums& block : fine_sums_) fine.add(block);
  summarise_rows(rows_, fine, window);

  ++next_block_;
  if (next_block_ > kMarginBlocks) {  // The oldest block is out of reach of the next window.
    rows_.erase(rows_.begin(), rows_.begin() + std::min<std::ptrdiff_t>(kBlock, std::ssize(rows_)));
    fine_sums_.erase(fine_sums_.begin());
  }
}

void ClipFeatures::finish(std::vector<ClipFeatureWindow>& windows) {
  while (next_block_ * kBlock < n_rows_) emit(windows);
  reset();
}

}  // namespace baleen::dsp
