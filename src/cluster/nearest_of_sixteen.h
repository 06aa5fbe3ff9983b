#pragma once

/// The k nearest so far of each of 16 queries, of candidates that come in any order.

#include <algorithm>
#include <bit>
#include <cstdint>
#include <limits>
#include <vector>

#include "cluster/block_search.h"
#include "cluster/block_tree.h"

namespace baleen::cluster {

/// Few are kept in order by insertion. Many are collected, and only now and then all but the nearest dropped.
class NearestOfSixteen {
 public:
  explicit NearestOfSixteen(std::size_t k)
      : k_(k),
        capacity_(k <= kInOrderMax ? k : k + k / 2),
        keys_(kBlock * capacity_, kNone),
        counts_(kBlock, 0),
        limits_(kBlock, std::numeric_limits<float>::infinity()) {}

  /// Adds what is nearer than the limit; returns the new limit: what is not nearer is not among the k nearest.
  float add(std::size_t query, float distance, std::uint32_t position) {
    std::uint64_t* const keys = keys_.data() + query * capacity_;
    const std::uint64_t key = key_of(distance, position);
    if (capacity_ == k_) {
      std::size_t at = k_ - 1;
      for (; at > 0 && key < keys[at - 1]; --at) keys[at] = keys[at - 1];
      keys[at] = key;
      return distance_of(keys[k_ - 1]);
    }
    std::uint32_t& count = counts_[query];
    keys[count++] = key;
    if (count == capacity_) {
      std::nth_element(keys, keys + k_ - 1, keys + count);
      count = static_cast<std::uint32_t>(k_);
      limits_[query] = distance_of(keys[k_ - 1]);
    }
    return limits_[query];
  }

  void write(BlockNeighbors& out) {
    for (std::size_t query = 0; query < kBlock; ++query) {
      std::uint64_t* const keys = keys_.data() + query * capacity_;
      if (capacity_ > k_) {
        std::fill(keys + counts_[query], keys + capacity_, kNone);
        std::nth_element(keys, keys + k_ - 1, keys + capacity_);
        const std::size_t n = std::min(out.n_ordered, k_);
        std::partial_sort(keys, keys + n, keys + k_ - (n < k_ ? 1 : 0));
      }
      for (std::size_t i = 0; i < k_; ++i) {
        out.distances[query * k_ + i] = distance_of(keys[i]);
        out.positions[query * k_ + i] = static_cast<std::uint32_t>(keys[i]);
      }
    }
  }

 private:
  /// Up to here shifting is quicker than selecting.
  static constexpr std::size_t kInOrderMax = 64;
  static constexpr std::uint64_t kNone = 0x7f800000ffffffff;  // Infinity, kNoPosition.

  /// Bits of non-negative floats are in the order of their values.
  static std::uint64_t key_of(float distance, std::uint32_t position) {
    return static_cast<std::uint64_t>(std::bit_cast<std::uint32_t>(distance)) << 32 | position;
  }
  static float distance_of(std::uint64_t key) {
    return std::bit_cast<float>(static_cast<std::uint32_t>(key >> 32));
  }
  std::size_t k_;
  std::size_t capacity_;
  std::vector<std::uint64_t> keys_;
  std::vector<std::uint32_t> counts_;
  std::vector<float> limits_;  // Of the last selection.
};

}  // namespace baleen::cluster
