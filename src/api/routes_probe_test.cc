#include <gtest/gtest.h>

#include "api/testing/service_fixture.h"

namespace baleen::api {
namespace {

class ProbeRoutesTest : public testing::ServiceFixture {
 protected:
  testing::Reply post(const std::string& body) {
    return ask("POST", "/v1/collections/" + collections_["anna"] + "/probes",
               token(ops::TokenScope::submit, "anna"), body);
  }
  testing::Reply get(const std::string& target) {
    return ask("GET", target, token(ops::TokenScope::read, "anna"));
  }
};

TEST_F(ProbeRoutesTest, AProbeIsMadeByTheNameOfTheToken) {
  const testing::Reply reply =
      post(R"({"label": "moan", "precision": 1, "params": {"window_s": 2}})");
  EXPECT_EQ(reply.status, 201) << reply.body;
  EXPECT_EQ(core::get_string(parsed(reply).as_object(), "made_by"), "test");
  EXPECT_EQ(reply.header("Location"), "/v1/probes/7");
  ASSERT_EQ(asked_.size(), 1U);
  EXPECT_EQ(core::get_string(asked_[0], "collection_id"), collections_["anna"]);
  EXPECT_EQ(core::get_double(asked_[0], "precision"), 1.0);
}

TEST_F(ProbeRoutesTest, ThoseThatAreThereAreListed) {
  const testing::Reply reply = get("/v1/collections/" + collections_["anna"] + "/probes");
  ASSERT_EQ(reply.status, 200);
  const json::value answer = parsed(reply);
  const json::array& items = core::get_array(answer.as_object(), "items");
  ASSERT_EQ(items.size(), 1U);
  EXPECT_EQ(core::get_string(items[0].as_object(), "label"), "moan");
  EXPECT_EQ(get("/v1/probes/" + std::to_string(probes_["anna"])).status, 200);
  EXPECT_EQ(get("/v1/probes/" + std::to_string(probes_["bert"])).status, 404);
}

TEST_F(ProbeRoutesTest, WindowsAreAskedForWithDefaults) {
  const std::string target = "/v1/probes/" + std::to_string(probes_["anna"]) + "/windows";
  EXPECT_EQ(get(target).status, 200);
  EXPECT_EQ(asked_.at(0), (json::object{{"order", "score"}, {"limit", 50}, {"min_score", 0.0}}));
  EXPECT_EQ(get(target + "?min_score=1.5").status, 400);
  EXPECT_EQ(get(target + "?limit=many").status, 400);
  EXPECT_EQ(get("/v1/probes/" + std::to_string(probes_["bert"]) + "/windows").status, 404);
  EXPECT_EQ(asked_.size(), 1U);
}

TEST_F(ProbeRoutesTest, ALabelThatIsNoneIsRefused) {
  for (const std::string body :
       {R"({})", R"({"label": ""})", R"({"label": 3})", R"({"label": "a", "precision": "high"})",
        R"({"label": "a", "x": 1})"})
    EXPECT_EQ(post(body).status, 400) << body;
  EXPECT_TRUE(asked_.empty());
}

}  // namespace
}  // namespace baleen::api
