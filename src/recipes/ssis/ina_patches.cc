#include "recipes/ssis/ina_patches.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace baleen::ssis {
namespace {

constexpr std::string_view kInput = "patches";
constexpr std::string_view kOutput = "probs";
constexpr std::int64_t kRowsPerPatch = 2;  // Step from one patch to the next.
constexpr std::int64_t kPatchesInFront =
    17;  // Copies of the first patch: it is centred, as all are.
constexpr auto kPatchValues = static_cast<std::size_t>(InaPatches::kPatchRows * InaPatches::kBands);
constexpr auto kRowValues = static_cast<std::size_t>(InaPatches::kBands);
constexpr float kProbMin = 1e-38F;  // Keeps the logarithm finite.
constexpr std::size_t kDropRows = 1024;

}  // namespace

Result<void> InaPatches::check_session(const ml::Session& session) {
  BALEEN_RETURN_IF_ERROR(
      session.expect_input(kInput, std::array<std::int64_t, 3>{-1, kPatchRows, kBands}));
  return session.expect_output(kOutput, std::array<std::int64_t, 2>{-1, kInaLabels});
}

InaPatches::InaPatches(ml::Session& session, std::int64_t n_rows)
    : session_(session),
      last_first_row_(std::max<std::int64_t>(0, n_rows - kPatchRows) / kRowsPerPatch *
                      kRowsPerPatch),
      input_(kBatchMax * kPatchValues) {}

void InaPatches::append_rows(std::span<const float> rows) {
  BALEEN_CHECK(rows.size() % kRowValues == 0);
  rows_.insert(rows_.end(), rows.begin(), rows.end());
  for (std::size_t begin = 0; begin < rows.size(); begin += kRowValues) {
    n_bad_before_.push_back(n_bad_);
    const auto row = rows.subspan(begin, kRowValues);
    if (!std::ranges::all_of(row, [](float value) { return std::isfinite(value); })) ++n_bad_;
  }
}

void InaPatches::finish_rows() {
  if (rows_end() == 0) return;
  // Upstream takes the least value of all 24 bands; the three that the network does not use are not here.
  const std::vector<float> padding(kRowValues, *std::ranges::min_element(rows_));
  while (rows_end() < kPatchRows) append_rows(padding);
}

void InaPatches::drop_before(std::int64_t patch) {
  const auto n = static_cast<std::size_t>(std::clamp<std::int64_t>(
      first_row(patch) - begin_row_, 0, static_cast<std::int64_t>(n_bad_before_.size())));
  if (n < kDropRows) return;  // Moving the rest costs more than it frees.
  rows_.erase(rows_.begin(), rows_.begin() + static_cast<std::ptrdiff_t>(n * kRowValues));
  n_bad_before_.erase(n_bad_before_.begin(),
                      n_bad_before_.begin() + static_cast<std::ptrdiff_t>(n));
  begin_row_ += static_cast<std::int64_t>(n);
}

std::int64_t InaPatches::first_row(std::int64_t patch) const {
  return std::clamp<std::int64_t>(kRowsPerPatch * (patch - kPatchesInFront), 0, last_first_row_);
}

std::int64_t InaPatches::rows_end() const {
  return begin_row_ + static_cast<std::int64_t>(n_bad_before_.size());
}

bool InaPatches::is_complete(std::int64_t patch) const {
  return first_row(patch) + kPatchRows <= rows_end();
}

bool InaPatches::is_usable(std::int64_t patch) const {
  const auto begin = static_cast<std::size_t>(first_row(patch) - begin_row_);
  const std::size_t end = begin + static_cast<std::size_t>(kPatchRows);
  const std::int32_t n_bad = end < n_bad_before_.size() ? n_bad_before_[end] : n_bad_;
  return n_bad == n_bad_before_[begin];
}

// The patch's values less their mean, over their (population) standard deviation.
void InaPatches::normalise(std::int64_t patch, std::span<float> out) const {
  const auto begin = static_cast<std::size_t>(first_row(patch) - begin_row_) * kRowValues;
  const auto values = std::span(rows_).subspan(begin, kPatchValues);
  double sum = 0.0;
  for (const float value : values) sum += value;
  const double mean = sum / static_cast<double>(kPatchValues);
  double squares = 0.0;
  for (const float value : values) squares += (value - mean) * (value - mean);
  // A constant patch has no deviation; zeros stand for it.
  const double deviation = std::sqrt(squares / static_cast<double>(kPatchValues));
  const double scale = deviation > 0.0 ? 1.0 / deviation : 0.0;
  for (std::size_t i = 0; i < kPatchValues; ++i)
    out[i] = static_cast<float>((values[i] - mean) * scale);
}

Result<void> InaPatches::evaluate(std::span<const std::int64_t> patches,
                                  std::span<InaLogProbs> out) {
  for (std::size_t begin = 0; begin < patches.size(); begin += kBatchMax) {
    const std::size_t count = std::min(kBatchMax, patches.size() - begin);
    for (std::size_t i = 0; i < count; ++i)
      normalise(patches[begin + i], std::span(input_).subspan(i * kPatchValues, kPatchValues));
    std::array<float, kBatchMax * kInaLabels> probs{};
    const auto batch = static_cast<std::int64_t>(count);
    const ml::InputTensor input{kInput,
                                {batch, kPatchRows, kBands},
                                std::span<const float>(input_).first(count * kPatchValues)};
    const ml::OutputTensor output{
        kOutput, {batch, kInaLabels}, std::span(probs).first(count * kInaLabels)};
    BALEEN_RETURN_IF_ERROR(session_.run({&input, 1}, {&output, 1}));
    for (std::size_t i = 0; i < count; ++i) {
      for (std::size_t s = 0; s < kInaLabels; ++s)
        out[begin + i][s] = std::log(std::max(probs[i * kInaLabels + s], kProbMin));
    }
  }
  return {};
}

}  // namespace baleen::ssis
