// The log of a run as people see it: whatever the log file holds, lines of clean text.
#include "engine/run_log.h"

#include "core/file.h"
#include "core/json.h"
#include "fuzz/input.h"
#include "store/schema.h"

using namespace baleen;

namespace {

constexpr const char* kRun = "run-1";

store::Database make_database(const store::DataRoot& root) {
  store::Database database = store::Database::open(root.database()).value();
  BALEEN_CHECK(store::migrate(database).ok());
  BALEEN_CHECK(
      database
          .execute("INSERT INTO runs (run_id, recipe, asset_id, owner_entity_id, state, "
                   "trace_id, created_at_us) VALUES ($1, 'ssis', 'a', 'o', 'running', '', 0)",
                   kRun)
          .ok());
  return database;
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static fuzz::Folder folder;
  static const store::DataRoot root{folder.path()};
  static store::Database database = make_database(root);
  const std::string_view text = fuzz::text_of(data, size);
  BALEEN_CHECK(core::make_directories(root.logs()).ok());
  {
    const Result<core::Fd> file = core::create_file(root.logs() / "baleen.jsonl");
    BALEEN_CHECK(file.ok() && core::write_all(*file, std::as_bytes(std::span(text))).ok());
  }
  const Result<std::string> log = engine::run_log(database, root, kRun, {});
  BALEEN_CHECK(log.ok());
  const auto n_lines = std::count(log->begin(), log->end(), '\n');
  BALEEN_CHECK(n_lines <= 1 + std::count(text.begin(), text.end(), '\n'));
  BALEEN_CHECK(log->empty() || log->back() == '\n');
  BALEEN_CHECK(core::valid_utf8(*log) == *log);
  BALEEN_CHECK(std::none_of(log->begin(), log->end(), [](char letter) {
    return (static_cast<unsigned char>(letter) < ' ' && letter != '\n') || letter == '\x7f';
  }));
  return 0;
}
