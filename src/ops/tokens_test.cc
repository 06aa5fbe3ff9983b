#include "ops/tokens.h"

#include <gmock/gmock.h>

#include <cmath>

#include "core/file.h"
#include "ops/testing/ops_fixture.h"

namespace baleen::ops {
namespace {

class Tokens : public testing::OpsFixture {};

TEST_F(Tokens, ATokenIsKnownByItsSecretAloneWhichTheDatabaseDoesNotHold) {
  const NewToken made = tokens_.add("laptop", TokenScope::submit, "anna", 0).value();
  EXPECT_THAT(made.secret, ::testing::MatchesRegex("bln_[A-Za-z0-9_-]{43}"));
  const Token known = tokens_.verify(made.secret).value();
  EXPECT_EQ(known.token_id, made.token.token_id);
  EXPECT_EQ(known.scope, TokenScope::submit);
  EXPECT_EQ(known.owner_entity_id, "anna");
  ASSERT_TRUE(database_.execute_script("PRAGMA wal_checkpoint(TRUNCATE)").ok());
  const std::string bytes = core::read_text_file(directory_ / "test.db").value();
  EXPECT_EQ(bytes.find(made.secret.substr(4)), std::string::npos);
}

TEST_F(Tokens, NoTwoTokensAreAlike) {
  EXPECT_NE(tokens_.add("a", TokenScope::read, "anna", 0).value().secret,
            tokens_.add("a", TokenScope::read, "anna", 0).value().secret);
}

TEST_F(Tokens, WhatIsNoTokenIsUnauthorized) {
  const std::string secret = tokens_.add("a", TokenScope::read, "anna", 0).value().secret;
  std::string other = secret;
  other.back() = other.back() == 'A' ? 'B' : 'A';
  for (const std::string& wrong : {std::string(), std::string("bln_"), other, secret + "A",
                                   secret.substr(1), "xyz" + secret}) {
    EXPECT_EQ(tokens_.verify(wrong).error().code, ErrorCode::unauthorized) << wrong;
  }
}

TEST_F(Tokens, ATokenExpiresToTheMicrosecond) {
  const std::string secret = tokens_.add("a", TokenScope::read, "anna", 10).value().secret;
  clock_.advance_s(9.999999);
  EXPECT_TRUE(tokens_.verify(secret).ok());
  clock_.advance_s(0.000001);
  EXPECT_EQ(tokens_.verify(secret).error().code, ErrorCode::unauthorized);
}

TEST_F(Tokens, ARevokedTokenIsRefusedAtOnceOnEveryConnection) {
  const NewToken made = tokens_.add("a", TokenScope::read, "anna", 0).value();
  store::Database other_connection = open();
  TokenStore other(other_connection, clock_);
  ASSERT_TRUE(other.verify(made.secret).ok());
  ASSERT_TRUE(tokens_.revoke(made.token.token_id).ok());
  EXPECT_EQ(other.verify(made.secret).error().code, ErrorCode::unauthorized);
  const std::int64_t when = *tokens_.list().value().front().revoked_at_us;
  clock_.advance_s(5);
  ASSERT_TRUE(tokens_.revoke(made.token.token_id).ok());
  EXPECT_EQ(*tokens_.list().value().front().revoked_at_us, when) << "the first time counts";
  EXPECT_EQ(tokens_.revoke("nobody").error().code, ErrorCode::not_found);
}

TEST_F(Tokens, TheLastUseIsRecordedOnceAMinute) {
  const std::string secret = tokens_.add("a", TokenScope::read, "anna", 0).value().secret;
  EXPECT_FALSE(tokens_.list().value().front().last_used_at_us.has_value());
  const std::int64_t first_us = clock_.now_us();
  ASSERT_TRUE(tokens_.verify(secret).ok());
  clock_.advance_s(59);
  ASSERT_TRUE(tokens_.verify(secret).ok());
  EXPECT_EQ(tokens_.list().value().front().last_used_at_us, first_us);
  clock_.advance_s(1);
  ASSERT_TRUE(tokens_.verify(secret).ok());
  EXPECT_EQ(tokens_.list().value().front().last_used_at_us, clock_.now_us());
}

TEST_F(Tokens, OnlyAdminsMaySeeEveryOwner) {
  EXPECT_EQ(tokens_.add("a", TokenScope::operate, "", 0).error().code, ErrorCode::invalid_argument);
  EXPECT_TRUE(tokens_.add("a", TokenScope::admin, "", 0).ok());
  EXPECT_EQ(tokens_.add("", TokenScope::admin, "", 0).error().code, ErrorCode::invalid_argument);
  for (const double lifetime_s : {-1.0, 1e300, std::nan("")}) {
    EXPECT_EQ(tokens_.add("a", TokenScope::admin, "", lifetime_s).error().code,
              ErrorCode::invalid_argument);
  }
}

}  // namespace
}  // namespace baleen::ops
