/// Complex FFT of 256 points, one transform per vector lane, in two passes of radix 16. Per-target:
/// included by mel_kernel.cc only.
///
/// Forward, exp(-2πi·nk/256). Point n lies at padded(n), real parts in one vector, imaginary parts in
/// the next.

#if defined(BALEEN_DSP_FFT256_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef BALEEN_DSP_FFT256_INL_H_
#undef BALEEN_DSP_FFT256_INL_H_
#else
#define BALEEN_DSP_FFT256_INL_H_
#endif

#include <cstddef>

#include "dsp/mel_plan.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace baleen::dsp {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

template <class V>
struct Complex {
  V re;
  V im;
};

template <class D>
HWY_INLINE Complex<hn::Vec<D>> load_complex(D d, const hn::TFromD<D>* at) {
  return {hn::Load(d, at), hn::Load(d, at + hn::Lanes(d))};
}

template <class D>
HWY_INLINE void store_complex(D d, const Complex<hn::Vec<D>>& z, hn::TFromD<D>* at) {
  hn::Store(z.re, d, at);
  hn::Store(z.im, d, at + hn::Lanes(d));
}

/// z·(c + is)
template <class V>
HWY_INLINE Complex<V> multiply(const Complex<V>& z, V c, V s) {
  return {hn::NegMulAdd(z.im, s, hn::Mul(z.re, c)), hn::MulAdd(z.im, c, hn::Mul(z.re, s))};
}

/// DFT of four points, in place and in order.
template <class V>
HWY_INLINE void dft4(Complex<V>& z0, Complex<V>& z1, Complex<V>& z2, Complex<V>& z3) {
  const Complex<V> even_sum{hn::Add(z0.re, z2.re), hn::Add(z0.im, z2.im)};
  const Complex<V> even_difference{hn::Sub(z0.re, z2.re), hn::Sub(z0.im, z2.im)};
  const Complex<V> odd_sum{hn::Add(z1.re, z3.re), hn::Add(z1.im, z3.im)};
  const Complex<V> odd_difference{hn::Sub(z1.re, z3.re), hn::Sub(z1.im, z3.im)};
  z0 = {hn::Add(even_sum.re, odd_sum.re), hn::Add(even_sum.im, odd_sum.im)};
  z2 = {hn::Sub(even_sum.re, odd_sum.re), hn::Sub(even_sum.im, odd_sum.im)};
  // Times -i: (x, y) becomes (y, -x).
  z1 = {hn::Add(even_difference.re, odd_difference.im),
        hn::Sub(even_difference.im, odd_difference.re)};
  z3 = {hn::Sub(even_difference.re, odd_difference.im),
        hn::Add(even_difference.im, odd_difference.re)};
}

/// z·exp(-2πi·2/16): an eighth of a turn.
template <class V>
HWY_INLINE Complex<V> turn_2_of_16(const Complex<V>& z, V root_half) {
  return {hn::Mul(root_half, hn::Add(z.re, z.im)), hn::Mul(root_half, hn::Sub(z.im, z.re))};
}

/// z·exp(-2πi·6/16)
template <class V>
HWY_INLINE Complex<V> turn_6_of_16(const Complex<V>& z, V root_half) {
  return {hn::Mul(root_half, hn::Sub(z.im, z.re)),
          hn::Neg(hn::Mul(root_half, hn::Add(z.re, z.im)))};
}

/// DFT of sixteen points, in place. Output k + 4·k2 ends up in z[4·k + k2].
template <class D, class V = hn::Vec<D>>
HWY_INLINE void dft16(D d, Complex<V> (&z)[16]) {
  using T = hn::TFromD<D>;
  const V cos1 = hn::Set(d, static_cast<T>(0.92387953251128675613));  // cos(2π/16)
  const V sin1 = hn::Set(d, static_cast<T>(0.38268343236508977173));  // sin(2π/16)
  const V root_half = hn::Set(d, static_cast<T>(0.70710678118654752440));
  const V minus_cos1 = hn::Neg(cos1);
  const V minus_sin1 = hn::Neg(sin1);
  dft4(z[0], z[4], z[8], z[12]);
  dft4(z[1], z[5], z[9], z[13]);
  dft4(z[2], z[6], z[10], z[14]);
  dft4(z[3], z[7], z[11], z[15]);
  z[5] = multiply(z[5], cos1, minus_sin1);    // 1/16 of a turn back
  z[9] = turn_2_of_16(z[9], root_half);       // 2/16
  z[13] = multiply(z[13], sin1, minus_cos1);  // 3/16
  z[6] = turn_2_of_16(z[6], root_half);       // 2/16
  z[10] = {z[10].im, hn::Neg(z[10].re)};      // 4/16
  z[14] = turn_6_of_16(z[14], root_half);     // 6/16
  z[7] = multiply(z[7], sin1, minus_cos1);    // 3/16
  z[11] = turn_6_of_16(z[11], root_half);     // 6/16
  z[15] = multiply(z[15], minus_cos1, sin1);  // 9/16
  dft4(z[0], z[1], z[2], z[3]);
  dft4(z[4], z[5], z[6], z[7]);
  dft4(z[8], z[9], z[10], z[11]);
  dft4(z[12], z[13], z[14], z[15]);
}

/// First pass: points j + 16·m of `points`, turned by `turns` if there are any, to row j of `out`.
template <bool kTurned, class D, class T = hn::TFromD<D>>
HWY_NOINLINE void first_pass(D d,
                             const T* HWY_RESTRICT turns,
                             const T* HWY_RESTRICT points,
                             const T* HWY_RESTRICT between,
                             T* HWY_RESTRICT out) {
  using V = hn::Vec<D>;
  const std::size_t stride = 2 * hn::Lanes(d);
  for (std::size_t j = 0; j < kRadix; ++j) {
    Complex<V> z[16];
    for (std::size_t m = 0; m < 16; ++m) {
      z[m] = load_complex(d, points + (j + 17 * m) * stride);
      if (kTurned) {
        const T* turn = turns + 2 * (j + 16 * m);
        z[m] = multiply(z[m], hn::Set(d, turn[0]), hn::Set(d, turn[1]));
      }
    }
    dft16(d, z);
    T* row = out + j * 17 * stride;
    store_complex(d, z[0], row);
    for (std::size_t k = 1; k < 16; ++k) {
      const T* turn = between + 2 * (16 * j + k);
      const std::size_t at = 4 * (k % 4) + k / 4;
      store_complex(d, multiply(z[at], hn::Set(d, turn[0]), hn::Set(d, turn[1])), row + k * stride);
    }
  }
}

/// Second pass, in place: column k of the rows that the first pass made.
template <class D, class T = hn::TFromD<D>>
HWY_NOINLINE void second_pass(D d, T* HWY_RESTRICT spectrum) {
  using V = hn::Vec<D>;
  const std::size_t stride = 2 * hn::Lanes(d);
  for (std::size_t k = 0; k < kRadix; ++k) {
    T* column = spectrum + k * stride;
    Complex<V> z[16];
    for (std::size_t j = 0; j < 16; ++j) z[j] = load_complex(d, column + j * 17 * stride);
    dft16(d, z);
    for (std::size_t k2 = 0; k2 < 16; ++k2) {
      store_complex(d, z[4 * (k2 % 4) + k2 / 4], column + k2 * 17 * stride);
    }
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace baleen::dsp
HWY_AFTER_NAMESPACE();

#endif
