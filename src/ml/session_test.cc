#include "ml/session.h"

#include <gmock/gmock.h>

#include <array>

#include "ml/testing/temporary_directory.h"
#include "ml/testing/tiny_onnx.h"

namespace baleen::ml {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::OnnxModel;

// sum[N,3] = x[N,3] + y[3], twice[N,3] = sum * 2
OnnxModel sum_and_double() {
  OnnxModel model;
  model.inputs = {{"x", {-1, 3}}, {"y", {3}}};
  model.outputs = {{"sum", {-1, 3}}, {"twice", {-1, 3}}};
  model.constants = {{"two", {1}, {2.0F}}};
  model.nodes = {{"Add", {"x", "y"}, {"sum"}}, {"Mul", {"sum", "two"}, {"twice"}}};
  return model;
}

class SessionTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (onnxruntime_version().empty()) GTEST_SKIP() << "built without ONNX Runtime";
    testing::write_bytes(model_path, sum_and_double().bytes());
  }
  [[nodiscard]] Session open() const {
    Result<Session> session = Session::open(model_path, {});
    EXPECT_TRUE(session.ok()) << (session.ok() ? "" : session.error().to_string());
    return std::move(session).value();
  }
  testing::TemporaryDirectory directory;
  std::filesystem::path model_path = directory.path() / "tiny.onnx";
};

TEST_F(SessionTest, ComputesEveryOutputThatWasAskedFor) {
  Session session = open();
  const std::array<float, 6> x{1, 2, 3, 4, 5, 6};
  const std::array<float, 3> y{10, 20, 30};
  std::array<float, 6> sum{};
  std::array<float, 6> twice{};
  const std::array inputs{InputTensor{"x", {2, 3}, std::span<const float>(x)},
                          InputTensor{"y", {3}, std::span<const float>(y)}};
  const std::array outputs{OutputTensor{"twice", {2, 3}, twice}, OutputTensor{"sum", {2, 3}, sum}};
  ASSERT_TRUE(session.run(inputs, outputs).ok());
  EXPECT_THAT(sum, ElementsAre(11, 22, 33, 14, 25, 36));
  EXPECT_THAT(twice, ElementsAre(22, 44, 66, 28, 50, 72));
}

TEST_F(SessionTest, AnOutputMayHaveTheShapeThatTheNetworkGivesIt) {
  Session session = open();
  const std::array<float, 6> x{1, 2, 3, 4, 5, 6};
  const std::array<float, 3> y{10, 20, 30};
  const std::array inputs{InputTensor{"x", {2, 3}, std::span<const float>(x)},
                          InputTensor{"y", {3}, std::span<const float>(y)}};
  const TensorValue twice = session.run_for(inputs, "twice").value();
  EXPECT_THAT(twice.shape, ElementsAre(2, 3));
  EXPECT_THAT(twice.values, ElementsAre(22, 44, 66, 28, 50, 72));
  EXPECT_EQ(session.run_for(inputs, "thrice").error().code, ErrorCode::invalid_argument);
  EXPECT_FALSE(session.run_for({&inputs[0], 1}, "twice").ok()) << "an input is missing";
}

TEST_F(SessionTest, TellsItsTensors) {
  const Session session = open();
  ASSERT_EQ(session.inputs().size(), 2U);
  EXPECT_EQ(session.inputs()[0].name, "x");
  EXPECT_THAT(session.inputs()[0].shape, ElementsAre(-1, 3));
  EXPECT_TRUE(session.inputs()[0].is_float);
  EXPECT_EQ(session.outputs()[1].name, "twice");
}

TEST_F(SessionTest, ExpectationsNameTheTensorThatDiffers) {
  const Session session = open();
  EXPECT_TRUE(session.expect_input("x", std::array<std::int64_t, 2>{-1, 3}).ok());
  EXPECT_FALSE(session.expect_input("x", std::array<std::int64_t, 2>{-1, 4}).ok());
  EXPECT_FALSE(session.expect_input("x", std::array<std::int64_t, 1>{3}).ok());
  const Result<void> absent = session.expect_output("probs", std::array<std::int64_t, 2>{-1, 3});
  ASSERT_FALSE(absent.ok());
  EXPECT_EQ(absent.error().code, ErrorCode::model_invalid);
  EXPECT_THAT(absent.error().message, HasSubstr("probs"));
}

TEST_F(SessionTest, RefusesWrongNamesShapesAndSizes) {
  Session session = open();
  const std::array<float, 6> x{};
  const std::array<float, 3> y{};
  std::array<float, 6> sum{};
  const auto run = [&](InputTensor a, OutputTensor out) {
    const std::array inputs{std::move(a), InputTensor{"y", {3}, std::span<const float>(y)}};
    return session.run(inputs, {&out, 1});
  };
  const std::span<const float> values(x);
  EXPECT_TRUE(run({"x", {2, 3}, values}, {"sum", {2, 3}, sum}).ok());
  for (const Result<void>& result :
       {run({"z", {2, 3}, values}, {"sum", {2, 3}, sum}),       // unknown input
        run({"x", {2, 3}, values}, {"total", {2, 3}, sum}),     // unknown output
        run({"x", {3, 2}, values}, {"sum", {2, 3}, sum}),       // not the model's shape
        run({"x", {4, 3}, values}, {"sum", {2, 3}, sum}),       // more than there are values
        run({"x", {2, 3}, values}, {"sum", {1, 3}, sum}),       // output of another size
        run({"x", {-2, -3}, values}, {"sum", {2, 3}, sum})}) {  // a size below zero
    ASSERT_FALSE(result.ok());
    EXPECT_EQ(result.error().code, ErrorCode::invalid_argument) << result.error().message;
  }
  // A missing input and an output whose batch disagrees only show when the network runs.
  OutputTensor out{"sum", {2, 3}, sum};
  const InputTensor only_x{"x", {2, 3}, values};
  EXPECT_FALSE(session.run({&only_x, 1}, {&out, 1}).ok());
  EXPECT_FALSE(run({"x", {1, 3}, values.first(3)}, {"sum", {2, 3}, sum}).ok());
}

TEST_F(SessionTest, FilesThatAreNoModelAreModelInvalid) {
  const std::string good = sum_and_double().bytes();
  const auto open_bytes = [&](std::string_view bytes) {
    const auto path = directory.path() / "bad.onnx";
    testing::write_bytes(path, bytes);
    return Session::open(path, {});
  };
  ASSERT_TRUE(open_bytes(good).ok());
  std::vector<std::string> bad{"", "not a model", std::string(4096, '\xff')};
  for (std::size_t size = 1; size + 8 < good.size(); size += 7) bad.push_back(good.substr(0, size));
  for (const std::string& bytes : bad) {
    SCOPED_TRACE(bytes.size());
    const Result<Session> session = open_bytes(bytes);
    ASSERT_FALSE(session.ok());
    EXPECT_EQ(session.error().code, ErrorCode::model_invalid) << session.error().message;
    EXPECT_THAT(session.error().message, HasSubstr("bad.onnx"));
  }
}

TEST_F(SessionTest, AnAbsentFileIsModelNotFoundAndALargeOneIsRefused) {
  const Result<Session> absent = Session::open(directory.path() / "absent.onnx", {});
  ASSERT_FALSE(absent.ok());
  EXPECT_EQ(absent.error().code, ErrorCode::model_not_found);
  const Result<Session> large = Session::open(model_path, {.model_bytes_max = 16});
  ASSERT_FALSE(large.ok());
  EXPECT_EQ(large.error().code, ErrorCode::model_invalid);
}

TEST_F(SessionTest, WantOfMemoryIsModelOom) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "sanitizers abort where the allocator would fail";
#endif
  // x[N,1] + y[1,N] with N = 2^23 asks for 2^48 bytes: more than there are addresses.
  OnnxModel model;
  model.inputs = {{"x", {-1, 1}}, {"y", {1, -1}}};
  model.outputs = {{"sum", {-1, -1}}, {"least", {1, 1}}};
  model.nodes = {{"Add", {"x", "y"}, {"sum"}}, {"ReduceMin", {"sum"}, {"least"}}};
  testing::write_bytes(model_path, model.bytes());
  Session session = open();
  const std::vector<float> values(std::size_t{1} << 23);
  std::array<float, 1> least{};
  const std::array inputs{InputTensor{"x", {1 << 23, 1}, std::span<const float>(values)},
                          InputTensor{"y", {1, 1 << 23}, std::span<const float>(values)}};
  const OutputTensor output{"least", {1, 1}, least};
  const Result<void> result = session.run(inputs, {&output, 1});
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().code, ErrorCode::model_oom) << result.error().message;
}

TEST(SessionWithoutRuntime, OpenSaysNotSupported) {
  if (!onnxruntime_version().empty()) GTEST_SKIP() << "built with ONNX Runtime";
  const testing::TemporaryDirectory directory;
  testing::write_bytes(directory.path() / "any.onnx", sum_and_double().bytes());
  const Result<Session> session = Session::open(directory.path() / "any.onnx", {});
  ASSERT_FALSE(session.ok());
  EXPECT_EQ(session.error().code, ErrorCode::not_supported);
}

}  // namespace
}  // namespace baleen::ml
