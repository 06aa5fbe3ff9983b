#include "cluster/layout.h"

#include <algorithm>
#include <numeric>

#include "cluster/parallel.h"
#include "cluster/random.h"
#include "cluster/rounds.h"
#include "core/check.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cluster/layout.cc"
#include <hwy/foreach_target.h>
// foreach_target must come first.
#include <hwy/highway.h>

#ifndef BALEEN_CLUSTER_LAYOUT_STEP
#define BALEEN_CLUSTER_LAYOUT_STEP
namespace baleen::cluster {

/// Polynomials of log2 on [1, 2] (error 1.5e-5) and of 2^x on [0, 1] (error 4e-6): least squares at 400 Chebyshev nodes.
inline constexpr float kLog2Coefficients[6] = {-2.7941537F, 5.0697563F,   -3.5202188F,
                                               1.6101775F,  -0.40947559F, 0.043928628F};
inline constexpr float kExp2Coefficients[5] = {1.0000036F, 0.69296955F, 0.24162132F, 0.051717735F,
                                               0.013683983F};

/// One epoch of one group.
struct LayoutStep {
  const LayoutGroups* groups = nullptr;
  std::size_t group = 0;
  std::size_t n_components = 0;
  std::size_t stride = 0;
  const float* from = nullptr;  ///< Positions of all.
  float* to = nullptr;          ///< Gets those of the group.
  float a = 1;
  float b = 1;
  float rate = 1;  ///< Of learning.
  float negative_samples = 5;
  float epoch = 0;
  std::uint64_t seed = 0;   ///< Of the epoch.
  std::size_t n_drawn = 0;  ///< Negative samples come from [first_drawn, first_drawn + n_drawn).
  std::size_t first_drawn = 0;
  bool is_symmetric = true;  ///< The other end of an edge has it, too: it is sampled from both.
};

}  // namespace baleen::cluster
#endif

HWY_BEFORE_NAMESPACE();
namespace baleen::cluster::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;
using Floats = hn::CappedTag<float, kLayoutLanes>;
using Integers = hn::RebindToSigned<Floats>;
using Words = hn::RebindToUnsigned<Floats>;
using FloatVector = hn::Vec<Floats>;
using IntegerVector = hn::Vec<Integers>;
using WordVector = hn::Vec<Words>;

/// log2 of positive normal numbers: the exponent, and a polynomial of the rest.
HWY_INLINE FloatVector log2_of(FloatVector x) {
  const Floats d;
  const Integers di;
  const auto bits = hn::BitCast(di, x);
  const auto exponent = hn::ConvertTo(d, hn::Sub(hn::ShiftRight<23>(bits), hn::Set(di, 127)));
  const auto mantissa =
      hn::BitCast(d, hn::Or(hn::And(bits, hn::Set(di, 0x007FFFFF)), hn::Set(di, 0x3F800000)));
  auto p = hn::Set(d, kLog2Coefficients[5]);
  for (int i = 4; i >= 0; --i) p = hn::MulAdd(p, mantissa, hn::Set(d, kLog2Coefficients[i]));
  return hn::Add(exponent, p);
}

/// 2^x for |x| < 126.
HWY_INLINE FloatVector exp2_of(FloatVector x) {
  const Floats d;
  const Integers di;
  const auto bounded = hn::Min(hn::Max(x, hn::Set(d, -125.0F)), hn::Set(d, 125.0F));
  const auto whole = hn::Floor(bounded);
  const auto rest = hn::Sub(bounded, whole);
  auto p = hn::Set(d, kExp2Coefficients[4]);
  for (int i = 3; i >= 0; --i) p = hn::MulAdd(p, rest, hn::Set(d, kExp2Coefficients[i]));
  const auto scale = hn::ShiftLeft<23>(hn::Add(hn::ConvertTo(di, whole), hn::Set(di, 127)));
  return hn::Mul(p, hn::BitCast(d, scale));
}

HWY_INLINE FloatVector clip(FloatVector x) {
  const Floats d;
  return hn::Min(hn::Max(x, hn::Set(d, -4.0F)), hn::Set(d, 4.0F));
}

/// xorshift (Marsaglia, 2003), one stream a lane.
HWY_INLINE WordVector next_random(WordVector x) {
  x = hn::Xor(x, hn::ShiftLeft<13>(x));
  x = hn::Xor(x, hn::ShiftRight<17>(x));
  return hn::Xor(x, hn::ShiftLeft<5>(x));
}

/// The points of some lanes while they are moved. kComponents is 0 if there are any number of them.
template <std::size_t kComponents>
class Mover {
 public:
  Mover(const LayoutStep& step, std::size_t place)
      : step_(step), n_(kComponents == 0 ? step.n_components : kComponents), place_(place) {
    const Floats d;
    for (std::size_t c = 0; c < n_; ++c) {
      hn::Store(hn::LoadU(d, step.from + c * step.stride + place), d, own(c));
    }
  }

  /// Along an edge, in the lanes of `is_sampled`.
  HWY_INLINE void attract(IntegerVector targets, FloatVector strength) {
    const Floats d;
    const auto squared = hn::Max(look_at(targets), hn::Set(d, 1e-12F));
    const auto power = exp2_of(hn::Mul(hn::Set(d, step_.b), log2_of(squared)));
    const auto denominator =
        hn::Mul(squared, hn::MulAdd(hn::Set(d, step_.a), power, hn::Set(d, 1)));
    const auto coefficient =
        hn::Div(hn::Mul(hn::Set(d, -2 * step_.a * step_.b), power), denominator);
    move(coefficient, strength);
  }

  /// Away from points met by chance, all seen from where the lanes are now: so the long chains of arithmetic of
  /// several go on at once. One at the same place (the point itself, mostly) does nothing.
  template <std::size_t kTargets>
  HWY_INLINE void repel(const std::int32_t* targets, const float* strengths) {
    const Floats d;
    FloatVector coefficients[kTargets];
    for (std::size_t t = 0; t < kTargets; ++t) {
      const auto squared = distance_to(hn::Load(Integers(), targets + t * kLayoutLanes));
      const auto power =
          exp2_of(hn::Mul(hn::Set(d, step_.b), log2_of(hn::Max(squared, hn::Set(d, 1e-12F)))));
      const auto denominator = hn::Mul(hn::Add(squared, hn::Set(d, 1e-3F)),
                                       hn::MulAdd(hn::Set(d, step_.a), power, hn::Set(d, 1)));
      coefficients[t] = hn::Div(hn::Set(d, 2 * step_.b), denominator);
    }
    for (std::size_t c = 0; c < n_; ++c) {
      const auto here = hn::Load(d, own(c));
      auto there = here;
      for (std::size_t t = 0; t < kTargets; ++t) {
        const auto other = hn::GatherIndex(d, step_.from + c * step_.stride,
                                           hn::Load(Integers(), targets + t * kLayoutLanes));
        const auto gradient = clip(hn::Mul(coefficients[t], hn::Sub(here, other)));
        there = hn::MulAdd(gradient, hn::Load(d, strengths + t * kLayoutLanes), there);
      }
      hn::Store(there, d, own(c));
    }
  }

  HWY_INLINE void finish() {
    const Floats d;
    for (std::size_t c = 0; c < n_; ++c) {
      hn::StoreU(hn::Load(d, own(c)), d, step_.to + c * step_.stride + place_);
    }
  }

 private:
  float* own(std::size_t c) { return own_ + c * kLayoutLanes; }
  float* difference(std::size_t c) { return difference_ + c * kLayoutLanes; }

  /// The squared distances to other points.
  HWY_INLINE FloatVector look_at(IntegerVector targets) {
    const Floats d;
    auto squared = hn::Zero(d);
    for (std::size_t c = 0; c < n_; ++c) {
      const auto other = hn::GatherIndex(d, step_.from + c * step_.stride, targets);
      const auto delta = hn::Sub(hn::Load(d, own(c)), other);
      hn::Store(delta, d, difference(c));
      squared = hn::MulAdd(delta, delta, squared);
    }
    return squared;
  }

  HWY_INLINE FloatVector distance_to(IntegerVector targets) {
    const Floats d;
    auto squared = hn::Zero(d);
    for (std::size_t c = 0; c < n_; ++c) {
      const auto other = hn::GatherIndex(d, step_.from + c * step_.stride, targets);
      const auto delta = hn::Sub(hn::Load(d, own(c)), other);
      squared = hn::MulAdd(delta, delta, squared);
    }
    return squared;
  }

  HWY_INLINE void move(FloatVector coefficient, FloatVector strength) {
    const Floats d;
    for (std::size_t c = 0; c < n_; ++c) {
      const auto gradient = clip(hn::Mul(coefficient, hn::Load(d, difference(c))));
      hn::Store(hn::MulAdd(gradient, strength, hn::Load(d, own(c))), d, own(c));
    }
  }

  static constexpr std::size_t kMost = kComponents == 0 ? 64 : kComponents;
  const LayoutStep& step_;
  std::size_t n_;
  std::size_t place_;
  HWY_ALIGN float own_[kMost * kLayoutLanes];
  HWY_ALIGN float difference_[kMost * kLayoutLanes];
};

/// The lanes [lane, lane + width) of a group.
template <std::size_t kComponents>
HWY_NOINLINE void step_lanes(const LayoutStep& step, std::size_t lane) {
  const Floats d;
  const Integers di;
  const Words dw;
  const std::size_t place = step.group * kLayoutLanes + lane;
  const LayoutGroups& groups = *step.groups;
  const std::size_t begin = groups.begins[step.group];
  const std::size_t n_slots = groups.begins[step.group + 1] - begin;
  Mover<kComponents> mover(step, place);

  // A stream of random numbers for each lane of each epoch.
  HWY_ALIGN std::uint32_t seeds[kLayoutLanes];
  for (std::size_t i = 0; i < hn::Lanes(d); ++i) {
    seeds[i] = static_cast<std::uint32_t>(Random(step.seed, place + i).next()) | 1U;
  }
  auto random = hn::Load(dw, seeds);
  const auto draw_scale = hn::Set(d, static_cast<float>(step.n_drawn) * 0x1p-24F);
  const auto last_drawn = hn::Set(di, static_cast<std::int32_t>(step.n_drawn - 1));
  const auto first_drawn = hn::Set(di, static_cast<std::int32_t>(step.first_drawn));

  const auto now = hn::Set(d, step.epoch);
  const auto next = hn::Set(d, step.epoch + 1);
  const auto one = hn::Set(d, 1.0F);
  const auto rate = hn::Set(d, step.rate);
  const auto pull = hn::Set(d, step.rate);
  constexpr std::size_t kDrawn = 4;
  HWY_ALIGN std::int32_t drawn[kDrawn * kLayoutLanes];
  HWY_ALIGN float strengths[kDrawn * kLayoutLanes];
  auto due = hn::Zero(d);  // Negative samples that have not been drawn yet.
  for (std::size_t s = 0; s < n_slots; ++s) {
    const std::size_t at = (begin + s) * kLayoutLanes + lane;
    const auto rates = hn::LoadU(d, groups.rates.data() + at);
    // An edge is sampled whenever rate · epoch passes a whole number; a phase of its own spreads them over time.
    const auto phase = hn::Mul(hn::Set(d, static_cast<float>(s) * 0.61803399F), rates);
    const auto before = hn::Floor(hn::MulAdd(rates, now, phase));
    const auto after = hn::Floor(hn::MulAdd(rates, next, phase));
    const auto is_sampled = hn::Gt(after, before);
    if (!hn::AllFalse(d, is_sampled)) {
      const auto targets = hn::LoadU(di, groups.targets.data() + at);
      const auto strength = hn::IfThenElseZero(is_sampled, pull);
      mover.attract(targets, strength);
      if (step.is_symmetric) mover.attract(targets, strength);
      due = hn::Add(due, hn::IfThenElseZero(is_sampled, hn::Set(d, step.negative_samples)));
    }
    // Drawn once most of the lanes have several due, and at the end whatever is left.
    const bool is_last = s + 1 == n_slots;
    for (;;) {
      const std::size_t n_due =
          hn::CountTrue(d, hn::Ge(due, is_last ? one : hn::Set(d, static_cast<float>(kDrawn))));
      if (n_due == 0 || (!is_last && n_due * 3 < hn::Lanes(d) * 2)) break;
      for (std::size_t t = 0; t < kDrawn; ++t) {
        random = next_random(random);
        const auto uniform = hn::ConvertTo(d, hn::BitCast(di, hn::ShiftRight<8>(random)));
        const auto index = hn::Min(hn::ConvertTo(di, hn::Mul(uniform, draw_scale)), last_drawn);
        const auto is_due = hn::Ge(due, one);
        hn::Store(hn::Add(index, first_drawn), di, drawn + t * kLayoutLanes);
        hn::Store(hn::IfThenElseZero(is_due, rate), d, strengths + t * kLayoutLanes);
        due = hn::Sub(due, hn::IfThenElseZero(is_due, one));
      }
      mover.template repel<kDrawn>(drawn, strengths);
    }
  }
  mover.finish();
}

void step_group(const LayoutStep& step) {
  for (std::size_t lane = 0; lane < kLayoutLanes; lane += hn::Lanes(Floats())) {
    if (step.n_components == 2) {
      step_lanes<2>(step, lane);
    } else {
      step_lanes<0>(step, lane);
    }
  }
}

}  // namespace baleen::cluster::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace baleen::cluster {

HWY_EXPORT(step_group);

LayoutGroups make_groups(const FuzzyGraph& graph, std::size_t first_target) {
  const std::size_t n = graph.size();
  std::vector<float> sums(n);
  float largest = 0;
  for (std::size_t i = 0; i < n; ++i) {
    for (std::uint64_t e = graph.begins[i]; e < graph.begins[i + 1]; ++e) {
      sums[i] += graph.weights[e];
      largest = std::max(largest, graph.weights[e]);
    }
  }
  LayoutGroups groups;
  groups.n = n;
  groups.vertex_of.resize(n);
  std::iota(groups.vertex_of.begin(), groups.vertex_of.end(), 0U);
  const auto degree = [&](std::uint32_t i) { return graph.begins[i + 1] - graph.begins[i]; };
  std::sort(groups.vertex_of.begin(), groups.vertex_of.end(),
            [&](std::uint32_t i, std::uint32_t j) {
              return degree(i) != degree(j) ? degree(i) > degree(j)
                     : sums[i] != sums[j]   ? sums[i] > sums[j]
                                            : i < j;
            });
  std::vector<std::int32_t> place_of(n);
  for (std::size_t p = 0; p < n; ++p) place_of[groups.vertex_of[p]] = static_cast<std::int32_t>(p);

  const std::size_t n_groups = (n + kLayoutLanes - 1) / kLayoutLanes;
  groups.begins.assign(n_groups + 1, 0);
  for (std::size_t g = 0; g < n_groups; ++g) {
    groups.begins[g + 1] = groups.begins[g] + degree(groups.vertex_of[g * kLayoutLanes]);
  }
  groups.targets.assign(groups.begins.back() * kLayoutLanes, 0);
  groups.rates.assign(groups.begins.back() * kLayoutLanes, 0.0F);
  for (std::size_t p = 0; p < n; ++p) {
    const std::uint32_t vertex = groups.vertex_of[p];
    std::size_t at = groups.begins[p / kLayoutLanes] * kLayoutLanes + p % kLayoutLanes;
    for (std::uint64_t e = graph.begins[vertex]; e < graph.begins[vertex + 1]; ++e) {
      groups.targets[at] = first_target == 0
                               ? place_of[graph.targets[e]]
                               : static_cast<std::int32_t>(first_target + graph.targets[e]);
      groups.rates[at] = graph.weights[e] / largest;
      at += kLayoutLanes;
    }
  }
  return groups;
}

namespace {

void show_group(const LayoutStep& step, float* positions) {
  for (std::size_t c = 0; c < step.n_components; ++c) {
    const std::size_t at = c * step.stride + step.group * kLayoutLanes;
    std::copy_n(step.to + at, kLayoutLanes, positions + at);
  }
}

}  // namespace

void optimize_layout(const LayoutGroups& groups,
                     const LayoutOptions& options,
                     std::size_t n_components,
                     std::size_t stride,
                     std::vector<float>& positions) {
  constexpr std::size_t kTurns = 4;  // Parts of the points that are moved in turn.
  const std::size_t n_groups = groups.begins.size() - 1;
  BALEEN_CHECK(n_components <= 64 && stride >= n_groups * kLayoutLanes);
  std::vector<float> moved = positions;
  LayoutStep step{.groups = &groups,
                  .n_components = n_components,
                  .stride = stride,
                  .from = positions.data(),
                  .to = moved.data(),
                  .a = options.a,
                  .b = options.b,
                  .negative_samples = options.negative_samples,
                  .n_drawn = options.n_fixed > 0 ? options.n_fixed : groups.n,
                  .first_drawn = options.n_fixed > 0 ? stride - options.n_fixed : 0,
                  .is_symmetric = options.n_fixed == 0};
  // Of each turn a round that moves points, seen by nobody, and one that shows them to all.
  const std::size_t n_rounds = options.n_epochs * kTurns * 2;
  const std::size_t n_per_turn = (n_groups + kTurns - 1) / kTurns;
  const auto work = [&](std::size_t round, std::size_t begin, std::size_t end) {
    const std::size_t turn = round / 2 % kTurns;
    const std::size_t epoch = round / 2 / kTurns;
    LayoutStep own = step;
    own.epoch = static_cast<float>(epoch);
    own.rate = options.learning_rate * (1 - own.epoch / static_cast<float>(options.n_epochs));
    own.seed = Random(options.seed, epoch).next();
    for (std::size_t i = begin; i < end; ++i) {
      own.group = i * kTurns + turn;
      if (own.group >= n_groups) {
        break;
      }
      if (round % 2 == 0) {
        HWY_DYNAMIC_DISPATCH(step_group)(own);
      } else {
        show_group(own, positions.data());
      }
    }
  };
  for_each_round(n_rounds, n_per_turn, 32, options.n_threads, work);
}

void smooth_layout(const LayoutGroups& groups,
                   std::size_t n_components,
                   std::size_t stride,
                   int n_rounds,
                   int n_threads,
                   std::vector<float>& positions) {
  std::vector<float> smoothed = positions;
  for (int round = 0; round < n_rounds; ++round) {
    for_each_block(
        groups.begins.size() - 1, 64, n_threads, [&](std::size_t begin, std::size_t end) {
          for (std::size_t g = begin; g < end; ++g) {
            for (std::size_t c = 0; c < n_components; ++c) {
              const float* from = positions.data() + c * stride;
              float sums[kLayoutLanes];
              float weights[kLayoutLanes];
              for (std::size_t lane = 0; lane < kLayoutLanes; ++lane) {
                sums[lane] = from[g * kLayoutLanes + lane];
                weights[lane] = 1;
              }
              for (std::size_t at = groups.begins[g] * kLayoutLanes;
                   at < groups.begins[g + 1] * kLayoutLanes; at += kLayoutLanes) {
                for (std::size_t lane = 0; lane < kLayoutLanes; ++lane) {
                  sums[lane] += groups.rates[at + lane] * from[groups.targets[at + lane]];
                  weights[lane] += groups.rates[at + lane];
                }
              }
              for (std::size_t lane = 0; lane < kLayoutLanes; ++lane) {
                smoothed[c * stride + g * kLayoutLanes + lane] = sums[lane] / weights[lane];
              }
            }
          }
        });
    std::swap(positions, smoothed);
  }
}

}  // namespace baleen::cluster
#endif  // HWY_ONCE
