#include "recipes/bioacoustics/coverage.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "audio/field_time.h"
#include "audio/recording_sequence.h"

namespace baleen::bioacoustics {
namespace {

/// The recordings of one deployment.
struct Deployment {
  std::vector<audio::SequenceFile> files;
  std::int64_t n_windows = 0;
};

audio::SequenceFile file_of(const RecordingFacts& facts, double end_s) {
  audio::SequenceFile file;
  file.name = facts.filename.empty() ? facts.asset_id : facts.filename;
  file.duration_us = std::llround(end_s * 1e6);
  const auto start = audio::parse_field_time(facts.start_local);
  if (!start) return file;
  file.start_us = start->utc_us().value_or(start->wall_us);
  file.recorder = facts.deployment + (start->utc_offset_s ? "" : " (local time)");
  return file;
}

json::object describe(const std::string& name, const Deployment& deployment) {
  const audio::RecordingOrder order = audio::order_recordings(deployment.files);
  std::int64_t recorded_us = 0, gaps_us = 0, overlaps_us = 0;
  json::array breaks;
  for (const audio::RecordingSequence& sequence : order.sequences) {
    recorded_us += sequence.recorded_us;
    gaps_us += sequence.gaps_us;
    overlaps_us += sequence.overlaps_us;
    for (const std::string& one : audio::describe_breaks(sequence, deployment.files))
      if (breaks.size() < kBreaksMax) breaks.push_back(json::string(one));
  }
  const auto seconds = [](std::int64_t us) { return static_cast<double>(us) * 1e-6; };
  return {{"deployment", name},
          {"recordings", std::ssize(deployment.files)},
          {"windows", deployment.n_windows},
          {"without_start", std::ssize(order.unplaced)},
          {"recorded_s", seconds(recorded_us)},
          {"gaps_s", seconds(gaps_us)},
          {"overlaps_s", seconds(overlaps_us)},
          {"breaks", std::move(breaks)}};
}

}  // namespace

json::array describe_coverage(const CollectionWindows& windows) {
  std::vector<double> end_s(windows.recordings.size());
  std::vector<std::int64_t> n_windows(windows.recordings.size());
  for (std::size_t row = 0; row < windows.n(); ++row) {
    double& end = end_s[windows.recording[row]];
    end = std::max(end, windows.end_s[row]);
    ++n_windows[windows.recording[row]];
  }
  std::map<std::string, Deployment> deployments;
  for (std::size_t i = 0; i < windows.recordings.size(); ++i) {
    Deployment& deployment = deployments[windows.recordings[i].deployment];
    deployment.files.push_back(file_of(windows.recordings[i], end_s[i]));
    deployment.n_windows += n_windows[i];
  }
  json::array list;
  for (const auto& [name, deployment] : deployments) list.push_back(describe(name, deployment));
  return list;
}

}  // namespace baleen::bioacoustics
