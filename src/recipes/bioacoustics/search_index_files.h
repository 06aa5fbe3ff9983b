#pragma once

/// Names in the folder of a search index. Internal to the room.

#include <cstdint>
#include <filesystem>
#include <string>

namespace baleen::bioacoustics::index_files {

[[nodiscard]] inline std::filesystem::path sets(const std::filesystem::path& directory) {
  return directory / "sets.json";
}
[[nodiscard]] inline std::filesystem::path sketches(const std::filesystem::path& directory,
                                                    std::int64_t generation) {
  return directory / ("sketches." + std::to_string(generation) + ".index");
}
[[nodiscard]] inline std::filesystem::path lock(const std::filesystem::path& directory) {
  return directory / "lock";
}

}  // namespace baleen::bioacoustics::index_files
