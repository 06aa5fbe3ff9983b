#include "dsp/mel_spectrum.h"

#include <hwy/aligned_allocator.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <utility>

#include "dsp/mel_kernel.h"
#include "dsp/mel_plan.h"

namespace baleen::dsp {

/// One allocation, cut into MelBuffers.
struct MelSpectrum::Workspace {
  explicit Workspace(const MelPlan& plan);

  hwy::AlignedFreeUniquePtr<unsigned char[]> bytes;
  MelBuffers buffers;
  std::size_t n_refined = 0;
};

MelSpectrum::Workspace::Workspace(const MelPlan& plan) {
  constexpr std::size_t kPageBytes = 4096;
  const std::array<std::size_t, 6> sizes = {
      (kChunkRows + 6) * (2 * kBatchFrames + plan.extra_columns) * sizeof(float),
      plan.sample_count() * kVectorBytesMax,
      kPartSize * kVectorBytesMax,
      (plan.n_bands + 2) * kVectorBytesMax,
      plan.n_bands * kVectorBytesMax,
      kBatchFrames * plan.n_bands * sizeof(float)};
  std::array<std::size_t, 6> offsets{};
  std::size_t end = 0;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    offsets[i] = end;
    end += (sizes[i] + kPageBytes - 1) / kPageBytes * kPageBytes;  // See first_pass.
  }
  bytes = hwy::AllocateAligned<unsigned char>(end);
  BALEEN_CHECK(bytes != nullptr);
  std::memset(bytes.get(), 0, end);
  const auto floats = [&](std::size_t i) {
    return reinterpret_cast<float*>(bytes.get() + offsets[i]);
  };
  buffers = {.columns = floats(0),
             .points = bytes.get() + offsets[1],
             .spectrum = bytes.get() + offsets[2],
             .bands = bytes.get() + offsets[3],
             .levels = floats(4),
             .rows = floats(5)};
}

Result<MelSpectrum> MelSpectrum::create(const MelSpectrumOptions& options) {
  BALEEN_ASSIGN_OR_RETURN(std::unique_ptr<const MelPlan> plan, make_mel_plan(options));
  return MelSpectrum(std::move(plan));
}

MelSpectrum::MelSpectrum(std::unique_ptr<const MelPlan> plan)
    : plan_(std::move(plan)), workspace_(std::make_unique<Workspace>(*plan_)) {}

MelSpectrum::~MelSpectrum() = default;
MelSpectrum::MelSpectrum(MelSpectrum&&) noexcept = default;
MelSpectrum& MelSpectrum::operator=(MelSpectrum&&) noexcept = default;

std::size_t MelSpectrum::band_count() const { return plan_->n_bands; }

std::size_t MelSpectrum::slack_samples() const { return plan_->hop + 4; }

std::size_t MelSpectrum::refined_count() const { return workspace_->n_refined; }

void MelSpectrum::process(const float* samples, std::size_t n_frames, float* rows) {
  // What is to be refined is collected, as the lanes of the double precision need filling too.
  std::array<const float*, kBatchFrames> refined_frames{};
  std::array<float*, kBatchFrames> refined_rows{};
  std::size_t n_refined = 0;
  const auto refine = [&] {
    process_precise(*plan_, workspace_->buffers, refined_frames.data(), refined_rows.data(),
                    n_refined);
    workspace_->n_refined += n_refined;
    n_refined = 0;
  };
  for (std::size_t first = 0; first < n_frames; first += kBatchFrames) {
    const std::size_t n = std::min(kBatchFrames, n_frames - first);
    const float* batch = samples + first * plan_->hop;
    float* batch_rows = rows + first * plan_->n_bands;
    std::uint32_t imprecise = process_batch(*plan_, workspace_->buffers, batch, n, batch_rows);
    for (; imprecise != 0; imprecise &= imprecise - 1) {
      const auto f = static_cast<std::size_t>(std::countr_zero(imprecise));
      refined_frames[n_refined] = batch + f * plan_->hop;
      refined_rows[n_refined] = batch_rows + f * plan_->n_bands;
      if (++n_refined == kBatchFrames) refine();
    }
  }
  if (n_refined > 0) refine();
}

}  // namespace baleen::dsp
