#include "formats/parquet_levels.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace baleen::formats::parquet {
namespace {

void append_varint(std::uint64_t value, std::string& out) {
  for (; value >= 0x80; value >>= 7) out.push_back(static_cast<char>(value | 0x80));
  out.push_back(static_cast<char>(value));
}

/// How many values from `begin` on are equal.
std::size_t equal_from(std::span<const std::uint32_t> values, std::size_t begin) {
  std::size_t end = begin;
  while (end < values.size() && values[end] == values[begin]) ++end;
  return end - begin;
}

void append_packed(std::span<const std::uint32_t> values, int bit_width, std::string& out) {
  const std::size_t n_groups = (values.size() + 7) / 8;
  append_varint(n_groups << 1 | 1, out);
  std::uint64_t bits = 0;
  int n_bits = 0;
  for (std::size_t i = 0; i < 8 * n_groups; ++i) {
    const std::uint64_t value = i < values.size() ? values[i] : 0;
    bits |= value << n_bits;
    for (n_bits += bit_width; n_bits >= 8; n_bits -= 8, bits >>= 8)
      out.push_back(static_cast<char>(bits));
  }
}

}  // namespace

void append_run(std::uint64_t count, std::uint8_t value, std::string& out) {
  append_varint(count << 1, out);
  out.push_back(static_cast<char>(value));
}

void append_hybrid(std::span<const std::uint32_t> values, int bit_width, std::string& out) {
  constexpr std::size_t kRunMin = 8;
  std::size_t begin = 0;  // Of what is not written yet.
  std::size_t i = 0;
  while (i < values.size()) {
    std::size_t n_equal = equal_from(values, i);
    // Packed groups have eight values: a run starts only where the last group before it is full.
    const std::size_t fill = std::min(n_equal, (8 - (i - begin) % 8) % 8);
    if (n_equal - fill < kRunMin) {
      i += n_equal;
      continue;
    }
    i += fill;
    n_equal -= fill;
    if (i > begin) append_packed(values.subspan(begin, i - begin), bit_width, out);
    append_varint(n_equal << 1, out);
    for (int shift = 0; shift < bit_width; shift += 8)
      out.push_back(static_cast<char>(values[i] >> shift));
    i += n_equal;
    begin = i;
  }
  if (begin < values.size()) append_packed(values.subspan(begin), bit_width, out);
}

int bit_width_of(std::uint32_t max) { return static_cast<int>(std::bit_width(max)); }

Result<void> HybridReader::next_header() {
  const auto corrupt = [] {
    return fail(ErrorCode::artifact_corrupt, "levels or indices that end too early");
  };
  std::uint64_t head = 0;
  std::size_t n = 0;
  for (int shift = 0;; shift += 7, ++n) {
    if (n >= bytes_.size() || shift > 35) return corrupt();
    const auto next = static_cast<std::uint8_t>(bytes_[n]);
    head |= static_cast<std::uint64_t>(next & 0x7F) << shift;
    if (next < 0x80) break;
  }
  bytes_.remove_prefix(n + 1);
  const auto count = static_cast<std::int64_t>(head >> 1);
  if ((head & 1) == 0) {
    const auto value_bytes = static_cast<std::size_t>((bit_width_ + 7) / 8);
    if (value_bytes > bytes_.size() || count == 0) return corrupt();
    run_value_ = 0;
    std::memcpy(&run_value_, bytes_.data(), value_bytes);
    bytes_.remove_prefix(value_bytes);
    run_left_ = count;
    return {};
  }
  // Writers may leave out the last bytes of the last group, which stand for no values.
  const std::uint64_t wanted = static_cast<std::uint64_t>(count) * bit_width_;
  packed_ =
      bytes_.substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(wanted, bytes_.size())));
  bytes_.remove_prefix(packed_.size());
  packed_left_ = bit_width_ == 0
                     ? 8 * count
                     : std::min<std::int64_t>(
                           8 * count, static_cast<std::int64_t>(8 * packed_.size() / bit_width_));
  packed_bit_ = 0;
  if (packed_left_ == 0) return corrupt();
  return {};
}

std::uint32_t HybridReader::packed_at(std::uint64_t bit) const {
  const std::size_t first = bit / 8;
  std::uint64_t bytes = 0;
  std::memcpy(&bytes, packed_.data() + first, std::min<std::size_t>(8, packed_.size() - first));
  const std::uint64_t mask = (std::uint64_t{1} << bit_width_) - 1;
  return static_cast<std::uint32_t>(bytes >> bit % 8 & mask);
}

Result<HybridReader::Run> HybridReader::next(std::int64_t count_max) {
  if (run_left_ == 0 && packed_left_ == 0) BALEEN_RETURN_IF_ERROR(next_header());
  if (run_left_ > 0) {
    const Run run{run_value_, std::min(run_left_, count_max)};
    run_left_ -= run.count;
    return run;
  }
  const Run run{bit_width_ == 0 ? 0 : packed_at(packed_bit_), 1};
  packed_bit_ += static_cast<std::uint64_t>(bit_width_);
  --packed_left_;
  return run;
}

Result<void> HybridReader::read(std::span<std::uint32_t> values) {
  while (!values.empty()) {
    if (packed_left_ > 0 && bit_width_ > 0) {
      const auto n = static_cast<std::size_t>(
          std::min<std::int64_t>(packed_left_, static_cast<std::int64_t>(values.size())));
      for (std::size_t i = 0; i < n; ++i, packed_bit_ += static_cast<std::uint64_t>(bit_width_))
        values[i] = packed_at(packed_bit_);
      packed_left_ -= static_cast<std::int64_t>(n);
      values = values.subspan(n);
      continue;
    }
    BALEEN_ASSIGN_OR_RETURN(const Run run, next(static_cast<std::int64_t>(values.size())));
    std::fill_n(values.begin(), run.count, run.value);
    values = values.subspan(static_cast<std::size_t>(run.count));
  }
  return {};
}

Result<void> HybridReader::skip(std::int64_t count) {
  while (count > 0) {
    if (run_left_ == 0 && packed_left_ == 0) BALEEN_RETURN_IF_ERROR(next_header());
    const std::int64_t n = std::min(count, run_left_ > 0 ? run_left_ : packed_left_);
    if (run_left_ > 0) {
      run_left_ -= n;
    } else {
      packed_left_ -= n;
      packed_bit_ += static_cast<std::uint64_t>(n) * static_cast<std::uint64_t>(bit_width_);
    }
    count -= n;
  }
  return {};
}

}  // namespace baleen::formats::parquet
