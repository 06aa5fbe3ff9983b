#include "api/idempotency.h"

#include <gmock/gmock.h>

#include "api/testing/service_fixture.h"

namespace baleen::api {
namespace {

using engine::testing::ManualClock;
using testing::Reply;
using testing::TokenScope;

class IdempotencyTest : public engine::testing::EngineFixture {
 protected:
  static Request request(const std::string& key,
                         const std::string& body = "{}",
                         const std::string& token = "t") {
    Request made;
    made.method = "POST";
    made.path = "/v1/things";
    made.headers = {{"idempotency-key", key}};
    made.body = body;
    made.principal.token_id = token;
    return made;
  }
  Result<Response> answer(const Request& request, bool is_secret = false) {
    return keys_.answer(database_, request, is_secret, [this](const Request&) -> Result<Response> {
      ++n_done_;
      if (!error_) return Response::of_json(json::object{{"n", n_done_}}, 202);
      return *error_;
    });
  }
  static std::string body_of(const Result<Response>& response) {
    return std::get<std::string>(response.value().body);
  }

  Idempotency keys_{clock_};
  std::optional<Error> error_;
  int n_done_ = 0;
};

TEST_F(IdempotencyTest, TheSameRequestIsDoneOnce) {
  const Result<Response> first = answer(request("k"));
  const Result<Response> again = answer(request("k"));
  EXPECT_EQ(n_done_, 1);
  EXPECT_EQ(first->header("Idempotency-Replayed"), "");
  EXPECT_EQ(again->header("Idempotency-Replayed"), "true");
  EXPECT_EQ(again->status, 202);
  EXPECT_EQ(body_of(again), body_of(first));
  EXPECT_EQ(again->header("Content-Type"), "application/json");
}

TEST_F(IdempotencyTest, AnotherRequestWithTheKeyIsRefusedAndAnotherTokenHasItsOwnKeys) {
  ASSERT_TRUE(answer(request("k")).ok());
  EXPECT_EQ(answer(request("k", "{ }")).error().code, ErrorCode::idempotency_key_reused);
  Request elsewhere = request("k");
  elsewhere.path = "/v1/others";
  EXPECT_EQ(answer(elsewhere).error().code, ErrorCode::idempotency_key_reused);
  Request asked = request("k");
  asked.query = {{"a", "b"}};
  EXPECT_EQ(answer(asked).error().code, ErrorCode::idempotency_key_reused);
  EXPECT_EQ(body_of(answer(request("k", "{}", "another"))), R"({"n":2})");
}

TEST_F(IdempotencyTest, RefusalsAreKeptAndFailuresOfOursAreNot) {
  error_ = fail(ErrorCode::conflict, "no");
  EXPECT_EQ(answer(request("k"))->status, 409);
  error_ = fail(ErrorCode::io_error, "no");
  EXPECT_EQ(answer(request("k"))->status, 409) << "as the first time";
  EXPECT_EQ(answer(request("l"))->status, 500);
  error_.reset();
  EXPECT_EQ(answer(request("l"))->status, 202) << "tried again";
}

TEST_F(IdempotencyTest, AKeyHoldsForADay) {
  ASSERT_TRUE(answer(request("k")).ok());
  clock_.advance_s(23.9 * 3600);
  ASSERT_TRUE(keys_.sweep(database_).ok());
  EXPECT_EQ(body_of(answer(request("k"))), R"({"n":1})");
  clock_.advance_s(0.2 * 3600);
  EXPECT_EQ(body_of(answer(request("k", "{ }"))), R"({"n":2})") << "also before the sweep";
  clock_.advance_s(25 * 3600);
  ASSERT_TRUE(keys_.sweep(database_).ok());
  EXPECT_EQ(number_of("SELECT COUNT(*) FROM idempotency_keys"), 0);
}

TEST_F(IdempotencyTest, ARepetitionWhileTheFirstIsAnsweredIsAConflict) {
  const Result<Response> outer =
      keys_.answer(database_, request("k"), false, [&](const Request&) -> Result<Response> {
        EXPECT_EQ(answer(request("k")).error().code, ErrorCode::conflict);
        return Response::empty();
      });
  EXPECT_EQ(outer->status, 204);
  EXPECT_EQ(n_done_, 0);
  EXPECT_EQ(answer(request("k"))->status, 204);
}

TEST_F(IdempotencyTest, ASecretIsNotKeptAndNotMadeTwice) {
  EXPECT_EQ(answer(request("k"), true)->status, 202);
  const Result<Response> again = answer(request("k"), true);
  EXPECT_EQ(again.error().code, ErrorCode::conflict);
  EXPECT_NE(again.error().message.find("secret"), std::string::npos);
  EXPECT_EQ(n_done_, 1);
  EXPECT_EQ(text_of("SELECT body || headers_json FROM idempotency_keys"), "[]");
  error_ = fail(ErrorCode::invalid_argument, "no");
  EXPECT_EQ(answer(request("l"), true)->status, 400);
  EXPECT_EQ(answer(request("l"), true)->header("Idempotency-Replayed"), "true");
  error_ = fail(ErrorCode::io_error, "no");
  EXPECT_EQ(answer(request("m"), true)->status, 500);
  error_.reset();
  EXPECT_EQ(answer(request("m"), true)->status, 202);
}

TEST_F(IdempotencyTest, AKeyIsAFewPrintableCharacters) {
  EXPECT_EQ(answer(request("")).error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(answer(request("a\tb")).error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(answer(request("\xc3\xa4")).error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(answer(request(std::string(256, 'k'))).error().code, ErrorCode::invalid_argument);
  EXPECT_TRUE(answer(request(std::string(255, 'k'))).ok());
}

class IdempotentRoutes : public testing::ServiceFixture {};

TEST_F(IdempotentRoutes, EveryPostTakesAKey) {
  const std::string anna = token(TokenScope::submit, "anna");
  const std::string body =
      R"({"asset_id":")" + assets_["anna"] + R"(","recipe":"toy","forced_stages":["square"]})";
  const std::string key = "Idempotency-Key: 1\r\n";
  const Reply first = ask("POST", "/v1/runs", anna, body, key);
  ASSERT_EQ(first.status, 202) << first.body;
  const Reply again = ask("POST", "/v1/runs", anna, body, key);
  EXPECT_EQ(again.status, 202);
  EXPECT_EQ(again.body, first.body);
  EXPECT_EQ(again.header("Location"), first.header("Location"));
  EXPECT_EQ(again.header("Idempotency-Replayed"), "true");
  EXPECT_NE(ask("POST", "/v1/runs", anna, body).body, first.body) << "without a key: a new run";
  EXPECT_EQ(ask("POST", "/v1/runs", anna, "{}", key).status, 422);
}

TEST_F(IdempotentRoutes, ATokenIsNotMadeTwiceAndItsSecretNotKept) {
  const std::string admin = token(TokenScope::admin, "");
  const std::string body = R"({"name":"laptop","scope":"read","owner_entity_id":"anna"})";
  const Reply made = ask("POST", "/v1/tokens", admin, body, "Idempotency-Key: 1\r\n");
  ASSERT_EQ(made.status, 201) << made.body;
  EXPECT_EQ(ask("POST", "/v1/tokens", admin, body, "Idempotency-Key: 1\r\n").code(), "CONFLICT");
  EXPECT_EQ(number_of("SELECT COUNT(*) FROM api_tokens WHERE name = 'laptop'"), 1);
  EXPECT_EQ(text_of("SELECT body FROM idempotency_keys"), "");
}

}  // namespace
}  // namespace baleen::api
