#include "formats/deflate_block.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <vector>

#include "core/check.h"

namespace baleen::formats {
namespace {

constexpr unsigned kLengthMax = 15;       // RFC 1951, 3.2.7.
constexpr unsigned kLengthLengthMax = 7;  // The same.
constexpr std::size_t kSymbols = 257;     // Bytes and the end of the block; no match lengths.
constexpr std::size_t kEndOfBlock = 256;
constexpr std::size_t kSymbolsMax = 288;
constexpr std::size_t kStoredMax = 65'535;

struct Code {
  std::uint32_t bits = 0;  // Reversed: deflate packs codes from their highest bit on.
  std::uint32_t length = 0;
};

std::uint32_t reversed(std::uint32_t code, unsigned length) {
  std::uint32_t result = 0;
  for (unsigned i = 0; i < length; ++i) result |= ((code >> i) & 1U) << (length - 1 - i);
  return result;
}

/// The canonical code of RFC 1951, 3.2.2.
void assign_codes(std::span<const std::uint8_t> lengths, std::span<Code> codes) {
  std::array<std::uint32_t, kLengthMax + 1> code{};
  std::array<std::uint32_t, kLengthMax + 1> count{};
  for (const std::uint8_t length : lengths) ++count[length];
  count[0] = 0;
  for (unsigned length = 1; length <= kLengthMax; ++length)
    code[length] = (code[length - 1] + count[length - 1]) << 1;
  for (std::size_t symbol = 0; symbol < lengths.size(); ++symbol)
    if (const unsigned length = lengths[symbol]; length > 0)
      codes[symbol] = {reversed(code[length]++, length), length};
}

/// One step of the description of the code: a symbol of the code-length code and its extra bits.
struct LengthStep {
  std::uint8_t symbol = 0;
  std::uint8_t extra = 0;
  std::uint8_t extra_bits = 0;
};

/// Run-length coding of RFC 1951, 3.2.7: 16 repeats the previous length, 17 and 18 repeat zero.
std::vector<LengthStep> describe_lengths(std::span<const std::uint8_t> lengths) {
  std::vector<LengthStep> steps;
  steps.reserve(lengths.size());
  for (std::size_t i = 0; i < lengths.size();) {
    const std::uint8_t length = lengths[i];
    std::size_t run = 1;
    while (i + run < lengths.size() && lengths[i + run] == length) ++run;
    i += run;
    if (length != 0) {
      steps.push_back({length});
      --run;
    }
    while (run >= 3) {
      const std::size_t most = length != 0 ? 6 : run > 10 ? 138 : 10;
      const std::size_t take = std::min(run, most);
      if (length != 0)
        steps.push_back({16, static_cast<std::uint8_t>(take - 3), 2});
      else if (take > 10)
        steps.push_back({18, static_cast<std::uint8_t>(take - 11), 7});
      else
        steps.push_back({17, static_cast<std::uint8_t>(take - 3), 3});
      run -= take;
    }
    for (; run > 0; --run) steps.push_back({length});
  }
  return steps;
}

/// The header of a dynamic block: both codes, described by a third one.
void put_code_description(BitWriter& writer, std::span<const std::uint8_t> literal_lengths) {
  constexpr std::array<std::uint8_t, 19> kOrder = {16, 17, 18, 0, 8,  7, 9,  6, 10, 5,
                                                   11, 4,  12, 3, 13, 2, 14, 1, 15};
  std::vector<std::uint8_t> lengths(literal_lengths.begin(), literal_lengths.end());
  // Two distance codes of one bit, never used: a complete code, which every decoder accepts.
  constexpr unsigned kDistances = 2;
  lengths.insert(lengths.end(), kDistances, 1);

  const std::vector<LengthStep> steps = describe_lengths(lengths);
  std::array<std::uint32_t, 19> counts{};
  for (const LengthStep& step : steps) ++counts[step.symbol];
  std::array<std::uint8_t, 19> step_lengths{};
  huffman_lengths(counts, kLengthLengthMax, step_lengths);
  std::array<Code, 19> step_codes;
  assign_codes(step_lengths, step_codes);

  std::size_t n_lengths = kOrder.size();
  while (n_lengths > 4 && step_lengths[kOrder[n_lengths - 1]] == 0) --n_lengths;
  writer.put(literal_lengths.size() - 257, 5);
  writer.put(kDistances - 1, 5);
  writer.put(n_lengths - 4, 4);
  for (std::size_t i = 0; i < n_lengths; ++i) writer.put(step_lengths[kOrder[i]], 3);
  for (const LengthStep& step : steps) {
    writer.put(step_codes[step.symbol].bits, step_codes[step.symbol].length);
    writer.put(step.extra, step.extra_bits);
  }
}

}  // namespace

void BitWriter::flush_bytes() {
  static_assert(std::endian::native == std::endian::little);
  std::memcpy(out_, &bits_, 8);
  out_ += n_bits_ / 8;
  bits_ >>= n_bits_ & ~7U;
  n_bits_ %= 8;
}

ByteCounts count_bytes(std::span<const std::uint8_t> bytes) {
  // Four histograms, so that equal neighbours do not wait for each other.
  std::array<ByteCounts, 4> counts{};
  const std::size_t n = bytes.size() & ~std::size_t{3};
  for (std::size_t i = 0; i < n; i += 4)
    for (std::size_t k = 0; k < 4; ++k) ++counts[k][bytes[i + k]];
  for (std::size_t i = n; i < bytes.size(); ++i) ++counts[0][bytes[i]];
  for (std::size_t k = 1; k < 4; ++k)
    for (std::size_t value = 0; value < 256; ++value) counts[0][value] += counts[k][value];
  return counts[0];
}

void put_stored_blocks(BitWriter& writer, std::span<const std::uint8_t> bytes) {
  do {  // An empty block is of use too: it aligns the stream.
    const std::size_t length = std::min(bytes.size(), kStoredMax);
    writer.put(0, 3);  // Not final, type 00.
    writer.align();
    writer.put(length | (~length & 0xFFFF) << 16, 32);
    std::copy_n(bytes.data(), length, reinterpret_cast<std::uint8_t*>(writer.position()));
    writer.skip(length);
    bytes = bytes.subspan(length);
  } while (!bytes.empty());
}

void put_huffman_block(BitWriter& writer,
                       std::span<const std::uint8_t> bytes,
                       const ByteCounts& counts) {
  std::array<std::uint32_t, kSymbols> symbol_counts{};
  std::copy(counts.begin(), counts.end(), symbol_counts.begin());
  symbol_counts[kEndOfBlock] = 1;
  std::array<std::uint8_t, kSymbols> lengths{};
  huffman_lengths(symbol_counts, kLengthMax, lengths);
  std::array<Code, kSymbols> codes;
  assign_codes(lengths, codes);

  writer.put(0b100, 3);  // Not final, type 10.
  put_code_description(writer, lengths);
  std::size_t i = 0;
  for (; i + 3 <= bytes.size(); i += 3) {  // Three codes have at most 45 bits.
    const Code a = codes[bytes[i]];
    const Code b = codes[bytes[i + 1]];
    const Code c = codes[bytes[i + 2]];
    const std::uint64_t tail = b.bits | std::uint64_t{c.bits} << b.length;
    writer.put(a.bits | tail << a.length, a.length + b.length + c.length);
  }
  for (; i < bytes.size(); ++i) writer.put(codes[bytes[i]].bits, codes[bytes[i]].length);
  writer.put(codes[kEndOfBlock].bits, codes[kEndOfBlock].length);
}

void huffman_lengths(std::span<const std::uint32_t> counts,
                     unsigned length_max,
                     std::span<std::uint8_t> lengths) {
  BALEEN_CHECK(counts.size() == lengths.size() && counts.size() <= kSymbolsMax);
  std::fill(lengths.begin(), lengths.end(), std::uint8_t{0});
  // Sorted by count, then by symbol: the result is the same everywhere.
  std::array<std::uint64_t, kSymbolsMax> sorted{};
  std::size_t n = 0;
  for (std::size_t symbol = 0; symbol < counts.size(); ++symbol)
    if (counts[symbol] > 0) sorted[n++] = std::uint64_t{counts[symbol]} << 16 | symbol;
  BALEEN_CHECK(n >= 2);
  std::sort(sorted.begin(), sorted.begin() + static_cast<std::ptrdiff_t>(n));

  // Two queues: leaves 0..n-1 in order, inner nodes n.. in the order of their making, which is the
  // order of their weight as well.
  std::array<std::uint64_t, 2 * kSymbolsMax> weight{};
  std::array<std::uint32_t, 2 * kSymbolsMax> parent{};
  for (std::size_t i = 0; i < n; ++i) weight[i] = sorted[i] >> 16;
  std::size_t leaf = 0;
  std::size_t inner = n;
  for (std::size_t made = n; made < 2 * n - 1; ++made) {
    const auto take = [&] {
      const bool is_leaf = leaf < n && (inner >= made || weight[leaf] <= weight[inner]);
      const std::size_t node = is_leaf ? leaf++ : inner++;
      parent[node] = static_cast<std::uint32_t>(made);
      return weight[node];
    };
    const std::uint64_t first = take();
    weight[made] = first + take();
  }

  // Depths from the root down; those below length_max are cut, and other codes made longer for them.
  std::array<std::uint32_t, 2 * kSymbolsMax> depth{};
  std::array<std::uint32_t, kLengthMax + 1> n_of_length{};
  std::uint32_t n_cut = 0;
  for (std::size_t node = 2 * n - 1; node-- > 0;) {
    if (node + 1 < 2 * n - 1) depth[node] = depth[parent[node]] + 1;
    if (node >= n) continue;
    if (depth[node] > length_max) ++n_cut;
    ++n_of_length[std::min(depth[node], length_max)];
  }
  if (n_cut > 0) {
    // Kraft's sum in units of 2^-length_max; each move of a code one level down frees some of it.
    std::uint64_t kraft = 0;
    for (unsigned length = 1; length <= length_max; ++length)
      kraft += std::uint64_t{n_of_length[length]} << (length_max - length);
    while (kraft > std::uint64_t{1} << length_max) {
      unsigned length = length_max - 1;
      while (n_of_length[length] == 0) --length;
      --n_of_length[length];
      ++n_of_length[length + 1];
      kraft -= std::uint64_t{1} << (length_max - length - 1);
    }
    // What was freed too much is given back from the longest codes on, so that the code is complete.
    for (unsigned length = length_max; length > 1 && kraft < std::uint64_t{1} << length_max;) {
      const std::uint64_t gain = std::uint64_t{1} << (length_max - length);
      if (n_of_length[length] > 0 && kraft + gain <= std::uint64_t{1} << length_max) {
        --n_of_length[length];
        ++n_of_length[length - 1];
        kraft += gain;
      } else {
        --length;
      }
    }
  }

  unsigned length = length_max;  // The rarest symbols get the longest codes.
  for (std::size_t i = 0; i < n; ++i) {
    while (n_of_length[length] == 0) --length;
    --n_of_length[length];
    lengths[sorted[i] & 0xFFFF] = static_cast<std::uint8_t>(length);
  }
}

}  // namespace baleen::formats
