#include <span>

#include "core/file.h"
#include "core/process.h"
#include "core/sha256.h"
#include "recipes/ssis/stages.h"

namespace baleen::ssis {

formats::DocumentHeader document_header(const engine::StageRequest& request) {
  const std::string version(core::version());
  return {request.asset_id, request.computed_at, version, version};
}

Result<engine::ProducedArtifact> write_document(const engine::StageRequest& request,
                                                std::string_view type,
                                                json::object document) {
  const engine::StageOutputSlot& slot = request.output(type);
  const auto print = [&](const core::Fd& file) {
    Result<void> written;
    core::print_pretty_json(document, [&](std::string_view piece) {
      if (written.ok()) written = core::write_all(file, std::as_bytes(std::span(piece)));
    });
    return written;
  };
  BALEEN_RETURN_IF_ERROR(core::write_file_synced(slot.temporary, print));
  document.erase("computed_at");
  core::Sha256 content;
  core::print_canonical_json(document, [&](std::string_view piece) { content.update(piece); });
  return engine::ProducedArtifact{std::string(type), slot.temporary, content.finish_hex(), ""};
}

Result<ml::InstalledModel> planned_model(const ml::ModelStore& models,
                                         const engine::StageRequest& request,
                                         const std::string& task) {
  std::optional<ml::InstalledModel> model = models.find_for_task(task);
  const std::string planned = core::get_string(request.models, task);
  if (!model)
    return fail(ErrorCode::model_not_found, "the model for '{}' is no longer installed", task);
  if (model->card.sha256 != planned) {
    return fail(ErrorCode::model_invalid,
                "the model for '{}' was replaced: it is {}, planned was {}", task,
                model->card.sha256, planned);
  }
  // The card says so; what will be loaded is the file, and the artifact will name its digest.
  BALEEN_ASSIGN_OR_RETURN(const std::string actual, core::sha256_file(model->path));
  if (actual != planned) {
    return fail(ErrorCode::model_invalid,
                "{} is not the file that was installed: sha256 {}, not {}", model->path.string(),
                actual, planned);
  }
  return std::move(*model);
}

}  // namespace baleen::ssis
