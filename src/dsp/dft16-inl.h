/// DFTs of four, sixteen and thirty-two points in registers, one transform per vector lane. Per-target:
/// included by mel_kernel.cc only.
///
/// Forward, exp(-2πi·nk/N). "Turned" is what is first multiplied by a root of unity.

#if defined(BALEEN_DSP_DFT16_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef BALEEN_DSP_DFT16_INL_H_
#undef BALEEN_DSP_DFT16_INL_H_
#else
#define BALEEN_DSP_DFT16_INL_H_
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

/// z·(c + is)
template <class V>
HWY_INLINE Complex<V> multiply(const Complex<V>& z, V c, V s) {
  return {hn::NegMulAdd(z.im, s, hn::Mul(z.re, c)), hn::MulAdd(z.im, c, hn::Mul(z.re, s))};
}

/// a + z·(w[0] + i·w[1])
template <class D, class V = hn::Vec<D>>
HWY_INLINE Complex<V> multiply_add(D d,
                                   const Complex<V>& a,
                                   const Complex<V>& z,
                                   const hn::TFromD<D>* w) {
  const V c = hn::Set(d, w[0]);
  const V s = hn::Set(d, w[1]);
  return {hn::MulAdd(z.re, c, hn::NegMulAdd(z.im, s, a.re)),
          hn::MulAdd(z.re, s, hn::MulAdd(z.im, c, a.im))};
}

/// 2·a - b: what a - t is, where b = a + t is at hand.
template <class V>
HWY_INLINE Complex<V> reflect(const Complex<V>& a, const Complex<V>& b, V two) {
  return {hn::MulSub(two, a.re, b.re), hn::MulSub(two, a.im, b.im)};
}

/// The last additions of a DFT of four points, of the sums and differences of the even and the odd.
template <class V>
HWY_INLINE void combine4(const Complex<V>& even_sum,
                         const Complex<V>& even_difference,
                         const Complex<V>& odd_sum,
                         const Complex<V>& odd_difference,
                         Complex<V>& y0,
                         Complex<V>& y1,
                         Complex<V>& y2,
                         Complex<V>& y3) {
  y0 = {hn::Add(even_sum.re, odd_sum.re), hn::Add(even_sum.im, odd_sum.im)};
  y2 = {hn::Sub(even_sum.re, odd_sum.re), hn::Sub(even_sum.im, odd_sum.im)};
  // Times -i: (x, y) becomes (y, -x).
  y1 = {hn::Add(even_difference.re, odd_difference.im),
        hn::Sub(even_difference.im, odd_difference.re)};
  y3 = {hn::Sub(even_difference.re, odd_difference.im),
        hn::Add(even_difference.im, odd_difference.re)};
}

/// The same with the odd ones still to be multiplied by `scale`.
template <class V>
HWY_INLINE void combine4_scaled(const Complex<V>& even_sum,
                                const Complex<V>& even_difference,
                                const Complex<V>& odd_sum,
                                const Complex<V>& odd_difference,
                                V scale,
                                Complex<V>& y0,
                                Complex<V>& y1,
                                Complex<V>& y2,
                                Complex<V>& y3) {
  y0 = {hn::MulAdd(odd_sum.re, scale, even_sum.re), hn::MulAdd(odd_sum.im, scale, even_sum.im)};
  y2 = {hn::NegMulAdd(odd_sum.re, scale, even_sum.re),
        hn::NegMulAdd(odd_sum.im, scale, even_sum.im)};
  y1 = {hn::MulAdd(odd_difference.im, scale, even_difference.re),
        hn::NegMulAdd(odd_difference.re, scale, even_difference.im)};
  y3 = {hn::NegMulAdd(odd_difference.im, scale, even_difference.re),
        hn::MulAdd(odd_difference.re, scale, even_difference.im)};
}

/// DFT of four points, in place and in order.
template <class V>
HWY_INLINE void dft4(Complex<V>& z0, Complex<V>& z1, Complex<V>& z2, Complex<V>& z3) {
  const Complex<V> even_sum{hn::Add(z0.re, z2.re), hn::Add(z0.im, z2.im)};
  const Complex<V> even_difference{hn::Sub(z0.re, z2.re), hn::Sub(z0.im, z2.im)};
  const Complex<V> odd_sum{hn::Add(z1.re, z3.re), hn::Add(z1.im, z3.im)};
  const Complex<V> odd_difference{hn::Sub(z1.re, z3.re), hn::Sub(z1.im, z3.im)};
  combine4(even_sum, even_difference, odd_sum, odd_difference, z0, z1, z2, z3);
}

/// DFT of z0, w1·z1, w2·z2, w3·z3, in place and in order.
template <class D, class V = hn::Vec<D>, class T = hn::TFromD<D>>
HWY_INLINE void turned_dft4(D d,
                            Complex<V>& z0,
                            Complex<V>& z1,
                            Complex<V>& z2,
                            Complex<V>& z3,
                            const T* w1,
                            const T* w2,
                            const T* w3) {
  const V two = hn::Set(d, static_cast<T>(2.0));
  const Complex<V> even_sum = multiply_add(d, z0, z2, w2);
  const Complex<V> even_difference = reflect(z0, even_sum, two);
  const Complex<V> first = multiply(z1, hn::Set(d, w1[0]), hn::Set(d, w1[1]));
  const Complex<V> odd_sum = multiply_add(d, first, z3, w3);
  const Complex<V> odd_difference = reflect(first, odd_sum, two);
  combine4(even_sum, even_difference, odd_sum, odd_difference, z0, z1, z2, z3);
}

/// The same where the turns are 2, 4 and 6 sixteenths back: z2 changes its places only, and of z1 and
/// z3 the factor √½ can wait for the last additions.
template <class D, class V = hn::Vec<D>>
HWY_INLINE void turned_dft4_by_246(
    D d, Complex<V>& z0, Complex<V>& z1, Complex<V>& z2, Complex<V>& z3) {
  const V root_half = hn::Set(d, static_cast<hn::TFromD<D>>(0.70710678118654752440));
  const Complex<V> even_sum{hn::Add(z0.re, z2.im), hn::Sub(z0.im, z2.re)};
  const Complex<V> even_difference{hn::Sub(z0.re, z2.im), hn::Add(z0.im, z2.re)};
  const Complex<V> t1{hn::Add(z1.re, z1.im), hn::Sub(z1.im, z1.re)};
  const Complex<V> t3{hn::Sub(z3.im, z3.re), hn::Add(z3.re, z3.im)};  // To be read (re, -im).
  const Complex<V> odd_sum{hn::Add(t1.re, t3.re), hn::Sub(t1.im, t3.im)};
  const Complex<V> odd_difference{hn::Sub(t1.re, t3.re), hn::Add(t1.im, t3.im)};
  combine4_scaled(even_sum, even_difference, odd_sum, odd_difference, root_half, z0, z1, z2, z3);
}

/// a ± w·b for w three eighths of a turn back, (-1 - i)·√½: the sum to `a`, the difference to `b`.
template <class D, class V = hn::Vec<D>>
HWY_INLINE void butterfly_by_three_eighths(D d, Complex<V>& a, Complex<V>& b) {
  const V root_half = hn::Set(d, static_cast<hn::TFromD<D>>(0.70710678118654752440));
  const V re = hn::Sub(b.im, b.re);
  const V minus_im = hn::Add(b.re, b.im);
  b = {hn::NegMulAdd(re, root_half, a.re), hn::MulAdd(minus_im, root_half, a.im)};
  a = {hn::MulAdd(re, root_half, a.re), hn::NegMulAdd(minus_im, root_half, a.im)};
}

/// exp(-2πi·k/32) at 2·k, as far as DFTs of sixteen points turn by.
template <typename T>
struct Roots32 {
  T values[64];
};

template <typename T>
constexpr Roots32<T> make_roots32() {
  constexpr double kCosines[9] = {1.0,
                                  0.98078528040323044913,
                                  0.92387953251128675613,
                                  0.83146961230254523708,
                                  0.70710678118654752440,
                                  0.55557023301960222474,
                                  0.38268343236508977173,
                                  0.19509032201612826785,
                                  0.0};
  Roots32<T> roots{};
  for (int k = 0; k < 32; ++k) {
    for (int part = 0; part < 2; ++part) {
      int at = (k + 8 * part) % 32;  // -sin(x) = cos(x + a quarter).
      at = at > 16 ? 32 - at : at;
      const double value = at <= 8 ? kCosines[at] : -kCosines[16 - at];
      roots.values[2 * k + part] = static_cast<T>(value);
    }
  }
  return roots;
}

template <typename T>
inline constexpr Roots32<T> kRoots32 = make_roots32<T>();

// A DFT of sixteen points begins with four DFTs over every fourth point, z[m], z[m+4], z[m+8], z[m+12],
// and ends with four over z[4·k] … z[4·k+3], which yield the outputs k, k+4, k+8, k+12. Points are loaded
// just before their first use and outputs stored just after their last: thirty-two values and what goes on
// with them do not fit into the registers of any but AVX-512. Outputs go to a sink: sink.store(n, z).

/// Complex points whose real and imaginary parts lie apart, each `step` values from the next.
template <class D>
struct Points {
  using T = hn::TFromD<D>;
  const T* re;
  const T* im;
  std::size_t step;

  HWY_INLINE Complex<hn::Vec<D>> load(std::size_t n) const {
    return {hn::Load(D(), re + n * step), hn::Load(D(), im + n * step)};
  }
};

/// To the sink, the four outputs k, k+4, k+8, k+12.
template <class Sink, class V>
HWY_INLINE void store_four(const Sink& sink, std::size_t k, const Complex<V>* z) {
  sink.store(k, z[0]);
  sink.store(k + 4, z[1]);
  sink.store(k + 8, z[2]);
  sink.store(k + 12, z[3]);
}

/// DFT of sixteen points, point j of which is first turned by w[2·j], w[2·j + 1]; w[0] must be 1.
template <class D, class Sink, class T = hn::TFromD<D>>
HWY_INLINE void turned_dft16(D d,
                             const T* HWY_RESTRICT w,
                             const Points<D>& points,
                             const Sink& sink) {
  Complex<hn::Vec<D>> z[16];
  for (std::size_t j = 0; j < 4; ++j) {
    z[j] = points.load(j);
    z[j + 4] = points.load(j + 4);
    z[j + 8] = points.load(j + 8);
    z[j + 12] = points.load(j + 12);
    if (j > 0) z[j] = multiply(z[j], hn::Set(d, w[2 * j]), hn::Set(d, w[2 * j + 1]));
    turned_dft4(d, z[j], z[j + 4], z[j + 8], z[j + 12], w + 2 * j + 8, w + 2 * j + 16,
                w + 2 * j + 24);
  }
  const auto* roots = kRoots32<T>.values;
  dft4(z[0], z[1], z[2], z[3]);
  store_four(sink, 0, z);
  turned_dft4(d, z[4], z[5], z[6], z[7], roots + 4, roots + 8, roots + 12);
  store_four(sink, 1, z + 4);
  turned_dft4_by_246(d, z[8], z[9], z[10], z[11]);
  store_four(sink, 2, z + 8);
  turned_dft4(d, z[12], z[13], z[14], z[15], roots + 12, roots + 24, roots + 36);
  store_four(sink, 3, z + 12);
}

// The spectrum of real points is known from one of each pair of outputs k, -k. Of 2·n real points the
// even outputs are those of the n sums x[m] + x[m+n], and the outputs 4·q + 3 those of the n/2 complex
// differences (x[m] - x[m+n]) + i·(x[m+n/2] - x[m+n/2+n]), turned by 3·m/(2·n): one of each odd pair.
// The sink gets them as kRealOutputs lists them.

/// The odd outputs of a DFT of 32 real points, from x[m] - x[m+16].
template <class D, class Sink, class V = hn::Vec<D>>
HWY_INLINE void finish_odd_real_dft32(D d, const V (&x)[16], const Sink& sink) {
  const auto* w = kRoots32<hn::TFromD<D>>.values;
  Complex<V> z[8];
  HWY_UNROLL(4)
  for (std::size_t m = 0; m < 4; ++m) {
    z[m] = {x[m], x[m + 8]};
    z[m + 4] = {x[m + 4], x[m + 12]};
    butterfly_by_three_eighths(d, z[m], z[m + 4]);
  }
  turned_dft4(d, z[0], z[1], z[2], z[3], w + 2 * 3, w + 2 * 6, w + 2 * 9);
  HWY_UNROLL(4)
  for (std::size_t i = 0; i < 4; ++i) sink.store(8 + i, z[i]);
  turned_dft4(d, z[4], z[5], z[6], z[7], w + 2 * 7, w + 2 * 14, w + 2 * 21);
  HWY_UNROLL(4)
  for (std::size_t i = 0; i < 4; ++i) sink.store(12 + i, z[4 + i]);
}

/// The even outputs of a DFT of 32 real points, from x[m] + x[m+16].
template <class D, class Sink, class V = hn::Vec<D>>
HWY_INLINE void finish_even_real_dft32(D d, const V (&x)[16], const Sink& sink) {
  const auto* w = kRoots32<hn::TFromD<D>>.values;
  V sums[8];
  V differences[8];
  HWY_UNROLL(8)
  for (std::size_t m = 0; m < 8; ++m) {
    sums[m] = hn::Add(x[m], x[m + 8]);
    differences[m] = hn::Sub(x[m], x[m + 8]);
  }
  Complex<V> z[4];
  HWY_UNROLL(4)
  for (std::size_t m = 0; m < 4; ++m) z[m] = {differences[m], differences[m + 4]};
  turned_dft4(d, z[0], z[1], z[2], z[3], w + 2 * 6, w + 2 * 12, w + 2 * 18);
  HWY_UNROLL(4)
  for (std::size_t i = 0; i < 4; ++i) sink.store(1 + i, z[i]);
  // Of eight points, the odd outputs and then the even ones.
  z[0] = {hn::Sub(sums[0], sums[4]), hn::Sub(sums[2], sums[6])};
  z[1] = {hn::Sub(sums[1], sums[5]), hn::Sub(sums[3], sums[7])};
  butterfly_by_three_eighths(d, z[0], z[1]);
  sink.store(5, z[0]);
  sink.store(6, z[1]);
  const V a0 = hn::Add(sums[0], sums[4]);
  const V a1 = hn::Add(sums[1], sums[5]);
  const V a2 = hn::Add(sums[2], sums[6]);
  const V a3 = hn::Add(sums[3], sums[7]);
  sink.store(7, Complex<V>{hn::Sub(a0, a2), hn::Sub(a1, a3)});
  const V even = hn::Add(a0, a2);
  const V odd = hn::Add(a1, a3);
  sink.store(0, Complex<V>{hn::Add(even, odd), hn::Sub(even, odd)});
}

}  // namespace HWY_NAMESPACE
}  // namespace baleen::dsp
HWY_AFTER_NAMESPACE();

#endif
