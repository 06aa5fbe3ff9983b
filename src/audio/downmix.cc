#include "audio/downmix.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <numeric>
#include <span>
#include <type_traits>

#include "audio/libav_functions.h"

namespace baleen::audio {
namespace {

constexpr double kHalfPower = 0.70710678118654752440;  // √½: -3 dB.

double channel_weight(AVChannel channel, bool has_front_pair) {
  switch (channel) {
    case AV_CHAN_FRONT_LEFT:
    case AV_CHAN_FRONT_RIGHT:
    case AV_CHAN_FRONT_LEFT_OF_CENTER:
    case AV_CHAN_FRONT_RIGHT_OF_CENTER: return kHalfPower;
    case AV_CHAN_FRONT_CENTER: return 1.0;
    case AV_CHAN_BACK_CENTER:
    case AV_CHAN_BACK_LEFT:
    case AV_CHAN_BACK_RIGHT:
    case AV_CHAN_SIDE_LEFT:
    case AV_CHAN_SIDE_RIGHT: return 0.5;
    case AV_CHAN_STEREO_LEFT:
    case AV_CHAN_STEREO_RIGHT: return has_front_pair ? 0.0 : kHalfPower;
    default: return 0.0;
  }
}

/// Full scale ±1 per unit of a sample of type T. Unsigned bytes are centred on 128.
template <typename T>
constexpr double full_scale() {
  if constexpr (std::is_floating_point_v<T>) return 1.0;
  if constexpr (std::is_same_v<T, std::uint8_t>) return 1.0 / 128.0;
  return 1.0 / -static_cast<double>(std::numeric_limits<T>::min());
}

template <typename T>
float centred(T sample) {
  if constexpr (std::is_same_v<T, std::uint8_t>) return static_cast<float>(int{sample} - 128);
  return static_cast<float>(sample);
}

template <typename T>
void mix_planar(const AVFrame& frame, std::span<const float> weights, float* out) {
  const auto n = static_cast<std::size_t>(frame.nb_samples);
  const auto plane = [&](std::size_t channel) {
    return reinterpret_cast<const T*>(frame.extended_data[channel]);
  };
  constexpr auto kScale = static_cast<float>(full_scale<T>());
  if (weights.size() == 1) {
    const T* in = plane(0);
    for (std::size_t i = 0; i < n; ++i) out[i] = centred(in[i]) * kScale;
    return;
  }
  if (weights.size() == 2) {
    const T* left = plane(0);
    const T* right = plane(1);
    const float left_gain = weights[0] * kScale;
    const float right_gain = weights[1] * kScale;
    for (std::size_t i = 0; i < n; ++i) {
      out[i] = centred(left[i]) * left_gain + centred(right[i]) * right_gain;
    }
    return;
  }
  std::fill_n(out, n, 0.0F);
  for (std::size_t channel = 0; channel < weights.size(); ++channel) {
    const float gain = weights[channel] * kScale;
    if (gain == 0.0F) continue;
    const T* in = plane(channel);
    for (std::size_t i = 0; i < n; ++i) out[i] += centred(in[i]) * gain;
  }
}

template <typename T>
void mix_interleaved(const AVFrame& frame, std::span<const float> weights, float* out) {
  const auto n = static_cast<std::size_t>(frame.nb_samples);
  const T* in = reinterpret_cast<const T*>(frame.extended_data[0]);
  constexpr auto kScale = static_cast<float>(full_scale<T>());
  if (weights.size() == 1) return mix_planar<T>(frame, weights, out);
  if (weights.size() == 2) {
    const float left_gain = weights[0] * kScale;
    const float right_gain = weights[1] * kScale;
    for (std::size_t i = 0; i < n; ++i) {
      out[i] = centred(in[2 * i]) * left_gain + centred(in[2 * i + 1]) * right_gain;
    }
    return;
  }
  for (std::size_t i = 0; i < n; ++i) {
    float sum = 0.0F;
    for (std::size_t channel = 0; channel < weights.size(); ++channel) {
      if (weights[channel] != 0.0F) sum += centred(in[channel]) * (weights[channel] * kScale);
    }
    out[i] = sum;
    in += weights.size();
  }
}

}  // namespace

std::vector<float> mono_weights(const AVChannelLayout& layout) {
  AVChannelLayout named = layout;
  if (layout.order == AV_CHANNEL_ORDER_UNSPEC) {
    libav().av_channel_layout_default(&named, layout.nb_channels);
  }
  const auto n = static_cast<std::size_t>(layout.nb_channels);
  const bool has_front_pair =
      libav().av_channel_layout_index_from_channel(&named, AV_CHAN_FRONT_LEFT) >= 0 ||
      libav().av_channel_layout_index_from_channel(&named, AV_CHAN_FRONT_CENTER) >= 0;
  std::vector<double> weights(n, 0.0);
  for (std::size_t i = 0; i < n; ++i) {
    weights[i] = channel_weight(
        libav().av_channel_layout_channel_from_index(&named, static_cast<unsigned>(i)),
        has_front_pair);
  }
  double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
  if (n == 1 || sum == 0.0) {
    weights.assign(n, 1.0);
    sum = static_cast<double>(n);
  }
  std::vector<float> normalised(n);
  for (std::size_t i = 0; i < n; ++i) normalised[i] = static_cast<float>(weights[i] / sum);
  return normalised;
}

Result<void> Downmixer::append(const AVFrame& frame, std::vector<float>& mono) {
  const AVChannelLayout& layout = frame.ch_layout;
  const std::uint64_t mask = layout.order == AV_CHANNEL_ORDER_NATIVE ? layout.u.mask : 0;
  if (layout.nb_channels != n_channels_ || layout.order != layout_order_ || mask != layout_mask_ ||
      layout.order == AV_CHANNEL_ORDER_CUSTOM) {
    if (layout.nb_channels <= 0) {
      return fail(ErrorCode::file_corrupt, "a frame without channels");
    }
    weights_ = mono_weights(layout);
    n_channels_ = layout.nb_channels;
    layout_order_ = layout.order;
    layout_mask_ = mask;
  }
  const std::size_t begin = mono.size();
  mono.resize(begin + static_cast<std::size_t>(frame.nb_samples));
  float* out = mono.data() + begin;
  switch (frame.format) {
    case AV_SAMPLE_FMT_U8: mix_interleaved<std::uint8_t>(frame, weights_, out); break;
    case AV_SAMPLE_FMT_S16: mix_interleaved<std::int16_t>(frame, weights_, out); break;
    case AV_SAMPLE_FMT_S32: mix_interleaved<std::int32_t>(frame, weights_, out); break;
    case AV_SAMPLE_FMT_S64: mix_interleaved<std::int64_t>(frame, weights_, out); break;
    case AV_SAMPLE_FMT_FLT: mix_interleaved<float>(frame, weights_, out); break;
    case AV_SAMPLE_FMT_DBL: mix_interleaved<double>(frame, weights_, out); break;
    case AV_SAMPLE_FMT_U8P: mix_planar<std::uint8_t>(frame, weights_, out); break;
    case AV_SAMPLE_FMT_S16P: mix_planar<std::int16_t>(frame, weights_, out); break;
    case AV_SAMPLE_FMT_S32P: mix_planar<std::int32_t>(frame, weights_, out); break;
    case AV_SAMPLE_FMT_S64P: mix_planar<std::int64_t>(frame, weights_, out); break;
    case AV_SAMPLE_FMT_FLTP: mix_planar<float>(frame, weights_, out); break;
    case AV_SAMPLE_FMT_DBLP: mix_planar<double>(frame, weights_, out); break;
    default:
      return fail(ErrorCode::codec_unsupported, "sample format {} is not known", frame.format);
  }
  return {};
}

}  // namespace baleen::audio
