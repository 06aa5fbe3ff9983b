#pragma once

/// Finds the route of a request. Immutable after its creation, so any thread may ask it.

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "api/http.h"
#include "api/target.h"

namespace baleen::api {

class Router {
 public:
  /// INVALID_ARGUMENT for a malformed pattern, two routes of the same method and shape, or a route
  /// without a handler.
  static Result<Router> create(std::vector<Route> routes);

  struct Match {
    const Route* route = nullptr;  ///< Null: nothing here, or not for this method.
    std::map<std::string, std::string> parameters;
    std::string
        allow;  ///< "GET, HEAD, OPTIONS": the methods of this address; empty: no such address.
  };
  /// A literal segment wins over a parameter. The rest ("{path...}") is looked at where nothing else fits
  /// the address with any method. HEAD finds the route of GET where it has none of its own.
  [[nodiscard]] Match find(std::string_view method, const Target& target) const;

  [[nodiscard]] const std::vector<Route>& routes() const { return routes_; }

 private:
  struct Segment {
    enum class Kind { literal, parameter, rest } kind = Kind::literal;
    std::string text;  ///< The literal, or the parameter's name.
  };
  struct Pattern {
    std::size_t route = 0;  ///< Index into routes_.
    std::vector<Segment> segments;
  };
  static Result<std::vector<Segment>> parse_pattern(std::string_view pattern);
  static bool is_before(const Pattern& a, const Pattern& b);
  static bool is_same_shape(const Pattern& a, const Pattern& b);
  static bool matches(const Pattern& pattern, const Target& target);
  [[nodiscard]] std::map<std::string, std::string> parameters_of(const Pattern& pattern,
                                                                 const Target& target) const;

  std::vector<Route> routes_;
  std::vector<Pattern> patterns_;  ///< The most specific first.
};

}  // namespace baleen::api
