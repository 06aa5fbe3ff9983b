#include "formats/png.h"

#include <gtest/gtest.h>
#include <libdeflate.h>

#include <cmath>
#include <cstring>
#include <map>
#include <numeric>
#include <vector>

namespace baleen::formats {
namespace {

std::uint32_t big_endian(std::string_view bytes) {
  std::uint32_t value = 0;
  for (const char byte : bytes.substr(0, 4)) value = value << 8U | static_cast<std::uint8_t>(byte);
  return value;
}

/// The chunks of a file by type, each with its CRC checked.
std::map<std::string, std::string> chunks_of(std::string_view file) {
  EXPECT_EQ(file.substr(0, 8), std::string_view("\x89PNG\r\n\x1a\n", 8));
  std::map<std::string, std::string> chunks;
  for (std::size_t at = 8; at < file.size();) {
    const std::size_t size = big_endian(file.substr(at));
    const std::string_view body = file.substr(at + 4, 4 + size);
    EXPECT_EQ(big_endian(file.substr(at + 8 + size)),
              libdeflate_crc32(0, body.data(), body.size()));
    chunks[std::string(body.substr(0, 4))] = body.substr(4);
    at += 12 + size;
  }
  return chunks;
}

TEST(Png, PixelsComeBackWhole) {
  constexpr int kWidth = 37, kHeight = 11;
  std::vector<std::uint8_t> pixels(kWidth * kHeight);
  std::iota(pixels.begin(), pixels.end(), std::uint8_t{3});
  const std::string file = write_png(pixels, kWidth, kHeight, even_palette()).value();
  const auto chunks = chunks_of(file);
  EXPECT_EQ(big_endian(chunks.at("IHDR")), 37U);
  EXPECT_EQ(big_endian(chunks.at("IHDR").substr(4)), 11U);
  EXPECT_EQ(chunks.at("PLTE").size(), 768U);
  std::vector<std::uint8_t> rows((kWidth + 1) * kHeight);
  libdeflate_decompressor* decompressor = libdeflate_alloc_decompressor();
  const std::string& stream = chunks.at("IDAT");
  EXPECT_EQ(libdeflate_zlib_decompress(decompressor, stream.data(), stream.size(), rows.data(),
                                       rows.size(), nullptr),
            LIBDEFLATE_SUCCESS);
  libdeflate_free_decompressor(decompressor);
  for (std::size_t row = 0; row < kHeight; ++row) {
    EXPECT_EQ(rows[row * (kWidth + 1)], 0);
    EXPECT_EQ(std::memcmp(&rows[row * (kWidth + 1) + 1], &pixels[row * kWidth], kWidth), 0);
  }
}

/// CIE L* of an sRGB colour: how light it is to the eye and in print.
double lightness(const Rgb& color) {
  const auto linear = [](std::uint8_t value) {
    const double x = value / 255.0;
    return x <= 0.04045 ? x / 12.92 : std::pow((x + 0.055) / 1.055, 2.4);
  };
  const double y =
      0.2126 * linear(color.red) + 0.7152 * linear(color.green) + 0.0722 * linear(color.blue);
  return y > 216.0 / 24389 ? 116 * std::cbrt(y) - 16 : y * 24389 / 27;
}

TEST(Png, ThePaletteGetsLighterEvenly) {
  const Palette& palette = even_palette();
  EXPECT_LT(lightness(palette.front()), 6);
  EXPECT_GT(lightness(palette.back()), 93);
  const double step = (lightness(palette.back()) - lightness(palette.front())) / 15;
  for (std::size_t i = 17; i < 256; i += 17) {
    const double rise = lightness(palette[i]) - lightness(palette[i - 17]);
    EXPECT_GT(rise, 0.4 * step) << i;
    EXPECT_LT(rise, 1.6 * step) << i;
  }
}

TEST(Png, RefusesSizesThatAreNotThose) {
  const std::vector<std::uint8_t> pixels(12);
  for (const auto& [width, height] : {std::pair{0, 0}, {-3, -4}, {5, 3}, {20'000, 1}}) {
    const auto png = write_png(pixels, width, height, even_palette());
    ASSERT_FALSE(png.ok());
    EXPECT_EQ(png.error().code, ErrorCode::invalid_argument);
  }
}

}  // namespace
}  // namespace baleen::formats
