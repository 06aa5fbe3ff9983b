#include "cli/ingestor.h"

#include <utility>

#include "cli/stop.h"
#include "cli/work_off.h"
#include "core/clock.h"
#include "engine/ingest.h"
#include "store/collections.h"

namespace baleen::cli {

void Ingestor::ingest_all() {
  Result<std::unique_ptr<Session>> session = Session::open(options_, program_, /*may_create=*/true);
  std::optional<engine::ExecutorProcess> prober;
  for (const auto& file : found_.files) {
    if (stop_requested()) break;
    Item item;
    item.name = file.filename().string();
    if (!session.ok()) {
      item.error = session.error();
    } else if (Result<void> done = ingest_one(**session, file, prober, item); !done.ok()) {
      item.error = done.error();
    }
    if (item.error && item.error->code == ErrorCode::canceled) break;  // By Ctrl-C.
    const std::lock_guard lock(mutex_);
    ready_.push_back(std::move(item));
  }
  is_done_ = true;
}

Result<void> Ingestor::ingest_one(Session& session,
                                  const std::filesystem::path& file,
                                  std::optional<engine::ExecutorProcess>& prober,
                                  Item& item) {
  const auto probe = [&](const std::filesystem::path& path) -> Result<json::object> {
    if (!prober) {
      BALEEN_ASSIGN_OR_RETURN(const engine::ExecutorCommand command, session.executor_command());
      BALEEN_ASSIGN_OR_RETURN(prober, engine::ExecutorProcess::start(command));
    }
    Result<json::object> answer = prober->ask({{"op", "probe"}, {"path", path.string()}});
    if (!answer.ok() && answer.error().code == ErrorCode::worker_error) prober.reset();
    return answer;
  };
  BALEEN_ASSIGN_OR_RETURN(
      const engine::Ingested ingested,
      engine::ingest_file(session.database, session.root,
                          {file, work_.owner, {}, [] { return !stop_requested(); }}, probe));
  item.duration_s = ingested.asset.duration_s;
  BALEEN_ASSIGN_OR_RETURN(const engine::Recipe* const recipe, session.find_recipe(work_.recipe));
  if (!work_.collection.empty()) {
    BALEEN_RETURN_IF_ERROR(
        store::add_to_collection_of_name(session.database, work_.owner, work_.collection,
                                         ingested.asset.asset_id, core::system_clock().now_us()));
  }
  engine::SubmitOptions options;
  options.params = work_.params;
  BALEEN_ASSIGN_OR_RETURN(const engine::Submitted submitted,
                          session.queue.submit(*recipe, ingested.asset.asset_id, options));
  item.run_id = submitted.run_id;
  item.is_fresh = submitted.is_fresh;
  BALEEN_ASSIGN_OR_RETURN(item.open_tasks, count_open_tasks(session.database, item.run_id));
  return {};
}

}  // namespace baleen::cli
