// Every statement fails once: a whole history of the engine is played again and again, and each time another
// statement of the database fails. Whoever asked is told; who asks again gets what it wanted; and the end is that
// of the history in which nothing failed.
//
// BALEEN_EVERY_STATEMENT: every how manieth statement is tried (default 3).

#include <cstdlib>

#include "engine/explain.h"
#include "engine/lists.h"
#include "engine/live.h"
#include "engine/run_log.h"
#include "engine/status.h"
#include "engine/testing/world.h"

namespace baleen::engine {
namespace {

namespace fs = std::filesystem;
using testing::World;

int stride() {
  const char* text = std::getenv("BALEEN_EVERY_STATEMENT");
  return text == nullptr ? 3 : std::max(1, std::atoi(text));
}

TEST(EveryStatement, FailsOnceAndTheEndIsTheSame) {
  World undisturbed;
  const std::int64_t before = undisturbed.database().n_statements();
  undisturbed.play();
  const std::int64_t n_statements = undisturbed.database().n_statements() - before;
  const std::string expected = undisturbed.end();
  ASSERT_EQ(undisturbed.n_told(), 0);
  int n_told = 0, n_tried = 0;
  for (std::int64_t i = 0; i < n_statements; i += stride()) {
    SCOPED_TRACE("statement " + std::to_string(i));
    World world;
    world.database().fail_after(i);
    world.play();
    ++n_tried;
    n_told += world.n_told();
    EXPECT_LE(world.n_told(), 1);
    EXPECT_EQ(world.end(), expected);
    if (::testing::Test::HasFailure()) return;
  }
  std::printf("%d statements failed once, %d of them were told\n", n_tried, n_told);
  EXPECT_GT(n_tried, 300 / stride());
}

/// What only reads must say that it could not, not say less.
TEST(EveryStatement, OfWhatReadsIsMissedByItsReader) {
  World world;
  world.play();
  const std::int64_t task_id = 2;
  std::vector<std::pair<const char*, std::function<bool()>>> readers;
  const auto add = [&](const char* name, auto read) {
    readers.emplace_back(name, [read] { return read().ok(); });
  };
  store::Database& db = world.database();
  ListFilter all, mine;
  mine.owner = "me";
  mine.asset_id = world.asset_id();
  add("describe_run", [&] { return describe_run(db, world.run_id()); });
  add("describe_asset", [&] { return describe_asset(db, world.asset_id()); });
  add("describe_health", [&] { return describe_health(db); });
  add("describe_throughput", [&] { return describe_throughput(db); });
  add("resolve_run", [&] { return resolve_run(db, world.run_id().substr(0, 30)); });
  add("resolve_run by asset", [&] { return resolve_run(db, world.asset_id().substr(0, 30)); });
  add("resolve_asset", [&] { return resolve_asset(db, world.asset_id().substr(0, 30)); });
  for (const ListFilter& filter : {all, mine}) {
    add("list_assets", [&db, filter] { return list_assets(db, filter, {}); });
    add("list_runs", [&db, filter] { return list_runs(db, filter, {}); });
    add("list_tasks", [&db, filter] { return list_tasks(db, filter, {}); });
    add("list_attempts", [&db, filter] { return list_attempts(db, filter, {}); });
    add("list_events", [&db, filter] { return list_events(db, filter, 0, 50); });
  }
  add("newest_event", [&] { return newest_event(db); });
  add("newest_recipe_of", [&] { return newest_recipe_of(db, world.asset_id()); });
  add("explain_asset",
      [&] { return explain_asset(db, world.root(), world.recipe(), world.asset_id()); });
  add("explain_task", [&] { return explain_task(db, {}, task_id); });
  add("run_log", [&] { return run_log(db, world.root(), world.run_id(), std::nullopt); });
  add("run_log of a task", [&] { return run_log(db, world.root(), world.run_id(), task_id); });
  for (const auto& [name, read] : readers) {
    SCOPED_TRACE(name);
    const std::int64_t before = db.n_statements();
    ASSERT_TRUE(read());
    const std::int64_t n_statements = db.n_statements() - before;
    EXPECT_GT(n_statements, 0);
    for (std::int64_t i = 0; i < n_statements; ++i) {
      db.fail_after(i);
      EXPECT_FALSE(read()) << "its statement " << i << " failed unnoticed";
    }
    db.fail_after(-1);
    EXPECT_TRUE(read());
  }
}

TEST(EveryStatement, OfAMigrationFailsOnceAndItGoesOn) {
  const fs::path folder = testing::scratch_folder("baleen_migration");
  std::int64_t n_statements = 1;  // Of a migration in which none fails; known after the first.
  for (std::int64_t i = -1; i < n_statements; ++i) {
    store::Database database = store::Database::open(folder / "a.db").value();
    const std::int64_t before = database.n_statements();
    database.fail_after(i);
    EXPECT_EQ(store::migrate(database).ok(), i < 0) << i;
    if (i < 0) n_statements = database.n_statements() - before;
    EXPECT_TRUE(store::migrate(database).ok());
    EXPECT_TRUE(database.query("SELECT COUNT(*) FROM preview_feedback").ok());
    fs::remove_all(folder);
  }
  EXPECT_GE(n_statements, 5);
}

}  // namespace
}  // namespace baleen::engine
