#pragma once

/// Downloads by the program `curl`: TLS, proxies and certificates as the system has them, and no network
/// library in the processes that run stages.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

#include "core/result.h"

namespace baleen::ml {

struct DownloadOptions {
  std::int64_t bytes_max = 0;                        ///< More than this fails.
  std::function<bool(std::int64_t bytes)> progress;  ///< Some times a second; false stops.
};

/// Fetches an https, http or file URL into `file`, appending to what is there. Gives up on a connection
/// that delivers less than 1 kB/s for a minute. Errors: MODEL_DOWNLOAD_FAILED, CANCELED, INVALID_ARGUMENT.
[[nodiscard]] Result<void> download(const std::string& url,
                                    const std::filesystem::path& file,
                                    const DownloadOptions& options);

}  // namespace baleen::ml
