#pragma once

/// The whole service on a free port, over a data root of its own.

#include <map>
#include <memory>
#include <string>

#include "api/service.h"
#include "api/testing/client.h"
#include "api/testing/toy_reviews.h"
#include "engine/testing/engine_fixture.h"
#include "ops/settings.h"
#include "ops/tokens.h"
#include "store/collections.h"
#include "store/probes.h"

namespace baleen::api::testing {

using engine::testing::EngineFixture;
using ops::TokenScope;
/// The whole service on a free port, with toy recipes.
class ServiceFixture : public EngineFixture {
 protected:
  ServiceFixture() {
    for (const auto& [owner, number] : {std::pair{"anna", 1}, std::pair{"bert", 2}}) {
      engine::Queue work = queue(database_, "test");
      assets_[owner] = asset(number, owner);
      collections_[owner] =
          store::make_collection(database_, owner, "reef", clock_.now_us())->collection_id;
      EXPECT_TRUE(store::add_member(database_, collections_[owner], assets_[owner], 0).ok());
      EXPECT_TRUE(database_
                      .execute("INSERT INTO artifact_index (asset_id, artifact_type, path, sha256, "
                               "content_sha256, bytes, schema_id, version, signature, "
                               "signature_json, producer, created_at_us) VALUES ($1, "
                               "'assignments', $2, '', '', 0, '', '', '', '', '', 0)",
                               collections_[owner],
                               "clusters/" + clustering_of(owner) + "/assignments.parquet")
                      .ok());
      probes_[owner] =
          store::insert_probe(database_, {0, collections_[owner], "e", "moan", {}, owner, 1})
              .value();
      runs_[owner] = work.submit(recipe(), assets_[owner], {}).value().run_id;
      drain(work);
      EXPECT_TRUE(database_
                      .execute("INSERT INTO uploads (upload_id, owner_entity_id, token_id, "
                               "filename, bytes, request_json, state, created_at_us, "
                               "expires_at_us) VALUES ($1, $2, '', 'a.txt', 10, '{}', 'open', 0, "
                               "$3)",
                               upload_of(owner), owner, std::int64_t{1} << 60)
                      .ok());
    }
    // The fixture's clock stands in 2023, and the service's housekeeping goes by the real one.
    EXPECT_TRUE(ops::SettingStore(database_).change({{"retention.events_days", 36'500}}).ok());
    inbox_ = std::filesystem::canonical(root_.path) / "inbox";
    EXPECT_TRUE(core::write_file_atomic(inbox_ / "five.txt", "5").ok());
    ServiceContext context{.root = root_, .recipes = recipes_, .queue_options = {}};
    context.ingest_roots = {inbox_};
    context.probe = [](const auto&) -> Result<json::object> { return json::object{}; };
    context.models = [] { return Result<json::array>(json::array{}); };
    context.checks = [] { return json::array{}; };
    context.openapi_yaml = "openapi: 3.1.0\n";
    context.configuration = [] { return json::object{{"acoustid.api_key", "abc"}}; };
    const AssetView view = [](const FindFileFn& find,
                              const ViewQuery& query) -> Result<json::object> {
      BALEEN_ASSIGN_OR_RETURN(const std::filesystem::path file, find("original"));
      return json::object{{"columns", query.columns}, {"file", file.filename().string()}};
    };
    context.views = {view, view, view};
    context.render = [this](store::Database&, const std::string&, const std::string& kind,
                            const json::object& params) -> Result<FileBody> {
      asked_.push_back(params);
      return FileBody{inbox_ / "five.txt", 1, kind};
    };
    context.probes.make = [this](store::Database&, const json::object& request,
                                 const std::string& made_by) -> Result<json::object> {
      asked_.push_back(request);
      return json::object{{"probe_id", 7}, {"made_by", made_by}};
    };
    context.probes.windows = [this](store::Database&, std::int64_t probe_id,
                                    const json::object& request) -> Result<json::object> {
      asked_.push_back(request);
      return json::object{{"probe_id", probe_id}, {"items", json::array{}}};
    };
    context.check_document = [](std::string_view, const json::value&) -> Result<void> {
      return {};
    };
    context.reviews = reviews_.functions();
    service_ = std::make_unique<Service>(std::move(context));
    server_ =
        Server::start(
            {}, service_->routes(), [this](const Request& r) { return service_->authenticate(r); },
            [this](auto after, auto n) { return service_->read_events(after, n); })
            .value();
  }
  ~ServiceFixture() override { server_->stop(1); }

  std::string token(TokenScope scope, const std::string& owner) {
    return ops::TokenStore(database_).add("test", scope, owner, 0).value().secret;
  }
  Reply ask(const std::string& method,
            const std::string& target,
            const std::string& secret,
            const std::string& body = "",
            const std::string& headers = "") {
    std::string all = headers;
    if (!secret.empty()) all += "Authorization: Bearer " + secret + "\r\n";
    if (!body.empty()) all += "Content-Type: application/json\r\n";
    return Client(server_->port()).ask(method, target, all, body);
  }
  static json::value parsed(const Reply& reply) {
    return core::parse_json(reply.body, "reply").value();
  }
  static std::string clustering_of(const std::string& owner) { return "clustering-of-" + owner; }
  static std::string upload_of(const std::string& owner) { return "upload-of-" + owner; }
  /// An address with this owner's ids in it.
  std::string target_of(const Route& route, const std::string& owner) {
    std::string target = route.pattern;
    const auto fill = [&](const std::string& name, const std::string& value) {
      if (const std::size_t at = target.find(name); at != std::string::npos)
        target.replace(at, name.size(), value);
    };
    fill("{asset_id}", assets_[owner]);
    fill("{run_id}", runs_[owner]);
    fill("{artifact_id}",
         text_of("SELECT CAST(artifact_id AS TEXT) FROM artifact_index WHERE asset_id = '" +
                 assets_[owner] + "' LIMIT 1"));
    fill("{task_id}", text_of("SELECT CAST(task_id AS TEXT) FROM tasks WHERE run_id = '" +
                              runs_[owner] + "' LIMIT 1"));
    fill("{token_id}", "none");
    fill("{collection_id}", collections_[owner]);
    fill("{import_id}", "1");
    fill("{clustering_id}", clustering_of(owner));
    fill("{row}", "0");
    fill("{probe_id}", std::to_string(probes_[owner]));
    fill("{upload_id}", upload_of(owner));
    return target;
  }

  ToyReviews reviews_;  // Before what uses it.
  std::map<std::string, std::string> assets_, runs_, collections_;
  std::map<std::string, std::int64_t> probes_;
  std::vector<json::object> asked_;  ///< Of what belongs to other rooms.
  std::filesystem::path inbox_;
  std::unique_ptr<Service> service_;
  std::unique_ptr<Server> server_;
};

}  // namespace baleen::api::testing
