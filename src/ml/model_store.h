#pragma once

/// The models that a user installed: `<root>/<name>.<ext>` with its card beside it, `<root>/<name>.json`.
///
///   ModelStore store(data / "models");
///   store.add("downloads/yamnet_patches.onnx", {});         // recognised by its sha256: "yamnet"
///   if (auto model = store.find_for_task("yamnet")) use(model->path, model->card.sha256);
///
/// A file becomes a model in the engine's order: bytes (temporary name, fsync), name (rename), card last. A
/// file without a card is not installed; a card without its file is reported as damaged. Any number of
/// processes may read; `add`, `pull` and `remove` take the lock `<root>/.lock`.

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "ml/catalogue.h"

namespace baleen::ml {

struct InstalledModel {
  ModelCard card;  ///< With the digest and size of the file as it was installed.
  std::filesystem::path path;
  std::string installed_at;  ///< RFC 3339.
  std::string origin;        ///< The path or URL it came from.
  bool is_intact =
      true;  ///< The file is there, with the size of the card (`verify` also hashes it).
};

struct ModelStatus {
  ModelCard card;
  std::optional<InstalledModel> installed;
  bool is_active = false;  ///< The one that `find_for_task(card.task)` returns.
};

struct AddOptions {
  /// For a file that the catalogue does not know; may not be a catalogue name.
  std::string name = {};
  /// The task such a file is meant for; its tensors must then be those of the task's catalogue entry.
  std::string task = "custom";
  /// A card in JSON, for a file that the catalogue does not know: docs/formats/model_card.md. Name and task of the card
  /// hold unless those above say otherwise.
  std::filesystem::path card = {};
};

struct PullOptions {
  std::string url;  ///< Instead of the catalogue's.
  /// Called some times a second with the bytes so far and in all (0 where unknown); false stops.
  std::function<bool(std::int64_t bytes, std::int64_t bytes_total)> progress;
  std::int64_t bytes_max = std::int64_t{4} << 30;  ///< Where the catalogue does not know the size.
};

class ModelStore {
 public:
  explicit ModelStore(std::filesystem::path root,
                      const Catalogue& catalogue = Catalogue::builtin());

  /// Every model of the catalogue, then installed ones that it does not know.
  [[nodiscard]] Result<std::vector<ModelStatus>> list() const;

  /// Installed under this name, or nothing.
  [[nodiscard]] std::optional<InstalledModel> find(std::string_view name) const;

  /// The model to use for a task: the first intact one in the catalogue's order, then one of the user's
  /// own. Reads a few small files; hashes nothing.
  [[nodiscard]] std::optional<InstalledModel> find_for_task(std::string_view task) const;

  /// Copies a file in. Known by its sha256, it gets the catalogue's name and card; an unknown file is
  /// refused (MODEL_INVALID) unless `options` say what it is; so is one whose tensors are not those of its card. Adding
  /// it again changes nothing.
  [[nodiscard]] Result<InstalledModel> add(const std::filesystem::path& file,
                                           const AddOptions& options);

  /// Hashes installed models (all of them, or the one named) against their cards. MODEL_INVALID names
  /// every damaged one; MODEL_NOT_FOUND if the one named is not installed. Returns how many were checked.
  [[nodiscard]] Result<std::size_t> verify(std::string_view name = "") const;

  /// Downloads a model of the catalogue, unless it is installed, with the program `curl`; goes on where an
  /// interrupted download stopped. Only bytes of the published sha256 are installed. `yamnet` comes from
  /// $YAMNET_ONNX_DOWNLOAD_URL. Errors: MODEL_NOT_FOUND, MODEL_DOWNLOAD_FAILED, CANCELED.
  [[nodiscard]] Result<InstalledModel> pull(std::string_view name, const PullOptions& options);

  /// Absence is MODEL_NOT_FOUND.
  [[nodiscard]] Result<void> remove(std::string_view name);

  [[nodiscard]] const std::filesystem::path& root() const { return root_; }

 private:
  [[nodiscard]] std::filesystem::path card_path(std::string_view name) const;
  [[nodiscard]] std::vector<InstalledModel> installed() const;
  [[nodiscard]] Result<ModelCard> described(const std::filesystem::path& file,
                                            const std::string& sha256,
                                            const AddOptions& options) const;
  [[nodiscard]] Result<ModelCard> identify(const std::filesystem::path& file,
                                           const std::string& sha256,
                                           const AddOptions& options) const;
  [[nodiscard]] Result<InstalledModel> install(const std::filesystem::path& temporary,
                                               ModelCard card,
                                               const std::string& sha256,
                                               const std::string& origin);

  std::filesystem::path root_;
  const Catalogue& catalogue_;  // Outlives the store; by default the program's own.
};

}  // namespace baleen::ml
