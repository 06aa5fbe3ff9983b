/// FFT of the real points of a part, one transform per vector lane, to powers or magnitudes. Per-target:
/// included by mel_kernel.cc only.
///
/// The points lie in rows of sixteen, kRowStride vectors apart: point n is number n % 16 of row n / 16. The
/// first pass transforms columns, of 32 points each. What it yields is half as many complex values: row i
/// gets the real and row i + 16 the imaginary parts of output i. The second pass transforms these rows, and
/// as each bin comes out of it once, only the powers are stored.

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

/// From one row to the row of its imaginary parts, in vectors.
inline constexpr std::size_t kImaginary = kRadix * kRowStride;

/// Output i of a first pass, to its place in a column.
template <class D>
struct ColumnSink {
  hn::TFromD<D>* column;

  HWY_INLINE void store(std::size_t i, const Complex<hn::Vec<D>>& z) const {
    const D d;
    hn::Store(z.re, d, column + i * kRowStride * hn::Lanes(d));
    hn::Store(z.im, d, column + (i * kRowStride + kImaginary) * hn::Lanes(d));
  }
};

template <Spectrum kSpectrum, class D, class V = hn::Vec<D>>
HWY_INLINE void store_power(D d, V power, hn::TFromD<D>* at) {
  if constexpr (kSpectrum == Spectrum::magnitude) {
    hn::Store(hn::Sqrt(power), d, at);
  } else {
    hn::Store(power, d, at);
  }
}

/// Output n of row i of a second pass, to the bin (or its mirror image) that it is.
template <Spectrum kSpectrum, class D>
struct PowerSink {
  hn::TFromD<D>* low;   ///< Where output 0 goes; further ones are 32 bins up.
  hn::TFromD<D>* high;  ///< Outputs 8 to 15 go 32·n bins down from here.

  HWY_INLINE void store(std::size_t n, const Complex<hn::Vec<D>>& z) const {
    const D d;
    const auto power = hn::MulAdd(z.re, z.re, hn::Mul(z.im, z.im));
    const std::size_t distance = n * 2 * kRadix * hn::Lanes(d);
    store_power<kSpectrum>(d, power, n < kRadix / 2 ? low + distance : high - distance);
  }
};

/// Output kRealOutputs[i] of the DFT that the two real rows of the even part make, to its bin.
template <Spectrum kSpectrum, class D>
struct RealPowerSink {
  hn::TFromD<D>* powers;

  HWY_INLINE void store(std::size_t i, const Complex<hn::Vec<D>>& z) const {
    const D d;
    if (i == 0) {
      store_power<kSpectrum>(d, hn::Mul(z.re, z.re), powers);
      store_power<kSpectrum>(d, hn::Mul(z.im, z.im), powers + kPartSize * hn::Lanes(d));
      return;
    }
    const std::size_t k = kRealOutputs[i];
    const std::size_t bin = kRadix * (k <= kRadix ? k : 2 * kRadix - k);
    const auto power = hn::MulAdd(z.re, z.re, hn::Mul(z.im, z.im));
    store_power<kSpectrum>(d, power, powers + bin * hn::Lanes(d));
  }
};

/// First pass of part 0, the outputs k of 512 real points: row i gets those of kRealOutputs[i] modulo 32,
/// or of their mirror images. `out` may be `points`.
template <class D, class T = hn::TFromD<D>>
HWY_NOINLINE void first_pass_even(D d, const T* points, T* out) {
  const std::size_t n_lanes = hn::Lanes(d);
  for (std::size_t j = 0; j < kRadix; ++j, points += n_lanes, out += n_lanes) {
    hn::Vec<D> sums[16];
    hn::Vec<D> differences[16];
    HWY_UNROLL(16)
    for (std::size_t m = 0; m < 16; ++m) {
      const auto a = hn::Load(d, points + m * kRowStride * n_lanes);
      const auto b = hn::Load(d, points + (m * kRowStride + kImaginary) * n_lanes);
      sums[m] = hn::Add(a, b);
      differences[m] = hn::Sub(a, b);
    }
    finish_odd_real_dft32(d, differences, ColumnSink<D>{out});
    finish_even_real_dft32(d, sums, ColumnSink<D>{out});
  }
}

/// First pass of part 1, the odd outputs of 1024 real points of which the last 512 are zero: point n + 256
/// is taken for the imaginary part of point n, and row i gets the outputs 4·i + 3 modulo 64. In place.
template <class D, class T = hn::TFromD<D>>
HWY_NOINLINE void first_pass_odd(D d, const T* HWY_RESTRICT roots, T* points) {
  const std::size_t n_lanes = hn::Lanes(d);
  for (std::size_t j = 0; j < kRadix; ++j, points += n_lanes) {
    turned_dft16(d, roots, Points<D>{points, points + kImaginary * n_lanes, kRowStride * n_lanes},
                 ColumnSink<D>{points});
  }
}

/// Second pass of part 0, from rows to the powers of its bins. Point j of row i is first turned by
/// `between`[16·i + j].
template <Spectrum kSpectrum, class D, class T = hn::TFromD<D>>
HWY_NOINLINE void second_pass_even(D d,
                                   const T* HWY_RESTRICT between,
                                   const T* HWY_RESTRICT rows,
                                   T* HWY_RESTRICT powers) {
  const std::size_t n_lanes = hn::Lanes(d);
  const T* imaginary = rows + kImaginary * n_lanes;
  hn::Vec<D> x[16];
  HWY_UNROLL(16)
  for (std::size_t m = 0; m < 16; ++m) x[m] = hn::Load(d, imaginary + m * n_lanes);
  finish_odd_real_dft32(d, x, RealPowerSink<kSpectrum, D>{powers});
  HWY_UNROLL(16)
  for (std::size_t m = 0; m < 16; ++m) x[m] = hn::Load(d, rows + m * n_lanes);
  finish_even_real_dft32(d, x, RealPowerSink<kSpectrum, D>{powers});
  for (std::size_t i = 1; i < kRadix; ++i) {
    const std::size_t k = kRealOutputs[i];
    const std::size_t row = i * kRowStride * n_lanes;
    turned_dft16(d, between + 2 * kRadix * i, Points<D>{rows + row, imaginary + row, n_lanes},
                 PowerSink<kSpectrum, D>{powers + k * n_lanes, powers + (512 - k) * n_lanes});
  }
}

/// The same of part 1, where output n of row i is bin 4·(i + 16·n) + 3 of 1024, number 2·(i + 16·n) + 1 of
/// the odd bins.
template <Spectrum kSpectrum, class D, class T = hn::TFromD<D>>
HWY_NOINLINE void second_pass_odd(D d,
                                  const T* HWY_RESTRICT between,
                                  const T* HWY_RESTRICT rows,
                                  T* HWY_RESTRICT powers) {
  const std::size_t n_lanes = hn::Lanes(d);
  const T* imaginary = rows + kImaginary * n_lanes;
  for (std::size_t i = 0; i < kRadix; ++i) {
    const std::size_t row = i * kRowStride * n_lanes;
    turned_dft16(
        d, between + 2 * kRadix * i, Points<D>{rows + row, imaginary + row, n_lanes},
        PowerSink<kSpectrum, D>{powers + (2 * i + 1) * n_lanes, powers + (510 - 2 * i) * n_lanes});
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace baleen::dsp
HWY_AFTER_NAMESPACE();

#endif
