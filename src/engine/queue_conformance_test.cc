// The queue and its model make the same moves, and hold the same after each.
//
// BALEEN_CONFORMANCE_S goes on for so many seconds; BALEEN_CONFORMANCE_SEED begins with that history.

#include <bit>
#include <fstream>
#include <set>

#include "core/clock.h"
#include "engine/testing/engine_fixture.h"
#include "engine/testing/queue_simulation.h"
#include "store/collections.h"

namespace baleen::engine {
namespace {

namespace fs = std::filesystem;
using model::Move;
using model::MoveKind;

constexpr std::array<const char*, model::kKinds> kStageNames = {"a", "b", "c", "d", "e", "t"};
constexpr std::array<const char*, model::kRecipes> kRecipeNames = {"all", "a_c", "d", "t"};
constexpr std::array<const char*, model::kOwners> kOwnerNames = {"ann", "bob", "cat"};

template <typename List>
auto& at(List& list, int index) {
  return list[static_cast<std::size_t>(index)];
}

class HostClock final : public core::Clock {
 public:
  HostClock(const model::QueueModel& model, int host) : model_(model), host_(host) {}
  [[nodiscard]] std::int64_t now_us() const override { return model_.state().clock_us(host_); }
  [[nodiscard]] std::int64_t steady_us() const override { return model_.state().now_us; }

 private:
  const model::QueueModel& model_;
  int host_;
};

class FrozenClock final : public core::Clock {
 public:
  [[nodiscard]] std::int64_t now_us() const override { return us; }
  std::int64_t us = 0;
};

/// The real queue in the place of the model's world.
class RealWorld {
 public:
  explicit RealWorld(const model::QueueModel& model)
      : model_(model), root_{testing::scratch_folder("baleen_conformance")}, database_(open()) {
    for (int recipe = 0; recipe < model::kRecipes; ++recipe) {
      Recipe made{at(kRecipeNames, recipe), "", {}};
      for (int kind = 0; kind < model::kKinds; ++kind) {
        if (!model::has_bit(at(model::kStages, recipe), kind)) continue;
        std::vector<std::string> inputs;
        for (int input = 0; input < model::kKinds; ++input) {
          if (model::has_bit(at(model::kInputs, kind), input))
            inputs.push_back(std::string(at(kStageNames, input)) + "_v1");
        }
        if (inputs.empty()) inputs.emplace_back("original");
        made.stages.push_back(testing::toy_stage(at(kStageNames, kind), inputs, {}));
        if (kind != model::kTotal) continue;
        made.is_of_collections = true;
        made.stages.back().inputs = {
            {.type = std::string(at(kStageNames, model::kMemberKind)) + "_v1",
             .is_of_members = true}};
      }
      EXPECT_TRUE(recipes_.add(made).ok());
    }
    for (int asset = 0; asset < model::kAssets; ++asset) {
      const fs::path source = root_.path / "numbers" / std::to_string(asset);
      EXPECT_TRUE(core::make_directories(source.parent_path()).ok());
      write(source, std::to_string(asset));
      const auto probe = [](const auto&) -> Result<json::object> { return json::object{}; };
      assets_.push_back(ingest_file(database_, root_,
                                    {source, at(kOwnerNames, at(model::kOwnerOf, asset)), {}},
                                    probe)
                            .value()
                            .asset);
    }
    store::Asset collection;
    collection.asset_id =
        store::make_collection(database_, at(kOwnerNames, at(model::kOwnerOf, model::kCollection)),
                               "reef", clock_.us)
            .value()
            .collection_id;
    for (int member = 0; member < model::kMembers; ++member) {
      EXPECT_TRUE(
          store::add_member(database_, collection.asset_id, at(assets_, member).asset_id, clock_.us)
              .ok());
    }
    assets_.push_back(collection);
    // Ingest is an attempt, too; here fences are to begin at 1.
    EXPECT_TRUE(database_
                    .execute_script("DELETE FROM pipeline_jobs; DELETE FROM sqlite_sequence WHERE "
                                    "name = 'pipeline_jobs'")
                    .ok());
    for (int worker = 0; worker < model::kWorkers; ++worker) begin_worker(worker);
    QueueOptions options = this->options("people", 0);
    people_ = std::make_unique<Queue>(database_, root_, recipes_, options, clock_);
  }
  ~RealWorld() { fs::remove_all(root_.path); }

  /// Makes a move that the model has just made; what differs, or "".
  std::string apply(const Move& move, const model::State& before);
  std::string difference(bool is_thorough);

 private:
  struct Held {
    Assignment assignment;
    AttemptResult result;
  };
  struct Process {
    std::unique_ptr<Queue> queue;
    std::string owner;
    std::vector<Held> held;
  };

  store::Database open() const {
    store::Database database = store::Database::open(root_.database()).value();
    EXPECT_TRUE(store::migrate(database).ok());
    EXPECT_TRUE(database.execute_script("PRAGMA synchronous=OFF").ok());
    return database;
  }
  template <typename... Args>
  std::vector<store::Row> rows(std::string_view sql, const Args&... args) {
    return database_.query(sql, args...).value();
  }
  static void write(const fs::path& path, const std::string& text) { std::ofstream(path) << text; }

  QueueOptions options(const std::string& owner, int host) {
    QueueOptions options;
    options.owner = owner;
    options.lease_ttl_s = 1e-6 * static_cast<double>(model::kLeaseUs);
    options.retry.attempts_max = model::kAttemptsPerTaskMax;
    options.retry.delays_s.assign(model::kRetryDelaysS.begin(), model::kRetryDelaysS.end());
    options.retry.interruptions_max = model::kInterruptionsMax;
    options.liveness = [this, host](const core::ProcessIdentity& process) {
      if (process.machine_id != "m" + std::to_string(host)) return core::Liveness::unknown;
      const model::Worker& worker = at(model_.state().workers, process.pid - 100);
      const bool is_here = process.boot_id == std::to_string(at(model_.state().hosts, host).boot) &&
                           process.start_ticks == static_cast<std::uint64_t>(worker.incarnation);
      return is_here && worker.life != model::Life::dead ? core::Liveness::alive
                                                         : core::Liveness::dead;
    };
    return options;
  }
  void begin_worker(int index) {
    const model::Worker& worker = at(model_.state().workers, index);
    const int host = at(model::kHostOf, index);
    Process process;
    process.owner =
        core::ProcessIdentity{"m" + std::to_string(host), std::to_string(worker.boot), 100 + index,
                              static_cast<std::uint64_t>(worker.incarnation)}
            .to_string();
    process.queue = std::make_unique<Queue>(database_, root_, recipes_,
                                            options(process.owner, host), at(clocks_, host));
    at(workers_, index) = std::move(process);
  }
  [[nodiscard]] Scope scope_of(int worker) const {
    Scope scope;
    for (int kind = 0; kind < model::kKinds; ++kind) {
      if (model::has_bit(at(model_.state().workers, worker).scope, kind))
        scope.stages.emplace_back(at(kStageNames, kind));
    }
    return scope;
  }
  /// Does the work at once, as long as its inputs are there.
  void hold(int worker, Assignment assignment) {
    AttemptResult result;
    for (const StageInput& input : assignment.request.inputs)
      EXPECT_TRUE(fs::exists(input.path)) << input.path << " was promised";
    for (const StageOutputSlot& slot : assignment.request.outputs) {
      EXPECT_TRUE(core::make_directories(slot.temporary.parent_path()).ok());
      write(slot.temporary, assignment.request.stage + assignment.request.asset_id);
      result.files.push_back({slot.type, slot.temporary, assignment.request.stage, "", "",
                              core::file_size_bytes(slot.temporary).value()});
    }
    at(workers_, worker).held.push_back({std::move(assignment), std::move(result)});
  }
  std::string claimed(int worker, std::optional<Assignment> assignment) {
    const int fence = assignment ? static_cast<int>(assignment->request.fence) : 0;
    if (fence != model_.claimed_fence())
      return fmt::format("claimed {}, the model {}", fence, model_.claimed_fence());
    if (!assignment) return "";
    const model::Worker& by = at(model_.state().workers, worker);
    const model::Assignment& mine = at(by.held, by.n_held - 1);
    if (mine.kind == model::kTotal &&
        std::ssize(assignment->request.inputs) != std::popcount(mine.members))
      return fmt::format("{} members are read, the model's {}", assignment->request.inputs.size(),
                         std::popcount(mine.members));
    hold(worker, std::move(*assignment));
    return "";
  }
  fs::path file_of(int asset, int kind) const {
    const store::Asset& of = at(assets_, asset);
    if (kind < 0) return root_.at(of.original_path);
    return root_.at(std::string(at(kStageNames, kind)) + "/" + of.asset_id + ".txt");
  }
  std::string apply_to_worker(const Move& move);
  std::string open_difference();

  const model::QueueModel& model_;
  store::DataRoot root_;
  store::Database database_;
  RecipeRegistry recipes_;
  std::array<HostClock, model::kHosts> clocks_ = {HostClock(model_, 0), HostClock(model_, 1)};
  FrozenClock clock_;
  std::vector<store::Asset> assets_;
  std::vector<std::string> run_ids_;
  std::array<Process, model::kWorkers> workers_;
  std::unique_ptr<Queue> people_;
};

std::string RealWorld::apply(const Move& move, const model::State& before) {
  clock_.us = before.clock_us(0);
  switch (move.kind) {
    case MoveKind::submit: {
      SubmitOptions options;
      options.priority = move.c;
      for (int kind = 0; kind < model::kKinds; ++kind) {
        if (model::has_bit(move.d, kind)) options.only_stages.emplace_back(at(kStageNames, kind));
        if (model::has_bit(move.e, kind)) options.forced_stages.emplace_back(at(kStageNames, kind));
      }
      const Recipe& recipe = **recipes_.find(at(kRecipeNames, move.b));
      const Submitted submitted =
          people_->submit(recipe, at(assets_, move.a).asset_id, options).value();
      if (submitted.is_new != model_.is_new_run()) return "one run is new, the other is not";
      if (submitted.is_new) run_ids_.push_back(submitted.run_id);
      return submitted.run_id == at(run_ids_, model_.submitted_run()) ? ""
                                                                      : "another run was joined";
    }
    case MoveKind::pause:
    case MoveKind::resume: {
      const std::string recipe = move.b == 0 ? "" : at(kRecipeNames, move.b - 1);
      const std::string stage = move.c == 0 ? "" : at(kStageNames, move.c - 1);
      const bool is_changed = (move.kind == MoveKind::pause ? people_->pause(recipe, stage)
                                                            : people_->resume(recipe, stage))
                                  .value();
      return is_changed == (model_.n_changed() > 0) ? "" : "a pause was there for one only";
    }
    case MoveKind::cancel:
    case MoveKind::retry: {
      const std::string& run_id = at(run_ids_, move.a);
      const int n =
          (move.kind == MoveKind::cancel ? people_->cancel_run(run_id) : people_->retry_run(run_id))
              .value();
      return n == model_.n_changed()
                 ? ""
                 : fmt::format("{} tasks changed, the model's {}", n, model_.n_changed());
    }
    case MoveKind::lose: EXPECT_TRUE(fs::remove(file_of(move.a, move.b))); return "";
    case MoveKind::damage: std::ofstream(file_of(move.a, move.b), std::ios::app) << "!"; return "";
    case MoveKind::restore: write(file_of(move.a, -1), std::to_string(move.a)); return "";
    case MoveKind::reboot:
      for (int i = 0; i < model::kWorkers; ++i) {
        if (at(model::kHostOf, i) == move.a) at(workers_, i).held.clear();
      }
      return "";
    case MoveKind::jump:
    case MoveKind::advance:
    case MoveKind::rescope:
    case MoveKind::stop:
    case MoveKind::go_on: return "";
    case MoveKind::restart: begin_worker(move.a); return "";
    default: return apply_to_worker(move);
  }
}

std::string RealWorld::apply_to_worker(const Move& move) {
  Process& by = at(workers_, move.a);
  switch (move.kind) {
    case MoveKind::claim: return claimed(move.a, by.queue->claim(scope_of(move.a)).value());
    case MoveKind::reclaim: {
      const int n = by.queue->reclaim().value();
      return n == model_.n_changed()
                 ? ""
                 : fmt::format("{} reclaimed, the model {}", n, model_.n_changed());
    }
    case MoveKind::heartbeat: {
      std::vector<std::int64_t> fences;
      for (const Held& held : by.held) fences.push_back(held.assignment.request.fence);
      const auto lost = by.queue->heartbeat(fences).value();
      return static_cast<int>(lost.size()) == model_.n_changed()
                 ? ""
                 : "another number of leases is lost";
    }
    case MoveKind::kill: by.held.clear(); return "";
    default: break;
  }
  const Held held = at(by.held, move.b);
  if (move.kind == MoveKind::kill_in_finish) {
    const fs::path final_path = root_.at(held.assignment.request.outputs.front().final_path);
    fs::create_directories(final_path.parent_path());
    fs::rename(held.result.files.front().temporary, final_path);
    by.held.clear();
    return "";
  }
  at(by.held, move.b) = by.held.back();
  by.held.pop_back();
  switch (move.kind) {
    case MoveKind::finish: {
      const bool has_published =
          by.queue->finish(held.assignment, held.result).value() == FinishState::published;
      return has_published == model_.has_published() ? "" : "published by one only";
    }
    case MoveKind::finish_and_claim: {
      std::optional<Assignment> next;
      const FinishState state =
          by.queue->finish_and_claim(held.assignment, held.result, scope_of(move.a), next).value();
      if ((state == FinishState::published) != model_.has_published())
        return "published by one only";
      return claimed(move.a, std::move(next));
    }
    case MoveKind::fail: {
      const ErrorCode code = move.c != 0 ? ErrorCode::io_error : ErrorCode::file_corrupt;
      EXPECT_TRUE(by.queue->fail_attempt(held.assignment, fail(code, "unlucky"), {}, 0).ok());
      return "";
    }
    case MoveKind::interrupt: EXPECT_TRUE(by.queue->interrupt(held.assignment).ok()); return "";
    default: return "";  // drop: nobody is told.
  }
}

/// What a worker that has nothing to do asks.
std::string RealWorld::open_difference() {
  const model::State& state = model_.state();
  const std::int64_t now_us = state.clock_us(at(model::kHostOf, 1));
  bool has_open = false;
  std::int64_t due_us = 0;
  for (int i = 0; i < state.n_tasks; ++i) {
    const model::Task& task = at(state.tasks, i);
    if (!model::has_bit(at(state.workers, 1).scope, task.kind)) continue;
    const bool is_queued = task.state == model::TaskState::queued && !model_.is_paused(task);
    has_open = has_open || is_queued || task.state == model::TaskState::running;
    if (is_queued && task.not_before_us > now_us && (due_us == 0 || task.not_before_us < due_us))
      due_us = task.not_before_us;
  }
  if (at(workers_, 1).queue->has_open_tasks(scope_of(1)).value() != has_open)
    return "has_open_tasks differs";
  const auto due_s = at(workers_, 1).queue->next_due_s(scope_of(1)).value();
  if (due_s.has_value() != (due_us != 0)) return "only one has a next task";
  return !due_s || std::abs(*due_s - 1e-6 * static_cast<double>(due_us - now_us)) < 1e-3
             ? ""
             : "next_due_s differs";
}

std::string RealWorld::difference(bool is_thorough) {
  const model::State& state = model_.state();
  std::string mine, theirs;
  for (int i = 0; i < state.n_tasks; ++i) {
    const model::Task& task = at(state.tasks, i);
    mine += fmt::format(
        "task {} {} {} forced {} waits for {} attempts {} interruptions {} not before {} rank {}\n",
        i + 1, at(kStageNames, task.kind), to_string(task.state), task.is_forced ? 1 : 0,
        task.upstream_open, task.attempts, task.interruptions, task.not_before_us, task.rank_us);
  }
  for (const store::Row& row :
       rows("SELECT task_id, stage, state, is_forced, upstream_open, attempts, interruptions, "
            "not_before_us, rank_us FROM tasks ORDER BY task_id")) {
    theirs += fmt::format(
        "task {} {} {} forced {} waits for {} attempts {} interruptions {} not before {} rank {}\n",
        row.integer(0), row.text(1), row.text(2), row.integer(3), row.integer(4), row.integer(5),
        row.integer(6), row.integer(7), row.integer(8));
  }
  for (int i = 0; i < state.n_runs; ++i)
    mine += fmt::format("run {}\n", rules::to_string(at(state.runs, i).state));
  for (const store::Row& row : rows("SELECT state FROM runs ORDER BY rowid"))
    theirs += fmt::format("run {}\n", row.text(0));
  const int first = is_thorough ? 1 : std::max(1, state.n_attempts - 5);
  for (int i = first; i <= state.n_attempts; ++i) {
    const model::Attempt& attempt = at(state.attempts, i);
    mine += fmt::format("attempt {} of task {}: {} {}\n", i, attempt.task + 1, attempt.number,
                        to_string(attempt.status));
  }
  for (const store::Row& row :
       rows("SELECT id, task_id, attempt, status FROM pipeline_jobs WHERE id >= $1 ORDER BY id",
            first))
    theirs += fmt::format("attempt {} of task {}: {} {}\n", row.integer(0), row.integer(1),
                          row.integer(2), row.text(3));
  for (int fence = 1; fence <= state.n_attempts; ++fence) {
    if (at(state.attempts, fence).status != model::AttemptStatus::running) continue;
    const model::Task& task = at(state.tasks, at(state.attempts, fence).task);
    const int asset = at(state.runs, task.run).asset;
    const model::Lease& lease = at(at(state.leases, asset), task.kind);
    mine += fmt::format("lease {} of {} {} until {}\n", lease.fence, at(assets_, asset).asset_id,
                        at(kStageNames, task.kind), lease.expires_us);
  }
  for (const store::Row& row :
       rows("SELECT fence, asset_id, stage, expires_at_us FROM stage_locks ORDER BY fence"))
    theirs += fmt::format("lease {} of {} {} until {}\n", row.integer(0), row.text(1), row.text(2),
                          row.integer(3));
  for (int kind = 0; kind < model::kKinds; ++kind) {
    for (int asset = 0; asset < model::kSubjects; ++asset) {
      std::set<int> jobs;
      if (asset < model::kAssets) jobs.insert(at(at(state.artifacts, asset), kind).job);
      if (asset == model::kCollection && kind == model::kTotal) {
        for (const model::Artifact& total : state.totals) jobs.insert(total.job);
      }
      for (const int job : jobs) {
        if (job != 0)
          mine += fmt::format("artifact {} {} of {}\n", at(kStageNames, kind), asset, job);
      }
      const auto found = rows(
          "SELECT job_id FROM artifact_index WHERE asset_id = $1 AND artifact_type = $2 "
          "ORDER BY job_id",
          at(assets_, asset).asset_id, std::string(at(kStageNames, kind)) + "_v1");
      for (const store::Row& row : found)
        theirs +=
            fmt::format("artifact {} {} of {}\n", at(kStageNames, kind), asset, row.integer(0));
    }
  }
  return mine == theirs ? open_difference() : "the model:\n" + mine + "the queue:\n" + theirs;
}

/// Plays a history with both; what differs, and after which moves, or "".
std::string compare(std::uint64_t seed, std::int64_t& n_moves) {
  model::Random random(seed);
  model::QueueModel model;
  model::Finding finding;
  RealWorld real(model);
  const auto move_both = [&](const Move& move) {
    const model::State before = model.state();
    finding.history.push_back(move);
    if (!model.apply(move)) return std::string();
    ++n_moves;
    const std::string found = real.apply(move, before);
    return found.empty() ? real.difference(n_moves % 16 == 0) : found;
  };
  std::string found;
  for (int i = 0; i < model::kMovesPerHistory && found.empty(); ++i)
    found = move_both(draw_move(model.state(), random));
  for (int i = 0; i < model::kLastMovesMax && found.empty() && !is_at_rest(model.state()); ++i)
    found = move_both(draw_last_move(model.state(), i));
  if (found.empty()) return real.difference(true);
  return describe(finding, model::Bug::none) + "after this move of seed " + std::to_string(seed) +
         ":\n" + found;
}

std::uint64_t number_in(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

TEST(QueueConformance, TheQueueAndItsModelHoldTheSameAfterEveryMove) {
  const double budget_s = static_cast<double>(number_in("BALEEN_CONFORMANCE_S", 0));
  const std::uint64_t first = number_in("BALEEN_CONFORMANCE_SEED", 1);
  const double began_s = core::steady_s();
  std::int64_t n_moves = 0;
  std::uint64_t seed = first;
  for (; seed < first + 60 || core::steady_s() - began_s < budget_s; ++seed) {
    const std::string found = compare(seed, n_moves);
    ASSERT_TRUE(found.empty()) << found;
  }
  std::printf("conformance: %lld moves in %llu histories from seed %llu\n",
              static_cast<long long>(n_moves), static_cast<unsigned long long>(seed - first),
              static_cast<unsigned long long>(first));
  EXPECT_GT(n_moves, 5000);
}

}  // namespace
}  // namespace baleen::engine
