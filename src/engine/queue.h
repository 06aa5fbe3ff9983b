#pragma once

/// The durable queue: runs, tasks, attempts and leases. Every move is one transaction.
///
///   task:    waiting ──upstream done──► queued ──claim──► running ──finish──► complete
///                                        ▲  ▲               │ │ │
///                      retry, after a delay  └─interrupted──┘ │ └──fail, attempts used up──► failed
///                                        └────fail────────────┘          cancel: any ──► canceled
///
/// Invariants (cited in the tests):
///  I1  At most one lease exists for (asset, stage, alias), and its fence is the id of its attempt.
///  I2  Only the holder of the current fence publishes: files get their final names inside the write
///      transaction that has checked the fence.
///  I3  An artifact row is written in the transaction that publishes its file, never before.
///  I4  A task is `complete` only if intact artifacts with its signature were recorded.
///  I5  A worker that dies costs its task no attempt; a stage that fails costs one.
///  I6  Every attempt has a row in pipeline_jobs, whatever became of it.
///  I7  A waiting task counts exactly the upstream tasks that are not complete, and there is one. Of those that it does
///      not need, but lets end first (the members of a collection), it counts those whose run is not over.
///  I8  The state of a run follows from those of its tasks.
///  I9  A task fails only for a reason: an error that does not pass, attempts or workers used up, an input
///      that nothing in its run can make again.
/// More, and all of them checked after every move of a simulation, are in testing/queue_model.h.

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/clock.h"
#include "core/process.h"
#include "engine/lease_watch.h"
#include "engine/planner.h"
#include "engine/recipe.h"

namespace baleen::engine {

struct RetryPolicy {
  int attempts_max = 3;
  std::vector<double> delays_s = {60, 300,
                                  900};  ///< Before attempts 2, 3, …; the last one repeats.
  int interruptions_max = 20;            ///< Then a task that kills its worker is given up.
};

struct QueueOptions {
  double lease_ttl_s = 600;
  RetryPolicy retry;
  std::string owner;  ///< This worker: core::this_process().to_string().
  std::function<core::Liveness(const core::ProcessIdentity&)>
      liveness;  ///< Empty: store::liveness.
};

/// Which tasks a worker takes.
struct Scope {
  bool is_limited_to_my_runs = false;  ///< Only runs named by add_to_scope.
  std::vector<std::string> stages;     ///< Empty: all.
  std::vector<std::string> classes;    ///< Empty: all.
};

struct SubmitOptions {
  std::vector<std::string> only_stages;    ///< Empty: the whole recipe.
  std::vector<std::string> forced_stages;  ///< Run even if fresh.
  /// One unit is worth a minute of waiting: tasks are taken in the order of their age plus that, so that
  /// what is urgent goes first and nothing waits for ever.
  int priority = 0;
  json::object params = {};  ///< As Recipe::canonical_params takes them.
  /// Called in the transaction that stores the run, if any: what must be recorded with it or not at all.
  std::function<Result<void>(const struct Submitted&)> also = {};
};

enum class BulkAction { retry, cancel, rerun };

/// Empty members filter nothing.
struct BulkFilter {
  std::string owner, recipe, state;
  std::string error_code, stage;  ///< Of a task of the run.
  std::vector<std::string> run_ids;
};

struct BulkRequest {
  BulkAction action = BulkAction::retry;
  BulkFilter filter;
  std::vector<std::string> forced_stages;  ///< Of rerun; empty: all.
  int limit = 500;                         ///< Runs of this portion.
  std::string cursor;  ///< Of the portion before. What comes to match later is not of this request.
};

struct BulkOutcome {
  std::int64_t n_changed = 0;
  std::int64_t n_left = 0;
  std::string cursor;
};

struct Submitted {
  std::string run_id;
  bool is_new = false;    ///< False: an open or finished run already covers it.
  bool is_fresh = false;  ///< Nothing to do: every artifact is there.
};

/// A claimed task: the lease, and what the executor is to do.
struct Assignment {
  StageRequest request;
  std::string run_id;
  int attempt = 1;
  store::Artifact
      artifact_template;  ///< Fields common to all outputs: asset, alias, signature, producer.
  const StageSpec* spec = nullptr;
};

/// What an executor says it has made.
struct PublishedFile {
  std::string type;
  std::filesystem::path temporary;
  std::string sha256, content_sha256, document_json;
  std::int64_t bytes = 0;
};

struct AttemptResult {
  std::vector<PublishedFile> files;
  json::object metrics;
  std::vector<StageWarning> warnings;
  double seconds = 0;
};

enum class FinishState { published, fenced_off };

struct FailState {
  bool will_retry = false;
  double retry_in_s = 0;
  bool is_fenced_off =
      false;  ///< The lease was lost before, to a cancellation or another worker: nothing is recorded.
};

class Queue {
 public:
  Queue(store::Database& database,
        const store::DataRoot& root,
        const RecipeRegistry& recipes,
        QueueOptions options,
        const core::Clock& clock = core::system_clock());

  /// Plans the recipe and stores a run with a task for each stage that is stale. An open run of the
  /// same recipe, asset and parameters is joined instead; a finished one is returned if everything is fresh.
  /// `asset_id` names a collection where the recipe is of these.
  [[nodiscard]] Result<Submitted> submit(const Recipe& recipe,
                                         std::string_view asset_id,
                                         const SubmitOptions& options);

  /// Nothing of this recipe and stage ("": any) is taken until it is resumed; survives restarts. What runs
  /// goes on. False if it was so already.
  [[nodiscard]] Result<bool> pause(std::string_view recipe, std::string_view stage);
  [[nodiscard]] Result<bool> resume(std::string_view recipe, std::string_view stage);

  /// Limits a Scope with is_limited_to_my_runs to these runs (and those added before).
  [[nodiscard]] Result<void> add_to_scope(std::string_view run_id);

  /// Leases the next task that needs work; tasks found fresh on the way are completed without any.
  [[nodiscard]] Result<std::optional<Assignment>> claim(const Scope& scope);
  /// Publishes the files and completes the task, if the fence still holds.
  [[nodiscard]] Result<FinishState> finish(const Assignment& assignment,
                                           const AttemptResult& result);
  /// The same, and the next claim, in one transaction: one fsync a task instead of two.
  [[nodiscard]] Result<FinishState> finish_and_claim(const Assignment& assignment,
                                                     const AttemptResult& result,
                                                     const Scope& scope,
                                                     std::optional<Assignment>& next);
  /// Records a failed attempt; the task is queued again later, or given up.
  [[nodiscard]] Result<FailState> fail_attempt(const Assignment& assignment,
                                               const Error& error,
                                               const json::object& metrics,
                                               double seconds);
  /// Gives a task back unharmed: the worker is stopping.
  [[nodiscard]] Result<void> interrupt(const Assignment& assignment);

  /// Extends the leases; returns the fences that are no longer ours (canceled, or reclaimed).
  [[nodiscard]] Result<std::vector<std::int64_t>> heartbeat(
      const std::vector<std::int64_t>& fences);
  /// Takes back the leases of dead owners (same host, at once) and expired ones; how many. To be called often: what
  /// it has seen tells time that has passed from a clock that was set (lease_watch.h).
  [[nodiscard]] Result<int> reclaim();
  /// Removes the temporary files of attempts that were canceled and whose worker died before it saw that: a worker
  /// does this when it begins.
  [[nodiscard]] Result<void> remove_remains_of_canceled();
  /// Removes temporary files of reclaimed attempts again: an executor that was being killed may have
  /// been inside the call that creates one. `reclaim` does this too; a worker does it when it ends.
  void remove_late_temporaries();

  [[nodiscard]] const store::DataRoot& root() const { return root_; }
  /// Whether any task in scope is queued (and not paused) or running, by this worker or another.
  [[nodiscard]] Result<bool> has_open_tasks(const Scope& scope);
  /// Seconds until the first delayed task in scope is due; nothing if there is none.
  [[nodiscard]] Result<std::optional<double>> next_due_s(const Scope& scope);

  // Administration (queue_admin.cc).

  /// Queues what failed or was canceled again, with fresh attempts; how many tasks.
  [[nodiscard]] Result<int> retry_run(std::string_view run_id);
  /// Stops what is not finished; how many tasks.
  [[nodiscard]] Result<int> cancel_run(std::string_view run_id);
  /// Does the same to many runs, a portion at a time (queue_bulk.cc).
  [[nodiscard]] Result<BulkOutcome> change_many(const BulkRequest& request);
  [[nodiscard]] Result<void> record_event(std::string_view type,
                                          std::string_view run_id,
                                          std::string_view asset_id,
                                          std::int64_t task_id,
                                          const json::object& payload);

 private:
  struct TaskRow;
  [[nodiscard]] Result<Submitted> submit_locked(const Recipe& recipe,
                                                std::string_view asset_id,
                                                const SubmitOptions& options);
  struct NewRun;
  [[nodiscard]] Result<void> insert_tasks(const NewRun& run, const SubmitOptions& options);
  [[nodiscard]] Result<std::string> owner_of(const Recipe& recipe, std::string_view subject_id);
  /// The open tasks of members that make what this stage reads of them.
  [[nodiscard]] Result<std::vector<std::int64_t>> open_tasks_of_members(
      const StagePlan& plan, std::string_view collection_id);
  [[nodiscard]] Result<std::optional<Assignment>> claim_locked(const Scope& scope);
  [[nodiscard]] Result<std::vector<std::string>> owners_in_turn();
  [[nodiscard]] Result<std::optional<TaskRow>> next_queued(const Scope& scope);
  [[nodiscard]] Result<void> take_turn(const std::string& owner);
  [[nodiscard]] Result<Assignment> lease(const TaskRow& task, const StagePlan& plan);
  [[nodiscard]] Result<std::string> allocate_path(const OutputSpec& output,
                                                  const TaskRow& task,
                                                  const StagePlan& plan);
  [[nodiscard]] Result<void> drop_unusable_artifacts(const StagePlan& plan, bool is_forced);
  [[nodiscard]] Result<void> handle_missing_input(const TaskRow& task,
                                                  const Recipe& recipe,
                                                  const StagePlan& plan);
  [[nodiscard]] Result<void> give_up(const TaskRow& task, const Error& error);
  [[nodiscard]] Result<FinishState> finish_locked(const Assignment& assignment,
                                                  const AttemptResult& result);
  [[nodiscard]] Result<bool> holds_fence(const StageRequest& request);
  [[nodiscard]] Result<void> close_attempt(const StageRequest& request,
                                           std::string_view status,
                                           const Error* error,
                                           json::object metrics,
                                           std::string_view artifact_path);
  [[nodiscard]] Result<void> release_lease(const StageRequest& request);
  [[nodiscard]] Result<void> complete_task(std::int64_t task_id,
                                           std::string_view run_id,
                                           std::string_view signature);
  [[nodiscard]] Result<void> refresh_run(std::string_view run_id);
  /// For tasks that let this run's end first: it is over, or goes on again.
  [[nodiscard]] Result<void> count_for_those_who_wait(std::string_view run_id, bool is_over);
  [[nodiscard]] Result<void> register_feature_spec(const StageSetup& setup);
  /// A task waits no longer than its delay though the wall clock was set back meanwhile.
  [[nodiscard]] Result<void> shorten_delays();
  /// This attempt's own files; what a later one can resume stays.
  void remove_temporaries(const StageRequest& request) const;
  /// What an attempt leaves that has lost its fence: its own files and, if its task is over, resumable ones.
  [[nodiscard]] Result<void> clean_up_fenced_off(const StageRequest& request);
  /// Removes all that attempts at this task have written, unless somebody holds the lease on it.
  [[nodiscard]] Result<void> remove_resumable(std::int64_t task_id);

  store::Database& database_;
  const store::DataRoot& root_;
  const RecipeRegistry& recipes_;
  QueueOptions options_;
  const core::Clock& clock_;
  Planner planner_;
  struct LateFile {
    std::string path;
    std::int64_t until_us = 0;  ///< Of the steady clock.
  };
  std::vector<LateFile> late_files_;  ///< Of attempts reclaimed in the last seconds.
  LeaseWatch lease_watch_;
};

}  // namespace baleen::engine
