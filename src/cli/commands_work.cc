// Commands that take recordings in and work: run, ingest, worker.

#include <fmt/format.h>

#include <cstdio>
#include <utility>

#include "cli/commands.h"
#include "cli/files.h"
#include "cli/ingestor.h"
#include "cli/outcome.h"
#include "cli/progress.h"
#include "cli/stop.h"
#include "cli/text.h"
#include "cli/work_off.h"
#include "engine/ingest.h"
#include "store/collections.h"

namespace baleen::cli {
namespace {

/// What would fail for each recording is told before the first is copied.
Result<void> check_work(const engine::Recipe& recipe, const WorkOptions& work) {
  if (recipe.is_of_collections) {
    return fail(ErrorCode::invalid_argument,
                "recipe '{}' is of collections, not of recordings: `baleen cluster COLLECTION`",
                recipe.name);
  }
  BALEEN_RETURN_IF_ERROR(recipe.check_params(work.params));
  if (work.is_clustered && work.collection.empty())
    return fail(ErrorCode::invalid_argument,
                "--cluster needs --collection: what is to be clustered");
  if (!work.collection.empty())
    BALEEN_RETURN_IF_ERROR(store::check_collection_name(work.collection));
  return {};
}

/// The run over the collection, with everything that the recordings were encoded with.
Result<Item> submit_clusters(Session& session, const WorkOptions& work) {
  BALEEN_ASSIGN_OR_RETURN(const engine::Recipe* const recipe,
                          session.find_recipe(work.sweep.empty() ? "clusters" : "sweep"));
  BALEEN_ASSIGN_OR_RETURN(const store::Collection collection,
                          find_collection_of(session, work.owner, work.collection));
  engine::SubmitOptions options;
  BALEEN_ASSIGN_OR_RETURN(options.params, encoding_params(session, work.params, collection));
  options.params["clustering"] = work.clustering;
  options.params["where"] = work.where;
  if (!work.sweep.empty()) {
    options.params["sweep"] = work.sweep;
    options.params["seeds"] = work.sweep_seeds;
  }
  BALEEN_ASSIGN_OR_RETURN(const engine::Submitted submitted,
                          session.queue.submit(*recipe, collection.collection_id, options));
  BALEEN_ASSIGN_OR_RETURN(Item item, item_of_run(session, submitted.run_id));
  item.is_fresh = submitted.is_fresh;
  return item;
}

/// Recordings that came after a clustering.
Result<Item> submit_assigning(Session& session, const WorkOptions& work) {
  if (!work.clustering.empty() || !work.where.empty() || !work.params.empty() ||
      !work.sweep.empty()) {
    return fail(ErrorCode::invalid_argument,
                "--assign-new takes everything from the clustering; leave other options out");
  }
  engine::SubmitOptions options;
  if (!work.clustering_id.empty()) options.params["clustering_id"] = work.clustering_id;
  BALEEN_ASSIGN_OR_RETURN(const engine::Recipe* const recipe, session.find_recipe("assign"));
  BALEEN_ASSIGN_OR_RETURN(const store::Collection collection,
                          find_collection_of(session, work.owner, work.collection));
  BALEEN_ASSIGN_OR_RETURN(const engine::Submitted submitted,
                          session.queue.submit(*recipe, collection.collection_id, options));
  BALEEN_ASSIGN_OR_RETURN(Item item, item_of_run(session, submitted.run_id));
  item.is_fresh = submitted.is_fresh;
  return item;
}

}  // namespace

Result<int> cluster_command(const GlobalOptions& options,
                            const Program& program,
                            const WorkOptions& work,
                            const std::string& collection) {
  BALEEN_ASSIGN_OR_RETURN(const std::unique_ptr<Session> session,
                          Session::open(options, program, false));
  WorkOptions named = work;
  named.collection = collection;
  BALEEN_ASSIGN_OR_RETURN(Item item, named.is_assign_new ? submit_assigning(*session, named)
                                                         : submit_clusters(*session, named));
  return work_off_runs(*session, named, {std::move(item)}, false);
}

Result<int> run_command(const GlobalOptions& options,
                        const Program& program,
                        const WorkOptions& work,
                        const std::vector<std::string>& paths) {
  BALEEN_ASSIGN_OR_RETURN(const std::unique_ptr<Session> session,
                          Session::open_for_work(options, program));
  BALEEN_ASSIGN_OR_RETURN(const engine::Recipe* const recipe, session->find_recipe(work.recipe));
  BALEEN_RETURN_IF_ERROR(check_work(*recipe, work));
  if (work.is_queue_only) return ingest_command(options, program, work, paths);
  handle_stop_signals();
  BALEEN_RETURN_IF_ERROR(engine::sweep_incoming(session->root));
  FoundFiles found = find_files(paths, session->root.path);
  const std::int64_t n_skipped = found.n_skipped;
  const bool is_list = found.files.size() != 1;
  Progress progress(Progress::style_for(options.is_quiet));
  if (found.files.empty()) {
    return fail(ErrorCode::file_not_found, "no audio files in {}{}", paths.front(),
                n_skipped > 0 ? fmt::format(" ({} other files there)", n_skipped) : "");
  }
  if (n_skipped > 0)
    progress.say(plural(n_skipped, "file") + " without an audio extension left out");

  std::vector<Item> items;
  Ingestor ingestor(options, program, work, std::move(found));
  progress.set_expected_files(ingestor.n_files(), true);
  ingestor.start();
  BALEEN_ASSIGN_OR_RETURN(const bool is_done, work_off(*session, work, progress, items,
                                                       [&](std::vector<Item>& arrived) {
                                                         const bool is_last = ingestor.is_done();
                                                         arrived = ingestor.take();
                                                         return !is_last;
                                                       }));
  ingestor.join();
  for (Item& item : ingestor.take()) items.push_back(std::move(item));
  if (work.is_clustered && is_done) {
    BALEEN_ASSIGN_OR_RETURN(Item clusters, submit_clusters(*session, work));
    std::vector<Item> next{std::move(clusters)};
    BALEEN_ASSIGN_OR_RETURN(const bool is_all_done, work_off(*session, work, progress, items,
                                                             [&](std::vector<Item>& arrived) {
                                                               arrived = std::exchange(next, {});
                                                               return false;
                                                             }));
    return print_outcome(*session, items, true, !is_all_done);
  }
  return print_outcome(*session, items, is_list, !is_done);
}

Result<int> ingest_command(const GlobalOptions& options,
                           const Program& program,
                           const WorkOptions& work,
                           const std::vector<std::string>& paths) {
  BALEEN_ASSIGN_OR_RETURN(const std::unique_ptr<Session> session,
                          Session::open_for_work(options, program));
  BALEEN_ASSIGN_OR_RETURN(const engine::Recipe* const recipe, session->find_recipe(work.recipe));
  BALEEN_RETURN_IF_ERROR(check_work(*recipe, work));
  handle_stop_signals();
  BALEEN_RETURN_IF_ERROR(engine::sweep_incoming(session->root));
  FoundFiles found = find_files(paths, session->root.path);
  if (found.files.empty())
    return fail(ErrorCode::file_not_found, "no audio files in {}", paths.front());
  const bool is_list = found.files.size() != 1;
  Ingestor ingestor(options, program, work, std::move(found));
  ingestor.start();
  ingestor.join();
  const std::vector<Item> items = ingestor.take();
  std::vector<json::object> runs;
  for (const Item& item : items) {
    BALEEN_ASSIGN_OR_RETURN(json::object run, describe(*session, item));
    runs.push_back(std::move(run));
  }
  if (options.is_json) {
    print_runs_json(runs, is_list);
  } else if (runs.size() == 1) {
    std::printf("%s: asset %s, run %s %s\n", printable(items.front().name).c_str(),
                core::get_string(runs.front(), "asset_id", "-").c_str(),
                core::get_string(runs.front(), "run_id", "-").c_str(),
                core::get_string(runs.front(), "state").c_str());
    print_failures(runs);
  } else {
    print_many_runs(runs, session->root.path);
    print_failures(runs);
  }
  return stop_requested() ? stopped_status() : exit_status(runs);
}

Result<int> worker_command(const GlobalOptions& options,
                           const Program& program,
                           const WorkerOptions& worker) {
  BALEEN_ASSIGN_OR_RETURN(const std::unique_ptr<Session> session,
                          Session::open_for_work(options, program));
  handle_stop_signals();
  BALEEN_RETURN_IF_ERROR(engine::sweep_incoming(session->root));
  BALEEN_ASSIGN_OR_RETURN(const json::object summary, work_until_stopped(*session, worker));
  if (options.is_json) {
    print_json(summary);
  } else {
    std::printf("%lld tasks complete, %lld failed, %lld retried\n",
                static_cast<long long>(core::get_int(summary, "complete")),
                static_cast<long long>(core::get_int(summary, "failed")),
                static_cast<long long>(core::get_int(summary, "retried")));
  }
  return 0;
}

}  // namespace baleen::cli
