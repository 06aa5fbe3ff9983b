// Views against what the samples themselves say.

#include "recipes/ssis/views.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <cmath>

#include "audio/wav.h"
#include "dsp/peaks.h"
#include "formats/feature_pack.h"
#include "formats/waveform.h"

namespace baleen::ssis {
namespace {

constexpr int kRateHz = 22050;
std::string from_base64(std::string_view text) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string bytes;
  unsigned bits = 0;
  int n_bits = 0;
  for (const char letter : text) {
    if (letter == '=') break;
    bits = bits << 6U | static_cast<unsigned>(kDigits.find(letter));
    n_bits += 6;
    if (n_bits >= 8) bytes += static_cast<char>(bits >> (n_bits -= 8) & 255U);
  }
  return bytes;
}

constexpr double kPi = 3.14159265358979323846;

class Views : public ::testing::Test {
 protected:
  Views() { std::filesystem::create_directories(directory_); }
  ~Views() override { std::filesystem::remove_all(directory_); }

  void write(const std::vector<std::int16_t>& samples) {
    audio::WavWriter wav =
        audio::WavWriter::start(core::create_file(wav_).value(), {Hertz{kRateHz}}).value();
    ASSERT_TRUE(wav.append(samples).ok());
    ASSERT_TRUE(wav.finish().ok());
    std::vector<dsp::Peak> peaks;
    dsp::PeakStream stream(512);
    stream.push(samples, peaks);
    stream.finish(peaks);
    const core::Fd file = core::create_file(waveform_).value();
    formats::WaveformWriter writer =
        formats::WaveformWriter::start(file, {kRateHz, 512, static_cast<int>(peaks.size())})
            .value();
    ASSERT_TRUE(
        writer.append({reinterpret_cast<const std::int16_t*>(peaks.data()), 2 * peaks.size()})
            .ok());
  }
  static std::vector<std::int16_t> sine(double hz, double seconds, double amplitude = 32767) {
    std::vector<std::int16_t> samples(static_cast<std::size_t>(kRateHz * seconds));
    for (std::size_t i = 0; i < samples.size(); ++i)
      samples[i] = static_cast<std::int16_t>(
          std::lround(amplitude * std::sin(2 * kPi * hz * static_cast<double>(i) / kRateHz)));
    return samples;
  }
  static std::int64_t number(const json::object& view, const char* member, std::size_t i) {
    return core::get_array(view, member)[i].to_number<std::int64_t>();
  }

  const std::filesystem::path directory_ =
      std::filesystem::temp_directory_path() / ("baleen_views_test_" + std::to_string(::getpid()));
  const std::filesystem::path wav_ = directory_ / "a.wav";
  const std::filesystem::path waveform_ = directory_ / "a.dat";
};

TEST_F(Views, OneLoudSampleIsSeenAtEveryZoom) {
  std::vector<std::int16_t> samples(10 * kRateHz, 0);
  samples[123'456] = 30'000;
  samples[123'457] = -31'000;
  write(samples);
  for (const int columns : {1, 3, 100, 1000, 8192}) {
    const json::object view = waveform_view(wav_, waveform_, {0, {}, columns}).value();
    std::int64_t max = 0, min = 0;
    int n_loud = 0;
    for (std::size_t i = 0; i < static_cast<std::size_t>(columns); ++i) {
      max = std::max(max, number(view, "max", i));
      min = std::min(min, number(view, "min", i));
      n_loud += number(view, "max", i) > 0 ? 1 : 0;
    }
    EXPECT_EQ(max, 30'000) << columns;
    EXPECT_EQ(min, -31'000) << columns;
    EXPECT_LE(n_loud, 2) << columns;
    const auto at = static_cast<std::size_t>(123'456LL * columns / (10 * kRateHz));
    EXPECT_TRUE(number(view, "max", at) == 30'000 ||
                number(view, "max", std::min<std::size_t>(at + 1, columns - 1)) == 30'000);
  }
}

TEST_F(Views, ACloseLookShowsTheSamplesThemselves) {
  write({1, 2, -3, 4, 5, -6, 7, 8, 9, 10});
  const json::object view =
      waveform_view(wav_, waveform_, {2.0 / kRateHz, 6.0 / kRateHz, 1000}).value();
  EXPECT_EQ(core::get_int(view, "columns"), 4);
  EXPECT_EQ(core::to_json(view.at("max")), "[-3,4,5,-6]");
  EXPECT_EQ(core::to_json(view.at("min")), "[-3,4,5,-6]");
}

TEST_F(Views, ARangeBeyondTheEndIsCutAndOneWithoutSoundRefused) {
  write(sine(440, 2));
  EXPECT_DOUBLE_EQ(core::get_double(waveform_view(wav_, waveform_, {1, 99, 10}).value(), "end_s"),
                   2);
  for (const ViewRange& range :
       {ViewRange{2, {}, 10}, ViewRange{-1, {}, 10}, ViewRange{1, 1, 10}, ViewRange{0, {}, 0},
        ViewRange{0, {}, 9000}, ViewRange{std::nan(""), {}, 10}}) {
    EXPECT_EQ(waveform_view(wav_, waveform_, range).error().code, ErrorCode::invalid_argument);
    EXPECT_EQ(spectrogram_view(wav_, range, {}).error().code, ErrorCode::invalid_argument);
  }
}

TEST_F(Views, ASineOfFullScaleHasZeroDecibelsAtItsFrequency) {
  write(sine(kRateHz * 100.0 / 1024, 5));
  const json::object view = spectrogram_view(wav_, {0, {}, 10}, {512, -80.0, 0.0}).value();
  const std::string bytes = from_base64(core::get_string(view, "data"));
  ASSERT_EQ(bytes.size(), 5120U);
  const auto level = [&](std::size_t row) {
    return static_cast<unsigned char>(bytes[row * 10 + 5]);
  };
  EXPECT_GE(level(100), 254);                         // Row 100 of 512 has bin 100 of 513.
  EXPECT_NEAR(level(99), 255 * (80 - 6.02) / 80, 1);  // A Hann window halves the neighbours.
  EXPECT_LT(level(120), 30);
  EXPECT_LT(level(60), 30);
  EXPECT_DOUBLE_EQ(core::get_double(view, "f_max_hz"), 11025);
}

TEST_F(Views, TheScaleFollowsWhatIsLoudestUnlessItIsGiven) {
  write(sine(1000, 3, 328));  // -40 dB
  const json::object view = spectrogram_view(wav_, {0, {}, 20}, {}).value();
  EXPECT_NEAR(core::get_double(view, "db_max"), -37.5, 2.6);
  EXPECT_DOUBLE_EQ(core::get_double(view, "db_min"), core::get_double(view, "db_max") - 80);
  EXPECT_EQ(spectrogram_view(wav_, {0, {}, 20}, {64, 0.0, -10.0}).error().code,
            ErrorCode::invalid_argument);
}

TEST_F(Views, SimilarityIsOneWhereItIsAskedForAndTheCosineElsewhere) {
  formats::FeaturePackInfo info;
  info.asset_id = "a";
  info.computed_at = "2026-01-02T03:04:05.678Z";
  info.feature_spec_id = "test";
  info.feature_spec_alias = "0123456789ab";
  info.embedding_backend = "builtin";
  info.embedding_model_id = "test";
  info.embedding_model_hash = "sha256:" + std::string(64, '0');
  info.pipeline_version = info.worker_version = "1";
  info.n_frames = 0;
  info.n_embeddings = 4;
  info.n_dims = 2;
  const std::filesystem::path path = directory_ / "a.h5";
  formats::FeaturePackWriter writer = formats::FeaturePackWriter::create(path, info).value();
  ASSERT_TRUE(writer.append_embeddings(std::vector<float>{1, 0, 0, 2, 3, 3, 0, 0}).ok());
  ASSERT_TRUE(writer.finish().ok());
  SimilarityViewer viewer;
  const json::object view = viewer.view(path, 0.1, {}).value();
  EXPECT_EQ(core::get_int(view, "columns"), 4);
  EXPECT_EQ(core::get_string(view, "model_id"), "test");
  const json::array& similarity = core::get_array(view, "similarity");
  EXPECT_DOUBLE_EQ(similarity[0].to_number<double>(), 1);
  EXPECT_DOUBLE_EQ(similarity[1].to_number<double>(), 0);
  EXPECT_NEAR(similarity[2].to_number<double>(), std::sqrt(0.5), 1e-4);
  EXPECT_DOUBLE_EQ(similarity[3].to_number<double>(), 0);

  // Another moment of the same range, and another range: not what was kept for the first.
  const json::object other = viewer.view(path, 0.6, {}).value();
  EXPECT_DOUBLE_EQ(core::get_array(other, "similarity")[1].to_number<double>(), 1);
  EXPECT_DOUBLE_EQ(core::get_array(other, "similarity")[0].to_number<double>(), 0);
  const json::object part = viewer.view(path, 0.6, {0.5, 1.5, 10}).value();
  EXPECT_EQ(core::get_int(part, "columns"), 2);
  EXPECT_DOUBLE_EQ(core::get_array(part, "similarity")[0].to_number<double>(), 1);
  EXPECT_DOUBLE_EQ(core::get_double(viewer.view(path, 99, {}).value(), "at_s"), 99);
  EXPECT_EQ(viewer.view(path, -1, {}).error().code, ErrorCode::invalid_argument);
  // An impossible range is that of nothing that was kept.
  EXPECT_EQ(viewer.view(path, 0, {0, -1, 1000}).error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(viewer.view(path, 0, {0, {}, 1001}).error().code, ErrorCode::invalid_argument);
}

}  // namespace
}  // namespace baleen::ssis
