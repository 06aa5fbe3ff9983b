#include "api/router.h"

#include <gtest/gtest.h>

namespace baleen::api {
namespace {

Route route(std::string method, std::string pattern) {
  Route made;
  made.operation_id = method + " " + pattern;
  made.method = std::move(method);
  made.pattern = std::move(pattern);
  made.handler = [](const Request&) -> Result<Response> { return Response::empty(); };
  return made;
}

Router make_router() {
  return Router::create({route("GET", "/v1/{rest...}"), route("GET", "/v1/runs/{run_id}"),
                         route("GET", "/v1/runs/newest"), route("POST", "/v1/runs/{run_id}"),
                         route("POST", "/v1/runs/{run_id}/retry"), route("GET", "/")})
      .value();
}

Router::Match find(const Router& router, std::string_view method, std::string_view path) {
  return router.find(method, parse_target(path).value());
}

std::string found(std::string_view method, std::string_view path) {
  const Router router = make_router();
  const Router::Match match = find(router, method, path);
  return match.route == nullptr ? "" : match.route->operation_id;
}

TEST(Router, TheMoreSpecificRouteWins) {
  EXPECT_EQ(found("GET", "/v1/runs/newest"), "GET /v1/runs/newest");
  EXPECT_EQ(found("GET", "/v1/runs/7"), "GET /v1/runs/{run_id}");
  EXPECT_EQ(found("GET", "/v1/runs/7/tasks"), "GET /v1/{rest...}");
  EXPECT_EQ(found("POST", "/v1/runs/newest"), "POST /v1/runs/{run_id}");
  EXPECT_EQ(found("GET", "/"), "GET /");
}

TEST(Router, ParametersAreDecodedSegments) {
  const Router router = make_router();
  EXPECT_EQ(find(router, "GET", "/v1/runs/a%2Fb").parameters.at("run_id"), "a/b");
  EXPECT_EQ(find(router, "GET", "/v1/css/a%20b.css").parameters.at("rest"), "css/a b.css");
}

TEST(Router, AParameterIsNeverEmpty) { EXPECT_EQ(found("POST", "/v1/runs//retry"), ""); }

TEST(Router, TellsAWrongMethodFromAWrongAddress) {
  const Router router = make_router();
  const Router::Match wrong_method = find(router, "DELETE", "/v1/runs/7");
  EXPECT_EQ(wrong_method.route, nullptr);
  EXPECT_EQ(wrong_method.allow, "GET, HEAD, OPTIONS, POST");
  const Router::Match wrong_address = find(router, "GET", "/v2");
  EXPECT_EQ(wrong_address.route, nullptr);
  EXPECT_EQ(wrong_address.allow, "");
}

TEST(Router, WhatTakesAllAddressesMakesNoneForOtherMethods) {
  const Router router =
      Router::create({route("GET", "/{path...}"), route("GET", "/v1/runs")}).value();
  EXPECT_NE(find(router, "GET", "/v1/nothing").route, nullptr);
  EXPECT_NE(find(router, "HEAD", "/v1/nothing").route, nullptr);
  EXPECT_EQ(find(router, "POST", "/v1/nothing").allow, "");
  EXPECT_EQ(find(router, "POST", "/v1/runs").allow, "GET, HEAD, OPTIONS");
}

TEST(Router, AnAddressOfOtherMethodsIsNotPartOfTheRest) {
  const Router router = make_router();
  const Router::Match match = find(router, "GET", "/v1/runs/7/retry");
  EXPECT_EQ(match.route, nullptr);
  EXPECT_EQ(match.allow, "OPTIONS, POST");
}

TEST(Router, HeadFindsTheRouteOfGet) {
  EXPECT_EQ(found("HEAD", "/v1/runs/7"), "GET /v1/runs/{run_id}");
}

TEST(Router, RefusesRoutesThatCannotBeMeant) {
  EXPECT_FALSE(Router::create({route("GET", "/a/{x}"), route("GET", "/a/{y}")}).ok());
  EXPECT_TRUE(Router::create({route("GET", "/a/{x}"), route("PUT", "/a/{y}")}).ok());
  for (const char* pattern : {"", "a", "/{", "/{x}y", "/x{y}", "/{rest...}/x", "/{}"}) {
    SCOPED_TRACE(pattern);
    EXPECT_FALSE(Router::create({route("GET", pattern)}).ok());
  }
  Route without_handler = route("GET", "/a");
  without_handler.handler = nullptr;
  EXPECT_FALSE(Router::create({without_handler}).ok());
}

}  // namespace
}  // namespace baleen::api
