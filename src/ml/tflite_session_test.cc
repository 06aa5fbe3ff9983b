// TensorFlow Lite need not be there where tests run: all but the last use testing/fake_tflite.cc, which has the functions
// of the real library and computes twice its input.

#include <gmock/gmock.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>

#include "ml/embedding_network.h"
#include "ml/model_store.h"
#include "ml/session.h"
#include "ml/testing/temporary_directory.h"
#include "ml/tflite_library.h"

namespace baleen::ml {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// As it is before any test changes it.
const char* const kGivenLibrary = std::getenv("BALEEN_TFLITE_LIBRARY");

class TfliteSessionTest : public ::testing::Test {
 protected:
  void SetUp() override { ::setenv("BALEEN_TFLITE_LIBRARY", BALEEN_FAKE_TFLITE, 1); }
  void TearDown() override { ::unsetenv("BALEEN_TFLITE_LIBRARY"); }

  /// A model of the fake library, by its words.
  std::filesystem::path write(const std::string& words) {
    using namespace std::string_literals;
    testing::write_bytes(path_, "\x1c\0\0\0TFL3"s + words);
    return path_;
  }
  Session open(const std::string& words) {
    Result<Session> session = Session::open(write(words), {});
    EXPECT_TRUE(session.ok()) << (session.ok() ? "" : session.error().message);
    return std::move(session).value();
  }
  static Result<std::vector<float>> twice(Session& session, const std::vector<float>& samples) {
    std::vector<float> out(samples.size());
    const auto n = static_cast<std::int64_t>(samples.size());
    const InputTensor in{"samples", {n / 4, 4}, std::span<const float>(samples)};
    const OutputTensor embedding{"embedding", {n / 4, 4}, out};
    BALEEN_RETURN_IF_ERROR(session.run({&in, 1}, {&embedding, 1}));
    return out;
  }

  testing::TemporaryDirectory directory_;
  const std::filesystem::path path_ = directory_.path() / "model.bin";  // The name says nothing.
};

TEST_F(TfliteSessionTest, ComputesWindowByWindow) {
  Session session = open("4");
  EXPECT_THAT(twice(session, {1, 2, 3, 4}).value(), ElementsAre(2, 4, 6, 8));
  EXPECT_THAT(twice(session, {1, 2, 3, 4, 5, 6, 7, 8}).value(),
              ElementsAre(2, 4, 6, 8, 10, 12, 14, 16));
}

TEST_F(TfliteSessionTest, TellsItsTensorsWithAFreeFirstDimension) {
  const Session session = open("4");
  ASSERT_EQ(session.inputs().size(), 1U);
  EXPECT_EQ(session.inputs()[0].name, "samples");
  EXPECT_THAT(session.inputs()[0].shape, ElementsAre(-1, 4));
  EXPECT_TRUE(session.inputs()[0].is_float);
  ASSERT_EQ(session.outputs().size(), 2U);
  EXPECT_THAT(session.outputs()[1].shape, ElementsAre(-1, 2, 2));
  const Session bytes = open("4 bytes");
  EXPECT_FALSE(bytes.inputs()[0].is_float);
  EXPECT_EQ(bytes.expect_input("samples", std::array<std::int64_t, 2>{-1, 4}).error().code,
            ErrorCode::model_invalid);
}

TEST_F(TfliteSessionTest, TakesWindowsOfAnyLengthWhereTheModelDoes) {
  Session session = open("1 open");  // What is open reads 1.
  const std::vector<float> samples{1, 2, 3, 4, 5, 6, 7, 8};
  const InputTensor longer{"samples", {2, 4}, std::span<const float>(samples)};
  const TensorValue steps = session.run_for({&longer, 1}, "steps").value();
  EXPECT_THAT(steps.shape, ElementsAre(2, 2, 2));
  EXPECT_EQ(steps.values, samples);
  const InputTensor shorter{"samples", {4, 2}, std::span<const float>(samples)};
  EXPECT_THAT(session.run_for({&shorter, 1}, "steps")->shape, ElementsAre(4, 1, 2));
}

TEST_F(TfliteSessionTest, ALengthThatTheModelRefusesIsAnErrorAndTheNextOneIsNone) {
  Session session = open("1");
  const std::vector<float> samples{1, 2, 3, 4};
  const InputTensor longer{"samples", {1, 4}, std::span<const float>(samples)};
  const auto refused = session.run_for({&longer, 1}, "embedding");
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::invalid_argument);
  EXPECT_THAT(refused.error().message, HasSubstr("Cannot resize tensor 0"));
  const InputTensor right{"samples", {4, 1}, std::span<const float>(samples)};
  EXPECT_THAT(session.run_for({&right, 1}, "embedding")->values, ElementsAre(2, 4, 6, 8));
}

TEST_F(TfliteSessionTest, WhatTheLibraryRefusesIsModelInvalidWithItsReason) {
  const auto message = [&](const std::string& words) {
    const Result<Session> session = Session::open(write(words), {});
    EXPECT_EQ(session.error().code, ErrorCode::model_invalid);
    return session.error().message;
  };
  EXPECT_THAT(message("nonsense"), AllOf(HasSubstr("model.bin"), HasSubstr("2.99.0-fake")));
  EXPECT_THAT(message("4 unallocatable"), HasSubstr("Node number 7 failed to prepare"));
  Session failing = open("4 failing");
  const auto result = twice(failing, {1, 2, 3, 4});
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().code, ErrorCode::model_invalid);
  EXPECT_THAT(result.error().message, HasSubstr("Node number 3 failed to invoke"));
}

TEST_F(TfliteSessionTest, IntegersAndMissingInputsAreRefused) {
  Session session = open("4");
  const std::vector<std::int64_t> integers(4);
  const InputTensor in{"samples", {1, 4}, std::span<const std::int64_t>(integers)};
  EXPECT_EQ(session.run_for({&in, 1}, "embedding").error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(session.run_for({}, "embedding").error().code, ErrorCode::invalid_argument);
}

TEST_F(TfliteSessionTest, RunsWhereNoFileCanBeOpened) {
  Session session = open("4");
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    const rlimit none{0, 0};
    ::setrlimit(RLIMIT_NOFILE, &none);
    const auto result = twice(session, {1, 2, 3, 4});
    ::_exit(result.ok() && result->back() == 8 ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

TEST_F(TfliteSessionTest, WithoutTheLibraryItSaysWhatIsMissingAndHowToGetIt) {
  ::setenv("BALEEN_TFLITE_LIBRARY", "/nowhere/libtensorflowlite_c.so", 1);
  const Result<Session> session = Session::open(write("4"), {});
  ASSERT_FALSE(session.ok());
  EXPECT_EQ(session.error().code, ErrorCode::not_supported);
  EXPECT_THAT(session.error().message,
              AllOf(HasSubstr("/nowhere/libtensorflowlite_c.so"), HasSubstr("TensorFlow Lite"),
                    HasSubstr("BALEEN_TFLITE_LIBRARY"), HasSubstr("model.bin")));
}

TEST_F(TfliteSessionTest, AnotherLibraryIsNotTakenForIt) {
  ::setenv("BALEEN_TFLITE_LIBRARY", "libm.so.6", 1);
  const Result<Session> session = Session::open(write("4"), {});
  ASSERT_FALSE(session.ok());
  EXPECT_EQ(session.error().code, ErrorCode::not_supported);
  EXPECT_THAT(session.error().message, HasSubstr("libm.so.6 has no function TfLiteVersion"));
}

TEST_F(TfliteSessionTest, AnInstalledModelKeepsItsFormatAndEmbeds) {
  ModelStore store(directory_.path() / "models");
  const InstalledModel model = store.add(write("4"), {.name = "mine"}).value();
  EXPECT_EQ(model.card.format, "tflite");
  EXPECT_TRUE(model.card.is_runnable());
  EXPECT_EQ(model.path.filename(), "mine.tflite");
  EXPECT_EQ(store.add(write("unreadable"), {.name = "other"}).error().code,
            ErrorCode::model_invalid);

  ModelCard card = model.card;
  card.sample_rate_hz = 16'000;
  card.inputs = {{"*", {-1, 4}}};
  card.outputs = {{"steps", {-1, -1, 2}}};
  card.embedding = EmbeddingContract{};
  card.embedding->output = "steps";
  card.embedding->size = 2;
  card.embedding->pooling = "max";
  EmbeddingNetwork network =
      EmbeddingNetwork::create(Session::open(model.path, {}).value(), card).value();
  const std::vector<float> windows{1, 8, 3, 4, 5, 6, 7, 2};
  std::vector<float> vectors(4);
  const std::vector<std::int64_t> shape{4};
  ASSERT_TRUE(network.embed(windows, shape, vectors).ok());
  EXPECT_THAT(vectors, ElementsAre(3, 8, 7, 6));
}

TEST(TensorflowLite, RunsRealModelsWhereItIsInstalled) {
  if (kGivenLibrary != nullptr) ::setenv("BALEEN_TFLITE_LIBRARY", kGivenLibrary, 1);
  if (!tflite_library().ok())
    GTEST_SKIP() << "no TensorFlow Lite C library (set BALEEN_TFLITE_LIBRARY)";
  const std::filesystem::path models =
      std::filesystem::path(BALEEN_SOURCE_DIR) / "tests/golden/tflite";
  const std::vector<float> samples{1, 2, 3, 4, 5, 6, 7, 8};
  const std::vector<float> doubled{2, 4, 6, 8, 10, 12, 14, 16};
  for (const std::string name : {"twice_4", "twice_open"}) {
    SCOPED_TRACE(name);
    Session session = Session::open(models / (name + ".tflite"), {}).value();
    EXPECT_THAT(session.inputs()[0].shape, ElementsAre(-1, name == "twice_4" ? 4 : -1));
    const InputTensor fours{"samples", {2, 4}, std::span<const float>(samples)};
    EXPECT_EQ(session.run_for({&fours, 1}, "embedding")->values, doubled);
    const InputTensor eight{"samples", {1, 8}, std::span<const float>(samples)};
    const auto longer = session.run_for({&eight, 1}, "embedding");
    EXPECT_EQ(longer.ok(), name == "twice_open");
    if (longer.ok()) {
      EXPECT_THAT(longer->shape, ElementsAre(1, 8));
    }
    EXPECT_EQ(session.run_for({&fours, 1}, "embedding")->values, doubled);
  }
}

}  // namespace
}  // namespace baleen::ml
