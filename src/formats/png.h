#pragma once

/// Pictures as PNG files (W3C Portable Network Graphics, third edition): one byte a pixel, with a palette.

#include <array>
#include <cstdint>
#include <span>
#include <string>

#include "core/result.h"

namespace baleen::formats {

struct Rgb {
  std::uint8_t red = 0, green = 0, blue = 0;
};
using Palette = std::array<Rgb, 256>;

/// Dark blue over magenta to light yellow. Its lightness rises evenly, from almost black to almost white: equal steps
/// of level are equal steps to the eye, also to those who tell few colours apart and in print without colours. Computed
/// in Oklab (B. Ottosson, A perceptual color space for image processing, 2020).
[[nodiscard]] const Palette& even_palette();

/// @param pixels  Shape (height, width): indices into the palette.
/// INVALID_ARGUMENT for sizes of 0, above 16384 or other than that of `pixels`.
[[nodiscard]] Result<std::string> write_png(std::span<const std::uint8_t> pixels,
                                            int width,
                                            int height,
                                            const Palette& palette);

}  // namespace baleen::formats
