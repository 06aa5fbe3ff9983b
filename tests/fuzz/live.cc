// The board of a worker, which others read: anything may lie there.
#include "engine/live.h"

#include <cmath>

#include "core/file.h"
#include "core/process.h"
#include "fuzz/input.h"

using namespace baleen;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static fuzz::Folder folder;
  static const store::DataRoot root{folder.path()};
  static const std::filesystem::path path = [] {
    BALEEN_CHECK(core::make_directories(root.live()).ok());
    const core::ProcessIdentity& self = core::this_process();
    return root.live() / fmt::format("worker.{}.{}.json", self.pid, self.start_ticks);
  }();
  const std::string_view text = fuzz::text_of(data, size);
  {
    const Result<core::Fd> file = core::create_file(path);
    BALEEN_CHECK(file.ok() && core::write_all(*file, std::as_bytes(std::span(text))).ok());
  }
  const std::vector<engine::LiveWorker> workers = engine::read_live(root);
  BALEEN_CHECK(workers.size() <= 1);
  if (workers.empty()) return 0;
  const engine::LiveWorker& worker = workers.front();
  for (const engine::LiveTask& task : worker.tasks) (void)engine::eta_s(task);
  const json::object written = worker.to_json();
  BALEEN_CHECK(engine::LiveWorker::from_json(written).to_json() == written);
  return 0;
}
