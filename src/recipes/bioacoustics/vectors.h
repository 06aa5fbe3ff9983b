#pragma once

/// The vectors of an embedding set, one after the other, mapped from the file where it allows that.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>

#include "core/result.h"

namespace baleen::bioacoustics {

/// Calls `visit(row, vector)` for every row; a vector is valid during its call.
/// @param size  Of each vector; EMBEDDING_DIMENSIONS_DIFFER if the file has others. ARTIFACT_CORRUPT.
[[nodiscard]] Result<void> for_each_vector(
    const std::filesystem::path& path,
    std::size_t size,
    const std::function<void(std::int64_t row, std::span<const float> vector)>& visit);

}  // namespace baleen::bioacoustics
