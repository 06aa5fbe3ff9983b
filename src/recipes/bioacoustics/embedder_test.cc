#include "recipes/bioacoustics/embedder.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <numeric>

#include "audio/mono_stream.h"
#include "dsp/bat_frontend.h"
#include "ml/testing/temporary_directory.h"
#include "ml/testing/tiny_onnx.h"
#include "support/shared_dir.h"

namespace baleen::bioacoustics {
namespace {

Encoding of_kind(EmbedderKind kind, std::int64_t rate_hz, double window_s = 1) {
  Encoding encoding;
  encoding.kind = kind;
  encoding.sample_rate_hz = rate_hz;
  encoding.window_s = encoding.hop_s = window_s;
  return encoding;
}

std::vector<float> tone(double frequency_hz, double gain, std::size_t n, double rate_hz) {
  std::vector<float> samples(n);
  for (std::size_t i = 0; i < n; ++i) {
    samples[i] = static_cast<float>(
        gain * std::sin(2 * std::numbers::pi * frequency_hz * static_cast<double>(i) / rate_hz));
  }
  return samples;
}

double dot(std::span<const float> a, std::span<const float> b) {
  return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
}
double cosine(std::span<const float> a, std::span<const float> b) {
  return dot(a, b) / std::sqrt(dot(a, a) * dot(b, b));
}

std::vector<float> embed(Embedder& embedder,
                         std::vector<float> windows,
                         std::size_t n,
                         std::int64_t first = 0) {
  std::vector<float> out(n * embedder.size());
  EXPECT_TRUE(embedder.embed(windows, first, out).ok());
  return out;
}

TEST(StubEmbedder, DependsOnTheWindowsPlaceAlone) {
  const auto embedder = make_embedder(of_kind(EmbedderKind::stub, 100), nullptr, nullptr).value();
  const auto silent = embed(*embedder, std::vector<float>(300), 3);
  const auto loud = embed(*embedder, std::vector<float>(300, 0.5F), 3);
  EXPECT_EQ(silent, loud);
  const auto second = embed(*embedder, std::vector<float>(100), 1, 1);
  EXPECT_TRUE(std::equal(second.begin(), second.end(), silent.begin() + 16));
  EXPECT_FALSE(std::equal(second.begin(), second.end(), silent.begin()));
}

TEST(BuiltinEmbedder, TellsSoundsApartWhateverTheirLevel) {
  const auto embedder =
      make_embedder(of_kind(EmbedderKind::builtin, 22'050, 5), nullptr, nullptr).value();
  ASSERT_EQ(embedder->size(), 1024U);
  const std::size_t n = 5 * 22'050;
  const auto low = embed(*embedder, tone(400, 0.5, n, 22'050), 1);
  const auto low_and_soft = embed(*embedder, tone(400, 0.2, n, 22'050), 1);
  const auto high = embed(*embedder, tone(5000, 0.5, n, 22'050), 1);
  EXPECT_GT(cosine(low, low_and_soft), 0.99);
  EXPECT_LT(cosine(low, high), 0.9);
  EXPECT_NEAR(dot(low, low), 1, 1e-5);
}

TEST(BuiltinEmbedder, AWindowDoesNotKnowItsNeighbours) {
  const auto embedder =
      make_embedder(of_kind(EmbedderKind::builtin, 22'050, 0.5), nullptr, nullptr).value();
  const std::size_t n = 11'025;
  std::vector<float> both = tone(300, 0.5, n, 22'050);
  const std::vector<float> second = tone(3000, 0.3, n, 22'050);
  both.insert(both.end(), second.begin(), second.end());
  const auto together = embed(*embedder, both, 2);
  const auto alone = embed(*embedder, second, 1);
  EXPECT_TRUE(std::equal(alone.begin(), alone.end(), together.begin() + 1024));
}

TEST(BuiltinEmbedder, SilenceHasAVectorToo) {
  const auto embedder =
      make_embedder(of_kind(EmbedderKind::builtin, 22'050, 1), nullptr, nullptr).value();
  for (const float value : embed(*embedder, std::vector<float>(22'050), 1))
    ASSERT_TRUE(std::isfinite(value));
}

/// A bat network made to the catalogue's card, but that its vector is the largest value of each column.
class BatEmbedderTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (ml::onnxruntime_version().empty()) GTEST_SKIP() << "built without ONNX Runtime";
  }

  ml::EmbeddingNetwork network_of(std::size_t columns) {
    const auto n = static_cast<std::int64_t>(columns);
    ml::testing::OnnxModel model;
    model.inputs = {{"spec", {-1, 1, 130, -1}}};
    model.outputs = {{"embeddings", {-1, -1, -1, n}}};
    std::vector<float> identity(columns * columns);
    for (std::size_t i = 0; i < columns; ++i) identity[i * columns + i] = 1;
    model.constants = {{"identity", {n, n}, identity}};
    model.nodes = {{"MatMul", {"spec", "identity"}, {"embeddings"}}};
    ml::testing::write_bytes(directory_.path() / "bat.onnx", model.bytes());
    card_ = *ml::Catalogue::builtin().find("batdetect");
    card_.outputs = {{"embeddings", {-1, -1, -1, n}}};
    card_.embedding->size = n;
    return ml::EmbeddingNetwork::create(
               ml::Session::open(directory_.path() / "bat.onnx", {}).value(), card_)
        .value();
  }

  ml::testing::TemporaryDirectory directory_;
  ml::ModelCard card_;
};

TEST_F(BatEmbedderTest, FeedsTheNetworkItsSpectrogramsAndPoolsWhatComes) {
  const std::size_t n_samples = 5120, n_windows = 3;
  dsp::BatFrontend frontend = dsp::BatFrontend::create(dsp::BatFrontend::options_256k()).value();
  const std::size_t columns = frontend.column_count(n_samples);
  ml::EmbeddingNetwork network = network_of(columns);
  const auto embedder =
      make_embedder(of_kind(EmbedderKind::network, 256'000, 0.02), &network, &card_).value();
  ASSERT_EQ(embedder->size(), columns);

  std::vector<float> windows;
  for (std::size_t i = 0; i < n_windows; ++i) {
    std::vector<float> window(n_samples);  // A call of 5 ms, later in each window.
    const std::vector<float> call = tone(40'000 + 5'000 * static_cast<double>(i), 0.3, 1280, 256e3);
    std::copy(call.begin(), call.end(), window.begin() + static_cast<std::ptrdiff_t>(1000 * i));
    windows.insert(windows.end(), window.begin(), window.end());
  }
  const std::vector<float> vectors = embed(*embedder, windows, n_windows);
  std::vector<float> spectrogram(130 * columns);
  for (std::size_t i = 0; i < n_windows; ++i) {
    frontend.process(std::span<const float>(windows).subspan(i * n_samples, n_samples),
                     spectrogram);
    for (std::size_t c = 0; c < columns; ++c) {
      float largest = 0;
      for (std::size_t r = 0; r < 130; ++r)
        largest = std::max(largest, spectrogram[r * columns + c]);
      ASSERT_FLOAT_EQ(vectors[i * columns + c], largest);
    }
  }
}

TEST_F(BatEmbedderTest, AWindowShorterThanTwoFramesIsRefused) {
  ml::EmbeddingNetwork network = network_of(1);
  const auto encoding = [](std::int64_t samples) {
    return of_kind(EmbedderKind::network, 256'000, static_cast<double>(samples) / 256'000);
  };
  EXPECT_TRUE(make_embedder(encoding(743), &network, &card_).ok());
  EXPECT_EQ(make_embedder(encoding(742), &network, &card_).error().code,
            ErrorCode::invalid_argument);
}

TEST_F(BatEmbedderTest, ANetworkOfOtherRowsIsRefused) {
  ml::EmbeddingNetwork network = network_of(1);
  card_.inputs.front().shape[2] = 128;
  EXPECT_EQ(make_embedder(of_kind(EmbedderKind::network, 256'000), &network, &card_).error().code,
            ErrorCode::model_invalid);
}

/// Upstream's own test recording, of 441 kHz. Where its calls are says the network's card.
TEST(BatNetwork, FindsTheCallsOfItsTestRecordingAtItsOwnRate) {
  if (ml::onnxruntime_version().empty()) GTEST_SKIP() << "built without ONNX Runtime";
  BALEEN_SHARED_FILE_OR_SKIP(model, "models/batdetect/batdetect.onnx");
  BALEEN_SHARED_FILE_OR_SKIP(recording, "audio/bioacoustic/bat_test_file_441kHz.wav");
  audio::MonoStreamOptions options;
  options.sample_rate = Hertz{256'000};
  audio::MonoStream stream = audio::MonoStream::open(recording, options).value();
  std::vector<float> samples;
  while (stream.read(samples).value()) {
  }
  constexpr double kWindowS = 0.4;  // Upstream's.
  samples.resize(102'400);
  dsp::BatFrontend frontend = dsp::BatFrontend::create(dsp::BatFrontend::options_256k()).value();
  const auto columns = static_cast<std::int64_t>(frontend.column_count(samples.size()));
  std::vector<float> spectrogram(static_cast<std::size_t>(130 * columns));
  frontend.process(samples, spectrogram);
  ml::Session session = ml::Session::open(model, {}).value();
  const ml::InputTensor in{"spec", {1, 1, 130, columns}, std::span<const float>(spectrogram)};
  const ml::TensorValue prob = session.run_for({&in, 1}, "prob").value();

  constexpr std::array<double, 3> kCallsS = {0.0376, 0.1694, 0.2682};
  std::array<float, 3> greatest{};
  const double step_s = kWindowS / static_cast<double>(columns / 4);
  for (std::size_t t = 0; t < prob.values.size(); ++t) {
    bool is_near_a_call = false;
    for (std::size_t c = 0; c < kCallsS.size(); ++c) {
      const double distance_s = std::abs(static_cast<double>(t) * step_s - kCallsS[c]);
      if (distance_s < 0.003) greatest[c] = std::max(greatest[c], prob.values[t]);
      is_near_a_call |= distance_s < 0.012;
    }
    EXPECT_TRUE(is_near_a_call || prob.values[t] < 0.95) << static_cast<double>(t) * step_s;
  }
  for (std::size_t c = 0; c < kCallsS.size(); ++c) EXPECT_GT(greatest[c], 0.95) << kCallsS[c];
}

}  // namespace
}  // namespace baleen::bioacoustics
