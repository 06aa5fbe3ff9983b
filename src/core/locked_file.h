#pragma once

/// A file that one process at a time goes on writing: what a stage left behind when it was killed.

#include <filesystem>

#include "core/file.h"
#include "core/result.h"

namespace baleen::core {

/// Opens the file for reading and writing, makes it (and its folder) if it is not there, and locks it until the
/// descriptor is closed. One that has a second name was published: that is left alone, and a new file begun.
/// CONFLICT if another process holds it; IO_ERROR, PERMISSION_DENIED.
[[nodiscard]] Result<Fd> open_locked(const std::filesystem::path& path);

}  // namespace baleen::core
