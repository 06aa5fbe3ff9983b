#include "ml/embedding_network.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "ml/model_store.h"
#include "ml/testing/tiny_onnx.h"

namespace baleen::ml {
namespace {

using testing::OnnxModel;

class EmbeddingNetworkTest : public ::testing::Test {
 protected:
  EmbeddingNetworkTest() { std::filesystem::create_directories(directory_); }
  ~EmbeddingNetworkTest() override { std::filesystem::remove_all(directory_); }
  void SetUp() override {
    if (onnxruntime_version().empty()) GTEST_SKIP() << "built without ONNX Runtime";
  }

  std::filesystem::path write(const OnnxModel& model, const std::string& name = "model.onnx") {
    std::ofstream(directory_ / name, std::ios::binary) << model.bytes();
    return directory_ / name;
  }
  Session open(const OnnxModel& model) { return Session::open(write(model), {}).value(); }

  /// The vector of a window is its samples times two.
  static OnnxModel doubles(std::int64_t samples) {
    OnnxModel model;
    model.inputs = {{"inputs", {-1, samples}}};
    model.outputs = {{"embedding", {-1, samples}}};
    model.constants = {{"two", {1}, {2.0F}}};
    model.nodes = {{"Mul", {"inputs", "two"}, {"embedding"}}};
    return model;
  }
  static ModelCard card(std::vector<std::int64_t> input,
                        std::vector<std::int64_t> output,
                        const std::string& pooling = "none") {
    ModelCard card;
    card.name = "tiny";
    card.sample_rate_hz = 16'000;
    card.inputs = {{"inputs", std::move(input)}};
    card.embedding = EmbeddingContract{};
    card.embedding->output = "embedding";
    card.embedding->size = output.back();
    card.embedding->pooling = pooling;
    card.outputs = {{"embedding", std::move(output)}};
    return card;
  }

  const std::filesystem::path directory_ =
      std::filesystem::temp_directory_path() / ("baleen_embedding_" + std::to_string(::getpid()));
};

TEST_F(EmbeddingNetworkTest, EachWindowHasItsVectorWhateverTheBatches) {
  EmbeddingNetwork network =
      EmbeddingNetwork::create(open(doubles(3)), card({-1, 3}, {-1, 3})).value();
  ASSERT_EQ(network.size(), 3U);
  const std::size_t n = 2 * EmbeddingNetwork::kBatchMax + 5;
  std::vector<float> windows(3 * n), vectors(3 * n);
  for (std::size_t i = 0; i < windows.size(); ++i) windows[i] = static_cast<float>(i);
  const std::vector<std::int64_t> shape{3};
  ASSERT_TRUE(network.embed(windows, shape, vectors).ok());
  for (std::size_t i = 0; i < vectors.size(); ++i) EXPECT_EQ(vectors[i], 2 * windows[i]);
}

TEST_F(EmbeddingNetworkTest, PoolsWhatLiesBetweenWindowAndVector) {
  // Two vectors of two numbers for each window: (0, 2), (4, 6) and (8, 10), (12, 14).
  OnnxModel model;
  model.inputs = {{"inputs", {-1, 2, 2}}};
  model.outputs = {{"embedding", {-1, 2, 2}}};
  model.constants = {{"two", {1}, {2.0F}}};
  model.nodes = {{"Mul", {"inputs", "two"}, {"embedding"}}};
  const std::vector<float> windows{0, 1, 2, 3, 4, 5, 6, 7};
  const std::vector<std::int64_t> shape{2, 2};
  std::vector<float> vectors(4);
  const auto embed = [&](const std::string& pooling) {
    EmbeddingNetwork network =
        EmbeddingNetwork::create(open(model), card({-1, 2, 2}, {-1, 2, 2}, pooling)).value();
    EXPECT_TRUE(network.embed(windows, shape, vectors).ok());
    return vectors;
  };
  EXPECT_EQ(embed("mean"), (std::vector<float>{2, 4, 10, 12}));
  EXPECT_EQ(embed("max"), (std::vector<float>{4, 6, 12, 14}));
}

TEST_F(EmbeddingNetworkTest, PoolsAsManyVectorsAsTheWindowGives) {
  OnnxModel model;
  model.inputs = {{"inputs", {-1, -1, 2}}};
  model.outputs = {{"embedding", {-1, -1, 2}}};
  model.constants = {{"two", {1}, {2.0F}}};
  model.nodes = {{"Mul", {"inputs", "two"}, {"embedding"}}};
  EmbeddingNetwork network =
      EmbeddingNetwork::create(open(model), card({-1, -1, 2}, {-1, -1, 2}, "max")).value();
  const std::vector<float> windows{0, 5, 4, 3, 2, 1, 6, 7, 10, 9, 8, 11};
  std::vector<float> vectors(4);
  const std::vector<std::int64_t> three{3, 2};
  ASSERT_TRUE(network.embed(windows, three, vectors).ok());
  EXPECT_EQ(vectors, (std::vector<float>{8, 10, 20, 22}));
  vectors.resize(6);
  const std::vector<std::int64_t> two{2, 2};
  ASSERT_TRUE(network.embed(windows, two, vectors).ok());
  EXPECT_EQ(vectors, (std::vector<float>{8, 10, 12, 14, 20, 22}));
}

TEST_F(EmbeddingNetworkTest, AWindowOfWhichNothingIsMadeIsAnErrorOfTheWindow) {
  // The network takes all of its vectors away.
  OnnxModel model;
  model.inputs = {{"inputs", {-1, 2, 2}}};
  model.outputs = {{"embedding", {-1, -1, 2}}};
  model.constants = {{"none", {1, 0, 2}, {}}};
  model.nodes = {{"ReduceMean", {"inputs"}, {"mean"}}, {"Add", {"mean", "none"}, {"embedding"}}};
  EmbeddingNetwork network =
      EmbeddingNetwork::create(open(model), card({-1, 2, 2}, {-1, -1, 2}, "mean")).value();
  const std::vector<float> window(4);
  std::vector<float> vector(2);
  const std::vector<std::int64_t> shape{2, 2};
  EXPECT_EQ(network.embed(window, shape, vector).error().code, ErrorCode::invalid_argument);
}

TEST_F(EmbeddingNetworkTest, ACardThatDisagreesWithItsNetworkIsRefused) {
  const auto code = [&](const ModelCard& wrong) {
    return EmbeddingNetwork::create(open(doubles(3)), wrong).error().code;
  };
  EXPECT_EQ(code(card({-1, 4}, {-1, 3})), ErrorCode::model_invalid);
  EXPECT_EQ(code(card({-1, 3}, {-1, 4})), ErrorCode::model_invalid);
  ModelCard other_name = card({-1, 3}, {-1, 3});
  other_name.outputs.front().name = other_name.embedding->output = "features";
  EXPECT_EQ(code(other_name), ErrorCode::model_invalid);
  ModelCard no_contract = card({-1, 3}, {-1, 3});
  no_contract.embedding.reset();
  EXPECT_EQ(code(no_contract), ErrorCode::model_invalid);
}

TEST_F(EmbeddingNetworkTest, ABufferOfAnotherSizeIsRefused) {
  EmbeddingNetwork network =
      EmbeddingNetwork::create(open(doubles(3)), card({-1, 3}, {-1, 3})).value();
  std::vector<float> windows(6), vectors(4);
  const std::vector<std::int64_t> shape{3};
  EXPECT_EQ(network.embed(windows, shape, vectors).error().code, ErrorCode::invalid_argument);
}

/// The published networks cannot be had everywhere; their shapes can: each catalogue entry that embeds is fed a
/// network that was made to its card.
TEST_F(EmbeddingNetworkTest, EveryWaveformNetworkOfTheCatalogueIsAcceptedByItsCard) {
  int n_cards = 0;
  for (const ModelCard& known : Catalogue::builtin().cards()) {
    if (!known.embedding || known.embedding->frontend != "waveform") continue;
    SCOPED_TRACE(known.name);
    ++n_cards;
    ASSERT_EQ(known.inputs.front().shape.size(), 2U);
    const std::int64_t samples = known.inputs.front().shape[1];
    EXPECT_EQ(samples, known.embedding->window_s * static_cast<double>(known.sample_rate_hz));
    OnnxModel model;  // embedding[N, size] = inputs[N, samples] · zeros[samples, size]
    const std::string input = known.inputs.front().name == "*" ? "anything" : known.inputs[0].name;
    model.inputs = {{input, {-1, samples}}};
    model.outputs = {{known.embedding->output, {-1, known.embedding->size}}};
    model.constants = {{"zero", {1, 1}, {0.0F}},
                       {"mean", {1}, {0.0F}},
                       {"spread",
                        {1, known.embedding->size},
                        std::vector<float>(static_cast<std::size_t>(known.embedding->size), 1.0F)}};
    model.nodes = {{"ReduceMean", {input}, {"level"}},
                   {"Mul", {"level", "zero"}, {"nothing"}},
                   {"Add", {"nothing", "spread"}, {"one"}},
                   {"Identity", {"one"}, {known.embedding->output}}};
    const Session session = Session::open(write(model), {}).value();
    EXPECT_TRUE(EmbeddingNetwork::check(session, known).ok())
        << EmbeddingNetwork::check(session, known).error().message;
  }
  EXPECT_EQ(n_cards, 5);
}

TEST(ScaleToPeak, TakesTheMeanAwayAndLeavesSilenceAlone) {
  std::vector<float> window{1, 2, 3};
  scale_to_peak(window, 0.25);
  EXPECT_EQ(window, (std::vector<float>{-0.25F, 0, 0.25F}));
  std::vector<float> silence(3, 0.5F);
  scale_to_peak(silence, 0.25);
  EXPECT_EQ(silence, (std::vector<float>{0, 0, 0}));
}

TEST(EmbeddingCard, SurvivesTheWayThroughAFile) {
  const ModelCard& perch = *Catalogue::builtin().find("perch-v2-fp32");
  const ModelCard copy = parse_card(card_to_json(perch)).value();
  ASSERT_TRUE(copy.embedding);
  EXPECT_EQ(copy.embedding->peak, 0.25);
  EXPECT_EQ(copy.embedding->size, 1536);
  EXPECT_EQ(copy.embedding->window_s, 5);
}

TEST(EmbeddingCard, IncompleteOnesAreRefused) {
  json::object card{{"name", "mine"},
                    {"sample_rate_hz", 16'000},
                    {"inputs", {{{"name", "x"}, {"shape", {-1, 100}}}}},
                    {"outputs", {{{"name", "y"}, {"shape", {-1, 8}}}}},
                    {"embedding", {{"output", "y"}, {"size", 8}}}};
  EXPECT_TRUE(parse_card(card).ok());
  const auto refused = [&](const char* key, json::value value) {
    json::object changed = card;
    changed["embedding"].as_object()[key] = std::move(value);
    return parse_card(changed).error().code;
  };
  EXPECT_EQ(refused("output", "z"), ErrorCode::model_invalid);
  EXPECT_EQ(refused("size", 9), ErrorCode::model_invalid);
  EXPECT_EQ(refused("pooling", "median"), ErrorCode::model_invalid);
  EXPECT_EQ(refused("pooling", "mean"), ErrorCode::model_invalid) << "there is nothing to pool";
  EXPECT_EQ(refused("frontend", "mfcc"), ErrorCode::model_invalid);
  card.erase("sample_rate_hz");
  EXPECT_EQ(parse_card(card).error().code, ErrorCode::model_invalid);
}

}  // namespace
}  // namespace baleen::ml
