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
constexpr std::int64_t kBlockOutputsMin = 64;
constexpr std::int64_t kInterpolationPhases = 1024;  // At cutoff 0.5; see plan().
constexpr std::int64_t kDropMin = 4096;

enum class Method { copy, half_band, table, interpolated };

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

  std::vector<float> input;      ///< half_band: the odd samples only.
  std::vector<float> even;       ///< half_band: the even samples.
  std::int64_t input_begin = 0;  ///< half_band: in pairs.
  std::int64_t input_end = 0;
  std::int64_t next_output = 0;

  // Method table: a block is `block_outputs` outputs in each of 16 stretches that follow each other.
  std::int64_t block_outputs = 0;
  std::int64_t block_inputs = 0;
  std::vector<std::int32_t> first;    ///< Where the window of each output begins in its stretch.
  std::vector<std::int32_t> tap_row;  ///< Its phase.
  std::vector<float> columns;         ///< 16 stretches side by side.
  std::vector<float> block;
  // Method interpolated.
  std::int64_t n_phases = 0;

  void plan();
  void start(std::int64_t output_index);
  void append(std::span<const float> in);
  void append_pairs(std::span<const float> in);
  void produce(std::int64_t n, std::vector<float>& out);
  void produce_half_band(std::int64_t n, float* out) const;
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

void Resampler::State::plan() {
  if (l == m) return;
  const double cutoff = 0.5 * std::min(1.0, static_cast<double>(l) / static_cast<double>(m));
  const LowPass filter(cutoff);
  n_taps = round_up(std::llround(std::ceil(2 * filter.half_width())), 2);
  const auto taps_per_phase = [this] { return static_cast<std::size_t>(n_taps); };
  if (l == 1 && m == 2) {
    method = Method::half_band;
    n_taps /= 2;  // The others are zero.
    taps = half_band_taps(filter, taps_per_phase());
    unit = kLanes;
  } else if (l * n_taps <= kTableFloatsMax) {
    method = Method::table;
    taps = polyphase_taps(filter, l, taps_per_phase(), /*with_end=*/false);
    const std::int64_t periods = (kBlockOutputsMin + l - 1) / l;
    block_outputs = l * periods;
    block_inputs = m * periods;
    unit = block_outputs * kLanes;
  } else {
    // Linear interpolation between taps errs by (2π·cutoff/n_phases)²/8: -106 dB at 1024 phases and
    // cutoff 0.5. A lower cutoff needs proportionally fewer phases.
    method = Method::interpolated;
    n_taps = round_up(n_taps, kLanes);
    n_phases =
        std::max<std::int64_t>(16, std::llround(std::ceil(kInterpolationPhases * 2 * cutoff)));
    taps = polyphase_taps(filter, n_phases, taps_per_phase(), /*with_end=*/true);
  }
}

void Resampler::State::start(std::int64_t output_index) {
  next_output = output_index;
  const bool in_pairs = method == Method::half_band;
  input_begin = in_pairs ? output_index - n_taps / 2 : window_begin(output_index);
  input_end = std::max<std::int64_t>(0, in_pairs ? 2 * input_begin : input_begin);
  const auto n_zeros = static_cast<std::size_t>(std::max<std::int64_t>(0, -input_begin));
  input.assign(n_zeros, 0.0F);
  even.assign(in_pairs ? n_zeros : 0, 0.0F);
  first.clear();
  tap_row.clear();
  for (std::int64_t n = output_index; n < output_index + block_outputs; ++n) {
    first.push_back(static_cast<std::int32_t>(position(n) - position(output_index)));
    tap_row.push_back(static_cast<std::int32_t>(n * m % l));
  }
}

// --- input ---------------------------------------------------------------------------------------

void Resampler::State::append(std::span<const float> in) {
  if (method == Method::half_band) {
    append_pairs(in);
  } else {
    input.insert(input.end(), in.begin(), in.end());
  }
  input_end += std::ssize(in);
}

void Resampler::State::append_pairs(std::span<const float> in) {
  if (in.empty()) return;
  if (input_end % 2 != 0) {
    input.push_back(in[0]);
    in = in.subspan(1);
  }
  const std::size_t n_pairs = in.size() / 2;
  const std::size_t even_size = even.size();
  const std::size_t odd_size = input.size();
  even.resize(even_size + n_pairs);
  input.resize(odd_size + n_pairs);
  float* even_out = even.data() + even_size;
  float* odd_out = input.data() + odd_size;
  for (std::size_t i = 0; i < n_pairs; ++i) {
    even_out[i] = in[2 * i];
    odd_out[i] = in[2 * i + 1];
  }
  if (in.size() % 2 != 0) even.push_back(in.back());
}

/// Forgets the input before `index` (half_band: pairs), but not so often that moving costs time.
void Resampler::State::drop_before(std::int64_t index) {
  const std::int64_t n_old = std::min(index - input_begin, std::ssize(input));
  if (n_old < kDropMin) return;
  input.erase(input.begin(), input.begin() + n_old);
  if (method == Method::half_band) even.erase(even.begin(), even.begin() + n_old);
  input_begin += n_old;
}

// --- output --------------------------------------------------------------------------------------

/// The end of the outputs whose whole window has been given.
std::int64_t Resampler::State::ready_outputs() const {
  if (method == Method::copy) return input_end;
  if (method == Method::half_band) {
    // Output n needs the odd sample of pair n + n_taps/2 - 1, which is input 2n + n_taps - 1.
    return input_end < n_taps ? 0 : (input_end - n_taps) / 2 + 1;
  }
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
    case Method::half_band: produce_half_band(n, begin); break;
    case Method::table: produce_table(n, begin); break;
    case Method::interpolated: produce_interpolated(n, begin); break;
  }
  next_output += n;
  drop_before(method == Method::half_band ? next_output - n_taps / 2 : window_begin(next_output));
}

void Resampler::State::produce_half_band(std::int64_t n, float* out) const {
  const std::int64_t pair = next_output - input_begin;
  half_band_kernel(even.data() + pair, input.data() + pair - n_taps / 2, taps.data(),
                   static_cast<std::size_t>(n_taps), static_cast<std::size_t>(n), out);
}

void Resampler::State::produce_table(std::int64_t n, float* out) {
  const std::int64_t n_rows = first.back() + n_taps;
  columns.resize(static_cast<std::size_t>(n_rows) * kLanes);
  block.resize(static_cast<std::size_t>(block_outputs) * kLanes);
  for (std::int64_t done = 0; done < n; done += unit) {
    const float* in = input.data() + (window_begin(next_output + done) - input_begin);
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      const float* stretch = in + static_cast<std::int64_t>(lane) * block_inputs;
      float* column = columns.data() + lane;
      for (std::int64_t row = 0; row < n_rows; ++row) column[row * 16] = stretch[row];
    }
    polyphase_kernel(columns.data(), first.data(), tap_row.data(), taps.data(),
                     static_cast<std::size_t>(n_taps), first.size(), block.data());
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      const float* column = block.data() + lane;
      float* stretch = out + done + static_cast<std::int64_t>(lane) * block_outputs;
      for (std::int64_t j = 0; j < block_outputs; ++j) stretch[j] = column[j * 16];
    }
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

Result<Resampler> Resampler::create(Hertz from, Hertz to) {
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
  state->plan();
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
