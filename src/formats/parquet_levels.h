#pragma once

/// Parquet's hybrid of runs and bit-packed groups ("RLE"), in which levels and dictionary indices are stored.
/// Internal to the room.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "core/result.h"

namespace baleen::formats::parquet {

/// Appends `count` times the same value (below 256, one byte).
void append_run(std::uint64_t count, std::uint8_t value, std::string& out);

/// Appends values of `bit_width` bits: runs where eight or more are equal, bit-packed groups between.
void append_hybrid(std::span<const std::uint32_t> values, int bit_width, std::string& out);

/// Bits that values from 0 to `max` need.
[[nodiscard]] int bit_width_of(std::uint32_t max);

/// Reads such values one run or a few packed ones at a time.
class HybridReader {
 public:
  HybridReader() = default;
  /// `bit_width` at most 32. The bytes are the caller's.
  HybridReader(std::string_view bytes, int bit_width) : bytes_(bytes), bit_width_(bit_width) {}

  /// The next equal values: at least one and at most `count_max` (positive). A packed group comes value by value.
  /// ARTIFACT_CORRUPT at the end of the bytes.
  struct Run {
    std::uint32_t value = 0;
    std::int64_t count = 0;
  };
  [[nodiscard]] Result<Run> next(std::int64_t count_max);
  /// Exactly values.size() values.
  [[nodiscard]] Result<void> read(std::span<std::uint32_t> values);
  [[nodiscard]] Result<void> skip(std::int64_t count);

 private:
  [[nodiscard]] Result<void> next_header();
  [[nodiscard]] std::uint32_t packed_at(std::uint64_t bit) const;

  std::string_view bytes_;
  int bit_width_ = 0;
  std::int64_t run_left_ = 0;
  std::uint32_t run_value_ = 0;
  std::int64_t packed_left_ = 0;
  std::string_view packed_;
  std::uint64_t packed_bit_ = 0;  // Of the next value in packed_.
};

}  // namespace baleen::formats::parquet
