#pragma once

/// What targets know of JSON values.

#include <algorithm>

#include "core/json.h"

namespace baleen::fuzz {

/// Boost's parser may be off by the last bit of a double, so values with doubles need not come back equal.
inline bool has_double(const json::value& value) {
  if (value.is_double()) return true;
  if (value.is_array())
    return std::any_of(value.get_array().begin(), value.get_array().end(), has_double);
  if (!value.is_object()) return false;
  return std::any_of(value.get_object().begin(), value.get_object().end(),
                     [](const auto& member) { return has_double(member.value()); });
}

}  // namespace baleen::fuzz
