#pragma once

/// Work in many short rounds, each of which needs all of the one before: threads that are started once and wait for
/// each other between rounds, where for_each_block would start them anew every time. A thread that the system gives no
/// processor for a while is waited for only if it holds a block.

#include <cstddef>
#include <functional>

namespace baleen::cluster {

/// For each of n_rounds rounds in turn calls `work(round, begin, end)` for [0, n) in blocks of `block`, on up to
/// n_threads threads. Blocks of one round run in any order and at once; a round begins when all of the one before have
/// ended. What `work` throws is thrown again here, and the rest is left undone.
void for_each_round(
    std::size_t n_rounds,
    std::size_t n,
    std::size_t block,
    int n_threads,
    const std::function<void(std::size_t round, std::size_t begin, std::size_t end)>& work);

}  // namespace baleen::cluster
