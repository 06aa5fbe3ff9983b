#include "ml/session.h"

#include <algorithm>
#include <array>
#include <utility>

#include "core/file.h"
#include "ml/session_backend.h"

namespace baleen::ml {
namespace {

std::string shape_text(std::span<const std::int64_t> shape) {
  return fmt::format("[{}]", fmt::join(shape, ","));
}

bool shape_agrees(std::span<const std::int64_t> declared, std::span<const std::int64_t> actual) {
  if (declared.size() != actual.size()) return false;
  for (std::size_t i = 0; i < declared.size(); ++i) {
    if (declared[i] >= 0 && actual[i] >= 0 && declared[i] != actual[i]) return false;
  }
  return true;
}

const TensorInfo* find_tensor(const std::vector<TensorInfo>& tensors, std::string_view name) {
  for (const TensorInfo& tensor : tensors) {
    if (tensor.name == name) return &tensor;
  }
  return nullptr;
}

Result<void> expect_tensor(const std::vector<TensorInfo>& tensors,
                           std::string_view name,
                           std::span<const std::int64_t> shape) {
  const TensorInfo* tensor = find_tensor(tensors, name);
  if (tensor == nullptr)
    return fail(ErrorCode::model_invalid, "the model has no tensor '{}'", name);
  if (!tensor->is_float || !shape_agrees(tensor->shape, shape)) {
    return fail(ErrorCode::model_invalid, "tensor '{}' of the model is {}{}, not float32{}", name,
                tensor->is_float ? "float32" : "another type", shape_text(tensor->shape),
                shape_text(shape));
  }
  return {};
}

std::size_t element_count(std::span<const std::int64_t> shape) {
  std::size_t n = 1;
  for (const std::int64_t dim : shape) n *= dim > 0 ? static_cast<std::size_t>(dim) : 0;
  return n;
}

Result<void> check_tensor(const std::vector<TensorInfo>& declared,
                          std::string_view name,
                          std::span<const std::int64_t> shape,
                          std::size_t n_values) {
  const TensorInfo* info = find_tensor(declared, name);
  if (info == nullptr)
    return fail(ErrorCode::invalid_argument, "the model has no tensor '{}'", name);
  if (!shape_agrees(info->shape, shape) || element_count(shape) != n_values) {
    return fail(ErrorCode::invalid_argument, "tensor '{}': {} values as {} for the model's {}",
                name, n_values, shape_text(shape), shape_text(info->shape));
  }
  return {};
}

// The identifier of a FlatBuffers file lies behind the offset of its root.
constexpr std::size_t kIdentifierOffset = 4;
constexpr std::string_view kTfliteIdentifier = "TFL3";

}  // namespace

Result<std::string> model_format(const std::filesystem::path& path) {
  BALEEN_ASSIGN_OR_RETURN(const core::Fd file, core::open_read(path));
  std::array<char, kIdentifierOffset + kTfliteIdentifier.size()> begin{};
  BALEEN_ASSIGN_OR_RETURN(const std::size_t n,
                          core::read_some(file, std::as_writable_bytes(std::span(begin))));
  const std::string_view text = std::string_view(begin.data(), n);
  return std::string(text.ends_with(kTfliteIdentifier) && n == begin.size() ? "tflite" : "onnx");
}

Result<Session> Session::open(const std::filesystem::path& path, const SessionOptions& options) {
  const Result<std::int64_t> size_bytes = core::file_size_bytes(path);
  if (!size_bytes.ok()) return fail(ErrorCode::model_not_found, "{}", size_bytes.error().message);
  if (*size_bytes > options.model_bytes_max) {
    return fail(ErrorCode::model_invalid, "{}: {} bytes are more than the {} allowed",
                path.string(), *size_bytes, options.model_bytes_max);
  }
  BALEEN_ASSIGN_OR_RETURN(const std::string format, model_format(path));
  Result<std::unique_ptr<SessionBackend>> backend =
      format == "tflite" ? open_tflite(path) : open_onnx(path);
  if (!backend.ok()) return std::move(backend).error().context(path.string());
  return Session(std::move(*backend));
}

Result<void> Session::check_inputs(std::span<const InputTensor> inputs) const {
  for (const InputTensor& tensor : inputs) {
    const std::size_t n =
        std::visit([](const auto values) { return values.size(); }, tensor.values);
    BALEEN_RETURN_IF_ERROR(check_tensor(backend_->inputs, tensor.name, tensor.shape, n));
  }
  return {};
}

Result<void> Session::run(std::span<const InputTensor> inputs,
                          std::span<const OutputTensor> outputs) {
  BALEEN_RETURN_IF_ERROR(check_inputs(inputs));
  for (const OutputTensor& tensor : outputs) {
    BALEEN_RETURN_IF_ERROR(
        check_tensor(backend_->outputs, tensor.name, tensor.shape, tensor.values.size()));
  }
  return backend_->run(inputs, outputs);
}

Result<TensorValue> Session::run_for(std::span<const InputTensor> inputs, std::string_view output) {
  BALEEN_RETURN_IF_ERROR(check_inputs(inputs));
  const TensorInfo* info = find_tensor(backend_->outputs, output);
  if (info == nullptr || !info->is_float)
    return fail(ErrorCode::invalid_argument, "the model has no float32 tensor '{}'", output);
  return backend_->run_for(inputs, output);
}

Session::Session(std::unique_ptr<SessionBackend> backend) : backend_(std::move(backend)) {}
Session::~Session() = default;
Session::Session(Session&&) noexcept = default;
Session& Session::operator=(Session&&) noexcept = default;

const std::vector<TensorInfo>& Session::inputs() const { return backend_->inputs; }
const std::vector<TensorInfo>& Session::outputs() const { return backend_->outputs; }

Result<void> Session::expect_input(std::string_view name,
                                   std::span<const std::int64_t> shape) const {
  return expect_tensor(backend_->inputs, name, shape);
}
Result<void> Session::expect_output(std::string_view name,
                                    std::span<const std::int64_t> shape) const {
  return expect_tensor(backend_->outputs, name, shape);
}

}  // namespace baleen::ml
