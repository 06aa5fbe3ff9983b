#include <gtest/gtest.h>

#include "api/testing/service_fixture.h"

namespace baleen::api {
namespace {

using ops::TokenScope;
using testing::Reply;

class CollectionRoutesTest : public testing::ServiceFixture {
 protected:
  CollectionRoutesTest() : anna_(token(TokenScope::submit, "anna")) {}
  static std::string code(const Reply& reply) {
    return core::get_string(parsed(reply).as_object(), "code");
  }
  const std::string anna_;
};

TEST_F(CollectionRoutesTest, OneIsMadeFilledAndEmptiedAgain) {
  const Reply made = ask("POST", "/v1/collections", anna_, R"({"name":"deployment-7"})");
  ASSERT_EQ(made.status, 201) << made.body;
  const std::string id = core::get_string(parsed(made).as_object(), "collection_id");
  EXPECT_EQ(
      core::get_string(
          parsed(ask("POST", "/v1/collections", anna_, R"({"name":"deployment-7"})")).as_object(),
          "collection_id"),
      id)
      << "of one name there is one";
  const std::string members = "/v1/collections/" + id + "/members";
  const std::string body = R"({"asset_ids":[")" + assets_["anna"] + R"("]})";
  EXPECT_EQ(parsed(ask("POST", members, anna_, body)), json::value({{"added", 1}}));
  EXPECT_EQ(parsed(ask("POST", members, anna_, body)), json::value({{"added", 0}}));
  const json::value listed = parsed(ask("GET", members, anna_));
  ASSERT_EQ(listed.at("items").as_array().size(), 1U);
  EXPECT_EQ(listed.at("items").at(0).at("filename"), "1.txt");
  EXPECT_EQ(listed.at("items").at(0).at("encodings"), json::array());
  EXPECT_EQ(ask("DELETE", members + "/" + assets_["anna"], anna_).status, 204);
  EXPECT_EQ(ask("DELETE", members + "/" + assets_["anna"], anna_).status, 204);
  EXPECT_EQ(parsed(ask("GET", "/v1/collections/" + id, anna_)).at("members"), 0);
}

TEST_F(CollectionRoutesTest, WhatIsOfOthersIsNotFound) {
  const std::string bert = "/v1/collections/" + collections_["bert"];
  for (const auto& [method, target, body] :
       {std::tuple{"GET", bert, ""}, std::tuple{"GET", bert + "/members", ""},
        std::tuple{"POST", bert + "/members", R"({"asset_ids":[]})"},
        std::tuple{"DELETE", bert + "/members/" + assets_["bert"], ""}})
    EXPECT_EQ(ask(method, target, anna_, body).status, 404) << method << " " << target;
  const std::string mine = "/v1/collections/" + collections_["anna"] + "/members";
  EXPECT_EQ(ask("POST", mine, anna_,
                R"({"asset_ids":[")" + assets_["anna"] + R"(",")" + assets_["bert"] + R"("]})")
                .status,
            404);
  EXPECT_EQ(
      ask("POST", "/v1/collections", anna_, R"({"name":"x","owner_entity_id":"bert"})").status,
      403);
  EXPECT_EQ(ask("PUT", "/v1/assets/" + assets_["bert"] + "/metadata", anna_, "{}").status, 404);
}

TEST_F(CollectionRoutesTest, MetadataIsWrittenAsAWhole) {
  const std::string target = "/v1/assets/" + assets_["anna"] + "/metadata";
  EXPECT_EQ(parsed(ask("GET", target, anna_)), json::value(json::object()));
  const std::string body =
      R"({"tag_data":{"tag":"mn09"},"group_composition":["mother","calf"],"prey_density_proxy":0.5})";
  EXPECT_EQ(ask("PUT", target, anna_, body).status, 200);
  EXPECT_EQ(parsed(ask("GET", target, anna_)), core::parse_json(body, "body").value());
  EXPECT_EQ(ask("PUT", target, anna_, R"({"visual_observations":{"breaches":3}})").status, 200);
  EXPECT_FALSE(parsed(ask("GET", target, anna_)).as_object().contains("tag_data"));
  const Reply misspelt = ask("PUT", target, anna_, R"({"tagdata":{}})");
  EXPECT_EQ(misspelt.status, 400);
  EXPECT_NE(misspelt.body.find("tagdata"), std::string::npos) << misspelt.body;
}

TEST_F(CollectionRoutesTest, WhatIsTakenInCanBePutIntoACollectionAtOnce) {
  const std::string body = R"({"source_path":")" + (inbox_ / "five.txt").string() +
                           R"(","recipe":"toy","collection":"new"})";
  ASSERT_EQ(ask("POST", "/v1/ingest/local", anna_, body).status, 202);
  EXPECT_EQ(number_of("SELECT COUNT(*) FROM collection_members m JOIN collections c ON "
                      "c.collection_id = m.collection_id WHERE c.name = 'new'"),
            1);
}

TEST_F(CollectionRoutesTest, ParametersThatARecipeDoesNotTakeAreRefusedBeforeAnythingIsCopied) {
  const std::int64_t before = number_of("SELECT COUNT(*) FROM audio_assets");
  const Reply refused = ask("POST", "/v1/ingest/local", anna_,
                            R"({"source_path":")" + (inbox_ / "five.txt").string() +
                                R"(","recipe":"toy","params":{"model":"x"}})");
  EXPECT_EQ(refused.status, 400);
  EXPECT_EQ(code(refused), "INVALID_ARGUMENT");
  EXPECT_EQ(number_of("SELECT COUNT(*) FROM audio_assets"), before);
}

}  // namespace
}  // namespace baleen::api
