#pragma once

/// The C nearest seen so far of every point, and the scan that fills them: blocks of points against blocks of points,
/// distances as integers that compare fast. Internal to the room.

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "cluster/tile.h"

namespace baleen::cluster {

/// Bounded lists of (key, point), those of the least keys; of equal keys the first that were offered stay, so that many
/// equal points cost nothing. A key is a distance that is not negative: an integer, or the bits of a float, which
/// compare alike.
class CandidateLists {
 public:
  CandidateLists(std::size_t n_lists, std::size_t n_kept);

  /// Only keys below this need to be offered to list i.
  [[nodiscard]] const std::int32_t* thresholds() const { return thresholds_.data(); }

  /// Offers a point to list i. Lists may be filled by several threads, each list by one at a time.
  void offer(std::size_t i, std::int32_t key, std::uint32_t point) {
    if (key >= thresholds_[i]) {
      return;
    }
    std::uint64_t* list = entries_.data() + i * capacity_;
    list[sizes_[i]++] = static_cast<std::uint64_t>(static_cast<std::uint32_t>(key)) << 32 | point;
    if (sizes_[i] == capacity_) {
      shrink(i);
    }
  }

  /// Forgets what is too far in list i already, so that its threshold is as low as it can be.
  void shrink(std::size_t i);

  /// The points kept of list i, by (key, point); fewer than n_kept if fewer were offered. The list is sorted in place.
  std::span<const std::uint64_t> sorted(std::size_t i);

  [[nodiscard]] static std::uint32_t point_of(std::uint64_t entry) {
    return static_cast<std::uint32_t>(entry);
  }

 private:
  std::size_t n_kept_;
  std::size_t capacity_;
  std::vector<std::uint64_t> entries_;
  std::vector<std::uint32_t> sizes_;
  std::vector<std::int32_t> thresholds_;
};

/// Points as the tiles want them: rows of words, and of each half its squared length, in the same unit.
struct CodedRows {
  Element element = Element::float32;
  std::size_t n_words = 0;
  std::span<const std::uint32_t> words;        ///< n × n_words.
  std::span<const std::int32_t> half_squares;  ///< n: |x|² / 2, or the bits of it as float.
  std::size_t first = 0;                       ///< The number of the first of these points.

  [[nodiscard]] std::size_t size() const { return half_squares.size(); }
};

/// Points that others are compared with, laid out for it once.
class Scanner {
 public:
  /// @param columns  What it views must stay alive.
  explicit Scanner(const CodedRows& columns);

  /// Offers to every point of `rows` all of the columns, and the other way round: half their squared distances as
  /// keys. Each pair is computed once. Where both are the same points (`first` is equal), pairs of a point with itself
  /// are left out, and so are always pairs of one group.
  /// @param groups  One for each point, or none.
  void scan_both(const CodedRows& rows,
                 std::span<const std::uint32_t> groups,
                 CandidateLists& lists);

  /// Offers to the columns, which are queries (list 0 is that of the first), all of `points` but those of their own
  /// number and group.
  /// @param numbers  Which point each query is; kNoPoint, or none at all, if it is no point.
  void scan_queries(const CodedRows& points,
                    std::span<const std::uint32_t> numbers,
                    std::span<const std::uint32_t> groups,
                    CandidateLists& lists);

 private:
  template <typename Take>
  void walk(const CodedRows& rows,
            const std::int32_t* row_limits,
            const std::int32_t* column_limits,
            bool is_triangular,
            const Take& take);
  void multiply(const CodedRows& rows, std::size_t first, std::size_t end, std::size_t j);
  template <typename Take>
  void visit(const CodedRows& rows,
             std::size_t i,
             std::size_t j,
             const std::int32_t* products,
             const std::int32_t* row_limits,
             const std::int32_t* column_limits,
             const Take& take);

  CodedRows columns_;
  TileFunction tile_;
  std::vector<std::uint32_t> panels_;
  std::vector<std::int32_t> column_halves_;  // Filled up to whole panels.
  std::vector<std::uint32_t> last_rows_;     // Rows that fill no tile, filled up.
  std::vector<std::int32_t> biases_;         // Of the rows, filled up.
  std::vector<std::int32_t> products_;       // Of some tiles.
};

inline constexpr std::uint32_t kNoPoint = std::numeric_limits<std::uint32_t>::max();

}  // namespace baleen::cluster
