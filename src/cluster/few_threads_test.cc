// Where the system gives fewer threads than are asked for, or gives them no processor, the work is done by the others.

#include <dlfcn.h>
#include <gtest/gtest.h>
#include <pthread.h>

#include <atomic>
#include <cerrno>
#include <memory>
#include <vector>

#include "cluster/parallel.h"
#include "cluster/rounds.h"

namespace {
std::atomic<int> n_starts_left = 0;
std::atomic<bool> is_held = false;  ///< New threads wait before their first step.

struct Start {
  void* (*function)(void*);
  void* argument;
};

void* run_when_released(void* start) {
  const Start own = *std::unique_ptr<Start>(static_cast<Start*>(start));
  is_held.wait(true);
  return own.function(own.argument);
}
}  // namespace

extern "C" int pthread_create(pthread_t* thread,
                              const pthread_attr_t* attributes,
                              void* (*function)(void*),
                              void* argument) noexcept {
  static const auto real =
      reinterpret_cast<decltype(&pthread_create)>(::dlsym(RTLD_NEXT, "pthread_create"));
  if (n_starts_left-- <= 0) return EAGAIN;
  auto start = std::make_unique<Start>(Start{function, argument});
  const int error = real(thread, attributes, run_when_released, start.get());
  if (error == 0) static_cast<void>(start.release());
  return error;
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

TEST(FewThreads, NobodyWaitsForAThreadThatGetsNoProcessor) {
  n_starts_left = 3;
  is_held = true;
  std::size_t n_done = 0;  // By this thread alone, until the others are let go.
  for_each_round(20, kN, 10, 4, [&](std::size_t, std::size_t begin, std::size_t end) {
    n_done += end - begin;
    if (n_done < 20 * kN) return;
    is_held = false;
    is_held.notify_all();
  });
  EXPECT_EQ(n_done, 20 * kN);
}

}  // namespace
}  // namespace baleen::cluster
