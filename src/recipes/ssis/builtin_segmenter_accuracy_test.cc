// How often the built-in classifier names real recordings right. Needs the shared folder. None of
// these recordings takes part in the training.

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "audio/normalize.h"
#include "audio/wav.h"
#include "dsp/log_mel.h"
#include "recipes/ssis/builtin_segmenter.h"
#include "support/shared_dir.h"

namespace baleen::ssis {
namespace {

namespace fs = std::filesystem;
constexpr std::array<const char*, 4> kNames = {"speech", "music", "noise", "none"};

struct Clip {
  std::string source;  ///< "esc10/rain", "fsdd", ...
  SmnLabel truth;
  std::vector<float> samples;
};

/// The class of a line of labels.csv; no_energy for what is neither clearly.
SmnLabel truth_of(const std::string& set, const std::string& label) {
  if (set == "esc10") return SmnLabel::noise;
  if (set == "fsdd" || label == "speech") return SmnLabel::speech;
  if (label == "music") return SmnLabel::music;
  return SmnLabel::no_energy;
}

std::vector<float> decode(const fs::path& source) {
  const fs::path scratch =
      fs::temp_directory_path() / fmt::format("baleen_accuracy_{}.wav", ::getpid());
  fs::path checkpoint = scratch;
  checkpoint += ".checkpoint";
  fs::remove(scratch);
  fs::remove(checkpoint);
  audio::NormalizeOptions options;
  options.min_duration_s = 0;
  const auto report = audio::normalize({source, scratch, checkpoint}, options);
  std::vector<float> samples;
  if (report.ok()) {
    const auto wav = audio::WavReader::open(scratch);
    if (wav.ok()) {
      samples.resize(
          static_cast<std::size_t>(std::min<std::int64_t>(wav.value().n_samples(), 60 * 22050)));
      if (!wav.value().read(0, std::span<float>(samples)).ok()) samples.clear();
    }
  }
  fs::remove(scratch);
  fs::remove(checkpoint);
  return samples;
}

std::vector<Clip> load_clips(const fs::path& audio) {
  std::vector<Clip> clips;
  const auto add = [&](const std::string& path, const std::string& source, SmnLabel truth) {
    std::vector<float> samples = decode(audio / path);
    EXPECT_FALSE(samples.empty()) << path;
    clips.push_back({source, truth, std::move(samples)});
  };
  std::ifstream table(audio / "labels.csv");
  std::string line;
  while (std::getline(table, line)) {
    line.erase(std::remove(line.begin(), line.end(), '\r'), line.end());
    const std::size_t second = line.rfind(',');
    const std::size_t first = second == std::string::npos ? second : line.rfind(',', second - 1);
    if (first == std::string::npos) continue;
    const std::string set = line.substr(first + 1, second - first - 1);
    const std::string label = line.substr(second + 1);
    const SmnLabel truth = truth_of(set, label);
    if (truth == SmnLabel::no_energy || !fs::is_regular_file(audio / line.substr(0, first)))
      continue;
    const std::string extension = fs::path(line.substr(0, first)).extension();
    if (extension == ".txt") continue;
    add(line.substr(0, first), set == "esc10" ? set + "/" + label : set, truth);
  }
  if (fs::is_directory(audio / "mir1k")) {
    for (const auto& entry : fs::directory_iterator(audio / "mir1k")) {
      add(fs::relative(entry.path(), audio), "mir1k", SmnLabel::music);
    }
  }
  return clips;
}

SmnLabel majority_label(std::span<const float> samples) {
  auto mel = dsp::LogMel::create({});
  std::vector<float> rows;
  mel.value().push(samples, rows);
  mel.value().finish(rows);
  BuiltinSegmenter segmenter;
  segmenter.push(rows);
  std::array<double, 4> seconds{};
  for (const SmnSegment& s : segmenter.finish(static_cast<std::int64_t>(samples.size()))) {
    if (s.label != SmnLabel::no_energy)
      seconds[static_cast<std::size_t>(s.label)] += s.end_s - s.begin_s;
  }
  const auto best = std::max_element(seconds.begin(), seconds.end());
  return *best > 0 ? static_cast<SmnLabel>(best - seconds.begin()) : SmnLabel::no_energy;
}

using Confusion = std::array<std::array<int, 4>, 3>;

double balanced_accuracy(const Confusion& confusion) {
  double total = 0;
  for (std::size_t truth = 0; truth < 3; ++truth) {
    int n = 0;
    for (const int count : confusion[truth]) n += count;
    total += n > 0 ? static_cast<double>(confusion[truth][truth]) / n : 0.0;
  }
  return total / 3;
}

/// Labels every clip, as `cut` makes it, and prints what came out.
double judge(const std::vector<Clip>& clips,
             const char* title,
             std::vector<float> (*cut)(const std::vector<float>&)) {
  Confusion confusion{};
  std::map<std::string, std::array<int, 4>> by_source;
  for (const Clip& clip : clips) {
    const auto got = static_cast<std::size_t>(majority_label(cut(clip.samples)));
    ++confusion[static_cast<std::size_t>(clip.truth)][got];
    ++by_source[fmt::format("{:6s} {}", kNames[static_cast<std::size_t>(clip.truth)], clip.source)]
               [got];
  }
  fmt::print("{}: balanced accuracy {:.3f}\n", title, balanced_accuracy(confusion));
  fmt::print("{:30s} {:>7s}{:>7s}{:>7s}{:>7s}\n", "truth", kNames[0], kNames[1], kNames[2],
             kNames[3]);
  for (std::size_t truth = 0; truth < 3; ++truth) {
    fmt::print("{:30s} {:7d}{:7d}{:7d}{:7d}\n", kNames[truth], confusion[truth][0],
               confusion[truth][1], confusion[truth][2], confusion[truth][3]);
  }
  for (const auto& [source, counts] : by_source) {
    fmt::print("  {:28s} {:7d}{:7d}{:7d}{:7d}\n", source, counts[0], counts[1], counts[2],
               counts[3]);
  }
  return balanced_accuracy(confusion);
}

TEST(BuiltinSegmenterAccuracy, IsAtLeast80PercentBalancedOnRealClips) {
  const auto shared = test_support::shared_dir();
  if (!shared.has_value()) GTEST_SKIP() << "no shared folder: set BALEEN_SHARED";
  const fs::path audio = *shared / "audio";
  if (!fs::exists(audio / "labels.csv"))
    GTEST_SKIP() << audio / "labels.csv"
                 << " is not there";
  const std::vector<Clip> clips = load_clips(audio);
  ASSERT_GT(clips.size(), 100U);

  EXPECT_GE(judge(clips, "whole clips", [](const std::vector<float>& x) { return x; }), 0.80);
  EXPECT_GE(judge(clips, "first 2 s",
                  [](const std::vector<float>& x) {
                    return std::vector<float>(
                        x.begin(), x.begin() + std::min<std::ptrdiff_t>(std::ssize(x), 2 * 22050));
                  }),
            0.80);
  EXPECT_GE(judge(clips, "padded with silence to 2 s or more",
                  [](const std::vector<float>& x) {
                    std::vector<float> padded = x;
                    padded.resize(std::max<std::size_t>(x.size(), 2 * 22050));
                    return padded;
                  }),
            0.80);
  EXPECT_GE(judge(clips, "repeated to 2 s or more",
                  [](const std::vector<float>& x) {
                    std::vector<float> repeated = x;
                    while (repeated.size() < 2 * 22050)
                      repeated.insert(repeated.end(), x.begin(), x.end());
                    return repeated;
                  }),
            0.80);
}

}  // namespace
}  // namespace baleen::ssis
