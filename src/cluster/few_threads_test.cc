// Where the system gives fewer threads than are asked for, the work is done by those that are there.

#include <dlfcn.h>
#include <gtest/gtest.h>
#include <pthread.h>

#include <atomic>
#include <cerrno>
#include <vector>

#include "cluster/parallel.h"
#include "cluster/rounds.h"

namespace {
std::atomic<int> n_starts_left = 0;
}  // namespace

extern "C" int pthread_create(pthread_t* thread,
                              const pthread_attr_t* attributes,
                              void* (*function)(void*),
                              void* argument) noexcept {
  static const auto real =
      reinterpret_cast<decltype(&pthread_create)>(::dlsym(RTLD_NEXT, "pthread_create"));
  return n_starts_left-- > 0 ? real(thread, attributes, function, argument) : EAGAIN;
}

namespace baleen::cluster {
namespace {

constexpr std::size_t kN = 1000;

TEST(FewThreads, BlocksAreAllDone) {
  for (const int n_to_be_had : {0, 1, 3}) {
    SCOPED_TRACE(n_to_be_had);
    n_starts_left = n_to_be_had;
    std::vector<int> visits(kN);
    for_each_block(kN, 10, 8, [&](std::size_t begin, std::size_t end) {
      for (std::size_t i = begin; i < end; ++i) ++visits[i];
    });
    EXPECT_EQ(visits, std::vector<int>(kN, 1));
    EXPECT_LT(n_starts_left, 0) << "one was refused";
  }
}

TEST(FewThreads, RoundsAreAllDone) {
  for (const int n_to_be_had : {0, 1, 3}) {
    SCOPED_TRACE(n_to_be_had);
    n_starts_left = n_to_be_had;
    std::vector<std::size_t> rounds_of(kN);
    for_each_round(20, kN, 10, 8, [&](std::size_t round, std::size_t begin, std::size_t end) {
      for (std::size_t i = begin; i < end; ++i) rounds_of[i] += round;
    });
    EXPECT_EQ(rounds_of, std::vector<std::size_t>(kN, 190));
    EXPECT_LT(n_starts_left, 0) << "one was refused";
  }
}

}  // namespace
}  // namespace baleen::cluster
