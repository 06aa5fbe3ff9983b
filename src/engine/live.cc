#include "engine/live.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <fstream>

#include "core/clock.h"
#include "core/file.h"
#include "core/process.h"
#include "store/host_guard.h"

namespace baleen::engine {
namespace {

namespace fs = std::filesystem;

constexpr double kFractionBeforeEta = 0.01;

/// Whether the process lives whose file has this name. Workers of other machines are not below one data root.
bool is_of_the_living(const store::DataRoot& root, const std::string& name) {
  int pid = 0;
  unsigned long long start_ticks = 0, pid_namespace = 0;
  if (std::sscanf(name.c_str(), "worker.%d.%llu.%llu.", &pid, &start_ticks, &pid_namespace) < 2)
    return false;
  core::ProcessIdentity worker = core::this_process();
  worker.pid = pid;
  worker.start_ticks = start_ticks;
  if (pid_namespace != 0) worker.pid_namespace = pid_namespace;
  return store::liveness(root, worker) != core::Liveness::dead;
}

json::value number_or_null(double number) {
  return number < 0 ? json::value(nullptr) : json::value(number);
}

fs::path own_path(const store::DataRoot& root) {
  const core::ProcessIdentity& self = core::this_process();
  return root.live() /
         fmt::format("worker.{}.{}.{}.json", self.pid, self.start_ticks, self.pid_namespace);
}

}  // namespace

double eta_s(const LiveTask& task) {
  if (task.fraction < kFractionBeforeEta) return -1;
  return task.seconds * (1 - std::min(task.fraction, 1.0)) / task.fraction;
}

json::object LiveWorker::to_json() const {
  json::array list;
  for (const LiveTask& task : tasks) {
    list.push_back({{"task_id", task.task_id},
                    {"run_id", task.run_id},
                    {"asset_id", task.asset_id},
                    {"stage", task.stage},
                    {"attempt", task.attempt},
                    {"started_at_us", task.started_at_us},
                    {"seconds", task.seconds},
                    {"fraction", number_or_null(task.fraction)}});
  }
  return {{"worker", worker},
          {"host", host},
          {"pid", pid},
          {"since_us", since_us},
          {"executors", executors},
          {"executor_deaths", executor_deaths},
          {"rss_bytes", rss_bytes},
          {"tasks", std::move(list)}};
}

LiveWorker LiveWorker::from_json(const json::object& object) {
  LiveWorker worker;
  worker.worker = core::get_string(object, "worker");
  worker.host = core::get_string(object, "host");
  worker.pid = core::get_int(object, "pid");
  worker.since_us = core::get_int(object, "since_us");
  worker.executors = static_cast<int>(core::get_int(object, "executors"));
  worker.executor_deaths = core::get_int(object, "executor_deaths");
  worker.rss_bytes = core::get_int(object, "rss_bytes");
  for (const json::value& value : core::get_array(object, "tasks")) {
    if (!value.is_object()) continue;
    const json::object& task = value.get_object();
    worker.tasks.push_back({core::get_int(task, "task_id"), core::get_string(task, "run_id"),
                            core::get_string(task, "asset_id"), core::get_string(task, "stage"),
                            static_cast<int>(core::get_int(task, "attempt")),
                            core::get_int(task, "started_at_us"), core::get_double(task, "seconds"),
                            core::get_double(task, "fraction", -1)});
  }
  return worker;
}

LiveBoard::LiveBoard(const store::DataRoot& root) : path_(own_path(root)) {
  std::error_code ignored;
  fs::create_directories(path_.parent_path(), ignored);
  (void)read_live(root);  // Removes what others left.
}

LiveBoard::~LiveBoard() {
  std::error_code ignored;
  fs::remove(path_, ignored);
}

void LiveBoard::show(const LiveWorker& worker) {
  std::string text = core::to_json(worker.to_json());
  if (text == shown_) return;
  const fs::path temporary = path_.string() + ".tmp";
  std::error_code error;
  {
    std::ofstream file(temporary, std::ios::trunc);  // No fsync: after a power cut nobody asks.
    if (!(file << text).flush()) return fs::remove(temporary, error), void();
  }
  fs::rename(temporary, path_, error);
  if (!error) shown_ = std::move(text);
}

std::vector<LiveWorker> read_live(const store::DataRoot& root) {
  std::vector<LiveWorker> workers;
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(root.live(), error)) {
    if (!is_of_the_living(root, entry.path().filename().string())) {
      std::error_code ignored;
      fs::remove(entry.path(), ignored);
      continue;
    }
    if (entry.path().extension() != ".json") continue;
    const Result<json::value> value = core::read_json_file(entry.path());
    if (!value.ok() || !value->is_object()) continue;  // Gone meanwhile.
    workers.push_back(LiveWorker::from_json(value->get_object()));
  }
  std::sort(workers.begin(), workers.end(),
            [](const LiveWorker& a, const LiveWorker& b) { return a.worker < b.worker; });
  return workers;
}

}  // namespace baleen::engine
