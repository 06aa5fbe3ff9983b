#include "dsp/dct_embedding.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "core/check.h"

namespace baleen::dsp {
namespace {

constexpr std::size_t kRows = DctEmbedding::kPatchRows;
constexpr std::size_t kBands = DctEmbedding::kBandCount;
constexpr std::size_t kOrders = 32;
static_assert(kOrders * kOrders == DctEmbedding::kSize);

constexpr float kFloorDb = -80.0F;  // Below this all is silence.
constexpr float kScaleDb = 80.0F;   // So much makes 1.
/// What a patch must stand out by to be more than silence: a deviation of 1 dB root mean square
/// (1/80, times the square root of 96·64 cells) weighs as much as this.
constexpr float kStillness = 1.0F;

/// Rows of the orthonormal DCT-II of `length` points, first half: order k is symmetric (k even) or
/// antisymmetric (k odd) about the middle.
std::vector<float> half_dct_basis(std::size_t length) {
  std::vector<float> basis;
  for (std::size_t k = 0; k < kOrders; ++k) {
    const double scale = std::sqrt((k == 0 ? 1.0 : 2.0) / static_cast<double>(length));
    for (std::size_t n = 0; n < length / 2; ++n) {
      const double phase = std::numbers::pi * (static_cast<double>(n) + 0.5) *
                           static_cast<double>(k) / static_cast<double>(length);
      basis.push_back(static_cast<float>(scale * std::cos(phase)));
    }
  }
  return basis;
}

/// DCT down the columns: `matrix` has 2·n_half rows of kWidth; kOrders rows come out. Additions are in
/// the order of the rows; the inner loop runs across independent columns.
template <std::size_t kWidth, std::size_t kHalf>
void dct_columns(const float* matrix, const std::vector<float>& basis, float* out) {
  std::array<float, kHalf * kWidth> sums;
  std::array<float, kHalf * kWidth> differences;
  for (std::size_t n = 0; n < kHalf; ++n) {
    for (std::size_t c = 0; c < kWidth; ++c) {
      const float early = matrix[n * kWidth + c];
      const float late = matrix[(2 * kHalf - 1 - n) * kWidth + c];
      sums[n * kWidth + c] = early + late;
      differences[n * kWidth + c] = early - late;
    }
  }
  for (std::size_t k = 0; k < kOrders; ++k) {
    const std::array<float, kHalf* kWidth>& folded = k % 2 == 0 ? sums : differences;
    std::array<float, kWidth> total{};
    for (std::size_t n = 0; n < kHalf; ++n) {
      const float weight = basis[k * kHalf + n];
      for (std::size_t c = 0; c < kWidth; ++c) total[c] += weight * folded[n * kWidth + c];
    }
    std::copy(total.begin(), total.end(), out + k * kWidth);
  }
}

template <std::size_t kHeight, std::size_t kWidth>
void transpose(const float* matrix, float* out) {
  for (std::size_t r = 0; r < kHeight; ++r) {
    for (std::size_t c = 0; c < kWidth; ++c) out[c * kHeight + r] = matrix[r * kWidth + c];
  }
}

}  // namespace

DctEmbedding::DctEmbedding()
    : time_basis_(half_dct_basis(kRows)), mel_basis_(half_dct_basis(kBands)) {}

void DctEmbedding::push(std::span<const float> rows, std::vector<float>& out) {
  BALEEN_CHECK(rows.size() % kBands == 0);
  rows_.insert(rows_.end(), rows.begin(), rows.end());
  n_rows_ += static_cast<std::int64_t>(rows.size() / kBands);
  for (; first_row(n_patches_) + kPatchRows <= n_rows_; ++n_patches_) {
    append_embedding(&rows_[(first_row(n_patches_) - first_kept_row_) * kBandCount], out);
  }
  const std::int64_t first_needed = std::min(first_row(n_patches_), n_rows_);
  rows_.erase(rows_.begin(), rows_.begin() + (first_needed - first_kept_row_) * kBandCount);
  first_kept_row_ = first_needed;
}

void DctEmbedding::finish(std::vector<float>& out) {
  const std::int64_t n_patches = patch_count(n_rows_);
  if (n_patches == n_patches_) return;
  const std::int64_t end_row = first_row(n_patches - 1) + kPatchRows;
  push(std::vector<float>(static_cast<std::size_t>((end_row - n_rows_) * kBandCount), kFloorDb),
       out);
}

void DctEmbedding::reset() {
  rows_.clear();
  first_kept_row_ = 0;
  n_rows_ = 0;
  n_patches_ = 0;
}

std::int64_t DctEmbedding::first_row(std::int64_t patch) {
  return (patch * 11025 + 110) / 220;  // round(k · 0.5 · 22050 / 220)
}

std::int64_t DctEmbedding::patch_count(std::int64_t n_rows) {
  if (n_rows <= kPatchRows) return 1;
  std::int64_t patch = (n_rows - kPatchRows) * 220 / 11025;  // At most one too few.
  while (first_row(patch) + kPatchRows < n_rows) ++patch;
  return patch + 1;
}

void DctEmbedding::append_embedding(const float* patch, std::vector<float>& out) const {
  std::array<float, kRows * kBands> scaled;
  for (std::size_t i = 0; i < scaled.size(); ++i) {
    const float level_db = patch[i] < kFloorDb ? kFloorDb : patch[i];  // Keeps NaN.
    scaled[i] = (level_db - kFloorDb) / kScaleDb;
  }
  std::array<float, kOrders * kBands> by_time;  // Shape (time order, mel).
  dct_columns<kBands, kRows / 2>(scaled.data(), time_basis_, by_time.data());
  std::array<float, kBands * kOrders> turned;  // Shape (mel, time order).
  transpose<kOrders, kBands>(by_time.data(), turned.data());
  std::array<float, kOrders * kOrders> by_mel;  // Shape (mel order, time order).
  dct_columns<kOrders, kBands / 2>(turned.data(), mel_basis_, by_mel.data());
  std::array<float, kOrders * kOrders> embedding;  // Shape (time order, mel order).
  transpose<kOrders, kOrders>(by_mel.data(), embedding.data());

  // The overall level gives way to a constant, which is all that is left of silence.
  embedding[0] = embedding[0] * 0.0F + kStillness;  // Keeps NaN.
  double square = 0.0;
  for (const float value : embedding) square += double{value} * value;
  const auto scale = static_cast<float>(1.0 / std::sqrt(square));
  for (const float value : embedding) out.push_back(scale * value);
}

}  // namespace baleen::dsp
