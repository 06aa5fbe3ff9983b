#pragma once

/// The web page: files that are part of the program, served from memory.

#include <string>
#include <string_view>
#include <vector>

#include "api/http.h"

namespace baleen::api {

/// A file of the web page. The views must outlive the routes; they point into the program.
struct StaticFile {
  std::string_view path;  ///< "/assets/app-3f2a.js"
  std::string_view bytes;
  std::string_view gzip = {};  ///< The same compressed, or empty.
  bool has_hash_in_name =
      false;  ///< Never changes under this name: browsers may keep it for a year.
};

/// One open route for each file, "/" for "/index.html", and "/{path...}" for the addresses that the page makes up
/// itself (/runs/7): those get /index.html too, unless their last segment has a dot. `content_security_policy`
/// goes with HTML.
[[nodiscard]] std::vector<Route> static_routes(const std::vector<StaticFile>& files,
                                               std::string_view content_security_policy);

/// "text/javascript; charset=utf-8" for "x.js"; application/octet-stream for what is not known.
[[nodiscard]] std::string_view media_type_of(std::string_view path);

/// Whether an Accept-Encoding header takes gzip.
[[nodiscard]] bool accepts_gzip(std::string_view accept_encoding);

}  // namespace baleen::api
