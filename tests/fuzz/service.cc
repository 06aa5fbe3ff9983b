// The whole service without its sockets: HTTP's header and body, the route, the right, the handler.
//
// The first byte says who asks (nobody, anna, bert, an admin); the rest is the request as it comes over the wire.
// Claims: no request makes a server error; every refusal is a problem document with a code of the catalogue; the head
// of an answer has no line that is not ours; and bert is never told what is anna's.
#define BOOST_ASIO_SEPARATE_COMPILATION
#define BOOST_BEAST_SEPARATE_COMPILATION
#include "api/service.h"

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include "api/exchange.h"
#include "api/file_response.h"
#include "api/response_head.h"
#include "api/testing/toy_reviews.h"
#include "core/file.h"
#include "core/json.h"
#include "engine/testing/toy_recipe.h"
#include "fuzz/input.h"
#include "ops/tokens.h"
#include "store/annotations.h"
#include "store/collections.h"
#include "store/probes.h"
#include "store/schema.h"

using namespace baleen;
namespace http = boost::beast::http;

namespace {

constexpr std::string_view kSecret = "annas-own-secret";

struct World {
  fuzz::Folder folder;
  store::DataRoot root{folder.path() / "data"};
  store::Database database = open(root);
  engine::RecipeRegistry recipes = make_recipes();
  std::string anna = token(ops::TokenScope::operate, "anna");
  std::string bert = token(ops::TokenScope::operate, "bert");
  std::string admin = token(ops::TokenScope::admin, "");
  std::string run_id;  // Before what sets it.
  std::string asset_id = ingest();
  std::string collection_id = collect();
  api::testing::ToyReviews reviews;  // Before what uses it.
  api::Service service{context()};
  api::ServerOptions options;
  api::Router router = api::Router::create(service.routes()).value();
  api::AuthenticateFn authenticate = [this](const api::Request& request) {
    return service.authenticate(request);
  };

  static store::Database open(const store::DataRoot& root) {
    BALEEN_CHECK(core::make_directories(root.path).ok());
    store::Database database = store::Database::open(root.database()).value();
    BALEEN_CHECK(store::migrate(database).ok());
    return database;
  }
  static engine::RecipeRegistry make_recipes() {
    engine::RecipeRegistry recipes;
    BALEEN_CHECK(recipes.add(engine::testing::toy_recipe()).ok());
    return recipes;
  }
  std::string token(ops::TokenScope scope, std::string_view owner) {
    return ops::TokenStore(database).add("fuzz", scope, owner, 0).value().secret;
  }
  std::string ingest() {
    const std::filesystem::path file = folder.path() / (std::string(kSecret) + ".txt");
    BALEEN_CHECK(core::write_file_atomic(file, "5").ok());
    const engine::Ingested made =
        engine::ingest_file(database, root, {file, "anna", {{"note", json::string_view(kSecret)}}},
                            [](const auto&) -> Result<json::object> { return json::object{}; })
            .value();
    engine::Queue queue(database, root, recipes, {});
    run_id = queue.submit(**recipes.find("toy"), made.asset.asset_id, {}).value().run_id;
    BALEEN_CHECK(
        database
            .execute("INSERT INTO uploads (upload_id, owner_entity_id, token_id, "
                     "filename, bytes, request_json, state, created_at_us, "
                     "expires_at_us) VALUES ('u-1', 'anna', '', $1, 5, '{}', 'open', 0, $2)",
                     kSecret, std::int64_t{1} << 60)
            .ok());
    return made.asset.asset_id;
  }
  /// A season of anna's: one recording, the clustering job-1, probe 1 and import 1.
  std::string collect() {
    const std::string id = store::make_collection(database, "anna", kSecret, 0)->collection_id;
    BALEEN_CHECK(store::add_member(database, id, asset_id, 0).ok());
    const json::object tags{{"tag_data", {{"site", json::string_view(kSecret)}}}};
    BALEEN_CHECK(
        store::set_metadata(database, asset_id, store::AudioMetadata::from_json(tags).value(), 0)
            .ok());
    const std::string clusters = "clusters/job-1/assignments.parquet";
    BALEEN_CHECK(core::write_file_atomic(root.at(clusters), "").ok());
    BALEEN_CHECK(database
                     .execute("INSERT INTO artifact_index (asset_id, artifact_type, path, sha256, "
                              "content_sha256, bytes, schema_id, version, signature, "
                              "signature_json, producer, created_at_us) VALUES ($1, 'assignments', "
                              "$2, '', '', 0, '', '', '', '', '', 0)",
                              id, clusters)
                     .ok());
    BALEEN_CHECK(
        store::insert_probe(database, {0, id, "e", std::string(kSecret), {}, "anna", 1}).ok());
    store::StoredAnnotation annotation;
    annotation.asset_id = asset_id;
    annotation.end_s = 1;
    annotation.label = kSecret;
    store::AnnotationImport table;
    table.collection_id = id;
    table.format = "raven";
    BALEEN_CHECK(store::import_annotations(database, table, {&annotation, 1}).ok());
    return id;
  }
  /// What `app` does about collections: tells what it was asked, and a secret.
  static Result<json::object> tell(store::Database&, const json::object& request) {
    return json::object{{"asked", request},
                        {"text", json::string_view(kSecret)},
                        {"filename", core::get_string(request, "format", "a\r\nb")}};
  }
  api::ServiceContext context() {
    api::ServiceContext made{.root = root, .recipes = recipes, .queue_options = {}};
    made.ingest_roots = {folder.path() / "inbox"};
    made.probe = [](const auto&) -> Result<json::object> { return json::object{}; };
    made.models = [] { return Result<json::array>(json::array{}); };
    made.checks = [] { return json::array{}; };
    made.openapi_yaml = "openapi: 3.1.0\n";
    made.configuration = [] { return json::object{}; };
    const api::AssetView view = [](const api::FindFileFn& find,
                                   const api::ViewQuery&) -> Result<json::object> {
      BALEEN_RETURN_IF_ERROR(find("original"));
      return json::object{};
    };
    made.views = {view, view, view};
    made.reviews = reviews.functions();
    made.reviews.show = made.reviews.list = made.reviews.recordings =
        made.reviews.actions = [](store::Database&, const std::string&) -> Result<json::object> {
      return json::object{{"label", json::string_view(kSecret)}};
    };
    made.search = made.import_annotations = made.export_table = made.write_metadata =
        made.read_metadata = tell;
    made.probes.make = [](store::Database&, const json::object&, const std::string& by) {
      return Result<json::object>({{"probe_id", 1}, {"made_by", by}});
    };
    made.probes.windows = [](store::Database& of, std::int64_t, const json::object& request) {
      return tell(of, request);
    };
    made.render = [this](store::Database&, const std::string&, const std::string& kind,
                         const json::object&) -> Result<api::FileBody> {
      return api::FileBody{folder.path() / (std::string(kSecret) + ".txt"), 1, kind};
    };
    made.check_document = [](std::string_view, const json::value&) -> Result<void> { return {}; };
    return made;
  }
};

/// What the server's session does with a request that has come whole. Nothing if it has not.
std::optional<api::Response> answer(World& world, std::string_view wire, const std::string& token) {
  http::request_parser<http::string_body> parser;
  parser.header_limit(static_cast<std::uint32_t>(world.options.header_bytes_max));
  parser.body_limit(1 << 20);
  parser.eager(true);
  boost::system::error_code error;
  parser.put(boost::asio::buffer(wire.data(), wire.size()), error);
  if (!parser.is_header_done()) return std::nullopt;
  if (!parser.is_done()) parser.put_eof(error);

  api::Exchange exchange;
  const auto& message = parser.get();
  exchange.request.method = std::string_view(message.method_string());
  for (const auto& field : message.base())
    exchange.request.headers.emplace_back(std::string_view(field.name_string()),
                                          std::string_view(field.value()));
  if (!token.empty()) exchange.request.headers.emplace_back("Authorization", "Bearer " + token);
  exchange.is_http_1_0 = message.version() < 11;
  exchange.announced_bytes = parser.content_length().value_or(0);
  exchange.is_chunked = parser.chunked();
  exchange.request.trace_id = std::string(32, 'a');
  if (auto refused = api::admit(world.options, world.router, message.target(), exchange))
    return refused;
  if (exchange.match.route == nullptr) return api::respond_without_route(exchange);
  if (!exchange.is_upload()) {
    exchange.request.body = message.body();
    return api::respond(world.authenticate, exchange);
  }
  api::Upload upload(exchange);
  if (const Result<void> opened = upload.open(world.authenticate, exchange); !opened.ok())
    return api::problem(opened.error(), exchange.request.trace_id);
  if (!message.body().empty()) {
    const auto bytes = std::as_bytes(std::span(message.body().data(), message.body().size()));
    if (const Result<void> written = upload.write(bytes); !written.ok())
      return api::problem(written.error(), exchange.request.trace_id);
  }
  return upload.finish();
}

void check_problem(const api::Response& response) {
  BALEEN_CHECK(response.header("Content-Type") == "application/problem+json");
  const Result<json::value> document =
      core::parse_json(std::get<std::string>(response.body), "problem");
  BALEEN_CHECK(document.ok() && document->is_object());
  const json::object& problem = document->get_object();
  BALEEN_CHECK(core::parse_error_code(core::get_string(problem, "code")).has_value());
  BALEEN_CHECK(core::get_int(problem, "status") == response.status);
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static World world;
  fuzz::Input input(data, size);
  const int who = input.number<std::uint8_t>() % 4;
  const std::string token = who == 1   ? world.anna
                            : who == 2 ? world.bert
                            : who == 3 ? world.admin
                                       : "";
  // "ASSET", "SEASON" and "run-1" stand for ids that no input could guess.
  std::string wire(input.rest());
  const std::pair<std::string_view, std::string_view> ids[] = {
      {"ASSET", world.asset_id}, {"SEASON", world.collection_id}, {"run-1", world.run_id}};
  for (const auto& [name, id] : ids) {
    for (std::size_t at = 0; (at = wire.find(name, at)) != std::string::npos; at += id.size())
      wire.replace(at, name.size(), id);
  }
  const std::optional<api::Response> response = answer(world, wire, token);
  if (!response) return 0;
  const int status = response->status;
  const std::string_view code_source = std::holds_alternative<std::string>(response->body)
                                           ? std::get<std::string>(response->body)
                                           : std::string_view();
  // 503 and 507 are the machine's: busy, or its disk full.
  const bool is_server_error = status >= 500 && status != 503 && status != 507;
  if (is_server_error)
    std::fprintf(stderr, "status %d: %s\n", status, std::string(code_source).c_str());
  BALEEN_CHECK(status >= 200 && !is_server_error);
  if (status >= 400) check_problem(*response);
  const std::string head = api::format_head(*response, {.content_length = 0, .now_s = 1});
  BALEEN_CHECK(head.find("\r\n\r\n") == head.size() - 4);
  if (const auto* file = std::get_if<api::FileBody>(&response->body)) {
    BALEEN_CHECK(std::filesystem::exists(file->path) && who != 0 && who != 2);
    (void)api::plan_file({{"Range", "bytes=0-"}}, *file);
  }
  if (who != 1 && who != 3 && wire.find(kSecret) == std::string::npos) {
    BALEEN_CHECK(code_source.find(kSecret) == std::string_view::npos);
    BALEEN_CHECK(head.find(kSecret) == std::string::npos);
  }
  return 0;
}
