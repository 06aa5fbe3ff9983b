// Who may: only the very secret that was given out is taken for it.
#include "ops/tokens.h"

#include "fuzz/input.h"
#include "ops/sessions.h"
#include "store/schema.h"

using namespace baleen;

namespace {

struct Office {
  fuzz::Folder folder;
  store::Database database = open(folder.path() / "baleen.db");
  ops::TokenStore tokens{database};
  ops::WebSessionStore sessions{database};
  ops::NewToken token = tokens.add("fuzz", ops::TokenScope::read, "anna", 0).value();
  ops::NewWebSession session = sessions.begin(token.secret).value();

  static store::Database open(const std::filesystem::path& path) {
    store::Database database = store::Database::open(path).value();
    BALEEN_CHECK(store::migrate(database).ok());
    return database;
  }
};

}  // namespace

// The first byte chooses what the rest is mixed with: nothing, or a secret that is right but for one byte.
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static Office office;
  fuzz::Input input(data, size);
  const auto choice = input.number<std::uint8_t>();
  std::string text(input.rest());
  if ((choice & 1U) != 0) {
    text = (choice & 2U) != 0 ? office.token.secret : office.session.secret;
    const std::size_t at = input.number<std::uint8_t>() % text.size();
    text[at] = static_cast<char>(text[at] ^ input.number<std::uint8_t>());
    text += input.rest();
  }
  const Result<ops::Token> token = office.tokens.verify(text);
  BALEEN_CHECK(fuzz::is_value_or(token, {ErrorCode::unauthorized}));
  BALEEN_CHECK(token.ok() == (text == office.token.secret));
  const Result<ops::WebSession> session = office.sessions.verify(text);
  BALEEN_CHECK(fuzz::is_value_or(session, {ErrorCode::unauthorized}));
  BALEEN_CHECK(session.ok() == (text == office.session.secret));
  BALEEN_CHECK(!session.ok() || session->token.owner_entity_id == "anna");
  const Result<ops::Token> by_id = office.tokens.verify_id(text);
  BALEEN_CHECK(by_id.ok() == (text == office.token.token.token_id));
  BALEEN_CHECK(ops::csrf_token_of(text).size() == 64);
  if (const auto scope = ops::parse_token_scope(text)) BALEEN_CHECK(ops::to_string(*scope) == text);
  return 0;
}
