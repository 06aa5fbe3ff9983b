// Browsers: a cookie that scripts do not see, and nothing changed without the CSRF token.

#include <gmock/gmock.h>

#include "api/testing/service_fixture.h"
#include "core/clock.h"

namespace baleen::api {
namespace {

using ops::TokenScope;
using testing::Client;
using testing::Reply;

class Browser : public testing::ServiceFixture {
 protected:
  struct SignedIn {
    std::string cookie, csrf, set_cookie;
  };
  SignedIn sign_in(const std::string& secret) {
    const Reply reply = ask("POST", "/v1/session", "", R"({"token":")" + secret + "\"}");
    EXPECT_EQ(reply.status, 200) << reply.body;
    SignedIn browser;
    browser.set_cookie = reply.header("Set-Cookie");
    browser.cookie = "Cookie: theme=dark; " +
                     browser.set_cookie.substr(0, browser.set_cookie.find(';')) + "\r\n";
    browser.csrf =
        "X-Baleen-CSRF: " + core::get_string(parsed(reply).as_object(), "csrf_token") + "\r\n";
    return browser;
  }
  const std::string admin_ = token(TokenScope::admin, "");
  const SignedIn browser_ = sign_in(admin_);
  const std::string pause_ = R"({"recipe":"toy"})";
};

TEST_F(Browser, TheCookieIsKeptFromScriptsAndOtherSites) {
  EXPECT_THAT(browser_.set_cookie, ::testing::HasSubstr("; HttpOnly"));
  EXPECT_THAT(browser_.set_cookie, ::testing::HasSubstr("; SameSite=Strict"));
  EXPECT_THAT(browser_.set_cookie, ::testing::HasSubstr("; Path=/"));
  EXPECT_EQ(browser_.set_cookie.find(admin_), std::string::npos);
}

TEST_F(Browser, TheCookieReadsAndSaysWhoItIs) {
  EXPECT_EQ(ask("GET", "/v1/runs", "", "", browser_.cookie).status, 200);
  const Reply who = ask("GET", "/v1/session", "", "", browser_.cookie);
  EXPECT_EQ(core::get_string(parsed(who).as_object(), "scope"), "admin");
  EXPECT_THAT(browser_.csrf,
              ::testing::HasSubstr(core::get_string(parsed(who).as_object(), "csrf_token")));
  EXPECT_EQ(ask("GET", "/v1/session", "").code(), "UNAUTHORIZED");
}

TEST_F(Browser, NothingChangesWithoutTheCsrfTokenOfTheSameSession) {
  EXPECT_EQ(ask("POST", "/v1/queue/pause", "", pause_, browser_.cookie).code(), "FORBIDDEN");
  const SignedIn other = sign_in(admin_);
  EXPECT_EQ(ask("POST", "/v1/queue/pause", "", pause_, browser_.cookie + other.csrf).code(),
            "FORBIDDEN");
  EXPECT_EQ(ask("POST", "/v1/queue/pause", "", pause_, browser_.cookie + browser_.csrf).status,
            200);
  EXPECT_EQ(ask("DELETE", "/v1/session", "", "", browser_.cookie).code(), "FORBIDDEN");
}

TEST_F(Browser, SigningOutEndsThisSessionOnly) {
  const SignedIn other = sign_in(admin_);
  const Reply reply = ask("DELETE", "/v1/session", "", "", browser_.cookie + browser_.csrf);
  EXPECT_EQ(reply.status, 204);
  EXPECT_THAT(reply.header("Set-Cookie"), ::testing::HasSubstr("baleen_session=; "));
  EXPECT_THAT(reply.header("Set-Cookie"), ::testing::HasSubstr("Max-Age=0"));
  EXPECT_EQ(ask("GET", "/v1/runs", "", "", browser_.cookie).code(), "UNAUTHORIZED");
  EXPECT_EQ(ask("GET", "/v1/runs", "", "", other.cookie).status, 200);
}

TEST_F(Browser, ARevokedTokenTakesItsSessionsAlong) {
  const Reply made = ask("POST", "/v1/tokens", admin_,
                         R"({"name":"tablet","scope":"read","owner_entity_id":"anna"})");
  const json::value tablet = parsed(made);
  const SignedIn browser = sign_in(core::get_string(tablet.as_object(), "secret"));
  EXPECT_EQ(ask("GET", "/v1/runs", "", "", browser.cookie).status, 200);
  ask("DELETE", "/v1/tokens/" + core::get_string(tablet.as_object(), "token_id"), admin_);
  EXPECT_EQ(ask("GET", "/v1/runs", "", "", browser.cookie).code(), "UNAUTHORIZED");
}

TEST_F(Browser, AWrongTokenSignsNobodyIn) {
  EXPECT_EQ(ask("POST", "/v1/session", "", R"({"token":"bln_wrong"})").code(), "UNAUTHORIZED");
  EXPECT_EQ(ask("POST", "/v1/session", "", "{}").code(), "INVALID_ARGUMENT");
}

TEST_F(Browser, AStreamEndsWithItsSessionAndThoseOfOthersGoOn) {
  const SignedIn other = sign_in(admin_);
  Client client(server_->port());
  client.send_request("GET", "/v1/events", "Accept: text/event-stream\r\n" + browser_.cookie);
  EXPECT_EQ(client.read_head().status, 200);
  Client going_on(server_->port());
  going_on.send_request("GET", "/v1/events",
                        "Accept: text/event-stream\r\nLast-Event-ID: 0\r\n" + other.cookie);
  EXPECT_EQ(going_on.read_head().status, 200);
  ask("DELETE", "/v1/session", "", "", browser_.cookie + browser_.csrf);
  const double begin_s = core::steady_s();
  client.read_until("no such text");
  EXPECT_LT(core::steady_s() - begin_s, 10) << "it did not end: the client lost its patience";
  EXPECT_THAT(going_on.read_until("\n\n"), ::testing::HasSubstr("retry"));
  EXPECT_THAT(going_on.read_until("\n\n"), ::testing::HasSubstr("id: "));
}

}  // namespace
}  // namespace baleen::api
