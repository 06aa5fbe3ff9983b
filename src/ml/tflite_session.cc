// Networks of TensorFlow Lite behind the door of session.h.
//
// A window at a time: models are converted for a batch of one, and many refuse any other. Their first dimension is
// therefore free for who calls. A dimension that the model leaves open reads 1 until it is given a length, and is told
// as free too; whether it really is shows when tensors are allocated.

#include <cstdio>
#include <numeric>
#include <utility>

#include "ml/session_backend.h"
#include "ml/tflite_library.h"

namespace baleen::ml {
namespace {

/// Deletes with the library's own function.
template <typename T>
using Handle = std::unique_ptr<T, void (*)(T*)>;

/// Keeps the last thing that the interpreter said.
void keep_message(void* user_data, const char* format, std::va_list args) {
  char text[512];
  if (std::vsnprintf(text, sizeof text, format, args) > 0)
    *static_cast<std::string*>(user_data) = text;
}

class TfliteBackend final : public SessionBackend {
 public:
  explicit TfliteBackend(const TfliteLibrary& library) : lib_(library) {}

  Result<void> load(const std::filesystem::path& path) {
    model_ = {lib_.ModelCreateFromFile(path.c_str()), lib_.ModelDelete};
    if (model_ == nullptr) {
      return fail(ErrorCode::model_invalid,
                  "TensorFlow Lite {} cannot read it: it is damaged, or made for another version",
                  lib_.Version());
    }
    const Handle<TfLiteInterpreterOptions> options(lib_.InterpreterOptionsCreate(),
                                                   lib_.InterpreterOptionsDelete);
    if (options == nullptr) return failed(ErrorCode::model_oom, "make options");
    lib_.InterpreterOptionsSetNumThreads(options.get(), 1);
    lib_.InterpreterOptionsSetErrorReporter(options.get(), keep_message, &message_);
    interpreter_ = {lib_.InterpreterCreate(model_.get(), options.get()), lib_.InterpreterDelete};
    if (interpreter_ == nullptr) return failed(ErrorCode::model_invalid, "prepare it");
    if (lib_.InterpreterAllocateTensors(interpreter_.get()) != kTfLiteOk)
      return failed(ErrorCode::model_invalid, "allocate its tensors");
    is_allocated_ = true;
    for (std::int32_t i = 0; i < lib_.InterpreterGetInputTensorCount(interpreter_.get()); ++i)
      inputs.push_back(describe(lib_.InterpreterGetInputTensor(interpreter_.get(), i)));
    for (std::int32_t i = 0; i < lib_.InterpreterGetOutputTensorCount(interpreter_.get()); ++i)
      outputs.push_back(describe(lib_.InterpreterGetOutputTensor(interpreter_.get(), i)));
    return {};
  }

  Result<void> run(std::span<const InputTensor> in, std::span<const OutputTensor> out) override {
    BALEEN_ASSIGN_OR_RETURN(const std::int64_t n, prepare(in));
    for (const OutputTensor& tensor : out) {
      if (tensor.shape.empty() || tensor.shape.front() != n) {
        return fail(ErrorCode::invalid_argument, "{} windows give not {} of '{}'", n,
                    tensor.shape.empty() ? 0 : tensor.shape.front(), tensor.name);
      }
    }
    for (std::int64_t i = 0; i < n; ++i) {
      BALEEN_RETURN_IF_ERROR(invoke(in, n, i));
      for (const OutputTensor& tensor : out) {
        const std::size_t size = tensor.values.size() / static_cast<std::size_t>(n);
        BALEEN_RETURN_IF_ERROR(
            copy_out(tensor.name, tensor.values.subspan(static_cast<std::size_t>(i) * size, size)));
      }
    }
    return {};
  }

  Result<TensorValue> run_for(std::span<const InputTensor> in, std::string_view output) override {
    BALEEN_ASSIGN_OR_RETURN(const std::int64_t n, prepare(in));
    TensorValue result;
    for (std::int64_t i = 0; i < n; ++i) {
      BALEEN_RETURN_IF_ERROR(invoke(in, n, i));
      const TfLiteTensor* const tensor = output_tensor(output);
      const std::size_t at = result.values.size();
      result.values.resize(at + lib_.TensorByteSize(tensor) / sizeof(float));
      BALEEN_RETURN_IF_ERROR(copy_out(output, std::span(result.values).subspan(at)));
      result.shape = shape_of(tensor);
    }
    if (!result.shape.empty()) result.shape.front() *= n;
    return result;
  }

 private:
  [[nodiscard]] Error failed(ErrorCode code, std::string_view what) const {
    return fail(code, "TensorFlow Lite {} failed to {}{}{}", lib_.Version(), what,
                message_.empty() ? "" : ": ", message_);
  }

  [[nodiscard]] std::vector<std::int64_t> shape_of(const TfLiteTensor* tensor) const {
    std::vector<std::int64_t> shape;
    for (std::int32_t d = 0; d < lib_.TensorNumDims(tensor); ++d)
      shape.push_back(lib_.TensorDim(tensor, d));
    return shape;
  }

  [[nodiscard]] TensorInfo describe(const TfLiteTensor* tensor) const {
    const char* const name = lib_.TensorName(tensor);
    TensorInfo info{name == nullptr ? "" : name, shape_of(tensor),
                    lib_.TensorType(tensor) == kTfLiteFloat32};
    for (std::int64_t& dimension : info.shape) {
      if (dimension == 1) dimension = -1;
    }
    return info;
  }

  [[nodiscard]] static std::int32_t index_of(const std::vector<TensorInfo>& tensors,
                                             std::string_view name) {
    std::int32_t i = 0;  // Session knows that it is there.
    while (tensors[static_cast<std::size_t>(i)].name != name) ++i;
    return i;
  }
  [[nodiscard]] const TfLiteTensor* output_tensor(std::string_view name) const {
    return lib_.InterpreterGetOutputTensor(interpreter_.get(), index_of(outputs, name));
  }
  [[nodiscard]] TfLiteTensor* input_tensor(std::string_view name) const {
    return lib_.InterpreterGetInputTensor(interpreter_.get(), index_of(inputs, name));
  }

  /// Gives the inputs the shapes of one window each, and returns how many windows there are.
  Result<std::int64_t> prepare(std::span<const InputTensor> in) {
    const std::int64_t n = in.empty() || in.front().shape.empty() ? 0 : in.front().shape.front();
    for (const InputTensor& tensor : in) {
      const bool is_float = std::holds_alternative<std::span<const float>>(tensor.values);
      if (!is_float || !inputs[static_cast<std::size_t>(index_of(inputs, tensor.name))].is_float ||
          n <= 0 || tensor.shape.empty() || tensor.shape.front() != n) {
        return fail(ErrorCode::invalid_argument,
                    "tensor '{}': a TensorFlow Lite model takes float32, as many windows of each",
                    tensor.name);
      }
      BALEEN_RETURN_IF_ERROR(resize(tensor));
    }
    if (in.size() != inputs.size()) {
      return fail(ErrorCode::invalid_argument, "{} of the model's {} inputs are given", in.size(),
                  inputs.size());
    }
    if (!is_allocated_ && lib_.InterpreterAllocateTensors(interpreter_.get()) != kTfLiteOk)
      return failed(ErrorCode::invalid_argument, "take windows of this length");
    is_allocated_ = true;
    return n;
  }

  Result<void> resize(const InputTensor& tensor) {
    std::vector<std::int64_t> wanted = tensor.shape;
    wanted.front() = 1;
    if (shape_of(input_tensor(tensor.name)) == wanted) return {};
    const std::vector<int> dims(wanted.begin(), wanted.end());
    is_allocated_ = false;
    if (lib_.InterpreterResizeInputTensor(interpreter_.get(), index_of(inputs, tensor.name),
                                          dims.data(),
                                          static_cast<std::int32_t>(dims.size())) != kTfLiteOk) {
      return failed(ErrorCode::invalid_argument, "take windows of this length");
    }
    return {};
  }

  /// Window i of n.
  Result<void> invoke(std::span<const InputTensor> in, std::int64_t n, std::int64_t i) {
    for (const InputTensor& tensor : in) {
      const auto values = std::get<std::span<const float>>(tensor.values);
      const std::size_t size = values.size() / static_cast<std::size_t>(n);
      const auto window = values.subspan(static_cast<std::size_t>(i) * size, size);
      if (lib_.TensorCopyFromBuffer(input_tensor(tensor.name), window.data(),
                                    window.size_bytes()) != kTfLiteOk)
        return failed(ErrorCode::model_invalid, "take an input");
    }
    if (lib_.InterpreterInvoke(interpreter_.get()) != kTfLiteOk)
      return failed(ErrorCode::model_invalid, "run the model");
    return {};
  }

  Result<void> copy_out(std::string_view name, std::span<float> out) {
    const TfLiteTensor* const tensor = output_tensor(name);
    if (lib_.TensorByteSize(tensor) != out.size_bytes()) {
      return fail(ErrorCode::invalid_argument, "tensor '{}': {} values of each window, not {}",
                  name, lib_.TensorByteSize(tensor) / sizeof(float), out.size());
    }
    if (lib_.TensorCopyToBuffer(tensor, out.data(), out.size_bytes()) != kTfLiteOk)
      return failed(ErrorCode::model_invalid, "give an output");
    return {};
  }

  const TfliteLibrary& lib_;                     // Never unloaded.
  std::string message_;                          // Of the interpreter, which has its address.
  Handle<TfLiteModel> model_{nullptr, nullptr};  // The interpreter reads its weights.
  Handle<TfLiteInterpreter> interpreter_{nullptr, nullptr};
  bool is_allocated_ = false;
};

}  // namespace

Result<std::unique_ptr<SessionBackend>> open_tflite(const std::filesystem::path& path) {
  BALEEN_ASSIGN_OR_RETURN(const TfliteLibrary* const library, tflite_library());
  auto backend = std::make_unique<TfliteBackend>(*library);
  BALEEN_RETURN_IF_ERROR(backend->load(path));
  return std::unique_ptr<SessionBackend>(std::move(backend));
}

Result<std::string> tflite_version() {
  BALEEN_ASSIGN_OR_RETURN(const TfliteLibrary* const library, tflite_library());
  return std::string(library->Version());
}

}  // namespace baleen::ml
