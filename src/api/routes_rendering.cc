// Pictures and clips of stretches of recordings: what people look at and listen to.

#include <charconv>
#include <cmath>

#include "api/service.h"

namespace baleen::api {
namespace {

constexpr int kThumbnailWidthMax = 1024, kThumbnailHeightMax = 512;

Result<double> number_in(const Request& request,
                         const std::string& name,
                         std::string_view fallback,
                         double low,
                         double high) {
  const std::string text = request.query_or(name, fallback);
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || error != std::errc() || end != text.data() + text.size() ||
      !(number >= low && number <= high)) {
    return fail(ErrorCode::invalid_argument, "{} is '{}', not a number from {} to {}", name, text,
                low, high);
  }
  return number;
}

/// What both are told: where the stretch is.
Result<json::object> stretch_of(const Request& request) {
  constexpr double kSecondsMax = 1e8;  // Three years.
  BALEEN_ASSIGN_OR_RETURN(const double start_s, number_in(request, "start_s", "", 0, kSecondsMax));
  BALEEN_ASSIGN_OR_RETURN(const double end_s, number_in(request, "end_s", "", 0, kSecondsMax));
  if (end_s <= start_s) {
    return fail(ErrorCode::invalid_argument, "from {} s to {} s is no stretch of a recording",
                start_s, end_s);
  }
  constexpr double kStretchMaxS = 60;
  if (end_s - start_s > kStretchMaxS) {
    return fail(ErrorCode::too_large,
                "a stretch of {:.1f} s: at most {} s are shown or played at once", end_s - start_s,
                kStretchMaxS);
  }
  return json::object{{"start_s", start_s}, {"end_s", end_s}};
}

Response immutable(FileBody body, std::string_view media_type) {
  Response response;
  response.body = std::move(body);
  response.set_header("Content-Type", std::string(media_type));
  // The recording never changes. Whose it is was checked: no shared cache may hand it to others.
  response.set_header("Cache-Control", "private, max-age=31536000, immutable");
  return response;
}

}  // namespace

void Service::add_rendering_routes(std::vector<Route>& routes) {
  const auto add = [&](const std::string& kind, std::string operation_id,
                       std::string_view media_type,
                       std::function<Result<json::object>(const Request&)> params_of) {
    routes.push_back(
        {"GET", "/v1/assets/{asset_id}/" + kind, Scope::read, std::move(operation_id),
         with_database([this, kind, media_type, params_of = std::move(params_of)](
                           const Request& request, store::Database& database) -> Result<Response> {
           const std::string& asset_id = request.parameters.at("asset_id");
           BALEEN_RETURN_IF_ERROR(check_asset_access(database, request.principal, asset_id));
           BALEEN_ASSIGN_OR_RETURN(const json::object params, params_of(request));
           if (!context_.render)
             return fail(ErrorCode::not_supported, "this service makes no pictures or clips");
           BALEEN_ASSIGN_OR_RETURN(FileBody body,
                                   context_.render(database, asset_id, kind, params));
           return immutable(std::move(body), media_type);
         })});
  };
  add("thumbnail", "getThumbnail", "image/png", [](const Request& request) -> Result<json::object> {
    BALEEN_RETURN_IF_ERROR(
        check_query(request, {"start_s", "end_s", "width", "height", "high_hz"}));
    BALEEN_ASSIGN_OR_RETURN(json::object params, stretch_of(request));
    BALEEN_ASSIGN_OR_RETURN(const double width,
                            number_in(request, "width", "256", 8, kThumbnailWidthMax));
    BALEEN_ASSIGN_OR_RETURN(const double height,
                            number_in(request, "height", "128", 8, kThumbnailHeightMax));
    BALEEN_ASSIGN_OR_RETURN(const double high_hz, number_in(request, "high_hz", "0", 0, 1e6));
    params["width"] = static_cast<std::int64_t>(width);
    params["height"] = static_cast<std::int64_t>(height);
    params["high_hz"] = high_hz;
    return params;
  });
  add("clip", "getClip", "audio/wav", [](const Request& request) -> Result<json::object> {
    BALEEN_RETURN_IF_ERROR(check_query(request, {"start_s", "end_s", "speed"}));
    BALEEN_ASSIGN_OR_RETURN(json::object params, stretch_of(request));
    BALEEN_ASSIGN_OR_RETURN(params["speed"], number_in(request, "speed", "1", 0.01, 100));
    return params;
  });
}

}  // namespace baleen::api
