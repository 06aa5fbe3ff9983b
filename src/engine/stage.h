#pragma once

/// What a stage is: a named, versioned function from artifacts and parameters to artifacts.
///
/// A recipe declares its stages as StageSpecs. The supervisor resolves what a task needs into a
/// StageRequest; an executor (a child process) makes the Stage once, keeps it warm and runs each request
/// in a sandboxed copy of itself. A stage writes only to the temporary names it is given; the supervisor
/// gives them their final names in the transaction that records them.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/json.h"
#include "core/result.h"

namespace baleen::engine {

/// One recording of a collection, and what people know of it.
struct Member {
  std::string asset_id, filename;
  json::object metadata;  ///< tag_data, visual_observations, …: those that are known.
};

/// What the planner tells a stage about its subject, an asset or a collection, so that it can choose its parameters.
class PlanView {
 public:
  virtual ~PlanView() = default;
  /// Whether an intact artifact of this type and alias exists for the subject.
  [[nodiscard]] virtual bool has_artifact(std::string_view type, std::string_view alias) const = 0;
  /// The content digest of the newest one, intact or not; "" if there is none.
  [[nodiscard]] virtual std::string digest_of(std::string_view type) const = 0;
  /// The record of the newest one, of this alias unless it is empty; "" if there is none.
  [[nodiscard]] virtual std::string document_of(std::string_view type,
                                                std::string_view alias) const = 0;
  /// The asset or collection that is planned for.
  [[nodiscard]] virtual std::string subject_id() const = 0;
  /// As its owner calls the recording; "" of a collection.
  [[nodiscard]] virtual std::string filename() const = 0;
  /// What the run was submitted with, after Recipe::canonical_params.
  [[nodiscard]] virtual const json::object& params() const = 0;
  /// The recordings of a collection in the order of their ids; none for an asset.
  [[nodiscard]] virtual std::vector<Member> members() const = 0;
};

/// The answer: all that decides what the stage will compute.
struct StageSetup {
  std::string
      feature_spec_alias;       ///< Part of the lease's key and of {alias} in paths; may be empty.
  std::string feature_spec_id;  ///< Registered under the alias, once and for ever, unless empty.
  json::object params;          ///< Canonical parameters: part of the signature.
  json::object models;          ///< Model name → sha256: part of the signature.
  /// Words for the paths of outputs besides {asset} and {alias}.
  std::map<std::string, std::string, std::less<>> path_words = {};
  /// Type of an input → the alias that is read, where it is another than InputSpec::is_of_alias says.
  std::map<std::string, std::string, std::less<>> input_aliases = {};
  /// What the stage needs to be told at length; its digest is part of the signature.
  json::object payload = {};
  /// Of a collection: whose artifacts are read. Nothing: those of all its members.
  std::optional<std::vector<std::string>> member_ids = {};
};

struct InputSpec {
  std::string type;                                     ///< Artifact type.
  bool is_of_alias = false;                             ///< Only of the setup's feature_spec_alias.
  ErrorCode missing_code = ErrorCode::input_not_found;  ///< If it is gone when the stage starts.
  /// One of each member of the collection that has one, and at least one; what makes them ends first, well or not.
  bool is_of_members = false;
};

struct OutputSpec {
  std::string type;
  std::string path;  ///< Below the data root, with {asset} and {alias}.
  std::string schema_id;
  std::string version = "1.0.0";
  bool is_resumable = false;  ///< The temporary file is kept for the next attempt after a crash.
};

class Stage;

struct StageSpec {
  std::string name;
  std::string version;  ///< Raised whenever the stage would compute something else.
  std::vector<InputSpec> inputs;
  std::vector<OutputSpec> outputs;
  /// Other resumable files, by name: they lie in the work directory. NAME may be written as NAME.tmp and renamed.
  std::vector<std::string> scratch;
  std::string stage_class = "cpu";  ///< Which workers may take it: cpu, net, …
  /// Whether `run` can use StageRequest::n_threads threads: its cell may start some. What it makes must not depend on
  /// their number, which is no part of the signature.
  bool uses_threads = false;
  std::function<Result<StageSetup>(const PlanView&)> setup;
  std::function<std::unique_ptr<Stage>()> make;  ///< Called in the executor, once.
};

struct StageInput {
  std::string type;
  std::filesystem::path path;  ///< Absolute, or relative to the working directory.
  std::string feature_spec_alias;
  std::string asset_id;
};

struct StageOutputSlot {
  std::string type;
  std::filesystem::path temporary;  ///< Write here.
  std::filesystem::path
      alternative;         ///< A name nobody else can hold, where `temporary` is resumable.
  std::string final_path;  ///< What it will be called, below the data root.
};

/// One attempt at one task, as an executor sees it.
struct StageRequest {
  std::int64_t task_id = 0;
  std::int64_t fence = 0;
  std::string recipe, stage, asset_id, trace_id, feature_spec_alias, feature_spec_id, signature;
  std::string computed_at;  ///< For documents: the only value two runs may differ in.
  json::object params, models, payload;
  std::vector<StageInput> inputs;  ///< In the order of the spec; those of members by their ids.
  std::vector<StageOutputSlot> outputs;
  std::vector<std::filesystem::path> scratch;
  std::filesystem::path
      work_directory;  ///< Where outputs and scratch lie: all that may be written.
  int n_threads = 1;   ///< How many may compute at once, the one that is there among them.

  [[nodiscard]] const StageInput& input(std::string_view type) const;
  [[nodiscard]] const StageOutputSlot& output(std::string_view type) const;
  [[nodiscard]] json::object to_json() const;
  [[nodiscard]] static StageRequest from_json(const json::object& object);
};

struct ProducedArtifact {
  std::string type;
  std::filesystem::path temporary;  ///< Complete and fsynced.
  std::string content_sha256;       ///< Digest without computed_at; empty: same as the file's.
  std::string document_json;        ///< The artifact's record, where it has one.
};

struct StageWarning {
  ErrorCode code;
  std::string message;
};

struct StageOutcome {
  std::vector<ProducedArtifact> artifacts;
  json::object metrics;
  std::vector<StageWarning> warnings;

  [[nodiscard]] json::object to_json() const;
  /// Members that are absent or of another type are empty; unknown warnings are left out.
  [[nodiscard]] static StageOutcome from_json(const json::object& object);
};

/// Called by a stage while it works: `fraction` of the whole in 0..1 (below 0: unknown).
using ProgressFn = std::function<void(double fraction)>;

class Stage {
 public:
  virtual ~Stage() = default;
  /// Loads what `run` will need besides the files of its task: models, libraries. Called before every
  /// `run` in the executor, which lives on; `run` itself is called in a copy of it that has no right to
  /// open anything but the inputs and outputs, and what it changes in this object is lost.
  [[nodiscard]] virtual Result<void> warm_up(const StageRequest& /*request*/) { return {}; }
  [[nodiscard]] virtual Result<StageOutcome> run(const StageRequest& request,
                                                 const ProgressFn& progress) = 0;
};

}  // namespace baleen::engine
