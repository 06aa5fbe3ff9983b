// An executor that is asked for what cannot be done says so and is there for the next request.

#include "engine/executor.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <new>
#include <stdexcept>

#include "engine/protocol.h"
#include "engine/testing/toy_recipe.h"

namespace baleen::engine {
namespace {

using testing::ToyStage;

/// A stage that fails before its work: what loading a model can do.
class ColdStage final : public Stage {
 public:
  Result<void> warm_up(const StageRequest& request) override {
    const std::string how = core::get_string(request.params, "how");
    if (how == "error") return fail(ErrorCode::model_not_found, "no such weights");
    if (how == "bad_alloc") throw std::bad_alloc();
    if (how == "exception") throw std::runtime_error("the library is displeased");
    return {};
  }
  Result<StageOutcome> run(const StageRequest& request, const ProgressFn& progress) override {
    progress(0.5);
    const std::string how = core::get_string(request.params, "how");
    if (how == "bad_alloc inside") throw std::bad_alloc();
    if (how == "exception inside") throw std::runtime_error("the file is displeasing");
    if (how == "nothing made") {
      StageOutcome outcome;
      outcome.artifacts.push_back(
          {request.outputs.front().type, request.outputs.front().temporary, "", ""});
      return outcome;
    }
    StageOutcome outcome;
    outcome.warnings.push_back({ErrorCode::preview_low_conf, "not much"});
    return outcome;
  }
};

class ExecutorTest : public ::testing::Test {
 protected:
  ExecutorTest() {
    directory_ = std::filesystem::temp_directory_path() /
                 ("baleen_executor_" + std::to_string(::getpid()) + "_" +
                  ::testing::UnitTest::GetInstance()->current_test_info()->name());
    std::filesystem::remove_all(directory_);
    std::filesystem::create_directories(directory_);
    Recipe recipe{"cold", "fails early", {}};
    recipe.stages.push_back(
        testing::toy_stage("start", {"original"}, [](const auto&, const auto&) { return 1; }));
    recipe.stages.back().make = [] { return std::make_unique<ColdStage>(); };
    EXPECT_TRUE(recipes_.add(std::move(recipe)).ok());
    std::array<int, 2> ends{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
    ours_ = core::Fd(ends[0]);
    theirs_ = core::Fd(ends[1]);
    options_.sandbox = SandboxMode::off;
    options_.work_directory = directory_;
  }
  ~ExecutorTest() override { std::filesystem::remove_all(directory_); }

  /// Asks all of it, hangs up, and lets the executor work until it notices: its answers, without progress.
  std::vector<json::object> ask(const std::vector<json::object>& requests) {
    for (const json::object& request : requests) {
      EXPECT_TRUE(send_message(ours_, request).ok());
    }
    ::shutdown(ours_.get(), SHUT_WR);
    status_ = run_executor(theirs_, options_, recipes_, probe_, renderings_);
    theirs_.reset();
    std::vector<json::object> answers;
    MessageReader reader;
    for (Result<bool> is_open = true; is_open.ok() && *is_open;) {
      is_open = reader.read_available(ours_, answers);
    }
    std::erase_if(answers, [](const json::object& answer) {
      return core::get_string(answer, "type") == "progress";
    });
    return answers;
  }

  [[nodiscard]] json::object run_request(const std::string& how) const {
    StageRequest request;
    request.recipe = "cold";
    request.stage = "start";
    request.params["how"] = how;
    request.work_directory = directory_ / "task";
    request.outputs.push_back({"start_v1", directory_ / "task" / "out.tmp", "", "start/x.txt"});
    json::object message = request.to_json();
    message["op"] = "run";
    return message;
  }
  static std::string code(const json::object& answer) { return core::get_string(answer, "code"); }
  static std::string message(const json::object& answer) {
    return core::get_string(answer, "message");
  }

  std::filesystem::path directory_;
  core::Fd ours_, theirs_;
  ExecutorOptions options_;
  RecipeRegistry recipes_;
  Probe probe_;
  Renderings renderings_;
  int status_ = -1;
};

TEST_F(ExecutorTest, WhatFailsBeforeOrInTheWorkIsOneErrorAndTheNextRequestIsServed) {
  const auto answers =
      ask({run_request("error"), run_request("bad_alloc"), run_request("exception"),
           run_request("bad_alloc inside"), run_request("exception inside"), run_request("fine")});
  ASSERT_EQ(answers.size(), 6U);
  EXPECT_EQ(code(answers[0]), "MODEL_NOT_FOUND");
  EXPECT_EQ(code(answers[1]), "MODEL_OOM");
  EXPECT_EQ(code(answers[2]), "WORKER_ERROR");
  EXPECT_NE(message(answers[2]).find("the library is displeased"), std::string::npos);
  EXPECT_EQ(code(answers[3]), "MODEL_OOM");
  EXPECT_EQ(code(answers[4]), "WORKER_ERROR");
  EXPECT_NE(message(answers[4]).find("the file is displeasing"), std::string::npos);
  EXPECT_EQ(core::get_string(answers[5], "type"), "result");
  EXPECT_EQ(answers[5].at("warnings").as_array().size(), 1U);
  EXPECT_EQ(status_, 0) << "a supervisor that hangs up is the usual end";
}

TEST_F(ExecutorTest, OnlyAStageThatSaysSoGetsThreads) {
  for (const bool uses_threads : {false, true}) {
    Recipe recipe = testing::threads_recipe();
    recipe.name = uses_threads ? "many" : "one";
    recipe.stages.front().uses_threads = uses_threads;
    ASSERT_TRUE(recipes_.add(std::move(recipe)).ok());
  }
  const auto request = [&](const std::string& name, int n_threads) {
    json::object message = run_request("");
    message["recipe"] = name;
    message["stage"] = "count";
    message["n_threads"] = n_threads;
    return message;
  };
  const auto answers = ask({request("one", 3), request("many", 3), request("many", 0)});
  ASSERT_EQ(answers.size(), 3U);
  const auto metric = [&](std::size_t i, const char* name) {
    return core::get_int(core::get_object(answers[i], "metrics"), name, -1);
  };
  EXPECT_EQ(metric(0, "number"), 1);
  EXPECT_EQ(metric(0, "threads"), -1);
  EXPECT_EQ(metric(1, "number"), 3);
  EXPECT_EQ(metric(1, "threads"), 3);
  EXPECT_EQ(metric(2, "number"), 1) << "one is always there";
}

TEST_F(ExecutorTest, AnArtifactThatIsNamedButNotThereIsNoSuccess) {
  const auto answers = ask({run_request("nothing made")});
  ASSERT_EQ(answers.size(), 1U);
  EXPECT_EQ(code(answers[0]), "FILE_NOT_FOUND");
}

TEST_F(ExecutorTest, AWorkDirectoryThatCannotBeMadeIsAnError) {
  ASSERT_TRUE(core::write_file_atomic(directory_ / "task", "in the way").ok());
  const auto answers = ask({run_request("fine")});
  ASSERT_EQ(answers.size(), 1U);
  EXPECT_EQ(core::get_string(answers[0], "type"), "error");
}

TEST_F(ExecutorTest, WhatItDoesNotKnowIsAnErrorOfItsOwn) {
  json::object stage = run_request("fine");
  stage["stage"] = "nothing";
  json::object recipe = run_request("fine");
  recipe["recipe"] = "nothing";
  const auto answers = ask({stage, recipe, {{"op", "dance"}}, {}, run_request("fine")});
  ASSERT_EQ(answers.size(), 5U);
  EXPECT_EQ(code(answers[0]), "INTERNAL");
  EXPECT_NE(message(answers[0]).find("cold/nothing"), std::string::npos);
  EXPECT_EQ(core::get_string(answers[1], "type"), "error");
  EXPECT_EQ(code(answers[2]), "INTERNAL");
  EXPECT_EQ(code(answers[3]), "INTERNAL");
  EXPECT_EQ(core::get_string(answers[4], "type"), "result");
}

TEST_F(ExecutorTest, AProbeIsWarmedUpOnceAndItsFailureIsToldEachTime) {
  int n_warm_ups = 0;
  probe_.warm_up = [&]() -> Result<void> {
    if (++n_warm_ups == 1) return fail(ErrorCode::codec_unsupported, "no decoders here");
    return {};
  };
  probe_.look = [](const std::filesystem::path& path) -> Result<json::object> {
    if (path == "odd") throw std::runtime_error("odd");
    return json::object{{"path", path.string()}};
  };
  const auto answers = ask({{{"op", "probe"}, {"path", "a"}},
                            {{"op", "probe"}, {"path", "b"}},
                            {{"op", "probe"}, {"path", "odd"}},
                            {{"op", "probe"}, {"path", "c"}}});
  ASSERT_EQ(answers.size(), 4U);
  EXPECT_EQ(code(answers[0]), "CODEC_UNSUPPORTED");
  EXPECT_EQ(core::get_string(answers[1], "path"), "b");
  EXPECT_EQ(code(answers[2]), "WORKER_ERROR");
  EXPECT_EQ(core::get_string(answers[3], "path"), "c");
  EXPECT_EQ(n_warm_ups, 2);
}

TEST_F(ExecutorTest, ARenderingIsMadeInACellAndWhatGoesWrongThereIsOneError) {
  int n_warm_ups = 0;
  renderings_["letters"] = {
      [&]() -> Result<void> {
        if (++n_warm_ups == 1) return fail(ErrorCode::not_supported, "no fonts here");
        return {};
      },
      [](const std::filesystem::path& path, const json::object& params,
         const std::filesystem::path& output) -> Result<json::object> {
        const std::string text = core::get_string(params, "text");
        if (text == "odd") throw std::runtime_error("odd");
        if (text == "deadly") std::abort();
        BALEEN_RETURN_IF_ERROR(core::write_file_atomic(output, path.string() + text));
        return json::object{{"letters", text.size()}};
      }};
  const auto request = [&](const std::string& kind, const std::string& text) {
    return json::object{{"op", "render"},
                        {"kind", kind},
                        {"path", "a.txt "},
                        {"params", {{"text", text}}},
                        {"output", (directory_ / "new" / text).string()}};
  };
  const auto answers =
      ask({request("letters", "cold"), request("letters", "one"), request("letters", "odd"),
           request("letters", "deadly"), request("numbers", "two"), request("letters", "three")});
  ASSERT_EQ(answers.size(), 6U);
  EXPECT_EQ(code(answers[0]), "NOT_SUPPORTED");
  EXPECT_EQ(core::get_int(answers[1], "letters"), 3);
  EXPECT_TRUE(answers[1].contains("cpu_s"));
  EXPECT_EQ(core::read_text_file(directory_ / "new" / "one").value(), "a.txt one");
  EXPECT_EQ(code(answers[2]), "WORKER_ERROR");
  EXPECT_EQ(code(answers[3]), "WORKER_ERROR");
  EXPECT_NE(message(answers[4]).find("no rendering of kind 'numbers'"), std::string::npos);
  EXPECT_EQ(core::get_int(answers[5], "letters"), 5);
  EXPECT_EQ(n_warm_ups, 2) << "again after a failure, then never";
}

TEST_F(ExecutorTest, ASupervisorThatTalksNonsenseIsLeft) {
  const std::string nonsense = "{\"op\":\n";
  ASSERT_EQ(::send(ours_.get(), nonsense.data(), nonsense.size(), 0),
            static_cast<ssize_t>(nonsense.size()));
  EXPECT_TRUE(ask({}).empty());
  EXPECT_EQ(status_, 1);
}

TEST_F(ExecutorTest, ForASupervisorThatIsGoneNothingIsBegun) {
  ASSERT_TRUE(send_message(ours_, run_request("fine")).ok());
  ours_.reset();
  EXPECT_EQ(run_executor(theirs_, options_, recipes_, probe_), 0);
  EXPECT_FALSE(std::filesystem::exists(directory_ / "task"));
}

TEST_F(ExecutorTest, OneThatCannotBeginAnswersTheFirstRequestWithTheReason) {
  ASSERT_TRUE(send_message(ours_, run_request("fine")).ok());
  EXPECT_EQ(refuse_work(theirs_, fail(ErrorCode::sandbox_unavailable, "no Landlock")), 1);
  std::vector<json::object> answers;
  MessageReader reader;
  ASSERT_TRUE(reader.read_available(ours_, answers).value());
  EXPECT_EQ(code(answers.at(0)), "SANDBOX_UNAVAILABLE");
  ::shutdown(ours_.get(), SHUT_WR);
  EXPECT_EQ(refuse_work(theirs_, fail(ErrorCode::internal, "unheard")), 1) << "nobody asked";
}

}  // namespace
}  // namespace baleen::engine
