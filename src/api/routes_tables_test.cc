#include <gtest/gtest.h>

#include "api/testing/service_fixture.h"

namespace baleen::api {
namespace {

using ops::TokenScope;
using testing::Reply;

class TableRoutesTest : public testing::ServiceFixture {
 protected:
  TableRoutesTest() : anna_(token(TokenScope::submit, "anna")) {}
  const std::string anna_;
};

TEST_F(TableRoutesTest, TablesAreTextAndParametersAreKnown) {
  const std::string here = "/v1/collections/" + collections_["anna"];
  EXPECT_EQ(ask("POST", here + "/annotations", anna_, "{}").code(), "MEDIA_TYPE_UNSUPPORTED");
  EXPECT_EQ(ask("PUT", here + "/metadata", anna_, "{}").code(), "MEDIA_TYPE_UNSUPPORTED");
  EXPECT_EQ(ask("GET", here + "/export?fromat=raven", anna_).code(), "INVALID_ARGUMENT");
  EXPECT_EQ(ask("GET", here + "/export?format=raven", anna_).code(), "NOT_SUPPORTED")
      << "this service has no program behind it";
  EXPECT_EQ(ask("DELETE", here + "/annotations/one", anna_).code(), "INVALID_ARGUMENT");
  EXPECT_EQ(ask("DELETE", here + "/annotations/1", anna_).code(), "NOT_FOUND");
  EXPECT_EQ(parsed(ask("GET", here + "/annotations", anna_)).at("items").as_array().size(), 0U);
}

TEST_F(TableRoutesTest, AnnotationsOfARecordingCountUntilTheyAreWithdrawn) {
  ASSERT_TRUE(database_
                  .execute("INSERT INTO annotation_imports (collection_id, format, filename, "
                           "sha256, made_by, created_at_us) VALUES ($1, 'raven', 'a.txt', '00', "
                           "'anna', 1)",
                           collections_["anna"])
                  .ok());
  ASSERT_TRUE(database_
                  .execute("INSERT INTO annotations (import_id, asset_id, start_s, end_s, label, "
                           "is_by_person, source) VALUES (1, $1, 1.5, 2, 'call', 1, 'raven')",
                           assets_["anna"])
                  .ok());
  const std::string mine = "/v1/assets/" + assets_["anna"] + "/annotations";
  EXPECT_EQ(parsed(ask("GET", mine, anna_)),
            core::parse_json(R"({"items":[{"start_s":1.5,"end_s":2.0,"low_hz":null,"high_hz":null,
                "label":"call","confidence":null,"is_by_person":true,"source":"raven",
                "import_id":1}]})",
                             "expected")
                .value());
  const std::string imports = "/v1/collections/" + collections_["anna"] + "/annotations";
  const std::string bert = token(TokenScope::submit, "bert");
  EXPECT_EQ(
      ask("DELETE", "/v1/collections/" + collections_["bert"] + "/annotations/1", bert).status, 404)
      << "an import is withdrawn through its own collection only";
  EXPECT_EQ(ask("DELETE", imports + "/1", anna_).status, 204);
  EXPECT_EQ(parsed(ask("GET", mine, anna_)).at("items").as_array().size(), 0U);
  const json::value listed = parsed(ask("GET", imports, anna_));
  EXPECT_TRUE(listed.at("items").at(0).at("withdrawn_at").is_string());
  EXPECT_EQ(listed.at("items").at(0).at("annotations"), 1);
}

}  // namespace
}  // namespace baleen::api
