#include "formats/png.h"

#include <libdeflate.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

#include "formats/chunk_deflate.h"

namespace baleen::formats {
namespace {

constexpr int kSizeMax = 16'384;

void append_big_endian(std::string& bytes, std::uint32_t value) {
  for (const unsigned shift : {24U, 16U, 8U, 0U})
    bytes += static_cast<char>(static_cast<std::uint8_t>(value >> shift));
}

/// Length, type, data, and the CRC of the last two.
void append_chunk(std::string& file, std::string_view type, std::string_view data) {
  append_big_endian(file, static_cast<std::uint32_t>(data.size()));
  const std::size_t begin = file.size();
  file += type;
  file += data;
  append_big_endian(file, libdeflate_crc32(0, file.data() + begin, file.size() - begin));
}

struct LinearRgb {
  double red, green, blue;

  [[nodiscard]] bool is_displayable() const {
    constexpr double kSlack = 1e-6;
    return std::min({red, green, blue}) >= -kSlack && std::max({red, green, blue}) <= 1 + kSlack;
  }
};

/// Oklab to linear sRGB, with the matrices of its author.
LinearRgb from_oklch(double lightness, double chroma, double hue_deg) {
  const double hue = hue_deg * std::numbers::pi / 180;
  const double a = chroma * std::cos(hue), b = chroma * std::sin(hue);
  const auto cube = [](double x) { return x * x * x; };
  const double l = cube(lightness + 0.3963377774 * a + 0.2158037573 * b);
  const double m = cube(lightness - 0.1055613458 * a - 0.0638541728 * b);
  const double s = cube(lightness - 0.0894841775 * a - 1.2914855480 * b);
  return {4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s,
          -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
          -0.0041960863 * l - 0.7034186147 * m + 1.7076147010 * s};
}

/// IEC 61966-2-1.
std::uint8_t to_srgb(double linear) {
  const double x = std::clamp(linear, 0.0, 1.0);
  const double encoded = x <= 0.0031308 ? 12.92 * x : 1.055 * std::pow(x, 1 / 2.4) - 0.055;
  return static_cast<std::uint8_t>(std::lround(255 * encoded));
}

Palette make_palette() {
  Palette palette;
  for (std::size_t i = 0; i < palette.size(); ++i) {
    const double level = static_cast<double>(i) / 255;
    const double lightness = 0.12 + 0.86 * level;
    const double hue_deg = 280 + 185 * level;  // Blue over magenta and red to yellow (465 is 105).
    double chroma = 0.04 + 0.17 * std::sin(std::numbers::pi * std::min(1.0, 1.05 * level));
    LinearRgb color = from_oklch(lightness, chroma, hue_deg);
    // What screens cannot show becomes paler, and no less light.
    for (; chroma > 0 && !color.is_displayable(); chroma -= 0.002)
      color = from_oklch(lightness, std::max(0.0, chroma - 0.002), hue_deg);
    palette[i] = {to_srgb(color.red), to_srgb(color.green), to_srgb(color.blue)};
  }
  return palette;
}

}  // namespace

const Palette& even_palette() {
  static const Palette palette = make_palette();
  return palette;
}

Result<std::string> write_png(std::span<const std::uint8_t> pixels,
                              int width,
                              int height,
                              const Palette& palette) {
  if (width < 1 || width > kSizeMax || height < 1 || height > kSizeMax ||
      pixels.size() != static_cast<std::size_t>(width) * static_cast<std::size_t>(height)) {
    return fail(ErrorCode::invalid_argument, "a picture of {} by {} pixels, of which {} are given",
                width, height, pixels.size());
  }
  std::string file("\x89PNG\r\n\x1a\n", 8);
  std::string header;
  append_big_endian(header, static_cast<std::uint32_t>(width));
  append_big_endian(header, static_cast<std::uint32_t>(height));
  // 8 bits, indexed colour; the only compression and filter method there is; not interlaced.
  header += std::string("\x08\x03\0\0\0", 5);
  append_chunk(file, "IHDR", header);
  std::string colors;
  for (const Rgb& color : palette) {
    for (const std::uint8_t value : {color.red, color.green, color.blue})
      colors += static_cast<char>(value);
  }
  append_chunk(file, "PLTE", colors);
  std::vector<std::byte> rows;
  const auto row_bytes = static_cast<std::size_t>(width);
  rows.reserve((row_bytes + 1) * static_cast<std::size_t>(height));
  for (std::size_t begin = 0; begin < pixels.size(); begin += row_bytes) {
    rows.push_back(std::byte{0});  // No filter: differences of indices mean nothing.
    const auto row = std::as_bytes(pixels.subspan(begin, row_bytes));
    rows.insert(rows.end(), row.begin(), row.end());
  }
  ChunkDeflater deflater;
  const std::span<const std::byte> stream = deflater.deflate(rows);
  append_chunk(file, "IDAT", {reinterpret_cast<const char*>(stream.data()), stream.size()});
  append_chunk(file, "IEND", "");
  return file;
}

}  // namespace baleen::formats
