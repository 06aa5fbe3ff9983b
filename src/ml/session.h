#pragma once

/// A neural network, loaded once and run often: ONNX Runtime or TensorFlow Lite behind a few functions.
///
///   BALEEN_ASSIGN_OR_RETURN(ml::Session session, ml::Session::open("yamnet.onnx", {}));
///   const ml::InputTensor in{"log_mel_patches", {n, 96, 64}, patches};
///   const ml::OutputTensor out{"embeddings", {n, 1024}, embeddings};
///   BALEEN_RETURN_IF_ERROR(session.run({&in, 1}, {&out, 1}));
///
/// One intra-op thread and no spinning: parallelism comes from several executors, each with sessions of
/// its own. A session belongs to one thread at a time. Results do not depend on earlier runs, and for the
/// networks used here not on the batch size either, but for rounding (float32, 1e-6 relative).
///
/// Which of the two a file is for says the file. Where Baleen was built without ONNX Runtime, or there is no TensorFlow
/// Lite library to be loaded (tflite_library.h), `open` returns NOT_SUPPORTED and what to do.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/result.h"

namespace baleen::ml {

struct SessionOptions {
  /// Larger files are refused (MODEL_INVALID) before anything is read.
  std::int64_t model_bytes_max = std::int64_t{2} << 30;
};

/// Input or output of a network, as the model file declares it; -1 stands for a free dimension.
struct TensorInfo {
  std::string name;
  std::vector<std::int64_t> shape;
  bool is_float = false;  ///< float32; everything else is refused by `run`, but for int64 inputs.
};

/// What goes in. Borrows the values during `run`.
struct InputTensor {
  std::string_view name;
  std::vector<std::int64_t> shape;
  std::variant<std::span<const float>, std::span<const std::int64_t>> values;
};

/// Where a float32 result goes; its shape must be known beforehand. Borrows the memory during `run`.
struct OutputTensor {
  std::string_view name;
  std::vector<std::int64_t> shape;
  std::span<float> values;
};

/// A float32 result whose shape the network has decided.
struct TensorValue {
  std::vector<std::int64_t> shape;
  std::vector<float> values;
};

class SessionBackend;

class Session {
 public:
  /// Loads a model. Errors: MODEL_NOT_FOUND, MODEL_INVALID, MODEL_OOM, NOT_SUPPORTED.
  [[nodiscard]] static Result<Session> open(const std::filesystem::path& path,
                                            const SessionOptions& options);
  ~Session();
  Session(Session&&) noexcept;
  Session& operator=(Session&&) noexcept;

  [[nodiscard]] const std::vector<TensorInfo>& inputs() const;
  [[nodiscard]] const std::vector<TensorInfo>& outputs() const;

  /// Succeeds if the model has such a tensor: same name, float32, and `shape` where that is not -1.
  [[nodiscard]] Result<void> expect_input(std::string_view name,
                                          std::span<const std::int64_t> shape) const;
  [[nodiscard]] Result<void> expect_output(std::string_view name,
                                           std::span<const std::int64_t> shape) const;

  /// One forward pass; every output named is filled. Errors: INVALID_ARGUMENT where names, shapes and sizes do not agree
  /// with each other or the model (which may show only in the midst of it); MODEL_INVALID, MODEL_OOM from the run itself.
  [[nodiscard]] Result<void> run(std::span<const InputTensor> inputs,
                                 std::span<const OutputTensor> outputs);
  /// The same for one output of any shape.
  [[nodiscard]] Result<TensorValue> run_for(std::span<const InputTensor> inputs,
                                            std::string_view output);

 private:
  explicit Session(std::unique_ptr<SessionBackend> backend);
  [[nodiscard]] Result<void> check_inputs(std::span<const InputTensor> inputs) const;
  std::unique_ptr<SessionBackend> backend_;  // Never null, but in a moved-from object.
};

/// "tflite" or, of any other file, "onnx": what a card calls the format. IO_ERROR, FILE_NOT_FOUND.
[[nodiscard]] Result<std::string> model_format(const std::filesystem::path& path);

/// "1.30.0", or "" where Baleen was built without ONNX Runtime.
[[nodiscard]] std::string onnxruntime_version();
/// "2.14.0" of the TensorFlow Lite that `.tflite` models would run in. NOT_SUPPORTED where there is none: where it was
/// looked for, and how to get it.
[[nodiscard]] Result<std::string> tflite_version();

}  // namespace baleen::ml
