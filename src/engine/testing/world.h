#pragma once

/// A history of the whole engine for tests that make something fail in it: whoever is told asks again, and the end
/// must be that of the history in which nothing failed.

#include <fcntl.h>
#include <sys/uio.h>

#include <map>

#include "engine/testing/engine_fixture.h"
#include "engine/upload.h"

namespace baleen::engine::testing {

namespace fs = std::filesystem;

/// A data root and three workers: `me`, `other`, and `dead`, whom nobody believes to be alive.
class World {
 public:
  World() : root_{scratch_folder("baleen_statement")}, database_(open()) {
    Recipe recipe = toy_recipe();
    recipe.stages[2].setup = [](const PlanView& view) -> Result<StageSetup> {
      const bool is_squared = view.has_artifact("square_v1", "");
      const bool has_original = view.has_artifact("original", "");
      return StageSetup{
          "", "", {{"has_original", has_original}, {"no", is_squared && !has_original}}, {}};
    };
    recipe.stages[3].setup = [](const PlanView&) -> Result<StageSetup> {
      return StageSetup{"sums", "sums of squares", {}, {}};
    };
    EXPECT_TRUE(recipes_.add(recipe).ok());
    for (const char* name : {"me", "other", "dead"}) {
      QueueOptions options;
      options.owner = core::ProcessIdentity{name, "boot", 1, 1}.to_string();
      options.liveness = [](const core::ProcessIdentity& process) {
        return process.machine_id == "dead" ? core::Liveness::dead : core::Liveness::alive;
      };
      queues_[name] = std::make_unique<Queue>(database_, root_, recipes_, options, clock_);
    }
    uploads_ = std::make_unique<UploadStore>(root_, recipes_, QueueOptions{}, probe,
                                             UploadOptions{.free_bytes_min = 0}, clock_);
  }
  ~World() { fs::remove_all(root_.path); }

  /// Does something, and again if it was told that it failed.
  void must(const char* what, const std::function<Result<void>()>& work) {
    Result<void> done = work();
    if (done.ok()) return;
    ++n_told_;
    EXPECT_TRUE(is_expected(done.error())) << what << ": " << done.error().to_string();
    done = work();
    EXPECT_TRUE(done.ok()) << what << " again: " << (done.ok() ? "" : done.error().to_string());
  }

  /// The history: an asset, its run with a failure, a death, an interruption and a lost file; a rerun that is
  /// canceled and tried again; an upload.
  void play();
  /// What is there at last; ids and times are not told.
  std::string end();
  store::Database& database() { return database_; }
  [[nodiscard]] int n_told() const { return n_told_; }
  /// Whether an error is the one that the test has made.
  std::function<bool(const Error&)> is_expected = [](const Error& error) {
    return error.message.find("made to fail") != std::string::npos;
  };
  const store::DataRoot& root() { return root_; }
  const Recipe& recipe() { return **recipes_.find("toy"); }
  std::string asset_id() const { return asset_id_; }
  std::string run_id() const { return run_id_; }
  void ingest(int number) {
    must("ingest", [&]() -> Result<void> {
      BALEEN_ASSIGN_OR_RETURN(const Ingested ingested,
                              ingest_file(database_, root_, {file(number), "me", {}}, probe));
      asset_id_ = ingested.asset.asset_id;
      return {};
    });
  }
  void upload();

 private:
  static Result<json::object> probe(const fs::path&) { return json::object{{"codec", "toy"}}; }
  store::Database open() const {
    store::Database database = store::Database::open(root_.database()).value();
    EXPECT_TRUE(store::migrate(database).ok());
    EXPECT_TRUE(database.execute_script("PRAGMA synchronous=OFF").ok());
    return database;
  }
  /// What the test itself does is not what is to fail: calls that no test takes the place of.
  static void write_unharmed(const fs::path& path, std::string text) {
    const core::Fd file(::creat(path.c_str(), 0644));
    const iovec part{text.data(), text.size()};
    EXPECT_EQ(::writev(file.get(), &part, 1), static_cast<ssize_t>(text.size()));
  }
  Queue& queue(const std::string& name) { return *queues_.at(name); }
  fs::path file(int number) {
    const fs::path path = root_.path / "numbers" / (std::to_string(number) + ".txt");
    fs::create_directories(path.parent_path());
    write_unharmed(path, std::to_string(number));
    return path;
  }
  std::string submit(const SubmitOptions& options) {
    std::string run_id;
    must("submit", [&]() -> Result<void> {
      BALEEN_ASSIGN_OR_RETURN(const Submitted submitted,
                              queue("me").submit(recipe(), asset_id_, options));
      run_id = submitted.run_id;
      return {};
    });
    return run_id;
  }
  std::optional<Assignment> claim(const std::string& name) {
    std::optional<Assignment> taken;
    must("claim", [&]() -> Result<void> {
      BALEEN_ASSIGN_OR_RETURN(taken, queue(name).claim({}));
      return {};
    });
    return taken;
  }
  AttemptResult execute(const Assignment& assignment) {
    AttemptResult result;
    for (const StageOutputSlot& slot : assignment.request.outputs) {
      fs::create_directories(slot.temporary.parent_path());
      write_unharmed(slot.temporary, assignment.request.stage);
      result.files.push_back({slot.type, slot.temporary, core::sha256_hex(assignment.request.stage),
                              "", "", static_cast<std::int64_t>(assignment.request.stage.size())});
    }
    result.warnings.push_back({ErrorCode::io_error, "only a warning"});
    return result;
  }
  /// As a supervisor does: where nothing was published, the task is given back and taken again.
  void finish(std::optional<Assignment> assignment) {
    for (int i = 0; i < 2 && assignment; ++i) {
      Result<FinishState> finished = queue("me").finish(*assignment, execute(*assignment));
      if (finished.ok()) return;
      ++n_told_;
      ASSERT_TRUE(queue("me").interrupt(*assignment).ok());
      assignment = queue("me").claim({}).value();
    }
    FAIL() << "finished with nothing";
  }
  void drain() {
    std::optional<Assignment> next = claim("me");
    while (next) {
      std::optional<Assignment> following;
      const Result<FinishState> finished =
          queue("me").finish_and_claim(*next, execute(*next), {}, following);
      if (!finished.ok()) {
        ++n_told_;
        ASSERT_TRUE(queue("me").interrupt(*next).ok());
        following = claim("me");
      }
      next = std::move(following);
    }
  }

  store::DataRoot root_;
  store::Database database_;
  ManualClock clock_;
  RecipeRegistry recipes_;
  std::map<std::string, std::unique_ptr<Queue>> queues_;
  std::unique_ptr<UploadStore> uploads_;
  std::string asset_id_, run_id_;
  int n_told_ = 0;
};

inline void World::play() {
  ingest(6);
  ingest(5);  // Of the same size.
  ingest(5);
  run_id_ = submit({});
  finish(claim("me"));  // double
  std::optional<Assignment> square = claim("me");
  must("fail", [&] {
    const Result<FailState> failed =
        queue("me").fail_attempt(*square, fail(ErrorCode::io_error, "unlucky"), {}, 1);
    return failed.ok() ? Result<void>() : Result<void>(failed.error());
  });
  const std::optional<Assignment> lost = claim("dead");  // negate
  must("reclaim", [&]() -> Result<void> {
    BALEEN_RETURN_IF_ERROR(queue("me").reclaim());
    return {};
  });
  const std::optional<Assignment> held = claim("other");
  must("heartbeat", [&]() -> Result<void> {
    BALEEN_ASSIGN_OR_RETURN(const auto gone,
                            queue("other").heartbeat({held->request.fence, lost->request.fence}));
    EXPECT_EQ(gone, std::vector<std::int64_t>{lost->request.fence});
    return {};
  });
  must("interrupt", [&] { return queue("other").interrupt(*held); });
  must("late", [&] { return queue("dead").interrupt(*lost); });
  clock_.advance_s(100);
  fs::remove(root_.at("double/" + asset_id_ + ".txt"));
  must("pause", [&]() -> Result<void> {
    BALEEN_RETURN_IF_ERROR(queue("me").pause("toy", "sum"));
    return {};
  });
  drain();
  must("resume", [&]() -> Result<void> {
    BALEEN_RETURN_IF_ERROR(queue("me").resume("toy", "sum"));
    return {};
  });
  drain();
  SubmitOptions forced;
  forced.forced_stages = {"negate"};
  const std::string second = submit(forced);
  const std::optional<Assignment> running = claim("me");
  must("cancel", [&]() -> Result<void> {
    BALEEN_RETURN_IF_ERROR(queue("me").cancel_run(second));
    return {};
  });
  must("fenced off", [&]() -> Result<void> {
    BALEEN_ASSIGN_OR_RETURN(const FinishState state,
                            queue("me").finish(*running, execute(*running)));
    EXPECT_EQ(state, FinishState::fenced_off);
    return {};
  });
  for (const BulkAction action : {BulkAction::retry, BulkAction::cancel, BulkAction::retry}) {
    must("bulk", [&]() -> Result<void> {
      BulkRequest request;
      request.action = action;
      request.filter.run_ids = {second};
      BALEEN_RETURN_IF_ERROR(queue("me").change_many(request));
      return {};
    });
  }
  drain();
  upload();
  must("open?", [&]() -> Result<void> {
    BALEEN_ASSIGN_OR_RETURN(const bool has_open, queue("me").has_open_tasks({}));
    EXPECT_TRUE(has_open);
    BALEEN_RETURN_IF_ERROR(queue("me").next_due_s({}));
    return {};
  });
  drain();
}

inline void World::upload() {
  std::string id;
  must("create", [&]() -> Result<void> {
    UploadRequest request;
    request.owner_entity_id = "me";
    request.token_id = "t";
    request.filename = "n.txt";
    request.bytes = 2;
    request.recipe = "toy";
    BALEEN_ASSIGN_OR_RETURN(const Upload made, uploads_->create(database_, request));
    id = made.upload_id;
    return {};
  });
  const auto send = [&](std::int64_t offset, std::string_view bytes) -> Result<void> {
    BALEEN_ASSIGN_OR_RETURN(UploadWriter writer, uploads_->open(database_, id, "me", offset));
    BALEEN_RETURN_IF_ERROR(writer.write(std::as_bytes(std::span(bytes))));
    BALEEN_RETURN_IF_ERROR(writer.finish(database_));
    return {};
  };
  clock_.advance_s(15 * 3600);  // The second piece extends its life.
  must("first piece", [&] { return send(0, "4"); });
  Result<void> sent = send(1, "2");
  if (!sent.ok()) {  // It may have been all the same: one asks.
    ++n_told_;
    const Result<Upload> found = uploads_->find(database_, id, "me");
    ASSERT_TRUE(found.ok());
    if (found->offset_bytes < 2) {
      const auto offset = static_cast<std::size_t>(found->offset_bytes);
      ASSERT_TRUE(send(found->offset_bytes, std::string_view("42").substr(offset)).ok());
    }
  }
  must("find", [&]() -> Result<void> {
    BALEEN_ASSIGN_OR_RETURN(const Upload found, uploads_->find(database_, id, "me"));
    EXPECT_EQ(found.state, "complete");
    return {};
  });
  clock_.advance_s(48 * 3600);
  must("sweep", [&]() -> Result<void> {
    BALEEN_RETURN_IF_ERROR(uploads_->sweep(database_));
    return {};
  });
}

inline std::string World::end() {
  std::string text;
  for (const char* sql :
       {"SELECT recipe, state, finished_at_us IS NULL FROM runs ORDER BY rowid",
        "SELECT stage, state, is_forced, upstream_open, attempts FROM tasks ORDER BY task_id",
        "SELECT stage, status, COUNT(*) FROM pipeline_jobs WHERE status NOT IN ('interrupted') "
        "GROUP BY 1, 2",
        "SELECT COUNT(*), '', '' FROM stage_locks", "SELECT recipe, stage, '' FROM pauses",
        "SELECT artifact_type, sha256, path FROM artifact_index ORDER BY path",
        "SELECT upload_id, state, '' FROM uploads", "PRAGMA integrity_check"}) {
    const std::vector<store::Row> rows = database_.query(sql).value();
    text += std::string(sql) + "\n";
    for (const store::Row& row : rows) {
      text += "  " + row.text(0);
      if (rows.size() > 0 && std::string_view(sql).starts_with("SELECT"))
        text += " " + row.text(1) + " " + row.text(2);
      text += "\n";
    }
  }
  for (const auto& entry : fs::recursive_directory_iterator(root_.path)) {
    if (entry.path().extension() == ".tmp") text += "left behind: " + entry.path().string() + "\n";
  }
  for (const store::Row& row :
       std::vector<store::Row>(database_.query("SELECT path FROM artifact_index").value()))
    if (!fs::exists(root_.at(row.text(0)))) text += "a row without its file: " + row.text(0) + "\n";
  return text;
}

}  // namespace baleen::engine::testing
