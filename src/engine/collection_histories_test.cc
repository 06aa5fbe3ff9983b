// Collections among everything else that happens: histories drawn from a seed, played by the real queue, with what must
// hold checked after each move. The queue's model (testing/queue_model.h) has one collection of two members; here there
// are two, which overlap and grow, with runs of several parameters (decision 0013).
//
//  C1  A waiting task counts exactly what it waits for, and there is something (I7, with both kinds of edges).
//  C2  When nothing runs and nothing can be claimed, no collection waits: whatever became of its members (I10).
//  C3  A collection's task is given what each member has that has it, and nothing else.
//  C4  A run is over if and only if its state says so.

#include <map>
#include <set>

#include "engine/queue_sql.h"
#include "engine/testing/engine_fixture.h"
#include "engine/testing/queue_simulation.h"
#include "store/collections.h"

namespace baleen::engine {
namespace {

constexpr int kMembers = 5, kCollections = 2, kMoves = 150, kHeldMax = 3;

/// Reads `square` of each member; a run names a factor, so that several runs of one collection are open at once.
Recipe total_recipe() {
  Recipe recipe{"total", "adds what the members have", {}};
  recipe.is_of_collections = true;
  recipe.canonical_params = [](const json::object& given) -> Result<json::object> {
    return json::object{{"factor", core::get_int(given, "factor", 1)}};
  };
  StageSpec spec = testing::toy_stage("total", {}, {});
  spec.inputs = {{.type = "square_v1", .is_of_members = true}};
  spec.outputs.front().path = "totals/{asset}/{factor}.txt";
  spec.setup = [](const PlanView& view) -> Result<StageSetup> {
    StageSetup setup;
    setup.feature_spec_alias = "x" + std::to_string(core::get_int(view.params(), "factor"));
    setup.params = view.params();
    setup.path_words["factor"] = setup.feature_spec_alias;
    return setup;
  };
  recipe.stages.push_back(std::move(spec));
  return recipe;
}

/// Mistakes that a queue could make, planted in its database.
const std::map<std::string, std::string>& mistakes() {
  static const std::map<std::string, std::string> kMistakes = {
      {"the end of a member's run is not counted",
       "CREATE TRIGGER mistake AFTER UPDATE OF upstream_open ON tasks WHEN NEW.stage = 'total' AND "
       "NEW.upstream_open < OLD.upstream_open BEGIN UPDATE tasks SET upstream_open = "
       "OLD.upstream_open, state = OLD.state WHERE task_id = NEW.task_id; END"},
      {"it is counted twice",
       "CREATE TRIGGER mistake AFTER UPDATE OF upstream_open ON tasks WHEN NEW.stage = 'total' AND "
       "NEW.upstream_open < OLD.upstream_open AND NEW.upstream_open > 1 BEGIN UPDATE tasks SET "
       "upstream_open = NEW.upstream_open - 1 WHERE task_id = NEW.task_id; END"},
      {"a run that goes on is not waited for again",
       "CREATE TRIGGER mistake AFTER UPDATE OF upstream_open ON tasks WHEN NEW.stage = 'total' AND "
       "NEW.upstream_open > OLD.upstream_open BEGIN UPDATE tasks SET upstream_open = "
       "OLD.upstream_open WHERE task_id = NEW.task_id; END"},
      {"success is asked for, and not the end",
       "CREATE TRIGGER mistake AFTER INSERT ON task_edges WHEN NEW.is_needed = 0 BEGIN UPDATE "
       "task_edges SET is_needed = 1 WHERE upstream_task_id = NEW.upstream_task_id AND task_id = "
       "NEW.task_id; END"},
      {"a run is over, and nobody writes it down",
       "CREATE TRIGGER mistake AFTER UPDATE OF finished_at_us ON runs WHEN NEW.finished_at_us IS "
       "NOT "
       "NULL AND NEW.state = 'canceled' BEGIN UPDATE runs SET finished_at_us = NULL WHERE run_id = "
       "NEW.run_id; END"},
  };
  return kMistakes;
}

/// One history.
class History {
 public:
  explicit History(std::uint64_t seed)
      : root_{testing::scratch_folder("baleen_collections")}, database_(open()), random_(seed) {
    EXPECT_TRUE(recipes_.add(testing::toy_recipe()).ok());
    EXPECT_TRUE(recipes_.add(total_recipe()).ok());
    QueueOptions options;
    options.owner = "me";
    options.retry.delays_s = {60};
    queue_ = std::make_unique<Queue>(database_, root_, recipes_, options, clock_);
    for (int i = 0; i < kCollections; ++i) {
      collections_.push_back(
          store::make_collection(database_, "me", "c" + std::to_string(i), clock_.now_us())
              .value()
              .collection_id);
    }
    for (int i = 0; i < kMembers; ++i) {
      const auto source = root_.path / "numbers" / std::to_string(i);
      EXPECT_TRUE(core::write_file_atomic(source, std::to_string(i)).ok());
      const auto probe = [](const auto&) -> Result<json::object> { return json::object{}; };
      members_.push_back(
          ingest_file(database_, root_, {source, "me", {}}, probe).value().asset.asset_id);
      add_member(i % kCollections, i);
    }
  }
  ~History() { std::filesystem::remove_all(root_.path); }

  void plant(const std::string& trigger) { ASSERT_TRUE(database_.execute_script(trigger).ok()); }

  /// Plays it to its end; what did not hold, or "".
  std::string play() {
    for (int i = 0; i < kMoves; ++i) {
      move();
      if (const std::string found = violation(); !found.empty())
        return found + " after move " + std::to_string(i) + ": " + last_move_;
    }
    // Faults cease: what is in hand is done, and what can be claimed.
    for (int i = 0; i < 2000; ++i) {
      if (held_.empty() && !claim()) {
        clock_.advance_s(61);
        if (!claim()) break;
      }
      if (!held_.empty()) finish();
      if (const std::string found = violation(); !found.empty()) return found + " at the end";
    }
    if (count("SELECT COUNT(*) FROM tasks WHERE state IN ('queued', 'running')") != 0)
      return "C2: there is work that nobody is given";
    if (count("SELECT COUNT(*) FROM tasks WHERE stage = 'total' AND state = 'waiting'") != 0)
      return "C2: a collection waits for ever";
    return "";
  }

  int n_waited = 0, n_went_on = 0, n_without = 0, n_claimed = 0;  ///< What the history was about.

 private:
  store::Database open() {
    store::Database database = store::Database::open(root_.database()).value();
    EXPECT_TRUE(store::migrate(database).ok());
    EXPECT_TRUE(database.execute_script("PRAGMA synchronous=OFF").ok());
    return database;
  }
  std::int64_t count(const std::string& sql) {
    return database_.query(sql).value().front().integer(0);
  }
  void add_member(int collection, int member) {
    EXPECT_TRUE(store::add_member(database_, collections_[static_cast<std::size_t>(collection)],
                                  members_[static_cast<std::size_t>(member)], clock_.now_us())
                    .ok());
    of_[collection].insert(members_[static_cast<std::size_t>(member)]);
  }
  const std::string& any_member() {
    return members_[static_cast<std::size_t>(random_.below(kMembers))];
  }
  /// A run in one of these states, or "".
  std::string any_run(const char* states) {
    const auto rows = database_
                          .query("SELECT run_id FROM runs WHERE state IN " + std::string(states) +
                                 " ORDER BY rowid")
                          .value();
    if (rows.empty()) return "";
    return rows[static_cast<std::size_t>(random_.below(static_cast<int>(rows.size())))].text(0);
  }

  void move() {
    const int dice = random_.below(100);
    if (dice < 14) {
      last_move_ = "submit";
      SubmitOptions options;
      if (random_.one_in(2)) options.forced_stages = {random_.one_in(2) ? "double" : "square"};
      EXPECT_TRUE(queue_->submit(**recipes_.find("toy"), any_member(), options).ok());
    } else if (dice < 26) {
      last_move_ = "submit a collection";
      SubmitOptions options;
      options.params = {{"factor", random_.below(3)}};
      if (random_.one_in(4)) options.forced_stages = {"total"};
      const auto& collection = collections_[static_cast<std::size_t>(random_.below(kCollections))];
      EXPECT_TRUE(queue_->submit(**recipes_.find("total"), collection, options).ok());
      n_waited += static_cast<int>(
          count("SELECT COUNT(*) FROM tasks WHERE stage = 'total' AND state = 'waiting'"));
    } else if (dice < 46) {
      last_move_ = "claim";
      (void)claim();
    } else if (dice < 60) {
      last_move_ = "finish";
      finish();
    } else if (dice < 70) {
      last_move_ = "fail";
      end([this](const Assignment& held) {
        const auto code = random_.one_in(2) ? ErrorCode::io_error : ErrorCode::file_corrupt;
        EXPECT_TRUE(queue_->fail_attempt(held, fail(code, "unlucky"), {}, 0).ok());
      });
    } else if (dice < 74) {
      last_move_ = "interrupt";
      end([this](const Assignment& held) { EXPECT_TRUE(queue_->interrupt(held).ok()); });
    } else if (dice < 80) {
      last_move_ = "cancel";
      if (const std::string run = any_run("('queued', 'running')"); !run.empty()) {
        EXPECT_TRUE(queue_->cancel_run(run).ok());
      }
    } else if (dice < 88) {
      last_move_ = "retry";
      if (const std::string run = any_run("('failed', 'canceled')"); !run.empty()) {
        n_went_on += queue_->retry_run(run).value();
      }
    } else if (dice < 92) {
      last_move_ = "lose";
      const std::string stage = random_.one_in(2) ? "double/" : "square/";
      std::filesystem::remove(root_.at(stage + any_member() + ".txt"));
    } else if (dice < 94) {
      last_move_ = "a new member";
      add_member(random_.below(kCollections), random_.below(kMembers));
    } else {
      last_move_ = "advance";
      clock_.advance_s(random_.below(90));
    }
  }

  bool claim() {
    if (held_.size() == kHeldMax) return false;
    std::optional<Assignment> assignment = queue_->claim({}).value();
    if (!assignment) return false;
    if (assignment->request.stage == "total") check_inputs(*assignment);
    held_.push_back(std::move(*assignment));
    return true;
  }
  /// C3
  void check_inputs(const Assignment& assignment) {
    ++n_claimed;
    std::set<std::string> expected, given;
    for (int i = 0; i < kCollections; ++i) {
      if (collections_[static_cast<std::size_t>(i)] != assignment.request.asset_id) continue;
      for (const std::string& member : of_[i]) {
        const auto path = root_.at("square/" + member + ".txt");
        const bool has_row = count(
                                 "SELECT COUNT(*) FROM artifact_index WHERE artifact_type = "
                                 "'square_v1' AND asset_id = '" +
                                 member + "'") > 0;
        if (has_row && std::filesystem::exists(path)) expected.insert(path);
      }
    }
    for (const StageInput& input : assignment.request.inputs) given.insert(input.path);
    if (given != expected) wrong_inputs_ = "C3: the collection is given something else";
    n_without += expected.size() < members_.size() ? 1 : 0;
  }

  template <typename Fn>
  void end(const Fn& how) {
    if (held_.empty()) return;
    const auto i = static_cast<std::size_t>(random_.below(static_cast<int>(held_.size())));
    const Assignment held = std::move(held_[i]);
    held_.erase(held_.begin() + static_cast<std::ptrdiff_t>(i));
    how(held);
  }
  void finish() {
    end([this](const Assignment& held) {
      const StageOutputSlot& slot = held.request.outputs.front();
      EXPECT_TRUE(core::make_directories(slot.temporary.parent_path()).ok());
      EXPECT_TRUE(core::write_file_synced(slot.temporary, std::string_view("1")).ok());
      AttemptResult result;
      result.files.push_back({slot.type, slot.temporary, core::sha256_hex("1"), "", "", 1});
      EXPECT_TRUE(queue_->finish(held, result).ok());
    });
  }

  std::string violation() {
    if (!wrong_inputs_.empty()) return wrong_inputs_;
    const std::string open(sql::kOpenUpstream);
    if (count("SELECT COUNT(*) FROM tasks WHERE state = 'waiting' AND upstream_open <> " + open) !=
        0)
      return "C1: it waits for another number than there is";
    // Of its own run a task may wait for one that failed; a collection waits for the end of others only.
    if (count("SELECT COUNT(*) FROM tasks WHERE stage = 'total' AND state = 'waiting' AND "
              "upstream_open <= 0") != 0)
      return "C1: it waits for nothing";
    if (count("SELECT COUNT(*) FROM runs WHERE (finished_at_us IS NULL) <> (state IN ('queued', "
              "'running'))") != 0)
      return "C4: a run is over and not over";
    return "";
  }

  store::DataRoot root_;
  testing::ManualClock clock_;
  store::Database database_;
  RecipeRegistry recipes_;
  model::Random random_;
  std::unique_ptr<Queue> queue_;
  std::vector<std::string> collections_, members_;
  std::map<int, std::set<std::string>> of_;
  std::vector<Assignment> held_;
  std::string last_move_, wrong_inputs_;
};

TEST(CollectionHistories, WhatMustHoldHolds) {
  int n_waited = 0, n_went_on = 0, n_without = 0, n_claimed = 0;
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    History history(seed);
    ASSERT_EQ(history.play(), "") << "seed " << seed;
    n_waited += history.n_waited;
    n_went_on += history.n_went_on;
    n_without += history.n_without;
    n_claimed += history.n_claimed;
  }
  EXPECT_GT(n_waited, 200);
  EXPECT_GT(n_went_on, 100);
  EXPECT_GT(n_without, 50);
  EXPECT_GT(n_claimed, 100);
}

TEST(CollectionHistories, EachPlantedMistakeIsNoticed) {
  for (const auto& [name, trigger] : mistakes()) {
    SCOPED_TRACE(name);
    std::string found;
    for (std::uint64_t seed = 1; found.empty() && seed <= 40; ++seed) {
      History history(seed);
      history.plant(trigger);
      found = history.play();
    }
    std::printf("%s: %s\n", name.c_str(), found.c_str());
    EXPECT_NE(found, "") << "nobody noticed";
  }
}

}  // namespace
}  // namespace baleen::engine
