#pragma once

/// Progress on standard error: one line with rate and ETA on a terminal, plain lines elsewhere.

#include <cstdint>
#include <map>
#include <string>

#include "engine/supervisor.h"

namespace baleen::cli {

class Progress {
 public:
  enum class Style { bar, lines, none };
  /// `bar` where standard error is a terminal, `lines` elsewhere; `none` if quiet.
  [[nodiscard]] static Style style_for(bool is_quiet);

  explicit Progress(Style style);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// A run joins what is being worked on: its stages still to do, its length (0: unknown), its name.
  void add_run(const std::string& run_id,
               const std::string& name,
               std::int64_t open_tasks,
               double duration_s);
  void set_expected_files(std::int64_t files, bool is_final);
  void on_task(const engine::TaskReport& report);
  /// A line of its own, above the bar.
  void say(const std::string& line);
  /// Redraws at most ten times a second.
  void tick();
  void finish();

 private:
  struct Run {
    std::string name;
    std::int64_t open_tasks = 0;
    double duration_s = 0;
    bool has_failed = false;
  };
  void draw();
  void clear_line();
  [[nodiscard]] std::string bar_text() const;

  Style style_;
  std::map<std::string, Run> runs_;
  std::map<std::int64_t, std::pair<std::string, double>> running_;  ///< task → (what, fraction)
  std::int64_t tasks_total_ = 0, tasks_done_ = 0;
  std::int64_t files_expected_ = 0, runs_done_ = 0;
  bool is_expected_final_ = false;
  double audio_done_s_ = 0;
  double begin_s_ = 0, last_draw_s_ = 0;
  bool has_line_ = false;
};

}  // namespace baleen::cli
