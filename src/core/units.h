#pragma once

/// Numbers that must not be mixed up. Explicit in and out.

#include <compare>
#include <cstdint>

namespace baleen::core {

/// Samples per second of one channel.
struct Hertz {
  std::int32_t value = 0;
  auto operator<=>(const Hertz&) const = default;
};

}  // namespace baleen::core

namespace baleen {
using core::Hertz;
}  // namespace baleen
