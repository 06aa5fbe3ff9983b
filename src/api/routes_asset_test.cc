// Views, explanations and feedback of an asset; the log, the bundle and many runs at once; settings and pages.

#include <gmock/gmock.h>

#include "api/testing/service_fixture.h"

namespace baleen::api {
namespace {

using ops::TokenScope;
using ::testing::HasSubstr;
using testing::Reply;

class Looked : public testing::ServiceFixture {
 protected:
  const std::string anna_ = token(TokenScope::operate, "anna");
  const std::string admin_ = token(TokenScope::admin, "");
  std::string asset(const std::string& rest, const std::string& owner = "anna") {
    return "/v1/assets/" + assets_.at(owner) + rest;
  }
};

TEST_F(Looked, AViewGetsItsFileAndItsRange) {
  const Reply reply = ask("GET", asset("/waveform?columns=7&start_s=1.5"), anna_);
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(core::get_int(parsed(reply).as_object(), "columns"), 7);
  EXPECT_THAT(reply.body, HasSubstr("original."));
  for (const char* wrong : {"?columns=x", "?columns=nan", "?colums=7", "?at_s=1"})
    EXPECT_EQ(ask("GET", asset(std::string("/waveform") + wrong), anna_).code(), "INVALID_ARGUMENT")
        << wrong;
}

TEST_F(Looked, AnAssetAndAFileAreExplained) {
  EXPECT_THAT(ask("GET", asset("/explain?recipe=toy"), anna_).body,
              HasSubstr(R"("reason":"fresh")"));
  const std::string path = (inbox_ / "five.txt").string();
  const Reply file = ask("GET", "/v1/explain?recipe=toy&source_path=" + path, anna_);
  EXPECT_EQ(file.status, 200) << file.body;
  EXPECT_THAT(file.body, HasSubstr(R"("is_known":false)"));
  EXPECT_EQ(ask("GET", "/v1/explain?recipe=toy&source_path=/etc/passwd", anna_).code(),
            "FORBIDDEN");
  EXPECT_EQ(ask("GET", asset("/explain?recipe=none"), anna_).code(), "NOT_FOUND");
}

TEST_F(Looked, FeedbackIsKeptWithItsAsset) {
  const auto document = [&](const std::string& asset_id) {
    return R"({"schema_id":"preview.feedback.v1","version":"1.0.0","asset_id":")" + asset_id +
           R"(","timestamp":"2026-11-20T09:27:09.123Z","preview":{"start_s":0,"end_s":8},)"
           R"("metrics":{"listened_s":3,"skipped":true}})";
  };
  const Reply reply = ask("POST", asset("/feedback"), anna_, document(assets_.at("anna")));
  EXPECT_EQ(reply.status, 201) << reply.body;
  EXPECT_EQ(ask("POST", asset("/feedback"), anna_, document(assets_.at("bert"))).code(),
            "INVALID_ARGUMENT");
  EXPECT_EQ(ask("POST", asset("/feedback"), anna_, R"({"liked":true})").code(), "INVALID_ARGUMENT");
  const json::value list = parsed(ask("GET", asset("/feedback"), anna_));
  EXPECT_EQ(core::get_array(list.as_object(), "items").size(), 1U);
}

TEST_F(Looked, ATaskSaysWhatItWaitsFor) {
  const json::value tasks = parsed(ask("GET", "/v1/tasks?limit=1", anna_));
  const json::object& first = core::get_array(tasks.as_object(), "items").at(0).as_object();
  const std::string address = "/v1/tasks/" + std::to_string(core::get_int(first, "task_id"));
  const Reply reply = ask("GET", address, anna_);
  EXPECT_EQ(reply.status, 200);
  EXPECT_THAT(reply.body, HasSubstr(R"("waits_for":[])"));
  EXPECT_EQ(ask("GET", address, token(TokenScope::read, "bert")).code(), "NOT_FOUND");
  EXPECT_EQ(ask("GET", "/v1/tasks/99999", anna_).code(), "NOT_FOUND");
  EXPECT_EQ(ask("GET", "/v1/tasks/x", anna_).code(), "INVALID_ARGUMENT");
}

TEST_F(Looked, TheLogIsTextAndTheBundleAZipFileThatTellsOwnersLess) {
  const Reply log = ask("GET", "/v1/runs/" + runs_.at("anna") + "/log", anna_);
  EXPECT_EQ(log.header("Content-Type"), "text/plain; charset=utf-8");
  EXPECT_THAT(log.body, HasSubstr("run.submitted"));
  const Reply of_owner = ask("GET", "/v1/runs/" + runs_.at("anna") + "/bundle", anna_);
  const Reply of_admin = ask("GET", "/v1/runs/" + runs_.at("anna") + "/bundle", admin_);
  EXPECT_EQ(of_owner.header("Content-Type"), "application/zip");
  EXPECT_EQ(of_owner.body.substr(0, 2), "PK");
  EXPECT_EQ(of_owner.body.find("configuration.json"), std::string::npos);
  EXPECT_NE(of_admin.body.find("configuration.json"), std::string::npos);
}

TEST_F(Looked, ManyRunsAreChangedOnlyOfTheOwner) {
  const Reply reply = ask("POST", "/v1/bulk", anna_, R"({"action":"rerun"})");
  EXPECT_EQ(reply.status, 200) << reply.body;
  EXPECT_EQ(core::get_int(parsed(reply).as_object(), "changed"), 1);
  EXPECT_EQ(text_of("SELECT CAST(COUNT(*) AS TEXT) FROM runs WHERE owner_entity_id = 'bert'"), "1");
  for (const char* wrong :
       {R"({})", R"({"action":"eat"})", R"({"action":"retry","filter":{"colour":"red"}})",
        R"({"action":"retry","filter":{"run_ids":[]}})", R"({"action":"retry","limit":0})",
        R"({"action":"retry","filter":{"stage":7}})"})
    EXPECT_EQ(ask("POST", "/v1/bulk", anna_, wrong).code(), "INVALID_ARGUMENT") << wrong;
}

TEST_F(Looked, SettingsAreChangedByAdmins) {
  const std::string body = R"({"retention.events_days":7})";
  EXPECT_EQ(ask("PATCH", "/v1/settings", anna_, body).code(), "FORBIDDEN");
  EXPECT_EQ(ask("PATCH", "/v1/settings", admin_, body).status, 200);
  EXPECT_THAT(ask("GET", "/v1/settings", anna_).body,
              HasSubstr(R"("name":"retention.events_days","value":7)"));
}

TEST_F(Looked, PagesForPeopleNameEveryCodeAndRunNoScript) {
  const Reply errors = ask("GET", "/docs/errors", "");
  EXPECT_EQ(errors.header("Content-Type"), "text/html; charset=utf-8");
  for (const core::ErrorInfo& info : core::kErrorCatalogue)
    EXPECT_THAT(errors.body, HasSubstr("id=\"" + std::string(info.name) + "\""));
  EXPECT_THAT(errors.header("Content-Security-Policy"), HasSubstr("default-src 'none'"));
  EXPECT_EQ(errors.header("Content-Security-Policy").find("unsafe"), std::string::npos);
  EXPECT_EQ(ask("GET", "/docs", "").status, 200);
  EXPECT_EQ(core::get_array(parsed(ask("GET", "/v1/errors", "")).as_object(), "items").size(),
            core::kErrorCatalogue.size());
}

TEST_F(Looked, MetricsCountWorkersStagesAndDisk) {
  const std::string text = ask("GET", "/metrics", admin_).body;
  for (const char* name : {"baleen_workers 0", "baleen_executors{state=\"busy\"} 0",
                           "baleen_stage_seconds{stage=\"double\"}", "baleen_disk_free_bytes "})
    EXPECT_THAT(text, HasSubstr(std::string("\n") + name));
}

}  // namespace
}  // namespace baleen::api
