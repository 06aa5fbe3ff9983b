#include "ops/sessions.h"

#include <gmock/gmock.h>

#include "core/file.h"
#include "ops/testing/ops_fixture.h"

namespace baleen::ops {
namespace {

class Sessions : public testing::OpsFixture {
 protected:
  WebSessionStore sessions_{database_, clock_};
  NewToken token_ = tokens_.add("laptop", TokenScope::submit, "anna", 0).value();
  NewWebSession made_ = sessions_.begin(token_.secret).value();
};

TEST_F(Sessions, ASessionHasTheRightsOfItsTokenAndASecretOfItsOwn) {
  EXPECT_THAT(made_.secret, ::testing::MatchesRegex("bls_[A-Za-z0-9_-]{43}"));
  const WebSession known = sessions_.verify(made_.secret).value();
  EXPECT_EQ(known.session_id, made_.session.session_id);
  EXPECT_EQ(known.token.token_id, token_.token.token_id);
  EXPECT_EQ(known.token.scope, TokenScope::submit);
  EXPECT_EQ(known.token.owner_entity_id, "anna");
  ASSERT_TRUE(database_.execute_script("PRAGMA wal_checkpoint(TRUNCATE)").ok());
  const std::string bytes = core::read_text_file(directory_ / "test.db").value();
  EXPECT_EQ(bytes.find(made_.secret.substr(4)), std::string::npos);
}

TEST_F(Sessions, OnlyAValidTokenBeginsOne) {
  EXPECT_EQ(sessions_.begin("bln_nonsense").error().code, ErrorCode::unauthorized);
  EXPECT_EQ(sessions_.begin(made_.secret).error().code, ErrorCode::unauthorized);
}

TEST_F(Sessions, ATokenIsNoSessionAndASessionIsNoToken) {
  EXPECT_EQ(sessions_.verify(token_.secret).error().code, ErrorCode::unauthorized);
  EXPECT_EQ(tokens_.verify(made_.secret).error().code, ErrorCode::unauthorized);
}

TEST_F(Sessions, ASessionEndsWithItsToken) {
  ASSERT_TRUE(tokens_.revoke(token_.token.token_id).ok());
  EXPECT_EQ(sessions_.verify(made_.secret).error().code, ErrorCode::unauthorized);
}

TEST_F(Sessions, ASessionEndsWhenItIsSignedOutAndOthersOfTheTokenGoOn) {
  const NewWebSession other = sessions_.begin(token_.secret).value();
  ASSERT_TRUE(sessions_.end(made_.session.session_id).ok());
  EXPECT_EQ(sessions_.verify(made_.secret).error().code, ErrorCode::unauthorized);
  EXPECT_TRUE(sessions_.verify(other.secret).ok());
}

TEST_F(Sessions, ASessionEndsAfterAWeekAndIsForgottenWithTheNext) {
  clock_.advance_s(kSessionLifetimeS - 1);
  EXPECT_TRUE(sessions_.verify(made_.secret).ok());
  clock_.advance_s(1);
  EXPECT_EQ(sessions_.verify(made_.secret).error().code, ErrorCode::unauthorized);
  ASSERT_TRUE(sessions_.begin(token_.secret).ok());
  const auto rows = database_.query("SELECT COUNT(*) FROM web_sessions").value();
  EXPECT_EQ(rows.front().integer(0), 1);
}

TEST_F(Sessions, TheCsrfTokenBelongsToTheSecretAndDoesNotGiveItAway) {
  const NewWebSession other = sessions_.begin(token_.secret).value();
  EXPECT_NE(csrf_token_of(made_.secret), csrf_token_of(other.secret));
  EXPECT_EQ(csrf_token_of(made_.secret).find(made_.secret.substr(4)), std::string::npos);
}

}  // namespace
}  // namespace baleen::ops
