#pragma once

/// BALEEN_CHECK: for our own bugs only, never for input. Aborts with file and line, in release too.

#include <cstdio>
#include <cstdlib>

#define BALEEN_CHECK(condition)                                                          \
  do {                                                                                   \
    if (!(condition)) {                                                                  \
      std::fprintf(stderr, "%s:%d: check failed: %s\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                                      \
    }                                                                                    \
  } while (false)
