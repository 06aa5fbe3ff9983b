/// FFT of the real points of a part, one transform per vector lane. Per-target: included by mel_kernel.cc
/// only.
///
/// Point n is number n % 16 of row n / 16. The first pass transforms columns, of 32 points each. What it
/// yields is half as many complex values, first rows of real and then as many rows of imaginary parts. The
/// second pass transforms these rows; each bin comes out of it once, and goes to the bands at once.
/// (Columns lie a multiple of 1 KiB apart in AVX-512, and yet nothing needs padding: what one column stores
/// never has the address modulo 4 KiB of what the next one loads, and a column fits into its cache sets.)

#if defined(BALEEN_DSP_REAL_FFT_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef BALEEN_DSP_REAL_FFT_INL_H_
#undef BALEEN_DSP_REAL_FFT_INL_H_
#else
#define BALEEN_DSP_REAL_FFT_INL_H_
#endif

#include <cstddef>

#include "dsp/dft16-inl.h"
#include "dsp/mel_plan.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace baleen::dsp {
namespace HWY_NAMESPACE {

/// Output i of a first pass, to its place in a column.
template <std::size_t kRows, class D>
struct ColumnSink {
  hn::TFromD<D>* column;

  HWY_INLINE void store(std::size_t i, const Complex<hn::Vec<D>>& z) const {
    const D d;
    hn::TFromD<D>* to = column + i % kRows * kRadix * hn::Lanes(d);
    hn::Store(z.re, d, to);
    hn::Store(z.im, d, to + kRows * kRadix * hn::Lanes(d));
  }
};

/// What becomes of row 0 of part 0: its first output is two real ones.
template <class Sink>
struct RealSink {
  const Sink& sink;

  template <class V>
  HWY_INLINE void store(std::size_t i, const Complex<V>& z) const {
    if (i == 0) {
      sink.store_power(0, hn::Mul(z.re, z.re));
      sink.store_power(kPartSize, hn::Mul(z.im, z.im));
    } else {
      sink.store(i, z);
    }
  }
};

// Part 0, the outputs k of 512 real points, is done in two halves, those of even and of odd k: together
// they do not fit into the first-level cache beside the points.

/// First pass of a half of part 0: row i gets the outputs of kRealOutputs[i] modulo 32, or of their mirror
/// images; in the odd half kRealOutputs[8 + i].
template <bool kOdd, class D, class T = hn::TFromD<D>>
HWY_NOINLINE void first_pass_even(D d, const T* HWY_RESTRICT points, T* HWY_RESTRICT rows) {
  const std::size_t n_lanes = hn::Lanes(d);
  for (std::size_t j = 0; j < kRadix; ++j, points += n_lanes, rows += n_lanes) {
    hn::Vec<D> x[16];
    HWY_UNROLL(16)
    for (std::size_t m = 0; m < 16; ++m) {
      const auto a = hn::Load(d, points + m * kRadix * n_lanes);
      const auto b = hn::Load(d, points + (m + 16) * kRadix * n_lanes);
      x[m] = kOdd ? hn::Sub(a, b) : hn::Add(a, b);
    }
    if constexpr (kOdd) {
      finish_odd_real_dft32(d, x, ColumnSink<8, D>{rows});
    } else {
      finish_even_real_dft32(d, x, ColumnSink<8, D>{rows});
    }
  }
}

/// First pass of part 1, the odd outputs of 1024 real points of which the last 512 are zero: point n + 256
/// is taken for the imaginary part of point n, and row i gets the outputs 4·i + 3 modulo 64. In place.
template <class D, class T = hn::TFromD<D>>
HWY_NOINLINE void first_pass_odd(D d, const T* HWY_RESTRICT roots, T* points) {
  const std::size_t n_lanes = hn::Lanes(d);
  for (std::size_t j = 0; j < kRadix; ++j, points += n_lanes) {
    const std::size_t row = kRadix * n_lanes;
    turned_dft16(d, roots, Points<D>{points, points + 16 * row, row}, ColumnSink<16, D>{points});
  }
}

/// Second pass of rows `first` to kRows. Point j of row i is first turned by `between`[16·i + j]; output n
/// goes to sink.row(i).store(n, z).
template <std::size_t kRows, class D, class Sink, class T = hn::TFromD<D>>
HWY_INLINE void second_pass(D d,
                            std::size_t first,
                            const T* HWY_RESTRICT between,
                            const T* HWY_RESTRICT rows,
                            const Sink& sink) {
  const std::size_t n_lanes = hn::Lanes(d);
  for (std::size_t i = first; i < kRows; ++i) {
    const T* row = rows + i * kRadix * n_lanes;
    const T* imaginary = row + kRows * kRadix * n_lanes;
    turned_dft16(d, between + 2 * kRadix * i, Points<D>{row, imaginary, n_lanes}, sink.row(i));
  }
}

/// Second pass of row 0 of the even half of part 0: two rows of real values.
template <class D, class Sink, class T = hn::TFromD<D>>
HWY_INLINE void second_pass_real(D d, const T* HWY_RESTRICT rows, const Sink& sink) {
  const std::size_t n_lanes = hn::Lanes(d);
  hn::Vec<D> x[16];
  HWY_UNROLL(16)
  for (std::size_t m = 0; m < 16; ++m) x[m] = hn::Load(d, rows + (8 * kRadix + m) * n_lanes);
  finish_odd_real_dft32(d, x, RealSink<Sink>{sink});
  HWY_UNROLL(16)
  for (std::size_t m = 0; m < 16; ++m) x[m] = hn::Load(d, rows + m * n_lanes);
  finish_even_real_dft32(d, x, RealSink<Sink>{sink});
}

}  // namespace HWY_NAMESPACE
}  // namespace baleen::dsp
HWY_AFTER_NAMESPACE();

#endif
