#pragma once

/// The files of the web page as scripts/build_web.py embeds them; there are none where the page is left out.

#include <cstddef>
#include <string_view>

namespace baleen::embedded {

struct WebFile {
  std::string_view path;  ///< "/index.html"
  std::string_view bytes;
  std::string_view gzip;  ///< Or empty.
  bool has_hash_in_name;
};

// Named after the folder that they come from.
// NOLINTNEXTLINE(readability-identifier-naming)
extern const std::size_t web_count;
// NOLINTNEXTLINE(readability-identifier-naming)
extern const WebFile web[];

}  // namespace baleen::embedded
