#include "recipes/ssis/ina_segmenter.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <sstream>

#include "ml/testing/temporary_directory.h"
#include "ml/testing/tiny_onnx.h"
#include "support/npz.h"
#include "support/shared_dir.h"
#include "support/signals.h"
#include "support/wav.h"

namespace baleen::ssis {
namespace {

using Label = SmnLabel;
constexpr double kRate = 16000.0;

// Samples from memory, `chunk` at a time; the second reading may be made to differ in length.
class MemorySource : public SampleSource16k {
 public:
  explicit MemorySource(std::vector<float> samples, std::size_t chunk = 4096)
      : samples_(std::move(samples)), chunk_(chunk) {}
  Result<std::size_t> read(std::span<float> out) override {
    const std::size_t end = n_rewinds_ > 1 ? samples_.size() - missing_later : samples_.size();
    const std::size_t n = std::min({chunk_, out.size(), end - position_});
    std::copy_n(samples_.begin() + static_cast<std::ptrdiff_t>(position_), n, out.begin());
    position_ += n;
    return n;
  }
  Result<void> rewind() override {
    position_ = 0;
    ++n_rewinds_;
    return {};
  }
  std::size_t missing_later = 0;

 private:
  std::vector<float> samples_;
  std::size_t chunk_;
  std::size_t position_ = 0;
  int n_rewinds_ = 0;
};

// A network with INA's tensors that goes by where the energy lies: low bands are "speech", middle ones
// "music", high ones "noise".
ml::testing::OnnxModel fake_network() {
  ml::testing::OnnxModel model;
  model.inputs = {{"patches", {-1, 68, 21}}};
  model.outputs = {{"probs", {-1, 3}}};
  std::vector<float> weights(68 * 21 * 3);
  for (std::size_t i = 0; i < 68 * 21; ++i) weights[3 * i + i % 21 / 7] = 10.0F / (68 * 7);
  model.constants = {{"weights", {68 * 21, 3}, weights}};
  model.nodes = {{"Flatten", {"patches"}, {"flat"}},
                 {"MatMul", {"flat", "weights"}, {"logits"}},
                 {"Softmax", {"logits"}, {"probs"}}};
  return model;
}

class InaSegmenterTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (ml::onnxruntime_version().empty()) GTEST_SKIP() << "built without ONNX Runtime";
    ml::testing::write_bytes(directory.path() / "fake.onnx", fake_network().bytes());
  }
  [[nodiscard]] InaSegmenter fake(const InaOptions& options = {}) const {
    return open(directory.path() / "fake.onnx", options);
  }
  [[nodiscard]] static InaSegmenter open(const std::filesystem::path& path,
                                         const InaOptions& options = {}) {
    Result<ml::Session> session = ml::Session::open(path, {});
    EXPECT_TRUE(session.ok());
    Result<InaSegmenter> segmenter = InaSegmenter::create(std::move(session).value(), options);
    EXPECT_TRUE(segmenter.ok());
    return std::move(segmenter).value();
  }
  ml::testing::TemporaryDirectory directory;
};

std::vector<float> tone(double seconds, double frequency_hz) {
  std::vector<float> samples =
      test_support::sine(static_cast<std::size_t>(seconds * kRate), frequency_hz, kRate, 0.3);
  const auto noise = test_support::white_noise(samples.size(), 9, 0.003);
  for (std::size_t i = 0; i < samples.size(); ++i) samples[i] += noise[i];
  return samples;
}

std::vector<float> concatenate(std::initializer_list<std::vector<float>> parts) {
  std::vector<float> samples;
  for (const auto& part : parts) samples.insert(samples.end(), part.begin(), part.end());
  return samples;
}

// Low tone 4 s, silence 3 s, high tone 5 s, then straight on a middle tone 6 s.
std::vector<float> scene() {
  return concatenate(
      {tone(4.0, 200.0), std::vector<float>(48000), tone(5.0, 4300.0), tone(6.0, 1500.0)});
}

void expect_covers(std::span<const SmnSegment> segments, double duration_s) {
  double end_s = 0.0;
  for (const SmnSegment& segment : segments) {
    EXPECT_EQ(segment.begin_s, end_s);
    EXPECT_GT(segment.end_s, segment.begin_s);
    EXPECT_GE(segment.mean_prob, 0.0F);
    EXPECT_LE(segment.mean_prob, 1.0F);
    end_s = segment.end_s;
  }
  EXPECT_NEAR(end_s, duration_s, 0.035);
  for (std::size_t i = 1; i < segments.size(); ++i)
    EXPECT_NE(segments[i].label, segments[i - 1].label);
}

TEST_F(InaSegmenterTest, FindsWhatIsWhere) {
  InaSegmenter segmenter = fake();
  MemorySource source(scene());
  const auto segments = segmenter.segment(source, {});
  ASSERT_TRUE(segments.ok()) << segments.error().to_string();
  expect_covers(*segments, 18.0);
  ASSERT_EQ(segments->size(), 4U);
  const std::array expected{Label::speech, Label::no_energy, Label::noise, Label::music};
  const std::array ends_s{4.0, 7.0, 12.0};
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ((*segments)[i].label, expected[i]);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_NEAR((*segments)[i].end_s, ends_s[i], 0.25);
  EXPECT_GT((*segments)[3].mean_prob, 0.8F);
  EXPECT_EQ((*segments)[1].mean_prob, 1.0F);
  EXPECT_EQ(segmenter.stats().n_patches, 899);
  EXPECT_LT(segmenter.stats().n_active, 790);
  EXPECT_LT(segmenter.stats().n_evaluated, segmenter.stats().n_active / 2);
}

TEST_F(InaSegmenterTest, OutputDoesNotDependOnHowSamplesArrive) {
  InaSegmenter segmenter = fake();
  MemorySource whole(scene());
  const auto expected = segmenter.segment(whole, {});
  ASSERT_TRUE(expected.ok());
  for (const std::size_t chunk : {37U, 160U, 16384U}) {
    SCOPED_TRACE(chunk);
    MemorySource source(scene(), chunk);
    const auto segments = segmenter.segment(source, {});
    ASSERT_TRUE(segments.ok());
    ASSERT_EQ(segments->size(), expected->size());
    for (std::size_t i = 0; i < segments->size(); ++i) {
      EXPECT_EQ((*segments)[i].end_s, (*expected)[i].end_s);
      EXPECT_EQ((*segments)[i].label, (*expected)[i].label);
      EXPECT_EQ((*segments)[i].mean_prob, (*expected)[i].mean_prob);
    }
  }
}

TEST_F(InaSegmenterTest, SparseEqualsDense) {
  InaOptions dense;
  dense.decoder.stride = 1;
  InaSegmenter reference = fake(dense);
  InaSegmenter segmenter = fake();
  std::vector<float> samples;
  for (int i = 0; i < 12; ++i) {
    const auto part = tone(1.5 + 0.37 * (i % 5), std::array{200.0, 4300.0, 1500.0}[i % 3]);
    samples.insert(samples.end(), part.begin(), part.end());
  }
  MemorySource source(samples);
  const auto expected = reference.segment(source, {});
  EXPECT_EQ(reference.stats().n_evaluated, reference.stats().n_active);
  const auto segments = segmenter.segment(source, {});
  ASSERT_TRUE(expected.ok() && segments.ok());
  ASSERT_EQ(segments->size(), expected->size());
  for (std::size_t i = 0; i < segments->size(); ++i) {
    EXPECT_EQ((*segments)[i].label, (*expected)[i].label);
    EXPECT_NEAR((*segments)[i].end_s, (*expected)[i].end_s, 0.0201);
  }
}

TEST_F(InaSegmenterTest, EveryLengthIsCovered) {
  InaSegmenter segmenter = fake();
  const std::vector<float> samples = tone(2.0, 200.0);
  for (const std::size_t n :
       {0U, 1U, 399U, 400U, 560U, 720U, 5000U, 11119U, 11120U, 11280U, 11440U, 27200U}) {
    SCOPED_TRACE(n);
    MemorySource source({samples.begin(), samples.begin() + n});
    const auto segments = segmenter.segment(source, {});
    ASSERT_TRUE(segments.ok()) << segments.error().to_string();
    EXPECT_EQ(segments->empty(), n < 400);
    const std::int64_t n_frames = n < 400 ? 0 : (static_cast<std::int64_t>(n) - 400) / 160 + 1;
    EXPECT_EQ(segmenter.stats().n_patches, (n_frames + 1) / 2);
    if (!segments->empty()) {
      EXPECT_NEAR(segments->back().end_s, 0.02 * static_cast<double>((n_frames + 1) / 2), 1e-9);
    }
  }
}

TEST_F(InaSegmenterTest, SilenceAndDamagedSamplesHaveAnAnswer) {
  InaSegmenter segmenter = fake();
  MemorySource silence(std::vector<float>(160000));
  auto segments = segmenter.segment(silence, {});
  ASSERT_TRUE(segments.ok());
  ASSERT_EQ(segments->size(), 1U);
  EXPECT_EQ((*segments)[0].label, Label::no_energy);
  EXPECT_EQ(segmenter.stats().n_evaluated, 0);

  // Short holes of exact silence inside a tone, and a sample that is no number.
  std::vector<float> samples = tone(10.0, 200.0);
  std::fill(samples.begin() + 40000, samples.begin() + 41000, 0.0F);
  samples[100000] = NAN;
  MemorySource holes(samples);
  segments = segmenter.segment(holes, {});
  ASSERT_TRUE(segments.ok());
  expect_covers(*segments, 10.0);
  EXPECT_EQ((*segments)[0].label, Label::speech);
}

TEST_F(InaSegmenterTest, ProgressRisesAndCanStop) {
  InaSegmenter segmenter = fake();
  MemorySource source(scene());
  std::vector<double> fractions;
  ASSERT_TRUE(segmenter
                  .segment(source,
                           [&](double fraction) {
                             fractions.push_back(fraction);
                             return true;
                           })
                  .ok());
  EXPECT_TRUE(std::ranges::is_sorted(fractions));
  EXPECT_EQ(fractions.back(), 1.0);
  const auto stopped = segmenter.segment(source, [](double fraction) { return fraction < 0.5; });
  ASSERT_FALSE(stopped.ok());
  EXPECT_EQ(stopped.error().code, ErrorCode::canceled);
}

TEST_F(InaSegmenterTest, ASourceThatChangesIsAnError) {
  InaSegmenter segmenter = fake();
  MemorySource source(scene());
  source.missing_later = 1;
  const auto segments = segmenter.segment(source, {});
  ASSERT_FALSE(segments.ok());
  EXPECT_EQ(segments.error().code, ErrorCode::segmentation_failed);
}

TEST_F(InaSegmenterTest, RefusesAnotherModel) {
  ml::testing::OnnxModel model = fake_network();
  model.inputs[0].shape = {-1, 21, 68};
  ml::testing::write_bytes(directory.path() / "other.onnx", model.bytes());
  Result<ml::Session> session = ml::Session::open(directory.path() / "other.onnx", {});
  ASSERT_TRUE(session.ok());
  const auto segmenter = InaSegmenter::create(std::move(session).value(), {});
  ASSERT_FALSE(segmenter.ok());
  EXPECT_EQ(segmenter.error().code, ErrorCode::model_invalid);
}

// One label per 20 ms of a reference CSV (labels, start, stop), speakers counted as speech.
std::vector<Label> read_csv(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  std::vector<Label> labels;
  while (std::getline(file, line)) {
    std::istringstream fields(line);
    std::string name;
    double begin_s = 0.0;
    double end_s = 0.0;
    fields >> name >> begin_s >> end_s;
    const Label label = name == "music"      ? Label::music
                        : name == "noise"    ? Label::noise
                        : name == "noEnergy" ? Label::no_energy
                                             : Label::speech;
    labels.resize(static_cast<std::size_t>(std::lround(end_s * 50.0)), label);
  }
  return labels;
}

void expect_equals_reference(InaSegmenter& segmenter, const std::string& name) {
  BALEEN_SHARED_FILE_OR_SKIP(wav_path, "audio/ina/" + name + ".wav");
  BALEEN_SHARED_FILE_OR_SKIP(csv_path, "audio/ina/" + name + "-smn-gender.csv");
  BALEEN_SHARED_FILE_OR_SKIP(npz_path, "fixtures/golden/ina_" + name + ".npz");
  MemorySource source(test_support::read_wav_s16_mono(wav_path).samples);
  const auto segments = segmenter.segment(source, {});
  ASSERT_TRUE(segments.ok()) << segments.error().to_string();
  const std::vector<Label> expected = read_csv(csv_path);
  const auto golden = test_support::read_npz(npz_path);
  const auto stops_s = golden.at("seg_stop").as<double>();
  ASSERT_EQ(segments->size(), stops_s.size());
  for (std::size_t i = 0; i < segments->size(); ++i) {
    const SmnSegment& segment = (*segments)[i];
    EXPECT_NEAR(segment.end_s, stops_s[i], 0.0201) << i;
    const auto begin = static_cast<std::size_t>(std::lround(segment.begin_s * 50.0)) + 1;
    const auto end = static_cast<std::size_t>(std::lround(segment.end_s * 50.0));
    for (std::size_t patch = begin; patch + 1 < end; ++patch)
      ASSERT_EQ(segment.label, expected.at(patch)) << patch;
  }
}

TEST_F(InaSegmenterTest, EqualsTheReferenceSegmentationOfRealAudio) {
  BALEEN_SHARED_FILE_OR_SKIP(model_path, "models/ina-smn/ina_smn.onnx");
  InaSegmenter segmenter = open(model_path);
  for (const char* name : {"musanmix", "silence2sec"}) {
    SCOPED_TRACE(name);
    expect_equals_reference(segmenter, name);
  }
}

}  // namespace
}  // namespace baleen::ssis
