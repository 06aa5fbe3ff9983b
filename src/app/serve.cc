#include "app/serve.h"

#include <atomic>
#include <iterator>
#include <mutex>
#include <optional>
#include <string_view>
#include <utility>

#include "api/live_feed.h"
#include "api/service.h"
#include "api/static.h"
#include "app/asset_views.h"
#include "app/renderer.h"
#include "app/review.h"
#include "app/web_files.h"
#include "formats/document.h"

namespace baleen {

namespace embedded {
// Generated from specs/openapi.yaml; its name is that of the file.
// NOLINTNEXTLINE(readability-identifier-naming)
extern const std::pair<std::string_view, std::string_view> openapi[];
}  // namespace embedded

namespace {

/// Several may wait for a picture at a time (a browser asks for six), and others are answered meanwhile.
constexpr int kPoolThreads = 12;

/// What the page may do: nothing but load its own files and talk to this server.
constexpr std::string_view kPagePolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "media-src 'self' blob:; connect-src 'self'; font-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'";

/// A request adds no more windows to a search index, so that none waits for long; what is not there yet is compared itself.
constexpr std::int64_t kIndexAddedMax = 200'000;

std::vector<api::Route> page_routes() {
  std::vector<api::StaticFile> files;
  for (std::size_t i = 0; i < embedded::web_count; ++i) {
    const embedded::WebFile& file = embedded::web[i];
    files.push_back({file.path, file.bytes, file.gzip, file.has_hash_in_name});
  }
  return api::static_routes(files, kPagePolicy);
}

/// Looks into ingested files in an executor: the server itself decodes nothing.
class Prober {
 public:
  explicit Prober(engine::ExecutorCommand command) : command_(std::move(command)) {}

  Result<json::object> probe(const std::filesystem::path& path) {
    const std::lock_guard lock(mutex_);
    if (!process_) {
      BALEEN_ASSIGN_OR_RETURN(process_, engine::ExecutorProcess::start(command_));
    }
    Result<json::object> answer = process_->ask({{"op", "probe"}, {"path", path.string()}});
    if (!answer.ok() && answer.error().code == ErrorCode::worker_error) process_.reset();
    return answer;
  }

 private:
  const engine::ExecutorCommand command_;
  std::mutex mutex_;
  std::optional<engine::ExecutorProcess> process_;  // Guarded by mutex_.
};

json::array to_json(const std::vector<cli::Check>& checks) {
  json::array list;
  for (const cli::Check& check : checks) {
    const char* state = check.state == cli::Check::State::ok        ? "ok"
                        : check.state == cli::Check::State::warning ? "note"
                                                                    : "missing";
    list.push_back({{"name", check.name},
                    {"state", state},
                    {"finding", check.finding},
                    {"action", check.action}});
  }
  return list;
}

class Running final : public cli::RunningService {
 public:
  Running(const cli::Config& config,
          const store::DataRoot& root,
          engine::RecipeRegistry recipes,
          engine::QueueOptions queue_options,
          const cli::ServeOptions& options,
          const engine::ExecutorCommand& executor,
          const cli::Program& program)
      : config_(config),
        root_(root),
        recipes_(std::move(recipes)),
        prober_(executor),
        renderer_(executor, root),
        service_(context(root, std::move(queue_options), options, program)) {}

  Result<void> start(const cli::ServeOptions& options) {
    api::ServerOptions server;
    server.bind = options.bind;
    server.events_poll_s = 2;  // The feed tells at once; this is for what it may miss.
    server.port = options.port;
    server.pool_threads = kPoolThreads;
    server.hosts.insert(server.hosts.end(), options.allowed_hosts.begin(),
                        options.allowed_hosts.end());
    std::vector<api::Route> routes = service_.routes();
    std::vector<api::Route> page = page_routes();
    std::move(page.begin(), page.end(), std::back_inserter(routes));
    BALEEN_ASSIGN_OR_RETURN(
        server_, api::Server::start(
                     server, std::move(routes),
                     [this](const api::Request& request) { return service_.authenticate(request); },
                     [this](std::int64_t after, std::size_t count) {
                       return service_.read_events(after, count);
                     }));
    listening_ = server_.get();
    feed_.emplace(*server_, root_, [this] { return service_.read_progress(); });
    return {};
  }

  [[nodiscard]] int port() const override { return server_->port(); }
  void stop(double grace_s) override {
    feed_.reset();
    server_->stop(grace_s);
  }

 private:
  api::ServiceContext context(const store::DataRoot& root,
                              engine::QueueOptions queue_options,
                              const cli::ServeOptions& options,
                              const cli::Program& program) {
    api::ServiceContext context{
        .root = root, .recipes = recipes_, .queue_options = std::move(queue_options)};
    for (const std::string& folder : options.ingest_roots)
      context.ingest_roots.emplace_back(folder);
    context.probe = [this](const std::filesystem::path& path) { return prober_.probe(path); };
    context.render = [this](store::Database& database, const std::string& asset_id,
                            const std::string& kind, const json::object& params) {
      return renderer_.render(database, asset_id, kind, params);
    };
    context.models = [root, models = program.models] {
      return models(root, cli::ModelCommand{cli::ModelCommand::Verb::list, "", "", ""});
    };
    context.checks = [this, root, checks = program.checks] {
      return to_json(checks(config_, root));
    };
    context.search = [this, search = program.search](store::Database& database,
                                                     const json::object& request) {
      json::object bounded = request;
      bounded["index_added_max"] = kIndexAddedMax;
      return search(config_, root_, database, bounded);
    };
    const auto about_collection = [this](const cli::CollectionCall& call) {
      return [this, call](store::Database& database, const json::object& request) {
        return call(root_, database, request);
      };
    };
    context.import_annotations = about_collection(program.import_annotations);
    context.export_table = about_collection(program.export_one_table);
    context.write_metadata = about_collection(program.write_metadata);
    context.read_metadata = about_collection(program.read_metadata);
    context.reviews = reviews(root);
    context.probes.make = [this, make = program.make_probe](store::Database& database,
                                                            const json::object& request,
                                                            const std::string& made_by) {
      return make(config_, root_, database, request, made_by);
    };
    context.probes.windows = [this, windows = program.probe_windows](store::Database& database,
                                                                     std::int64_t probe_id,
                                                                     const json::object& request) {
      return windows(root_, database, probe_id, request);
    };
    context.openapi_yaml = embedded::openapi[0].second;
    context.views = asset_views();
    context.check_document = formats::validate;
    context.configuration = [this] { return config_.values(); };
    context.server_stats = [this] {
      const api::Server* const server = listening_;
      return server != nullptr ? server->stats() : api::ServerStats{};
    };
    return context;
  }

  const cli::Config config_;
  const store::DataRoot root_;
  const engine::RecipeRegistry recipes_;
  Prober prober_;
  Renderer renderer_;
  api::Service service_;
  /// Of server_, for its handlers: they may be asked before start() has given it to us.
  std::atomic<const api::Server*> listening_ = nullptr;
  std::unique_ptr<api::Server> server_;  // Ends before what its handlers use.
  std::optional<api::LiveFeed> feed_;    // Ends before the server that it feeds.
};

}  // namespace

Result<std::unique_ptr<cli::RunningService>> start_service(
    const cli::ServeOptions& options,
    const cli::Config& config,
    const store::DataRoot& root,
    const engine::QueueOptions& queue_options,
    const engine::ExecutorCommand& executor,
    const cli::Program& program) {
  BALEEN_ASSIGN_OR_RETURN(engine::RecipeRegistry recipes, program.recipes(config, root));
  auto running = std::make_unique<Running>(config, root, std::move(recipes), queue_options, options,
                                           executor, program);
  BALEEN_RETURN_IF_ERROR(running->start(options));
  return std::unique_ptr<cli::RunningService>(std::move(running));
}

}  // namespace baleen
