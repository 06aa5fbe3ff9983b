#include "ml/model_store.h"

#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <set>
#include <utility>

#include "core/clock.h"
#include "core/file.h"
#include "core/process.h"
#include "core/sha256.h"
#include "ml/download.h"
#include "ml/embedding_network.h"
#include "ml/session.h"

namespace baleen::ml {
namespace fs = std::filesystem;
namespace {

constexpr std::string_view kUnlistedTask = "custom";
constexpr std::string_view kYamnet = "yamnet";

std::string yamnet_url_of_environment() {
  const std::string url = core::environment("YAMNET_ONNX_DOWNLOAD_URL");
  const char* plain = std::getenv("YAMNET_ONNX_DOWNLOAD_URL");  // As the runbook spells it.
  return !url.empty() || plain == nullptr ? url : plain;
}

// Held while the store changes; released by the kernel whatever happens to us.
Result<core::Fd> lock_store(const fs::path& root) {
  BALEEN_RETURN_IF_ERROR(core::make_directories(root));
  BALEEN_ASSIGN_OR_RETURN(core::Fd lock, core::create_file(root / ".lock"));
  while (::flock(lock.get(), LOCK_EX) != 0) {
    if (errno != EINTR) return core::errno_error(errno, "lock " + root.string());
  }
  return lock;
}

// A temporary file that goes away unless it was renamed.
class TemporaryFile {
 public:
  explicit TemporaryFile(fs::path path) : path_(std::move(path)) {}
  ~TemporaryFile() { ::unlink(path_.c_str()); }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  [[nodiscard]] const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

// Copies, syncs and returns the digest of what was copied.
Result<std::string> copy_and_hash(const fs::path& from, const fs::path& to) {
  BALEEN_ASSIGN_OR_RETURN(const core::Fd source, core::open_read(from));
  BALEEN_ASSIGN_OR_RETURN(const core::Fd target, core::create_file(to));
  core::Sha256 hash;
  std::vector<std::byte> block(std::size_t{1} << 20);
  while (true) {
    BALEEN_ASSIGN_OR_RETURN(const std::size_t size, core::read_some(source, block));
    if (size == 0) break;
    const auto bytes = std::span<const std::byte>(block).first(size);
    hash.update(bytes);
    BALEEN_RETURN_IF_ERROR(core::write_all(target, bytes));
  }
  BALEEN_RETURN_IF_ERROR(core::sync_file(target));
  return hash.finish_hex();
}

std::string extension_of(const ModelCard& card) {
  const std::string extension = fs::path(card.file).extension().string();
  return extension.empty() || extension == ".json" ? ".bin" : extension;
}

// A model of a task must take and give what every model of that task does.
Result<void> check_contract(const Session& session, const ModelCard& contract) {
  for (const TensorContract& tensor : contract.inputs) {
    const bool is_int = tensor.shape.empty();  // A scalar parameter, such as a sample rate.
    if (tensor.name == "*" || is_int) continue;
    BALEEN_RETURN_IF_ERROR(session.expect_input(tensor.name, tensor.shape));
  }
  for (const TensorContract& tensor : contract.outputs) {
    if (tensor.name == "*") continue;
    BALEEN_RETURN_IF_ERROR(session.expect_output(tensor.name, tensor.shape));
  }
  return {};
}

}  // namespace

ModelStore::ModelStore(fs::path root, const Catalogue& catalogue)
    : root_(std::move(root)), catalogue_(catalogue) {}

fs::path ModelStore::card_path(std::string_view name) const {
  return root_ / (std::string(name) + ".json");
}

std::optional<InstalledModel> ModelStore::find(std::string_view name) const {
  const fs::path sidecar = card_path(name);
  std::error_code ignored;
  if (name.find('/') != std::string_view::npos || !fs::exists(sidecar, ignored)) return {};
  const Result<json::value> document = core::read_json_file(sidecar);
  if (!document.ok()) return {};
  Result<ModelCard> card = parse_card(*document);
  if (!card.ok() || card->name != name) return {};
  InstalledModel model;
  model.card = std::move(card).value();
  model.path = root_ / (model.card.name + extension_of(model.card));
  model.installed_at = core::get_string(document->get_object(), "installed_at");
  model.origin = core::get_string(document->get_object(), "origin");
  const Result<std::int64_t> size_bytes = core::file_size_bytes(model.path);
  model.is_intact = size_bytes.ok() && *size_bytes == model.card.size_bytes;
  return model;
}

std::vector<InstalledModel> ModelStore::installed() const {
  std::set<std::string> names;  // Sorted: the order of a directory is no order.
  std::error_code ignored;
  for (const fs::directory_entry& entry : fs::directory_iterator(root_, ignored)) {
    if (entry.path().extension() == ".json") names.insert(entry.path().stem().string());
  }
  std::vector<InstalledModel> models;
  for (const std::string& name : names) {
    if (auto model = find(name)) models.push_back(std::move(*model));
  }
  return models;
}

std::optional<InstalledModel> ModelStore::find_for_task(std::string_view task) const {
  if (task == kUnlistedTask) return {};
  for (const ModelCard& card : catalogue_.cards()) {
    if (card.task != task) continue;
    if (auto model = find(card.name); model && model->is_intact) return model;
  }
  for (InstalledModel& model : installed()) {
    if (model.card.task == task && model.is_intact) return std::move(model);
  }
  return {};
}

Result<std::vector<ModelStatus>> ModelStore::list() const {
  std::vector<ModelStatus> statuses;
  std::vector<InstalledModel> models = installed();
  for (const ModelCard& card : catalogue_.cards()) statuses.push_back({card, {}, false});
  for (InstalledModel& model : models) {
    const auto known = std::ranges::find_if(
        statuses, [&](const ModelStatus& status) { return status.card.name == model.card.name; });
    if (known == statuses.end())
      statuses.push_back({model.card, std::move(model), false});
    else
      known->installed = std::move(model);
  }
  for (ModelStatus& status : statuses) {
    if (!status.installed) continue;
    const auto active = find_for_task(status.card.task);
    status.is_active = active && active->card.name == status.card.name;
  }
  return statuses;
}

/// What the user's card says of a file, if the file agrees.
Result<ModelCard> ModelStore::described(const fs::path& file,
                                        const std::string& sha256,
                                        const AddOptions& options) const {
  BALEEN_ASSIGN_OR_RETURN(json::value document, core::read_json_file(options.card));
  if (!document.is_object())
    return fail(ErrorCode::model_invalid, "{}: no JSON object", options.card.string());
  json::object& object = document.get_object();
  if (!options.name.empty()) object["name"] = options.name;
  if (core::get_string(object, "name").empty()) object["name"] = options.card.stem().string();
  if (core::get_string(object, "task").empty()) object["task"] = options.task;
  BALEEN_ASSIGN_OR_RETURN(object["format"], model_format(file));
  Result<ModelCard> parsed = parse_card(document);
  if (!parsed.ok()) return std::move(parsed).error().context(options.card.string());
  ModelCard card = std::move(*parsed);
  if (catalogue_.find(card.name) != nullptr) {
    return fail(ErrorCode::model_invalid,
                "'{}' is a model of the catalogue, and this file is another: give another --name",
                card.name);
  }
  if (!card.sha256.empty() && card.sha256 != sha256) {
    return fail(ErrorCode::model_invalid, "the card is of a file of sha256 {}, but this file is {}",
                card.sha256, sha256);
  }
  card.file = card.name + "." + card.format;
  if (card.licence.empty()) card.licence = "not stated";
  if (card.source.empty()) card.source = "installed by the user";
  BALEEN_ASSIGN_OR_RETURN(const Session session, Session::open(file, {}));
  BALEEN_RETURN_IF_ERROR(check_contract(session, card));
  if (card.embedding) BALEEN_RETURN_IF_ERROR(EmbeddingNetwork::check(session, card));
  return card;
}

Result<ModelCard> ModelStore::identify(const fs::path& file,
                                       const std::string& sha256,
                                       const AddOptions& options) const {
  const ModelCard* known = catalogue_.find_by_sha256(sha256);
  if (known != nullptr) {
    if (!options.name.empty() && options.name != known->name) {
      return fail(ErrorCode::invalid_argument, "this file is known as '{}': leave out --name",
                  known->name);
    }
    return *known;
  }
  if (!options.card.empty()) return described(file, sha256, options);
  if (options.name.empty()) {
    return fail(ErrorCode::model_invalid,
                "no model of the catalogue has sha256 {}: the file is damaged, or another version; "
                "to install it under a name of your own, give --name, or --card to say what it "
                "takes and gives",
                sha256);
  }
  ModelCard card;
  if (const ModelCard* namesake = catalogue_.find(options.name); namesake != nullptr) {
    if (!namesake->sha256.empty() || !namesake->sha256_prefix.empty()) {
      return fail(ErrorCode::model_invalid, "'{}' is published as sha256 {}{}, but this file is {}",
                  namesake->name, namesake->sha256, namesake->sha256_prefix, sha256);
    }
    return *namesake;  // No digest is published: the user vouches for it.
  }
  card.name = options.name;
  card.task = options.task;
  BALEEN_ASSIGN_OR_RETURN(card.format, model_format(file));
  card.file = options.name + "." + card.format;
  card.licence = "not stated";
  card.source = "installed by the user";
  BALEEN_ASSIGN_OR_RETURN(card, parse_card(card_to_json(card)));  // Checks the name.
  BALEEN_ASSIGN_OR_RETURN(const Session session, Session::open(file, {}));
  if (card.task == kUnlistedTask) return card;
  const ModelCard* contract = catalogue_.find_task(card.task);
  if (contract == nullptr)
    return fail(ErrorCode::invalid_argument, "no model of the catalogue has the task '{}'",
                card.task);
  card.inputs = contract->inputs;
  card.outputs = contract->outputs;
  card.labels = contract->labels;
  card.sample_rate_hz = contract->sample_rate_hz;
  card.embedding = contract->embedding;
  BALEEN_RETURN_IF_ERROR(check_contract(session, *contract));
  return card;
}

Result<InstalledModel> ModelStore::install(const fs::path& temporary,
                                           ModelCard card,
                                           const std::string& sha256,
                                           const std::string& origin) {
  if (auto existing = find(card.name); existing && existing->is_intact) {
    if (existing->card.sha256 == sha256) return std::move(*existing);
    return fail(ErrorCode::conflict,
                "'{}' is installed with other bytes (sha256 {}); remove it first", card.name,
                existing->card.sha256);
  }
  BALEEN_ASSIGN_OR_RETURN(card.size_bytes, core::file_size_bytes(temporary));
  card.sha256 = sha256;
  card.sha256_prefix.clear();
  BALEEN_RETURN_IF_ERROR(core::publish_file(temporary, root_ / (card.name + extension_of(card))));
  json::object sidecar = card_to_json(card);
  sidecar["installed_at"] = core::rfc3339(core::system_clock().now_us());
  sidecar["origin"] = origin;
  BALEEN_RETURN_IF_ERROR(
      core::write_file_atomic(card_path(card.name), core::to_pretty_json(sidecar)));
  auto model = find(card.name);
  if (!model) return fail(ErrorCode::io_error, "{}: cannot be read back", card.name);
  return std::move(*model);
}

Result<InstalledModel> ModelStore::add(const fs::path& file, const AddOptions& options) {
  std::error_code error;
  if (!fs::is_regular_file(file, error))
    return fail(ErrorCode::file_not_found, "{}: no such file", file.string());
  BALEEN_ASSIGN_OR_RETURN(const core::Fd lock, lock_store(root_));
  const TemporaryFile temporary(root_ / ".incoming.tmp");
  BALEEN_ASSIGN_OR_RETURN(const std::string sha256, copy_and_hash(file, temporary.path()));
  Result<ModelCard> card = identify(temporary.path(), sha256, options);
  if (!card.ok()) return std::move(card).error().context(file.string());
  return install(temporary.path(), std::move(card).value(), sha256, fs::absolute(file).string());
}

Result<std::size_t> ModelStore::verify(std::string_view name) const {
  std::size_t n_checked = 0;
  std::vector<std::string> damaged;
  for (const InstalledModel& model : installed()) {
    if (!name.empty() && model.card.name != name) continue;
    ++n_checked;
    const Result<std::string> sha256 = core::sha256_file(model.path);
    if (!sha256.ok())
      damaged.push_back(fmt::format("{} ({})", model.card.name, sha256.error().message));
    else if (*sha256 != model.card.sha256)
      damaged.push_back(
          fmt::format("{} (sha256 {}, not {})", model.card.name, *sha256, model.card.sha256));
  }
  if (!name.empty() && n_checked == 0)
    return fail(ErrorCode::model_not_found, "'{}' is not installed", name);
  if (!damaged.empty())
    return fail(ErrorCode::model_invalid, "damaged: {}", fmt::join(damaged, ", "));
  return n_checked;
}

Result<InstalledModel> ModelStore::pull(std::string_view name, const PullOptions& options) {
  const ModelCard* card = catalogue_.find(name);
  if (card == nullptr)
    return fail(ErrorCode::model_not_found, "'{}' is not in the catalogue", name);
  if (auto existing = find(name); existing && existing->is_intact) return std::move(*existing);
  std::string url = options.url;
  if (url.empty() && card->task == kYamnet) url = yamnet_url_of_environment();
  if (url.empty()) url = card->url;
  if (url.empty()) {
    return fail(ErrorCode::model_download_failed,
                "'{}' has no public address ({}); get the file and run `baleen models add FILE`{}",
                name, card->source,
                card->task == kYamnet ? ", or set YAMNET_ONNX_DOWNLOAD_URL" : "");
  }
  BALEEN_ASSIGN_OR_RETURN(const core::Fd lock, lock_store(root_));
  const fs::path part = root_ / ("." + card->name + ".part");
  const auto size_so_far = [&] { return core::file_size_bytes(part); };
  const bool is_resumed = size_so_far().ok();
  const DownloadOptions download_options{
      card->size_bytes > 0 ? card->size_bytes : options.bytes_max, [&](std::int64_t bytes) {
        return !options.progress || options.progress(bytes, card->size_bytes);
      }};
  const bool is_complete = is_resumed && card->size_bytes > 0 && *size_so_far() == card->size_bytes;
  if (!is_complete) {
    Result<void> fetched = download(url, part, download_options);
    if (!fetched.ok() && fetched.error().code == ErrorCode::model_download_failed && is_resumed) {
      // What was there may not be the beginning of what is there now.
      BALEEN_RETURN_IF_ERROR(core::remove_file(part));
      fetched = download(url, part, download_options);
    }
    if (!fetched.ok()) return std::move(fetched).error();
  }
  const TemporaryFile temporary(part);  // From here on it is whole: right or wrong, it goes.
  BALEEN_ASSIGN_OR_RETURN(const std::string sha256, core::sha256_file(part));
  const bool is_published = !card->sha256.empty() || !card->sha256_prefix.empty();
  if (is_published && !card->matches(sha256)) {
    return fail(ErrorCode::model_download_failed, "{}: sha256 {} is not that of '{}' ({}{})", url,
                sha256, name, card->sha256, card->sha256_prefix);
  }
  {
    BALEEN_ASSIGN_OR_RETURN(const core::Fd file, core::open_read(part));
    BALEEN_RETURN_IF_ERROR(core::sync_file(file));
  }
  return install(part, *card, sha256, url);
}

Result<void> ModelStore::remove(std::string_view name) {
  BALEEN_ASSIGN_OR_RETURN(const core::Fd lock, lock_store(root_));
  const auto model = find(name);
  if (!model) return fail(ErrorCode::model_not_found, "'{}' is not installed", name);
  BALEEN_RETURN_IF_ERROR(
      core::remove_file(card_path(name)));  // The card first: it makes the model.
  BALEEN_RETURN_IF_ERROR(core::remove_file(model->path));
  return core::sync_directory(root_);
}

}  // namespace baleen::ml
