#pragma once

/// Work shared between threads without changing its outcome: how it is cut depends on its size alone, never on the
/// number of threads, so what each block writes is the same whoever runs it.

#include <cstddef>
#include <functional>

namespace baleen::cluster {

/// Calls `work(begin, end)` for [0, n) in blocks of `block` (the last may be shorter), on up to `n_threads` threads,
/// this one included. Blocks run in any order and at once: each must write what no other block reads or writes.
/// What `work` throws is thrown again here, after all threads have stopped; of several the one of the lowest block
/// that was run.
void for_each_block(std::size_t n,
                    std::size_t block,
                    int n_threads,
                    const std::function<void(std::size_t begin, std::size_t end)>& work);

}  // namespace baleen::cluster
