#pragma once

/// Pages for people, made by the server itself: they are there even without the web page.

#include <string>
#include <string_view>

#include "api/http.h"

namespace baleen::api {

/// The addresses of the service, from its OpenAPI document.
[[nodiscard]] Response docs_page(std::string_view openapi_yaml);
/// Every code of the error catalogue; /docs/errors#CODE is what a problem document's `type` points to.
[[nodiscard]] Response errors_page();

}  // namespace baleen::api
