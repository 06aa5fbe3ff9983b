// sweep: embeddings of a collection → sweep.json: which parameters make clusters that do not hang on a seed.

#include <algorithm>

#include "core/file.h"
#include "core/process.h"
#include "core/sha256.h"
#include "formats/document.h"
#include "recipes/bioacoustics/collection_windows.h"
#include "recipes/bioacoustics/stages.h"
#include "recipes/bioacoustics/sweep.h"

namespace baleen::bioacoustics {
namespace {

json::array describe(const Sweep& sweep, const json::object& grid) {
  json::array list;
  for (const SweepEntry& entry : sweep.entries) {
    const json::object params = entry.params.to_json();
    json::object tried;
    for (const auto& member : grid) tried[member.key()] = params.at(member.key());
    list.push_back({{"tried", std::move(tried)},
                    {"parameters", params},
                    {"clusters", entry.clusters},
                    {"noise", std::clamp(entry.noise, 0.0, 1.0)},
                    {"stability", std::min(entry.stability, 1.0)}});
  }
  return list;
}

class SweepStage final : public engine::Stage {
 public:
  Result<void> warm_up(const engine::StageRequest&) override {
    formats::prepare_schema("sweep.v1");
    return {};
  }

  Result<engine::StageOutcome> run(const engine::StageRequest& request,
                                   const engine::ProgressFn& progress) override {
    const json::object& grid = core::get_object(request.params, "sweep");
    BALEEN_ASSIGN_OR_RETURN(const SweepPlan plan,
                            SweepPlan::create(core::get_object(request.params, "clustering"), grid,
                                              core::get_int(request.params, "seeds")));
    BALEEN_ASSIGN_OR_RETURN(CollectionWindows windows,
                            read_collection_windows(request, plan.combinations.front().min_fill));
    const std::size_t n = windows.n();
    cluster::Matrix vectors(std::move(windows.vectors), n, static_cast<std::size_t>(windows.size));
    BALEEN_ASSIGN_OR_RETURN(const Sweep sweep, sweep_vectors(std::move(vectors), windows.recording,
                                                             plan, request.n_threads, progress,
                                                             windows.deployments().of_rows));
    const std::string version(core::version());
    json::object document = formats::begin_document(
        "sweep.v1", {request.asset_id, request.computed_at, version, version});
    document["encoding_id"] = core::get_string(request.params, "encoding_id");
    document["where"] = core::get_object(request.params, "where");
    document["recordings"] = std::ssize(windows.recordings);
    document["windows"] = static_cast<std::int64_t>(n);
    document["seeds"] = plan.n_seeds;
    document["combinations"] = describe(sweep, grid);
    document["recommended"] = static_cast<std::int64_t>(sweep.recommended);
    document["why"] = sweep.why;
    BALEEN_RETURN_IF_ERROR(formats::validate("sweep.v1", document));
    const engine::StageOutputSlot& slot = request.output("sweep_v1");
    BALEEN_RETURN_IF_ERROR(core::write_file_synced(slot.temporary, core::to_pretty_json(document)));
    engine::StageOutcome outcome;
    outcome.metrics = {{"windows", static_cast<std::int64_t>(n)},
                       {"combinations", std::ssize(sweep.entries)}};
    document.erase("computed_at");
    outcome.artifacts.push_back(
        {"sweep_v1", slot.temporary, core::sha256_hex(core::to_canonical_json(document)), ""});
    return outcome;
  }
};

}  // namespace

std::unique_ptr<engine::Stage> make_sweep_stage() { return std::make_unique<SweepStage>(); }

}  // namespace baleen::bioacoustics
