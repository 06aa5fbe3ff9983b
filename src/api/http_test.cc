#include "api/http.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/file_response.h"
#include "api/response_head.h"
#include "api/target.h"

namespace baleen::api {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(Request, FindsHeadersInAnyCase) {
  Request request;
  request.headers = {{"Content-TYPE", "text/plain"}, {"X", "1"}, {"x", "2"}};
  EXPECT_EQ(request.header("content-type"), "text/plain");
  EXPECT_EQ(request.header("X"), "1") << "the first of equal names";
  EXPECT_EQ(request.header("absent"), "");
}

TEST(Scope, SurvivesItsName) {
  for (const Scope scope :
       {Scope::open, Scope::read, Scope::submit, Scope::operate, Scope::admin}) {
    EXPECT_EQ(parse_scope(to_string(scope)), scope);
  }
  EXPECT_FALSE(parse_scope("root").has_value());
}

TEST(Response, SettingAHeaderReplacesItAndAddingKeepsBoth) {
  Response response = Response::of_text("x", "text/plain");
  response.set_header("content-type", "text/html");
  response.add_header("Set-Cookie", "a=1");
  response.add_header("Set-Cookie", "b=2");
  EXPECT_EQ(response.headers.size(), 3U);
  EXPECT_EQ(response.header("Content-Type"), "text/html");
}

TEST(Problem, SaysWhatHappenedWhyAndWhatToDo) {
  const Response response = problem(fail(ErrorCode::file_corrupt, "a.wav: no RIFF header"), "00ff");
  EXPECT_EQ(response.status, 422);
  EXPECT_EQ(response.header("Content-Type"), "application/problem+json");
  const json::object document =
      core::parse_json(std::get<std::string>(response.body), "problem").value().as_object();
  const core::ErrorInfo& info = core::error_info(ErrorCode::file_corrupt);
  EXPECT_EQ(core::get_string(document, "type"), "/docs/errors#FILE_CORRUPT");
  EXPECT_EQ(core::get_string(document, "title"), info.cause);
  EXPECT_EQ(core::get_int(document, "status"), 422);
  EXPECT_EQ(core::get_string(document, "detail"), "a.wav: no RIFF header");
  EXPECT_EQ(core::get_string(document, "code"), "FILE_CORRUPT");
  EXPECT_EQ(core::get_string(document, "cause"), info.cause);
  EXPECT_EQ(core::get_string(document, "action"), info.action);
  EXPECT_EQ(core::get_string(document, "trace_id"), "00ff");
  EXPECT_EQ(core::get_bool(document, "retryable", true), info.retryable);
}

TEST(Problem, IsNeverASuccess) {
  for (const core::ErrorInfo& info : core::kErrorCatalogue) {
    SCOPED_TRACE(info.name);
    EXPECT_GE(problem({info.code, "m"}, "").status, 400);
  }
  EXPECT_EQ(problem(fail(ErrorCode::too_large, "m"), "", 431).status, 431);
}

TEST(Problem, AsksForATokenOn401) {
  EXPECT_THAT(
      std::string(problem(fail(ErrorCode::unauthorized, "m"), "").header("WWW-Authenticate")),
      HasSubstr("Bearer"));
}

TEST(Target, IsTakenApartAndDecoded) {
  const Target target = parse_target("/v1/a%20b/c%2Fd?x=1&y=a%26b+c&x=2&flag&=").value();
  EXPECT_EQ(target.path, "/v1/a b/c/d");
  EXPECT_THAT(target.segments, ElementsAre("v1", "a b", "c/d"));
  EXPECT_EQ(target.query.at("x"), "2");
  EXPECT_EQ(target.query.at("y"), "a&b c");
  EXPECT_EQ(target.query.at("flag"), "");
}

TEST(Target, MayBeAbsolute) {
  EXPECT_EQ(parse_target("http://localhost:80/v1?a=b").value().path, "/v1");
  EXPECT_EQ(parse_target("HTTP://localhost").value().path, "/");
}

TEST(Target, RefusesWhatCouldMislead) {
  for (const char* text :
       {"", "*", "v1", "/a%", "/a%4", "/a%zz", "/a%00b", "/a%0ab", "/../etc", "/a/%2e%2e/b",
        "/a/..%2Fb", "/a/./b", "/%ff", "/a?x=%", "/a?x=%ff", "/%c0%ae%c0%ae/etc"}) {
    SCOPED_TRACE(text);
    EXPECT_FALSE(parse_target(text).ok());
  }
}

TEST(Target, TheHostLosesItsPort) {
  EXPECT_EQ(host_of("LocalHost:8080"), "localhost");
  EXPECT_EQ(host_of("localhost."), "localhost");
  EXPECT_EQ(host_of("[::1]:80"), "[::1]");
  EXPECT_EQ(host_of("127.0.0.1"), "127.0.0.1");
  EXPECT_EQ(host_of("[::1"), "");
  EXPECT_EQ(host_of("localhost:80@evil.example"), "");
}

struct RangeCase {
  const char* range;
  int status;
  std::int64_t begin, end;
};

TEST(FilePlan, AnswersRangesAsRfc9110Wants) {
  const FileBody file{.path = "f", .bytes = 100, .etag = "abc"};
  for (const RangeCase& c :
       {RangeCase{"bytes=0-9", 206, 0, 10}, RangeCase{"bytes=90-", 206, 90, 100},
        RangeCase{"bytes=90-999", 206, 90, 100}, RangeCase{"bytes=-5", 206, 95, 100},
        RangeCase{"bytes=-500", 206, 0, 100}, RangeCase{"Bytes=99-99", 206, 99, 100},
        RangeCase{"bytes=100-", 416, 0, 0}, RangeCase{"bytes=-0", 416, 0, 0},
        RangeCase{"bytes=5-4", 200, 0, 100}, RangeCase{"bytes=0-1,5-6", 200, 0, 100},
        RangeCase{"bytes=", 200, 0, 100}, RangeCase{"bytes=-", 200, 0, 100},
        RangeCase{"bytes=a-b", 200, 0, 100}, RangeCase{"bytes=--5", 200, 0, 100},
        RangeCase{"bytes=99999999999999999999-", 200, 0, 100},
        RangeCase{"items=0-1", 200, 0, 100}}) {
    SCOPED_TRACE(c.range);
    const FilePlan plan = plan_file({{"Range", c.range}}, file);
    EXPECT_EQ(plan.status, c.status);
    EXPECT_EQ(plan.begin, c.begin);
    EXPECT_EQ(plan.end, c.end);
  }
}

TEST(FilePlan, AnEmptyFileHasNoRange) {
  EXPECT_EQ(plan_file({{"Range", "bytes=0-"}}, {.path = "f", .bytes = 0, .etag = "e"}).status, 416);
  EXPECT_EQ(plan_file({}, {.path = "f", .bytes = 0, .etag = "e"}).status, 200);
}

TEST(FilePlan, ARangeOfAnotherVersionGivesTheWholeFile) {
  const FileBody file{.path = "f", .bytes = 100, .etag = "abc"};
  EXPECT_EQ(plan_file({{"Range", "bytes=0-9"}, {"If-Range", "\"abc\""}}, file).status, 206);
  EXPECT_EQ(plan_file({{"Range", "bytes=0-9"}, {"If-Range", "\"old\""}}, file).status, 200);
  EXPECT_EQ(plan_file({{"Range", "bytes=0-9"}, {"If-Range", "W/\"abc\""}}, file).status, 200);
}

TEST(FilePlan, AClientThatHasTheFileGetsNone) {
  const FileBody file{.path = "f", .bytes = 100, .etag = "abc"};
  EXPECT_EQ(plan_file({{"If-None-Match", "\"x\", W/\"abc\""}}, file).status, 304);
  EXPECT_EQ(plan_file({{"If-None-Match", "*"}}, file).status, 304);
  EXPECT_EQ(plan_file({{"If-None-Match", "\"abcd\""}}, file).status, 200);
  EXPECT_EQ(plan_file({{"If-None-Match", "abc"}}, file).status, 200) << "a tag has quotes";
}

TEST(ResponseHead, CarriesTheSecurityHeadersUnlessTheHandlerSetThem) {
  Response response = Response::of_json({});
  const HeadOptions options{.trace_id = "", .span_id = "", .content_length = 2};
  const std::string head = format_head(response, options);
  EXPECT_THAT(head, HasSubstr("HTTP/1.1 200 OK\r\n"));
  for (const char* line :
       {"X-Content-Type-Options: nosniff\r\n", "Content-Security-Policy: default-src 'none'",
        "Referrer-Policy: no-referrer\r\n", "X-Frame-Options: DENY\r\n",
        "Cache-Control: no-store\r\n", "Content-Length: 2\r\n",
        "Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n"}) {
    EXPECT_THAT(head, HasSubstr(line));
  }
  response.set_header("cache-control", "max-age=60");
  response.set_header("Content-Security-Policy", "default-src 'self'");
  EXPECT_THAT(format_head(response, options), Not(HasSubstr("no-store")));
  EXPECT_THAT(format_head(response, options), Not(HasSubstr("'none'")));
}

TEST(ResponseHead, AHandlerCannotBreakOutOfAHeader) {
  Response response = Response::empty(303);
  response.set_header("Location", "/a\r\nSet-Cookie: admin=1\r\n\r\n<script>");
  EXPECT_THAT(format_head(response, {}), Not(HasSubstr("\r\nSet-Cookie")));
}

TEST(ResponseHead, AHandlerCannotSayWhereAMessageEnds) {
  Response response = Response::empty(200);
  response.headers = {{"content-length", "7"}, {"Transfer-Encoding", "chunked"}};
  const std::string head = format_head(response, {.content_length = 0});
  EXPECT_THAT(head, Not(HasSubstr("chunked")));
  EXPECT_THAT(head, Not(HasSubstr("content-length: 7")));
}

TEST(Traceparent, TakesWhatTheStandardAllows) {
  const std::string id = "0af7651916cd43dd8448eb211c80319c";
  EXPECT_EQ(parse_traceparent("00-" + id + "-b7ad6b7169203331-01"), id);
  EXPECT_EQ(parse_traceparent("01-" + id + "-b7ad6b7169203331-01-more"), id);
  for (const std::string& bad : std::vector<std::string>{
           "00-" + id + "-b7ad6b7169203331-01-more", "ff-" + id + "-b7ad6b7169203331-01",
           "00-" + id + "-0000000000000000-01",
           "00-00000000000000000000000000000000-b7ad6b7169203331-01",
           "00-0AF7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
           "00-0ag7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "x"}) {
    SCOPED_TRACE(bad);
    EXPECT_FALSE(parse_traceparent(bad).has_value());
  }
}

}  // namespace
}  // namespace baleen::api
