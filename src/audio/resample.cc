#include "audio/resample.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "audio/resample_filter.h"
#include "audio/resample_kernels.h"

namespace baleen::audio {
namespace {

constexpr std::int32_t kRateMin = 1'000;
constexpr std::int32_t kRateMax = 1'536'000;
constexpr std::int64_t kTableFloatsMax = 1 << 20;
constexpr std::int64_t kBlockOutputsMin = 128;
constexpr std::int64_t kInterpolationPhases = 1024;  // See plan().
constexpr std::int64_t kDropMin = 4096;

enum class Method { copy, table, interpolated };

std::int64_t round_up(std::int64_t value, std::int64_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

}  // namespace

/// Positions: output n sits at input position n·m/l; its window begins at window_begin(n).
/// `input` holds the input from `input_begin` on (what lies before the start are zeros).
struct Resampler::State {
  std::int64_t l = 1;  ///< to / gcd: outputs per period.
  std::int64_t m = 1;  ///< from / gcd: inputs per period.
  Method method = Method::copy;
  std::int64_t n_taps = 0;
  std::vector<float> taps;
  std::int64_t unit = 1;  ///< Outputs are made in multiples of this, so that vectors are full.

  std::vector<float> input;
  std::int64_t input_begin = 0;
  std::int64_t input_end = 0;
  std::int64_t next_output = 0;

  // Method table: a block is `block_outputs` outputs in each of 16 stretches that follow each other.
  std::int64_t block_outputs = 0;
  std::int64_t block_inputs = 0;
  std::vector<std::int32_t> first;  ///< Where the window of each output begins in its stretch.
  std::vector<float> block_taps;    ///< Of each output, interleaved for the kernel.
  std::vector<Row> rows;            ///< 16 stretches of input side by side.
  std::vector<Row> block;           ///< Their outputs.
  // Method interpolated.
  std::int64_t n_phases = 0;

  void plan(FilterShape shape);
  void start(std::int64_t output_index);
  void start_table();
  void append(std::span<const float> in);
  void produce(std::int64_t n, std::vector<float>& out);
  void produce_table(std::int64_t n, float* out);
  void produce_interpolated(std::int64_t n, float* out) const;
  void drop_before(std::int64_t index);
  [[nodiscard]] std::int64_t ready_outputs() const;
  [[nodiscard]] std::int64_t outputs_of(std::int64_t n_inputs) const {
    return (n_inputs * l + m - 1) / m;
  }
  [[nodiscard]] std::int64_t position(std::int64_t n) const { return n * m / l; }
  [[nodiscard]] std::int64_t window_begin(std::int64_t n) const {
    if (method == Method::copy) return n;
    return position(n) - n_taps / 2 + 1;
  }
};

void Resampler::State::plan(FilterShape shape) {
  if (l == m) return;
  const double ratio = static_cast<double>(l) / static_cast<double>(m);
  const LowPass filter(ratio, shape);
  n_taps = round_up(std::llround(std::ceil(2 * filter.half_width())), 2);
  const auto make_taps = [&](std::int64_t phases, bool with_end) {
    return polyphase_taps(filter, phases, static_cast<std::size_t>(n_taps), with_end);
  };
  if (l * n_taps <= kTableFloatsMax) {
    method = Method::table;
    taps = make_taps(l, false);
    const std::int64_t periods = (kBlockOutputsMin + l - 1) / l;
    block_outputs = l * periods;
    block_inputs = m * periods;
    unit = block_outputs * static_cast<std::int64_t>(kLanes);
  } else {
    // Linear interpolation between taps errs by up to (π·ratio/n_phases)²/8, which is -118 dB for
    // 1024 phases and a ratio of 1 (or above). A lower ratio needs proportionally fewer phases.
    method = Method::interpolated;
    n_taps = round_up(n_taps, kLanes);
    n_phases = std::max<std::int64_t>(
        16, std::llround(std::ceil(kInterpolationPhases * std::min(1.0, ratio))));
    taps = make_taps(n_phases, true);
  }
}

void Resampler::State::start(std::int64_t output_index) {
  next_output = output_index;
  input_begin = window_begin(output_index);
  input_end = std::max<std::int64_t>(0, input_begin);
  input.assign(static_cast<std::size_t>(input_end - input_begin), 0.0F);
  if (method == Method::table) start_table();
}

/// Lays out the windows and taps of one block; its first output may have any phase.
void Resampler::State::start_table() {
  const std::int64_t n_padded = round_up(block_outputs, kGroup);
  first.assign(static_cast<std::size_t>(n_padded), 0);
  block_taps.assign(static_cast<std::size_t>(n_padded * n_taps), 0.0F);
  for (std::int64_t j = 0; j < block_outputs; ++j) {
    const std::int64_t n = next_output + j;
    first[static_cast<std::size_t>(j)] =
        static_cast<std::int32_t>(position(n) - position(next_output));
    const float* phase_taps = taps.data() + n * m % l * n_taps;
    float* group = block_taps.data() + j / kGroup * kGroup * n_taps + j % kGroup;
    for (std::int64_t k = 0; k < n_taps; ++k) group[k * kGroup] = phase_taps[k];
  }
}

// --- input ---------------------------------------------------------------------------------------

void Resampler::State::append(std::span<const float> in) {
  input.insert(input.end(), in.begin(), in.end());
  input_end += std::ssize(in);
}

/// Forgets the input before `index`, but not so often that moving costs time.
void Resampler::State::drop_before(std::int64_t index) {
  const std::int64_t n_old = std::min(index - input_begin, std::ssize(input));
  if (n_old < kDropMin) return;
  input.erase(input.begin(), input.begin() + n_old);
  input_begin += n_old;
}

// --- output --------------------------------------------------------------------------------------

/// The end of the outputs whose whole window has been given.
std::int64_t Resampler::State::ready_outputs() const {
  if (method == Method::copy) return input_end;
  // position(n) + n_taps/2 < input_end.
  const std::int64_t limit = input_end - n_taps / 2;
  return limit <= 0 ? 0 : outputs_of(limit);
}

void Resampler::State::produce(std::int64_t n, std::vector<float>& out) {
  if (n <= 0) return;
  const std::size_t size = out.size();
  out.resize(size + static_cast<std::size_t>(n));
  float* begin = out.data() + size;
  switch (method) {
    case Method::copy: std::copy_n(input.begin() + (next_output - input_begin), n, begin); break;
    case Method::table: produce_table(n, begin); break;
    case Method::interpolated: produce_interpolated(n, begin); break;
  }
  next_output += n;
  drop_before(window_begin(next_output));
}

void Resampler::State::produce_table(std::int64_t n, float* out) {
  const auto n_outputs = static_cast<std::size_t>(block_outputs);
  rows.resize(static_cast<std::size_t>(first[n_outputs - 1] + n_taps));
  block.resize(first.size());
  for (std::int64_t done = 0; done < n; done += unit) {
    const float* in = input.data() + (window_begin(next_output + done) - input_begin);
    rows_from_stretches(in, static_cast<std::size_t>(block_inputs), rows.size(), rows.data());
    polyphase_kernel(rows.data(), first.data(), block_taps.data(), static_cast<std::size_t>(n_taps),
                     first.size(), block.data());
    stretches_from_rows(block.data(), n_outputs, out + done, n_outputs);
  }
}

void Resampler::State::produce_interpolated(std::int64_t n, float* out) const {
  for (std::int64_t i = 0; i < n; ++i) {
    const std::int64_t output = next_output + i;
    const std::int64_t place = output * m % l * n_phases;
    const std::int64_t phase = place / l;
    const auto fraction =
        static_cast<float>(static_cast<double>(place % l) / static_cast<double>(l));
    out[i] = interpolated_kernel(input.data() + (window_begin(output) - input_begin),
                                 taps.data() + phase * n_taps, static_cast<std::size_t>(n_taps),
                                 fraction);
  }
}

// --- the door ------------------------------------------------------------------------------------

Resampler::Resampler(std::unique_ptr<State> state) : state_(std::move(state)) {}
Resampler::~Resampler() = default;
Resampler::Resampler(Resampler&&) noexcept = default;
Resampler& Resampler::operator=(Resampler&&) noexcept = default;

Result<Resampler> Resampler::create(Hertz from, Hertz to, FilterShape shape) {
  for (const Hertz rate : {from, to}) {
    if (rate.value < kRateMin || rate.value > kRateMax) {
      return fail(ErrorCode::invalid_argument, "a sample rate of {} Hz is outside {} to {} Hz",
                  rate.value, kRateMin, kRateMax);
    }
  }
  auto state = std::make_unique<State>();
  const std::int32_t divisor = std::gcd(from.value, to.value);
  state->l = to.value / divisor;
  state->m = from.value / divisor;
  state->plan(shape);
  state->start(0);
  return Resampler(std::move(state));
}

void Resampler::process(std::span<const float> in, std::vector<float>& out) {
  State& state = *state_;
  state.append(in);
  const std::int64_t n = state.ready_outputs() - state.next_output;
  state.produce(n - n % state.unit, out);
}

void Resampler::flush(std::vector<float>& out) {
  State& state = *state_;
  const std::int64_t n = state.outputs_of(state.input_end) - state.next_output;
  if (n <= 0) return;
  const std::int64_t n_padded = round_up(n, state.unit);
  const std::int64_t last = state.position(state.next_output + n_padded) + 2 * state.n_taps + 2;
  const std::vector<float> zeros(
      static_cast<std::size_t>(std::max<std::int64_t>(0, last - state.input_end)), 0.0F);
  state.append(zeros);
  const std::size_t size = out.size();
  state.produce(n_padded, out);
  out.resize(size + static_cast<std::size_t>(n));
}

std::int64_t Resampler::start_at(std::int64_t output_index) {
  state_->start(output_index);
  return state_->input_end;
}

std::int64_t Resampler::output_samples(std::int64_t input_samples) const {
  return state_->outputs_of(input_samples);
}

}  // namespace baleen::audio
