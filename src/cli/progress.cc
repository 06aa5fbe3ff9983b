#include "cli/progress.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "cli/text.h"
#include "core/clock.h"

namespace baleen::cli {
namespace {

constexpr double kDrawIntervalS = 0.1;
constexpr int kBarColumns = 20;

std::size_t terminal_columns() {
  winsize size{};
  if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 80;
  return size.ws_col;
}

}  // namespace

Progress::Style Progress::style_for(bool is_quiet) {
  if (is_quiet) return Style::none;
  const char* term = std::getenv("TERM");
  const bool is_dumb = term != nullptr && std::string_view(term) == "dumb";
  return ::isatty(STDERR_FILENO) == 1 && !is_dumb ? Style::bar : Style::lines;
}

Progress::Progress(Style style) : style_(style), begin_s_(core::steady_s()) {}

Progress::~Progress() { finish(); }

void Progress::add_run(const std::string& run_id,
                       const std::string& name,
                       std::int64_t open_tasks,
                       double duration_s) {
  if (runs_.contains(run_id)) return;
  runs_[run_id] = {name, open_tasks, duration_s, false};
  tasks_total_ += open_tasks;
}

void Progress::set_expected_files(std::int64_t files, bool is_final) {
  files_expected_ = files;
  is_expected_final_ = is_final;
}

void Progress::on_task(const engine::TaskReport& report) {
  using Kind = engine::TaskReport::Kind;
  Run& run = runs_[report.run_id];
  if (run.name.empty())
    run.name = "asset " + report.asset_id;  // Of a worker: nobody named it here.
  const std::string what = report.stage + " " + printable(run.name, 40);
  switch (report.kind) {
    case Kind::started: running_[report.task_id] = {what, 0}; break;
    case Kind::progress:
      running_[report.task_id] = {what, std::clamp(report.fraction, 0.0, 1.0)};
      break;
    case Kind::complete:
      running_.erase(report.task_id);
      ++tasks_done_;
      if (--run.open_tasks == 0) {
        ++runs_done_;
        audio_done_s_ += run.duration_s;
      }
      if (style_ == Style::lines) {
        say(fmt::format("{:<9} complete  {}  {}", report.stage, human_duration(report.seconds),
                        printable(run.name)));
      }
      for (const engine::StageWarning& warning : report.warnings) {
        if (style_ == Style::lines) {
          say(fmt::format("{:<9} warning   {}: {}", report.stage,
                          core::error_info(warning.code).name, warning.message));
        }
      }
      break;
    case Kind::retrying:
      running_.erase(report.task_id);
      say(fmt::format("{:<9} retry in {}  {}  {}", report.stage, human_duration(report.retry_in_s),
                      printable(run.name), printable(report.error->to_string())));
      break;
    case Kind::failed:
      running_.erase(report.task_id);
      tasks_done_ += run.open_tasks;
      run.open_tasks = 0;
      ++runs_done_;
      say(fmt::format("{:<9} failed    {}  {}", report.stage, printable(run.name),
                      printable(report.error->to_string())));
      break;
    case Kind::interrupted: running_.erase(report.task_id); break;
  }
}

void Progress::say(const std::string& line) {
  if (style_ == Style::none) return;
  clear_line();
  std::fprintf(stderr, "%s\n", line.c_str());
}

void Progress::tick() {
  if (style_ != Style::bar || core::steady_s() - last_draw_s_ < kDrawIntervalS) return;
  draw();
}

void Progress::finish() { clear_line(); }

void Progress::clear_line() {
  if (!has_line_) return;
  std::fputs("\r\033[K", stderr);
  std::fflush(stderr);
  has_line_ = false;
}

void Progress::draw() {
  last_draw_s_ = core::steady_s();
  const std::string text = printable(bar_text(), terminal_columns() - 1);
  std::fprintf(stderr, "\r\033[K%s", text.c_str());
  std::fflush(stderr);
  has_line_ = true;
}

std::string Progress::bar_text() const {
  double done = static_cast<double>(tasks_done_);
  for (const auto& [task_id, what] : running_) done += what.second;
  // Files not ingested yet count as much as those that are.
  double total = static_cast<double>(std::max<std::int64_t>(tasks_total_, 1));
  if (!runs_.empty() && files_expected_ > static_cast<std::int64_t>(runs_.size())) {
    total *= static_cast<double>(files_expected_) / static_cast<double>(runs_.size());
  }
  const double fraction = std::clamp(done / total, 0.0, 1.0);
  const double elapsed_s = core::steady_s() - begin_s_;
  const int filled = static_cast<int>(fraction * kBarColumns);
  std::string bar = "[" + std::string(static_cast<std::size_t>(filled), '#') +
                    std::string(static_cast<std::size_t>(kBarColumns - filled), '.') + "]";
  std::string text =
      fmt::format("{} {:3.0f} %  {}/{} files", bar, 100 * fraction, runs_done_,
                  std::max<std::int64_t>(files_expected_, static_cast<std::int64_t>(runs_.size())));
  double audio_s = audio_done_s_;
  if (runs_.size() == 1) audio_s = fraction * runs_.begin()->second.duration_s;
  if (elapsed_s > 1 && audio_s > 0) text += fmt::format("  {:.0f}x real time", audio_s / elapsed_s);
  if (elapsed_s > 2 && fraction > 0.01) {
    text += "  ETA " + human_duration(elapsed_s * (1 - fraction) / fraction);
  }
  if (!running_.empty()) text += "  " + running_.begin()->second.first;
  return text;
}

}  // namespace baleen::cli
