#include "api/router.h"

#include <algorithm>
#include <set>
#include <utility>

namespace baleen::api {
namespace {

std::string join(const std::set<std::string>& methods) {
  std::string text;
  for (const std::string& method : methods) {
    if (!text.empty()) text += ", ";
    text += method;
  }
  return text;
}

}  // namespace

Result<std::vector<Router::Segment>> Router::parse_pattern(std::string_view pattern) {
  const auto refuse = [&](std::string_view why) {
    return fail(ErrorCode::invalid_argument, "route {}: {}", pattern, why);
  };
  if (pattern.empty() || pattern.front() != '/') return refuse("does not begin with a slash");
  std::vector<Segment> segments;
  for (std::size_t begin = 1; begin <= pattern.size();) {
    const std::size_t end = std::min(pattern.find('/', begin), pattern.size());
    std::string_view text = pattern.substr(begin, end - begin);
    Segment segment;
    if (!text.empty() && text.front() == '{') {
      if (text.back() != '}' || text.size() < 3) return refuse("a brace is not closed");
      text = text.substr(1, text.size() - 2);
      segment.kind = Segment::Kind::parameter;
      if (text.size() > 3 && text.substr(text.size() - 3) == "...") {
        text.remove_suffix(3);
        segment.kind = Segment::Kind::rest;
        if (end != pattern.size()) return refuse("{rest...} is not the last segment");
      }
    }
    if (text.find_first_of("{}") != std::string_view::npos) {
      return refuse("a parameter is a whole segment");
    }
    segment.text = text;
    segments.push_back(std::move(segment));
    begin = end + 1;
  }
  return segments;
}

bool Router::is_before(const Pattern& a, const Pattern& b) {
  const auto less = [](const Segment& x, const Segment& y) { return x.kind < y.kind; };
  return std::lexicographical_compare(a.segments.begin(), a.segments.end(), b.segments.begin(),
                                      b.segments.end(), less);
}

bool Router::is_same_shape(const Pattern& a, const Pattern& b) {
  const auto same = [](const Segment& x, const Segment& y) {
    return x.kind == y.kind && (x.kind != Segment::Kind::literal || x.text == y.text);
  };
  return std::equal(a.segments.begin(), a.segments.end(), b.segments.begin(), b.segments.end(),
                    same);
}

Result<Router> Router::create(std::vector<Route> routes) {
  Router router;
  for (std::size_t i = 0; i < routes.size(); ++i) {
    const Route& route = routes[i];
    if (!route.handler == !route.sink) {
      return fail(ErrorCode::invalid_argument,
                  "route {} {}: needs a handler or a sink, and not both", route.method,
                  route.pattern);
    }
    BALEEN_ASSIGN_OR_RETURN(std::vector<Segment> segments, parse_pattern(route.pattern));
    Pattern pattern{i, std::move(segments)};
    for (const Pattern& other : router.patterns_) {
      if (routes[other.route].method == route.method && is_same_shape(other, pattern)) {
        return fail(ErrorCode::invalid_argument, "routes {} and {} of {} are the same",
                    routes[other.route].pattern, route.pattern, route.method);
      }
    }
    router.patterns_.push_back(std::move(pattern));
  }
  std::stable_sort(router.patterns_.begin(), router.patterns_.end(), is_before);
  router.routes_ = std::move(routes);
  return router;
}

bool Router::matches(const Pattern& pattern, const Target& target) {
  for (std::size_t i = 0; i < pattern.segments.size(); ++i) {
    if (pattern.segments[i].kind == Segment::Kind::rest) return i < target.segments.size();
    if (i >= target.segments.size()) return false;
    const std::string& segment = target.segments[i];
    const bool is_literal = pattern.segments[i].kind == Segment::Kind::literal;
    if (is_literal ? segment != pattern.segments[i].text : segment.empty()) return false;
  }
  return pattern.segments.size() == target.segments.size();
}

std::map<std::string, std::string> Router::parameters_of(const Pattern& pattern,
                                                         const Target& target) const {
  std::map<std::string, std::string> parameters;
  for (std::size_t i = 0; i < pattern.segments.size(); ++i) {
    const Segment& segment = pattern.segments[i];
    if (segment.kind == Segment::Kind::parameter) parameters[segment.text] = target.segments[i];
    if (segment.kind != Segment::Kind::rest) continue;
    std::string& rest = parameters[segment.text];
    for (std::size_t j = i; j < target.segments.size(); ++j) {
      if (j > i) rest += '/';
      rest += target.segments[j];
    }
  }
  return parameters;
}

Router::Match Router::find(std::string_view method, const Target& target) const {
  Match match;
  std::set<std::string> methods;
  const Pattern* chosen = nullptr;
  for (const Pattern& pattern : patterns_) {
    const bool is_rest = pattern.segments.back().kind == Segment::Kind::rest;
    // An address that exists for other methods does not fall through to what takes all addresses.
    if ((is_rest && !methods.empty()) || !matches(pattern, target)) continue;
    const Route& route = routes_[pattern.route];
    const bool is_exact = route.method == method;
    const bool is_get_for_head = method == "HEAD" && route.method == "GET";
    // What takes all addresses does not make an address: for its other methods there is nothing.
    if (is_rest && !is_exact && !is_get_for_head) continue;
    methods.insert(route.method);
    if (route.method == "GET") methods.insert("HEAD");
    if (chosen == nullptr && (is_exact || is_get_for_head)) chosen = &pattern;
    if (is_exact && routes_[chosen->route].method != method) chosen = &pattern;
  }
  if (!methods.empty()) methods.insert("OPTIONS");
  match.allow = join(methods);
  if (chosen == nullptr) return match;
  match.route = &routes_[chosen->route];
  match.parameters = parameters_of(*chosen, target);
  return match;
}

}  // namespace baleen::api
