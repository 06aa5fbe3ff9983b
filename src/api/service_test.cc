#include "api/service.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <sstream>

#include "api/testing/service_fixture.h"
#include "engine/lists.h"

namespace baleen::api {
namespace {

using ops::TokenScope;
using testing::Client;
using testing::Reply;

class ServiceTest : public testing::ServiceFixture {};

TEST_F(ServiceTest, TheOpenapiDocumentNamesTheRoutesWithTheirScopesAndNoOthers) {
  const std::string yaml = core::read_text_file(BALEEN_SOURCE_DIR "/specs/openapi.yaml").value();
  std::istringstream lines(yaml.substr(0, yaml.find("\ncomponents:")));
  std::vector<std::string> documented;
  std::string line, path, method, operation_id;
  std::vector<std::string> without_key;  // POSTs, until their parameter comes.
  while (std::getline(lines, line)) {
    const auto value = [&] { return line.substr(line.find(": ") + 2); };
    if (line.starts_with("  /")) path = line.substr(2, line.size() - 3);
    if (line.starts_with("    ") && line[4] != ' ') method = line.substr(4, line.size() - 5);
    if (line.starts_with("      operationId: ")) operation_id = value();
    if (line.starts_with("      x-baleen-scope: ")) {
      documented.push_back(method + " " + path + " " + operation_id + " " + value());
      if (method == "post" && value() != "open") without_key.push_back(operation_id);
    }
    if (line.find("parameters/idempotency_key") != std::string::npos && !without_key.empty())
      without_key.pop_back();
  }
  EXPECT_THAT(without_key, ::testing::IsEmpty()) << "every POST takes an Idempotency-Key";
  std::vector<std::string> served;
  for (const Route& route : service_->routes()) {
    std::string lower = route.method;
    std::transform(lower.begin(), lower.end(), lower.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    served.push_back(lower + " " + route.pattern + " " + route.operation_id + " " +
                     std::string(to_string(route.scope)));
  }
  EXPECT_THAT(documented, ::testing::UnorderedElementsAreArray(served));
}

TEST_F(ServiceTest, EveryRouteTakesItsScopeAndNoneBelow) {
  const std::vector<Route> routes = service_->routes();
  EXPECT_GE(routes.size(), 20U);
  std::map<Scope, std::string> secrets = {{Scope::open, ""},
                                          {Scope::read, token(TokenScope::read, "anna")},
                                          {Scope::submit, token(TokenScope::submit, "anna")},
                                          {Scope::operate, token(TokenScope::operate, "anna")},
                                          {Scope::admin, token(TokenScope::admin, "")}};
  for (const Route& route : routes) {
    for (const auto& [scope, secret] : secrets) {
      SCOPED_TRACE(route.method + " " + route.pattern + " as " + std::string(to_string(scope)));
      const Reply reply =
          ask(route.method, target_of(route, "anna"), secret, route.method == "POST" ? "{}" : "");
      if (scope >= route.scope) {
        EXPECT_NE(reply.status, 401);
        // Nothing is refused for the scope; metrics and status want a token for all owners.
        if (scope == Scope::admin) {
          EXPECT_NE(reply.status, 403);
        }
      } else {
        EXPECT_EQ(reply.status, scope == Scope::open ? 401 : 403);
        if (route.method == "HEAD") continue;  // Has no body to hold a code.
        EXPECT_EQ(reply.code(), scope == Scope::open ? "UNAUTHORIZED" : "FORBIDDEN");
      }
    }
  }
}

TEST_F(ServiceTest, NoRouteShowsWhatBelongsToAnotherOwner) {
  const std::string anna = token(TokenScope::operate, "anna");
  for (const Route& route : service_->routes()) {
    if (route.scope > Scope::operate) continue;
    SCOPED_TRACE(route.method + " " + route.pattern);
    const bool is_about_one = route.pattern.find("{asset_id}") != std::string::npos ||
                              route.pattern.find("{run_id}") != std::string::npos ||
                              route.pattern.find("{collection_id}") != std::string::npos ||
                              route.pattern.find("{clustering_id}") != std::string::npos ||
                              route.pattern.find("{upload_id}") != std::string::npos;
    for (const std::string query : {"", "?owner=bert", "?owner="}) {
      const Reply reply = ask(route.method, target_of(route, "bert") + query, anna,
                              route.method == "POST" ? "{}" : "");
      if (is_about_one) {
        EXPECT_EQ(reply.status, 404) << query;
      }
      EXPECT_EQ(reply.body.find("\"owner_entity_id\":\"bert\""), std::string::npos) << reply.body;
      if (!is_about_one) {
        EXPECT_EQ(reply.body.find(assets_["bert"]), std::string::npos) << reply.body;
        EXPECT_EQ(reply.body.find(runs_["bert"]), std::string::npos) << reply.body;
      }
    }
  }
  const Reply submit =
      ask("POST", "/v1/runs", anna, R"({"asset_id":")" + assets_["bert"] + R"("})");
  EXPECT_EQ(submit.status, 404);
}

TEST_F(ServiceTest, AListIsWalkedByItsCursor) {
  const std::string all = token(TokenScope::admin, "");
  std::vector<std::string> seen;
  std::string cursor;
  do {
    const json::value page = parsed(
        ask("GET", "/v1/tasks?limit=3&order=oldest" + (cursor.empty() ? "" : "&cursor=" + cursor),
            all));
    for (const json::value& item : core::get_array(page.as_object(), "items"))
      seen.push_back(std::to_string(core::get_int(item.as_object(), "task_id")));
    cursor = core::get_string(page.as_object(), "next");
  } while (!cursor.empty());
  EXPECT_THAT(seen, ::testing::ElementsAre("1", "2", "3", "4", "5", "6", "7", "8"));
  EXPECT_EQ(ask("GET", "/v1/tasks?limit=0", all).code(), "INVALID_ARGUMENT");
  EXPECT_EQ(ask("GET", "/v1/tasks?cursor=abc", all).code(), "INVALID_ARGUMENT");
  EXPECT_EQ(ask("GET", "/v1/tasks?stat=failed", all).code(), "INVALID_ARGUMENT")
      << "a typo is told";
}

TEST_F(ServiceTest, AnArtifactComesWithItsDigestAndInRanges) {
  const std::string anna = token(TokenScope::read, "anna");
  const json::value asset = parsed(ask("GET", "/v1/assets/" + assets_["anna"], anna));
  const std::string id = text_of(
      "SELECT CAST(artifact_id AS TEXT) FROM artifact_index WHERE artifact_type = 'original' AND "
      "asset_id = '" +
      assets_["anna"] + "'");
  const std::string target = "/v1/assets/" + assets_["anna"] + "/artifacts/" + id;
  const Reply whole = ask("GET", target, anna);
  EXPECT_EQ(whole.status, 200);
  EXPECT_EQ(whole.body, "1");
  EXPECT_EQ(whole.header("ETag"), "\"" + core::sha256_hex("1") + "\"");
  EXPECT_EQ(ask("GET", target, anna, "", "If-None-Match: " + whole.header("ETag") + "\r\n").status,
            304);
  EXPECT_EQ(ask("GET", target, anna, "", "Range: bytes=0-0\r\n").status, 206);
  EXPECT_EQ(ask("GET", target + "0", anna).code(), "NOT_FOUND");
}

TEST_F(ServiceTest, LocalFilesComeInOnlyFromBelowTheRootsAndNotThroughLinks) {
  const std::string anna = token(TokenScope::submit, "anna");
  const auto ingest = [&](const std::filesystem::path& path) {
    return ask("POST", "/v1/ingest/local", anna,
               core::to_json(json::object{{"source_path", path.string()}, {"recipe", "toy"}}));
  };
  const Reply taken = ingest(inbox_ / "five.txt");
  EXPECT_EQ(taken.status, 202) << taken.body;
  EXPECT_EQ(taken.header("Location"),
            "/v1/runs/" + core::get_string(parsed(taken).as_object(), "run_id"));
  EXPECT_EQ(text_of("SELECT owner_entity_id FROM audio_assets WHERE asset_id = '" +
                    core::get_string(parsed(taken).as_object(), "asset_id") + "'"),
            "anna");
  EXPECT_EQ(ingest(inbox_ / "five.txt").status, 202) << "the same again is the same";
  EXPECT_EQ(number_of("SELECT COUNT(*) FROM audio_assets"), 3);

  const auto secret = std::filesystem::canonical(root_.path) / "secret.txt";
  ASSERT_TRUE(core::write_file_atomic(secret, "7").ok());
  std::filesystem::create_symlink(secret, inbox_ / "link.txt");
  std::filesystem::create_directory_symlink(root_.path, inbox_ / "folder");
  for (const std::filesystem::path& path :
       {secret, inbox_ / ".." / "secret.txt", inbox_ / "link.txt", inbox_ / "folder" / "secret.txt",
        std::filesystem::path(inbox_.string() + "2") / "x.txt", inbox_}) {
    EXPECT_EQ(ingest(path).code(), "FORBIDDEN") << path;
  }
  EXPECT_EQ(ingest("five.txt").code(), "INVALID_ARGUMENT") << "relative to what?";
  EXPECT_EQ(ingest(inbox_ / "absent.txt").code(), "FILE_NOT_FOUND");
  const Reply for_bert =
      ask("POST", "/v1/ingest/local", anna,
          core::to_json(json::object{{"source_path", (inbox_ / "five.txt").string()},
                                     {"owner_entity_id", "bert"}}));
  EXPECT_EQ(for_bert.code(), "FORBIDDEN");
}

TEST_F(ServiceTest, ARunIsCanceledRetriedAndMadeAgain) {
  const std::string anna = token(TokenScope::submit, "anna");
  const Reply again =
      ask("POST", "/v1/runs", anna,
          R"({"asset_id":")" + assets_["anna"] + R"(","recipe":"toy","forced_stages":["square"]})");
  ASSERT_EQ(again.status, 202) << again.body;
  const std::string run_id = core::get_string(parsed(again).as_object(), "run_id");
  EXPECT_GT(
      core::get_int(parsed(ask("POST", "/v1/runs/" + run_id + "/cancel", anna, "{}")).as_object(),
                    "tasks"),
      0);
  EXPECT_EQ(core::get_string(parsed(ask("GET", "/v1/runs/" + run_id, anna)).as_object(), "state"),
            "canceled");
  EXPECT_GT(
      core::get_int(parsed(ask("POST", "/v1/runs/" + run_id + "/retry", anna, "{}")).as_object(),
                    "tasks"),
      0);
  engine::Queue work = queue(database_, "worker");
  EXPECT_THAT(drain(work), ::testing::Contains("square"));
  EXPECT_EQ(
      ask("POST", "/v1/runs", anna,
          R"({"asset_id":")" + assets_["anna"] + R"(","recipe":"toy","forced_stages":["sqare"]})")
          .code(),
      "INVALID_ARGUMENT");
}

TEST_F(ServiceTest, EventsAreTheSamePolledAndStreamed) {
  const std::string anna = token(TokenScope::read, "anna");
  const json::value polled = parsed(ask("GET", "/v1/events?after=0&limit=500", anna));
  const json::array& items = core::get_array(polled.as_object(), "items");
  ASSERT_GT(items.size(), 3U);
  Client client(server_->port());
  client.send_request(
      "GET", "/v1/events",
      "Accept: text/event-stream\r\nLast-Event-ID: 0\r\nAuthorization: Bearer " + anna + "\r\n");
  EXPECT_EQ(client.read_head().status, 200);
  EXPECT_EQ(client.read_until("\n\n"), "retry: 2000\n\n");
  for (const json::value& item : items) {
    const std::string id = std::to_string(core::get_int(item.as_object(), "id"));
    EXPECT_THAT(client.read_until("\n\n"), ::testing::HasSubstr("id: " + id + "\n"));
  }
}

TEST_F(ServiceTest, BehindTheLastPossibleEventThereAreNone) {
  const std::string anna = token(TokenScope::read, "anna");
  const Reply reply = ask("GET", "/v1/events?after=9223372036854775807", anna);
  EXPECT_EQ(reply.status, 200);
  EXPECT_TRUE(core::get_array(parsed(reply).as_object(), "items").empty());
  EXPECT_GT(core::get_int(parsed(reply).as_object(), "after"), 0);
}

TEST_F(ServiceTest, ARevokedTokenIsRefusedAtTheNextRequest) {
  const std::string admin = token(TokenScope::admin, "");
  const Reply made = ask("POST", "/v1/tokens", admin,
                         R"({"name":"laptop","scope":"read","owner_entity_id":"anna"})");
  ASSERT_EQ(made.status, 201) << made.body;
  const json::value token = parsed(made);
  const std::string secret = core::get_string(token.as_object(), "secret");
  EXPECT_EQ(ask("GET", "/v1/runs", secret).status, 200);
  EXPECT_EQ(ask("GET", "/v1/tokens", admin).body.find(secret), std::string::npos);
  EXPECT_EQ(
      ask("DELETE", "/v1/tokens/" + core::get_string(token.as_object(), "token_id"), admin).status,
      204);
  EXPECT_EQ(ask("GET", "/v1/runs", secret).code(), "UNAUTHORIZED");
}

TEST_F(ServiceTest, MetricsAreInTheFormatOfPrometheus) {
  const Reply reply = ask("GET", "/metrics", token(TokenScope::admin, ""));
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.header("Content-Type"), "text/plain; version=0.0.4; charset=utf-8");
  EXPECT_THAT(reply.body, ::testing::HasSubstr("\nbaleen_runs{state=\"complete\"} 2\n"));
  EXPECT_THAT(reply.body, ::testing::HasSubstr("\nbaleen_backlog_depth 0\n"));
}

TEST_F(ServiceTest, ABodyThatIsNotWhatItShouldBeIsRefusedInWords) {
  const std::string anna = token(TokenScope::submit, "anna");
  EXPECT_EQ(ask("POST", "/v1/runs", anna, "{").code(), "INVALID_ARGUMENT");
  EXPECT_EQ(ask("POST", "/v1/runs", anna, "[]").code(), "INVALID_ARGUMENT");
  EXPECT_EQ(ask("POST", "/v1/runs", anna, R"({"asset":"x"})").code(), "INVALID_ARGUMENT");
  for (const char* body :
       {R"({"asset_id":7})", R"({"asset_id":"x","recipe":null})", "{}",
        R"({"asset_id":"x","only_stages":"decode"})", R"({"asset_id":"x","only_stages":[1]})",
        R"({"asset_id":"x","priority":"1"})", R"({"asset_id":"x","priority":0.5})",
        R"({"asset_id":"x","priority":1001})"}) {
    EXPECT_EQ(ask("POST", "/v1/runs", anna, body).code(), "INVALID_ARGUMENT") << body;
  }
  EXPECT_EQ(Client(server_->port())
                .ask("POST", "/v1/runs",
                     "Authorization: Bearer " + anna + "\r\nContent-Type: text/plain\r\n", "{}")
                .code(),
            "MEDIA_TYPE_UNSUPPORTED");
}

}  // namespace
}  // namespace baleen::api
