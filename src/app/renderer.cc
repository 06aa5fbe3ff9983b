#include "app/renderer.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "app/renderings.h"
#include "core/file.h"
#include "core/sha256.h"
#include "store/artifacts.h"
#include "store/assets.h"

namespace baleen {
namespace {

namespace fs = std::filesystem;

/// By how much the recorder slowed the sound down, as it says.
Result<double> time_expansion_of(store::Database& database,
                                 const store::DataRoot& root,
                                 const std::string& asset_id) {
  BALEEN_ASSIGN_OR_RETURN(const auto artifact,
                          store::find_latest_artifact(database, asset_id, "recording_v1", ""));
  if (!artifact) return 1.0;
  BALEEN_ASSIGN_OR_RETURN(const json::value document,
                          core::read_json_file(root.at(artifact->path)));
  return document.is_object() ? core::get_double(document.get_object(), "time_expansion", 1) : 1.0;
}

/// What processes left behind that were killed.
void remove_leftovers(const fs::path& work) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(work, error)) {
    const std::string name = entry.path().filename().string();
    constexpr std::string_view kPrefix = "rendering.";
    if (!name.starts_with(kPrefix)) continue;
    const std::string pid =
        name.substr(kPrefix.size(), name.find('.', kPrefix.size()) - kPrefix.size());
    if (!fs::exists("/proc/" + pid)) fs::remove_all(entry.path(), error);
  }
}

}  // namespace

/// A slot while it is used.
class Renderer::Lease {
 public:
  Lease(Renderer& renderer, Slot* slot) : renderer_(renderer), slot_(slot) {}
  ~Lease() { renderer_.give_back(slot_); }
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;
  Slot* operator->() const { return slot_; }

 private:
  Renderer& renderer_;
  Slot* slot_;
};

Renderer::Renderer(engine::ExecutorCommand command, store::DataRoot root)
    : command_(std::move(command)), root_(std::move(root)), slots_(kExecutorsMax) {
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    slots_[i].number = i;
    free_.push_back(&slots_[i]);
  }
  remove_leftovers(root_.work());
  // Nothing there was synced: after a power cut a file may be empty.
  std::error_code error;
  fs::remove_all(root_.at("renderings"), error);
}

Renderer::~Renderer() {
  std::error_code error;
  for (const Slot& slot : slots_)
    fs::remove_all(root_.work() / fmt::format("rendering.{}.{}", ::getpid(), slot.number), error);
}

fs::path Renderer::kept_path(const std::string& key) const { return root_.at("renderings") / key; }

bool Renderer::find_kept(const std::string& key, api::FileBody& body) {
  const std::lock_guard lock(mutex_);
  const auto found = kept_.find(key);
  if (found == kept_.end()) return false;
  if (!core::file_size_bytes(kept_path(key)).ok()) {  // Somebody has tidied up.
    kept_bytes_ -= found->second.bytes;
    uses_.erase(found->second.use);
    kept_.erase(found);
    return false;
  }
  uses_.splice(uses_.begin(), uses_, found->second.use);
  body = {kept_path(key), found->second.bytes, key};
  return true;
}

void Renderer::remember(const std::string& key, std::int64_t bytes) {
  if (const auto known = kept_.find(key); known != kept_.end()) {
    kept_bytes_ -= known->second.bytes;
    uses_.erase(known->second.use);
  }
  uses_.push_front(key);
  kept_[key] = {bytes, uses_.begin()};
  kept_bytes_ += bytes;
  std::error_code error;
  while (kept_bytes_ > kKeptBytesMax && uses_.size() > 1) {
    const std::string oldest = uses_.back();
    fs::remove(kept_path(oldest), error);
    kept_bytes_ -= kept_[oldest].bytes;
    kept_.erase(oldest);
    uses_.pop_back();
  }
}

Result<api::FileBody> Renderer::keep(const std::string& key, const fs::path& output) {
  BALEEN_ASSIGN_OR_RETURN(const std::int64_t bytes, core::file_size_bytes(output));
  std::error_code error;
  fs::create_directories(root_.at("renderings"), error);
  // Not synced: the next service begins with nothing.
  fs::rename(output, kept_path(key), error);
  if (error) {
    return fail(ErrorCode::io_error, "keep the rendering as {}: {}", kept_path(key).string(),
                error.message());
  }
  const std::lock_guard lock(mutex_);
  remember(key, bytes);
  return api::FileBody{kept_path(key), bytes, key};
}

Result<Renderer::Slot*> Renderer::take_slot() {
  std::unique_lock lock(mutex_);
  if (!has_slot_.wait_for(lock, std::chrono::duration<double>(kWaitMaxS),
                          [&] { return !free_.empty(); })) {
    return fail(ErrorCode::overloaded,
                "too many pictures and clips are being made; ask again later");
  }
  Slot* const slot = free_.back();
  free_.pop_back();
  return slot;
}

void Renderer::give_back(Slot* slot) {
  const std::lock_guard lock(mutex_);
  free_.push_back(slot);
  has_slot_.notify_one();
}

Result<api::FileBody> Renderer::render(store::Database& database,
                                       const std::string& asset_id,
                                       const std::string& kind,
                                       json::object params) {
  BALEEN_ASSIGN_OR_RETURN(const auto asset, store::find_asset(database, asset_id));
  if (!asset) return fail(ErrorCode::not_found, "there is no asset '{}'", asset_id);
  BALEEN_ASSIGN_OR_RETURN(const double expansion, time_expansion_of(database, root_, asset_id));
  params["time_expansion"] = expansion;
  const std::string key =
      core::sha256_hex(fmt::format("{} {} {} {}", kRenderingVersion, kind, asset->content_hash,
                                   core::to_canonical_json(params)));
  api::FileBody body;
  if (find_kept(key, body)) return body;
  const fs::path original = root_.at(asset->original_path);
  if (!core::file_size_bytes(original).ok())
    return fail(ErrorCode::input_not_found, "the original of {} is gone", asset->original_filename);

  BALEEN_ASSIGN_OR_RETURN(Slot* const taken, take_slot());
  const Lease slot(*this, taken);
  if (find_kept(key, body)) return body;  // While this one waited, another made it.
  if (!slot->process || !slot->process->is_alive()) {
    BALEEN_ASSIGN_OR_RETURN(auto process, engine::ExecutorProcess::start(command_));
    slot->process = std::make_unique<engine::ExecutorProcess>(std::move(process));
  }
  const fs::path output =
      root_.work() / fmt::format("rendering.{}.{}", ::getpid(), slot->number) / "out";
  const Result<json::object> answer = slot->process->ask({{"op", "render"},
                                                          {"kind", kind},
                                                          {"path", original.string()},
                                                          {"params", params},
                                                          {"output", output.string()}},
                                                         kTimeoutS);
  if (!answer.ok()) return answer.error();
  return keep(key, output);
}

}  // namespace baleen
