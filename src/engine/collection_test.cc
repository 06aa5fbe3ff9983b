// Runs over collections, and runs with parameters.

#include <algorithm>

#include "engine/testing/engine_fixture.h"
#include "store/collections.h"

namespace baleen::engine {
namespace {

/// `total` adds the squares of all members, times a factor that the run names.
Recipe total_recipe() {
  Recipe recipe{"total", "adds what the members have", {}};
  recipe.is_of_collections = true;
  recipe.canonical_params = [](const json::object& given) -> Result<json::object> {
    for (const auto& member : given) {
      if (member.key() != "factor" && member.key() != "only")
        return fail(ErrorCode::invalid_argument, "unknown parameter");
    }
    return json::object{{"factor", core::get_int(given, "factor", 1)},
                        {"only", core::get_string(given, "only")}};
  };
  StageSpec spec = testing::toy_stage(
      "total", {}, [](const StageRequest& request, const std::vector<int>& in) -> Result<int> {
        int sum = 0;
        for (const int number : in) sum += number;
        return sum * static_cast<int>(core::get_int(request.params, "factor"));
      });
  spec.inputs = {{.type = "square_v1", .is_of_members = true}};
  spec.outputs.front().path = "totals/{asset}/{factor}.txt";
  spec.setup = [](const PlanView& view) -> Result<StageSetup> {
    StageSetup setup;
    setup.feature_spec_alias = "x" + std::to_string(core::get_int(view.params(), "factor"));
    setup.params = view.params();
    setup.path_words["factor"] = setup.feature_spec_alias;
    if (const std::string only = core::get_string(view.params(), "only"); !only.empty()) {
      setup.member_ids.emplace();
      for (const Member& member : view.members()) {
        if (member.metadata.contains(only)) setup.member_ids->push_back(member.asset_id);
      }
    }
    return setup;
  };
  recipe.stages.push_back(std::move(spec));
  return recipe;
}

class CollectionTest : public testing::EngineFixture {
 protected:
  CollectionTest() : queue_(queue(database_, "me")) {
    EXPECT_TRUE(recipes_.add(total_recipe()).ok());
    collection_ =
        store::make_collection(database_, "me", "reef", clock_.now_us()).value().collection_id;
  }

  std::string member(int number) {
    std::string id = asset(number);
    EXPECT_TRUE(store::add_member(database_, collection_, id, clock_.now_us()).ok());
    return id;
  }
  const Recipe& total() { return **recipes_.find("total"); }
  Submitted submit_total(json::object params = {}) {
    SubmitOptions options;
    options.params = std::move(params);
    return queue_.submit(total(), collection_, options).value();
  }
  std::string submit_member(int number) {
    return queue_.submit(recipe(), member(number), {}).value().run_id;
  }
  /// Works until nothing can be claimed; what fails, fails. The stages in the order in which they ended well.
  std::vector<std::string> work() {
    std::vector<std::string> stages;
    while (auto assignment = queue_.claim({}).value()) {
      EXPECT_TRUE(core::make_directories(assignment->request.work_directory).ok());
      const Result<StageOutcome> outcome =
          assignment->spec->make()->run(assignment->request, [](double) {});
      if (!outcome.ok()) {
        EXPECT_TRUE(queue_.fail_attempt(*assignment, outcome.error(), {}, 0).ok());
        continue;
      }
      stages.push_back(assignment->request.stage);
      EXPECT_TRUE(queue_.finish(*assignment, execute(*assignment)).ok());
    }
    return stages;
  }
  std::string state(const std::string& run_id) {
    return text_of("SELECT state FROM runs WHERE run_id = '" + run_id + "'");
  }
  std::string result(const std::string& factor = "x1") {
    return core::read_text_file(root_.at("totals/" + collection_ + "/" + factor + ".txt")).value();
  }

  Queue queue_;
  std::string collection_;
};

TEST_F(CollectionTest, ReadsWhatEachMemberHas) {
  submit_member(1);
  submit_member(2);
  work();
  const Submitted submitted = submit_total();
  EXPECT_EQ(work(), std::vector<std::string>{"total"});
  EXPECT_EQ(result(), "20");  // (2·1)² + (2·2)²
  EXPECT_EQ(state(submitted.run_id), "complete");
  EXPECT_TRUE(submit_total().is_fresh);
}

TEST_F(CollectionTest, WaitsForItsMembersAndGoesOnWithoutThoseThatFail) {
  submit_member(1);
  const std::string failing = submit_member(13);
  const Submitted submitted = submit_total();
  EXPECT_EQ(state(submitted.run_id), "queued");
  EXPECT_EQ(text_of("SELECT state FROM tasks WHERE stage = 'total'"), "waiting");
  EXPECT_EQ(submit_total().run_id, submitted.run_id) << "it is joined while it waits";
  const auto stages = work();
  EXPECT_EQ(stages.back(), "total") << "it came last";
  EXPECT_EQ(state(failing), "failed");
  EXPECT_EQ(state(submitted.run_id), "complete");
  EXPECT_EQ(result(), "4");
}

TEST_F(CollectionTest, AMemberThatIsTriedAgainIsWaitedForAgain) {
  submit_member(1);
  const std::string failing = submit_member(13);
  // Everything of the second, while the first has not begun.
  const Submitted submitted = submit_total();
  ASSERT_TRUE(queue_.cancel_run(failing).ok());
  EXPECT_EQ(number_of("SELECT upstream_open FROM tasks WHERE stage = 'total'"), 1);
  ASSERT_TRUE(queue_.retry_run(failing).ok());
  EXPECT_EQ(number_of("SELECT upstream_open FROM tasks WHERE stage = 'total'"), 2);
  work();
  EXPECT_EQ(number_of("SELECT upstream_open FROM tasks WHERE stage = 'total'"), 0);
  EXPECT_EQ(state(submitted.run_id), "complete");
}

TEST_F(CollectionTest, AMemberThatIsCanceledIsNotWaitedFor) {
  const std::string only = submit_member(1);
  submit_member(2);
  work();
  SubmitOptions again;
  again.forced_stages = {"square"};
  const std::string forced = queue_.submit(recipe(), asset(1), again).value().run_id;
  const Submitted submitted = submit_total();
  EXPECT_EQ(state(submitted.run_id), "queued");
  EXPECT_EQ(text_of("SELECT state FROM tasks WHERE stage = 'total'"), "waiting");
  ASSERT_TRUE(queue_.cancel_run(forced).ok());
  EXPECT_EQ(text_of("SELECT state FROM tasks WHERE stage = 'total'"), "queued");
  work();
  EXPECT_EQ(result(), "20");
  EXPECT_EQ(state(only), "complete");
}

TEST_F(CollectionTest, ItselfCanBeCanceledAndTriedAgainWhileItWaits) {
  submit_member(1);
  const Submitted submitted = submit_total();
  ASSERT_EQ(queue_.cancel_run(submitted.run_id).value(), 1);
  EXPECT_EQ(state(submitted.run_id), "canceled");
  ASSERT_EQ(queue_.retry_run(submitted.run_id).value(), 1);
  EXPECT_EQ(state(submitted.run_id), "queued");
  EXPECT_EQ(number_of("SELECT upstream_open FROM tasks WHERE stage = 'total'"), 1);
  work();
  EXPECT_EQ(state(submitted.run_id), "complete");
}

TEST_F(CollectionTest, WithoutAnyMemberThatHasItItFailsAndSaysSo) {
  const std::string failing = submit_member(13);
  const Submitted submitted = submit_total();
  work();
  EXPECT_EQ(state(failing), "failed");
  EXPECT_EQ(state(submitted.run_id), "failed");
  EXPECT_EQ(text_of("SELECT error_code FROM tasks WHERE stage = 'total'"), "INPUT_NOT_FOUND");
}

TEST_F(CollectionTest, AnotherMemberMakesItStale) {
  submit_member(1);
  work();
  submit_total();
  work();
  submit_member(2);
  work();
  const Submitted again = submit_total();
  EXPECT_TRUE(again.is_new);
  EXPECT_EQ(text_of("SELECT reason FROM tasks WHERE run_id = '" + again.run_id + "'"),
            "input_changed: an input has other content than last time");
  work();
  // The artifact of before is not overwritten.
  EXPECT_EQ(result(), "4");
  EXPECT_EQ(number_of("SELECT COUNT(*) FROM artifact_index WHERE artifact_type = 'total_v1'"), 2);
}

TEST_F(CollectionTest, RunsOfOtherParametersAreOtherRuns) {
  submit_member(1);
  work();
  const Submitted once = submit_total();
  const Submitted thrice = submit_total({{"factor", 3}});
  EXPECT_NE(once.run_id, thrice.run_id);
  EXPECT_EQ(submit_total({{"factor", 1}}).run_id, once.run_id) << "a default that is spelled out";
  work();
  EXPECT_EQ(result("x1"), "4");
  EXPECT_EQ(result("x3"), "12");
  EXPECT_TRUE(submit_total({{"factor", 3}}).is_fresh);
  SubmitOptions options;
  options.params = {{"fcator", 3}};
  EXPECT_EQ(queue_.submit(total(), collection_, options).error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(queue_.submit(recipe(), asset(1), options).error().code, ErrorCode::invalid_argument)
      << "this recipe takes none";
}

TEST_F(CollectionTest, MembersCanBeChosenByWhatIsKnownOfThem) {
  submit_member(1);
  const std::string tagged = asset(2);
  submit_member(2);
  store::AudioMetadata metadata;
  metadata.tag_data = json::object{{"species", "humpback"}};
  ASSERT_TRUE(store::set_metadata(database_, tagged, metadata, clock_.now_us()).ok());
  work();
  submit_total({{"only", "tag_data"}});
  work();
  EXPECT_EQ(result(), "16");
}

TEST_F(CollectionTest, ARerunOfManyKeepsTheirParameters) {
  submit_member(1);
  work();
  const Submitted thrice = submit_total({{"factor", 3}});
  work();
  BulkRequest request;
  request.action = BulkAction::rerun;
  request.filter.run_ids = {thrice.run_id};
  EXPECT_EQ(queue_.change_many(request).value().n_changed, 1);
  EXPECT_EQ(work(), std::vector<std::string>{"total"});
  EXPECT_EQ(number_of("SELECT COUNT(DISTINCT params_json) FROM runs WHERE recipe = 'total'"), 1);
}

TEST_F(CollectionTest, ACollectionIsNoRecordingAndTheOtherWayRound) {
  EXPECT_EQ(queue_.submit(recipe(), collection_, {}).error().code, ErrorCode::not_found);
  EXPECT_EQ(queue_.submit(total(), asset(1), {}).error().code, ErrorCode::not_found);
}

}  // namespace
}  // namespace baleen::engine
