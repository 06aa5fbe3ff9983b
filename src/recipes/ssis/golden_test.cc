// The networks on real recordings, through the recipe's own decoder, resampler and front ends.
// Needs ../shared (models, audio, reference outputs); skipped where it is absent.

#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <fstream>
#include <numeric>
#include <sstream>

#include "audio/normalize.h"
#include "audio/wav.h"
#include "dsp/yamnet_frontend.h"
#include "ml/yamnet.h"
#include "recipes/ssis/ina_segmenter.h"
#include "recipes/ssis/wav_source_16k.h"
#include "support/npz.h"
#include "support/shared_dir.h"

namespace baleen::ssis {
namespace {

class GoldenTest : public ::testing::Test {
 protected:
  GoldenTest() : directory_(::testing::TempDir() + "baleen_golden_" + std::to_string(::getpid())) {
    std::filesystem::create_directories(directory_);
  }
  ~GoldenTest() override { std::filesystem::remove_all(directory_); }

  audio::WavReader normalized(const std::filesystem::path& source, Hertz rate) {
    audio::NormalizeOptions options;
    options.sample_rate = rate;
    options.min_duration_s = 0.1;
    const auto partial = directory_ / "normalized.wav";
    const auto report = audio::normalize({source, partial, directory_ / "checkpoint"}, options);
    EXPECT_TRUE(report.ok()) << report.error().to_string();
    std::filesystem::remove(directory_ / "checkpoint");
    return audio::WavReader::open(partial).value();
  }

  std::filesystem::path directory_;
};

/// IEEE 754 half precision, normal and subnormal numbers.
float from_half(std::uint16_t bits) {
  const int exponent = (bits >> 10) & 31;
  const int mantissa = bits & 1023;
  const float magnitude = exponent == 0
                              ? std::ldexp(static_cast<float>(mantissa), -24)
                              : std::ldexp(static_cast<float>(mantissa + 1024), exponent - 25);
  return (bits & 0x8000) != 0 ? -magnitude : magnitude;
}

double cosine(std::span<const float> a, std::span<const float> b) {
  const double ab = std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
  const double aa = std::inner_product(a.begin(), a.end(), a.begin(), 0.0);
  const double bb = std::inner_product(b.begin(), b.end(), b.begin(), 0.0);
  return ab / std::sqrt(aa * bb);
}

/// The mean embedding over upstream's patches: started every 48 rows, zeros up to 15600 + k·7680.
std::vector<float> mean_embedding(const audio::WavReader& wav, ml::Yamnet& yamnet) {
  WavSource16k source = WavSource16k::create(wav).value();
  std::vector<float> samples;
  std::vector<float> block(65536);
  while (const std::size_t n = source.read(block).value()) {
    samples.insert(samples.end(), block.begin(), block.begin() + static_cast<std::ptrdiff_t>(n));
  }
  const std::size_t hops = samples.size() > 15600 ? (samples.size() - 15600 + 7679) / 7680 : 0;
  samples.resize(15600 + hops * 7680);
  dsp::YamnetFrontend frontend = dsp::YamnetFrontend::create().value();
  std::vector<float> rows;
  frontend.push(samples, rows);
  frontend.finish(rows);
  std::vector<float> patches;
  for (std::size_t k = 0; k <= hops; ++k) {
    const auto begin = rows.begin() + static_cast<std::ptrdiff_t>(k * 48 * 64);
    patches.insert(patches.end(), begin, begin + 96 * 64);
  }
  std::vector<float> embeddings((hops + 1) * 1024);
  EXPECT_TRUE(yamnet.embed(patches, embeddings).ok());
  std::vector<float> mean(1024);
  for (std::size_t i = 0; i < embeddings.size(); ++i)
    mean[i % 1024] += embeddings[i] / static_cast<float>(hops + 1);
  return mean;
}

TEST_F(GoldenTest, YamnetEmbeddingsOfRealRecordingsMatchTheReference) {
  BALEEN_SHARED_FILE_OR_SKIP(model, "models/yamnet/yamnet_patches.onnx");
  BALEEN_SHARED_FILE_OR_SKIP(golden, "fixtures/golden/yamnet_esc10_open_mean.npz");
  ml::Yamnet yamnet = ml::Yamnet::create(ml::Session::open(model, {}).value()).value();
  const auto arrays = test_support::read_npz(golden);
  const std::vector<std::string> files = arrays.at("files").as_strings();
  const std::string& halves = arrays.at("emb").bytes;
  double worst = 1;
  int n_compared = 0;
  int n_close = 0;
  for (std::size_t i = 0; i < files.size(); i += 8) {
    std::string name = files[i];  // "esc10/open/rain/….ogg"
    if (const std::size_t open = name.find("open/"); open != std::string::npos) name.erase(open, 5);
    const auto path = golden.parent_path().parent_path().parent_path() / "audio" / name;
    if (!std::filesystem::exists(path)) continue;
    SCOPED_TRACE(files[i]);
    std::vector<float> expected(1024);
    for (std::size_t k = 0; k < 1024; ++k) {
      std::uint16_t bits = 0;
      std::memcpy(&bits, halves.data() + 2 * (i * 1024 + k), 2);
      expected[k] = from_half(bits);
    }
    const double similarity =
        cosine(mean_embedding(normalized(path, Hertz{22050}), yamnet), expected);
    // The reference heard ffmpeg's unrounded 16 kHz samples. normalized.wav is rounded to 16 bits, which
    // is audible to the network where most of a clip lies a few steps above silence (2 of the 30 clips).
    EXPECT_GE(similarity, 0.998);
    if (similarity >= 0.9999) ++n_close;
    worst = std::min(worst, similarity);
    ++n_compared;
  }
  EXPECT_GE(n_compared, 20);
  EXPECT_GE(n_close, n_compared * 9 / 10);
  RecordProperty("worst_cosine", std::to_string(worst));
}

/// One label per 20 ms of a reference CSV (labels, start, stop), speakers counted as speech.
std::vector<SmnLabel> read_csv(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  std::vector<SmnLabel> labels;
  while (std::getline(file, line)) {
    std::istringstream fields(line);
    std::string name;
    double begin_s = 0;
    double end_s = 0;
    fields >> name >> begin_s >> end_s;
    const SmnLabel label = name == "music"      ? SmnLabel::music
                           : name == "noise"    ? SmnLabel::noise
                           : name == "noEnergy" ? SmnLabel::no_energy
                                                : SmnLabel::speech;
    labels.resize(static_cast<std::size_t>(std::lround(end_s * 50.0)), label);
  }
  return labels;
}

// normalized.wav has 22050 Hz; the network hears it at 16 kHz again. The reference heard the original.
TEST_F(GoldenTest, InaSegmentsOfTheNormalizedRecordingMatchTheReference) {
  BALEEN_SHARED_FILE_OR_SKIP(model, "models/ina-smn/ina_smn.onnx");
  InaSegmenter segmenter = InaSegmenter::create(ml::Session::open(model, {}).value(), {}).value();
  for (const auto& [audio, csv] :
       {std::pair{"musanmix.wav", "musanmix"}, std::pair{"musanmix.mp3", "musanmix"},
        std::pair{"0021.mp3", "0021"}, std::pair{"silence2sec.wav", "silence2sec"}}) {
    SCOPED_TRACE(audio);
    BALEEN_SHARED_FILE_OR_SKIP(audio_path, std::string("audio/ina/") + audio);
    BALEEN_SHARED_FILE_OR_SKIP(csv_path, std::string("audio/ina/") + csv + "-smn-gender.csv");
    const audio::WavReader wav = normalized(audio_path, Hertz{22050});
    WavSource16k source = WavSource16k::create(wav).value();
    const std::vector<SmnSegment> segments = segmenter.segment(source, {}).value();
    const std::vector<SmnLabel> expected = read_csv(csv_path);
    for (const SmnSegment& segment : segments) {
      const auto begin = static_cast<std::size_t>(std::lround(segment.begin_s * 50.0)) + 1;
      const auto end = static_cast<std::size_t>(std::lround(segment.end_s * 50.0));
      for (std::size_t frame = begin; frame + 1 < std::min(end, expected.size()); ++frame) {
        ASSERT_EQ(segment.label, expected[frame])
            << "at " << 0.02 * static_cast<double>(frame) << " s";
      }
    }
    EXPECT_NEAR(segments.back().end_s, 0.02 * static_cast<double>(expected.size()), 0.021);
  }
}

}  // namespace
}  // namespace baleen::ssis
