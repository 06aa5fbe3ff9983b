#include "ml/yamnet.h"

#include <gtest/gtest.h>

#include <cmath>

#include "ml/testing/temporary_directory.h"
#include "ml/testing/tiny_onnx.h"
#include "support/npz.h"
#include "support/shared_dir.h"

namespace baleen::ml {
namespace {

Result<Yamnet> open_yamnet(const std::filesystem::path& path) {
  BALEEN_ASSIGN_OR_RETURN(Session session, Session::open(path, {}));
  return Yamnet::create(std::move(session));
}

// A model with YAMNet's tensors: embeddings are all the mean of the patch, scores all its greatest value.
testing::OnnxModel fake_yamnet() {
  testing::OnnxModel model;
  model.inputs = {{"log_mel_patches", {-1, 96, 64}}};
  model.outputs = {{"scores", {-1, 521}}, {"embeddings", {-1, 1024}}};
  // GlobalAveragePool and GlobalMaxPool leave (n, 96, 1): keep band means, then mix them by matrices.
  model.constants = {{"pick_1024", {96, 1024}, std::vector<float>(96 * 1024, 1.0F / 96)},
                     {"pick_521", {96, 521}, std::vector<float>(96 * 521, 1.0F / 96)}};
  model.nodes = {{"GlobalAveragePool", {"log_mel_patches"}, {"mean"}},
                 {"Flatten", {"mean"}, {"mean_flat"}},
                 {"MatMul", {"mean_flat", "pick_1024"}, {"embeddings"}},
                 {"GlobalMaxPool", {"log_mel_patches"}, {"max"}},
                 {"Flatten", {"max"}, {"max_flat"}},
                 {"MatMul", {"max_flat", "pick_521"}, {"scores"}}};
  return model;
}

double cosine(std::span<const float> a, std::span<const float> b) {
  double ab = 0.0;
  double aa = 0.0;
  double bb = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    ab += double{a[i]} * b[i];
    aa += double{a[i]} * a[i];
    bb += double{b[i]} * b[i];
  }
  return ab / std::sqrt(aa * bb);
}

class YamnetTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (onnxruntime_version().empty()) GTEST_SKIP() << "built without ONNX Runtime";
  }
  testing::TemporaryDirectory directory;
};

TEST_F(YamnetTest, EveryPatchGetsItsOwnRowWhateverTheNumberOfPatches) {
  const auto path = directory.path() / "fake.onnx";
  testing::write_bytes(path, fake_yamnet().bytes());
  Result<Yamnet> yamnet = open_yamnet(path);
  ASSERT_TRUE(yamnet.ok()) << yamnet.error().to_string();
  for (const std::size_t n : {std::size_t{0}, std::size_t{1}, Yamnet::kBatchMax - 1,
                              Yamnet::kBatchMax, 2 * Yamnet::kBatchMax + 1}) {
    SCOPED_TRACE(n);
    std::vector<float> patches(n * Yamnet::kPatchValues);
    for (std::size_t i = 0; i < patches.size(); ++i) {
      patches[i] = static_cast<float>(i / Yamnet::kPatchValues) + (i % 64 == 7 ? 64.0F : 0.0F);
    }
    std::vector<float> embeddings(n * Yamnet::kEmbeddingValues);
    std::vector<float> scores(n * Yamnet::kClasses);
    ASSERT_TRUE(yamnet->embed(patches, embeddings, scores).ok());
    for (std::size_t i = 0; i < embeddings.size(); ++i)
      ASSERT_NEAR(embeddings[i], static_cast<double>(i / Yamnet::kEmbeddingValues) + 1.0, 1e-3);
    for (std::size_t i = 0; i < scores.size(); ++i)
      ASSERT_NEAR(scores[i], static_cast<double>(i / Yamnet::kClasses) + 64.0, 1e-3);
    std::vector<float> without_scores(embeddings.size());
    ASSERT_TRUE(yamnet->embed(patches, without_scores).ok());
    EXPECT_EQ(without_scores, embeddings);
  }
}

TEST_F(YamnetTest, RefusesAModelWithOtherTensors) {
  testing::OnnxModel model = fake_yamnet();
  model.outputs[1].name = "features";
  model.nodes[2].outputs[0] = "features";
  const auto path = directory.path() / "other.onnx";
  testing::write_bytes(path, model.bytes());
  const Result<Yamnet> yamnet = open_yamnet(path);
  ASSERT_FALSE(yamnet.ok());
  EXPECT_EQ(yamnet.error().code, ErrorCode::model_invalid);
}

TEST_F(YamnetTest, RealModelMeetsTheReferenceEmbeddings) {
  BALEEN_SHARED_FILE_OR_SKIP(model_path, "models/yamnet/yamnet_patches.onnx");
  BALEEN_SHARED_FILE_OR_SKIP(golden_path, "fixtures/golden/yamnet_silero_first3s.npz");
  const auto golden = test_support::read_npz(golden_path);
  const auto log_mel = golden.at("log_mel").as<float>();
  const auto expected = golden.at("embeddings").as<float>();
  const auto expected_scores = golden.at("scores").as<float>();
  const std::size_t n = expected.size() / Yamnet::kEmbeddingValues;
  ASSERT_EQ(n, 6U);
  std::vector<float> patches;
  for (std::size_t i = 0; i < n; ++i) {  // 96 frames every 48.
    const auto begin = log_mel.begin() + static_cast<std::ptrdiff_t>(i * 48 * Yamnet::kBands);
    patches.insert(patches.end(), begin, begin + Yamnet::kPatchValues);
  }
  Result<Yamnet> yamnet = open_yamnet(model_path);
  ASSERT_TRUE(yamnet.ok()) << yamnet.error().to_string();
  std::vector<float> embeddings(expected.size());
  std::vector<float> scores(expected_scores.size());
  ASSERT_TRUE(yamnet->embed(patches, embeddings, scores).ok());
  for (std::size_t i = 0; i < n; ++i) {
    const auto row = [&](const std::vector<float>& all) {
      return std::span(all).subspan(i * Yamnet::kEmbeddingValues, Yamnet::kEmbeddingValues);
    };
    EXPECT_GE(cosine(row(embeddings), row(expected)), 0.999999) << "patch " << i;
  }
  for (std::size_t i = 0; i < scores.size(); ++i) EXPECT_NEAR(scores[i], expected_scores[i], 1e-5);
}

}  // namespace
}  // namespace baleen::ml
