#include "ml/session.h"

#ifdef BALEEN_WITH_ML
#include <onnxruntime_c_api.h>
#endif

#include <array>
#include <utility>

#include "core/file.h"

#if defined(BALEEN_WITH_ML) && defined(__SANITIZE_ADDRESS__)
// ONNX Runtime 1.30 loses 14 bytes once a process, which the leak checker need not report.
extern "C" const char* __lsan_default_suppressions();  // NOLINT: the checker's name.
extern "C" const char* __lsan_default_suppressions() { return "leak:libonnxruntime.so"; }  // NOLINT
#endif

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

}  // namespace

#ifndef BALEEN_WITH_ML

struct Session::State {
  std::vector<TensorInfo> inputs;
  std::vector<TensorInfo> outputs;
};

Result<Session> Session::open(const std::filesystem::path& path, const SessionOptions&) {
  return fail(ErrorCode::not_supported, "{}: this Baleen was built without ONNX Runtime",
              path.string());
}

Result<void> Session::run(std::span<const InputTensor>, std::span<const OutputTensor>) {
  return fail(ErrorCode::not_supported, "this Baleen was built without ONNX Runtime");
}

std::string onnxruntime_version() { return ""; }

#else

namespace {

// Version 21 of the C interface: the headers are 1.21, the library may be newer.
const OrtApi* ort() {
  static const OrtApi* const api = OrtGetApiBase()->GetApi(ORT_API_VERSION);
  return api;
}

// One deleter for every handle of the C interface.
struct Release {
  void operator()(OrtEnv* p) const { ort()->ReleaseEnv(p); }
  void operator()(OrtStatus* p) const { ort()->ReleaseStatus(p); }
  void operator()(OrtSessionOptions* p) const { ort()->ReleaseSessionOptions(p); }
  void operator()(OrtSession* p) const { ort()->ReleaseSession(p); }
  void operator()(OrtMemoryInfo* p) const { ort()->ReleaseMemoryInfo(p); }
  void operator()(OrtTypeInfo* p) const { ort()->ReleaseTypeInfo(p); }
  void operator()(OrtValue* p) const { ort()->ReleaseValue(p); }
};
template <typename T>
using Handle = std::unique_ptr<T, Release>;

bool is_out_of_memory(std::string_view text) {
  for (const std::string_view sign :
       {"bad_alloc", "Failed to allocate memory", "failed to allocate", "out of memory"}) {
    if (text.find(sign) != std::string_view::npos) return true;
  }
  return false;
}

// ONNX Runtime has no code for want of memory, only text: the one place where text decides.
Result<void> check(OrtStatus* raw_status) {
  if (raw_status == nullptr) return {};
  const Handle<OrtStatus> status(raw_status);
  const std::string_view text = ort()->GetErrorMessage(status.get());
  const ErrorCode code = is_out_of_memory(text) ? ErrorCode::model_oom : ErrorCode::model_invalid;
  return fail(code, "onnx runtime: {}", text.substr(0, text.find('\n')));
}

// `make` is a call of the C interface that fills in a pointer to a new handle.
template <typename T, typename Make>
Result<Handle<T> > make_handle(Make make) {
  T* raw = nullptr;
  BALEEN_RETURN_IF_ERROR(check(make(&raw)));
  return Handle<T>(raw);
}

void ORT_API_CALL
discard_log(void*, OrtLoggingLevel, const char*, const char*, const char*, const char*) {}

Result<Handle<OrtEnv> > make_environment() {
  if (ort() == nullptr) {
    return fail(ErrorCode::not_supported, "onnx runtime {} is older than the 1.{} it was built for",
                OrtGetApiBase()->GetVersionString(), ORT_API_VERSION);
  }
  BALEEN_ASSIGN_OR_RETURN(Handle<OrtEnv> env, make_handle<OrtEnv>([](OrtEnv** out) {
                            return ort()->CreateEnvWithCustomLogger(
                                discard_log, nullptr, ORT_LOGGING_LEVEL_FATAL, "baleen", out);
                          }));
  BALEEN_RETURN_IF_ERROR(check(ort()->DisableTelemetryEvents(env.get())));
  return env;
}

// One for the process, as ONNX Runtime wants it; never destroyed, so that sessions may outlive main.
Result<OrtEnv*> environment() {
  static const auto* const env = new Result<Handle<OrtEnv> >(make_environment());
  if (!env->ok()) return env->error();
  return env->value().get();
}

Result<Handle<OrtSessionOptions> > make_options() {
  BALEEN_ASSIGN_OR_RETURN(Handle<OrtSessionOptions> options,
                          make_handle<OrtSessionOptions>([](OrtSessionOptions** out) {
                            return ort()->CreateSessionOptions(out);
                          }));
  OrtSessionOptions* const o = options.get();
  BALEEN_RETURN_IF_ERROR(check(ort()->SetIntraOpNumThreads(o, 1)));
  BALEEN_RETURN_IF_ERROR(check(ort()->SetInterOpNumThreads(o, 1)));
  BALEEN_RETURN_IF_ERROR(check(ort()->SetSessionExecutionMode(o, ORT_SEQUENTIAL)));
  BALEEN_RETURN_IF_ERROR(check(ort()->SetSessionGraphOptimizationLevel(o, ORT_ENABLE_ALL)));
  BALEEN_RETURN_IF_ERROR(
      check(ort()->AddSessionConfigEntry(o, "session.intra_op.allow_spinning", "0")));
  BALEEN_RETURN_IF_ERROR(
      check(ort()->AddSessionConfigEntry(o, "session.inter_op.allow_spinning", "0")));
  return options;
}

Result<TensorInfo> describe(const OrtTypeInfo* type, std::string name) {
  TensorInfo info{std::move(name), {}, false};
  const OrtTensorTypeAndShapeInfo* tensor = nullptr;  // Owned by `type`.
  BALEEN_RETURN_IF_ERROR(check(ort()->CastTypeInfoToTensorInfo(type, &tensor)));
  if (tensor == nullptr) return info;
  std::size_t n_dims = 0;
  BALEEN_RETURN_IF_ERROR(check(ort()->GetDimensionsCount(tensor, &n_dims)));
  info.shape.resize(n_dims);
  BALEEN_RETURN_IF_ERROR(check(ort()->GetDimensions(tensor, info.shape.data(), n_dims)));
  ONNXTensorElementDataType element = ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED;
  BALEEN_RETURN_IF_ERROR(check(ort()->GetTensorElementType(tensor, &element)));
  info.is_float = element == ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT;
  return info;
}

struct
    TensorCalls {  // The functions of the C interface that list inputs, or those that list outputs.
  decltype(OrtApi::SessionGetInputCount) count;
  decltype(OrtApi::SessionGetInputName) name;
  decltype(OrtApi::SessionGetInputTypeInfo) type;
};

Result<std::vector<TensorInfo> > list_tensors(const OrtSession* session, const TensorCalls& calls) {
  OrtAllocator* allocator = nullptr;  // The default one; never released.
  BALEEN_RETURN_IF_ERROR(check(ort()->GetAllocatorWithDefaultOptions(&allocator)));
  std::size_t n = 0;
  BALEEN_RETURN_IF_ERROR(check(calls.count(session, &n)));
  std::vector<TensorInfo> tensors;
  for (std::size_t i = 0; i < n; ++i) {
    char* raw_name = nullptr;
    BALEEN_RETURN_IF_ERROR(check(calls.name(session, i, allocator, &raw_name)));
    std::string name = raw_name;
    BALEEN_RETURN_IF_ERROR(check(ort()->AllocatorFree(allocator, raw_name)));
    BALEEN_ASSIGN_OR_RETURN(
        const Handle<OrtTypeInfo> type,
        make_handle<OrtTypeInfo>([&](OrtTypeInfo** out) { return calls.type(session, i, out); }));
    BALEEN_ASSIGN_OR_RETURN(TensorInfo info, describe(type.get(), std::move(name)));
    tensors.push_back(std::move(info));
  }
  return tensors;
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

}  // namespace

struct Session::State {
  Handle<OrtSession> session;
  Handle<OrtMemoryInfo> memory;
  std::vector<TensorInfo> inputs;
  std::vector<TensorInfo> outputs;

  // A tensor over memory that the caller keeps.
  [[nodiscard]] Result<Handle<OrtValue> > wrap(const void* values,
                                               std::size_t size_bytes,
                                               std::span<const std::int64_t> shape,
                                               ONNXTensorElementDataType type) const {
    return make_handle<OrtValue>([&](OrtValue** out) {
      return ort()->CreateTensorWithDataAsOrtValue(memory.get(), const_cast<void*>(values),
                                                   size_bytes, shape.data(), shape.size(), type,
                                                   out);
    });
  }

  [[nodiscard]] Result<Handle<OrtValue> > wrap_input(const InputTensor& tensor) const {
    return std::visit(
        [&](const auto values) -> Result<Handle<OrtValue> > {
          BALEEN_RETURN_IF_ERROR(check_tensor(inputs, tensor.name, tensor.shape, values.size()));
          constexpr bool kIsFloat =
              std::is_same_v<typename decltype(values)::element_type, const float>;
          return wrap(
              values.data(), values.size_bytes(), tensor.shape,
              kIsFloat ? ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT : ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64);
        },
        tensor.values);
  }
};

Result<Session> Session::open(const std::filesystem::path& path, const SessionOptions& options) {
  const Result<std::int64_t> size_bytes = core::file_size_bytes(path);
  if (!size_bytes.ok()) return fail(ErrorCode::model_not_found, "{}", size_bytes.error().message);
  if (*size_bytes > options.model_bytes_max) {
    return fail(ErrorCode::model_invalid, "{}: {} bytes are more than the {} allowed",
                path.string(), *size_bytes, options.model_bytes_max);
  }
  const auto open_unnamed = [&]() -> Result<Session> {
    auto state = std::make_unique<State>();
    BALEEN_ASSIGN_OR_RETURN(OrtEnv* const env, environment());
    BALEEN_ASSIGN_OR_RETURN(const Handle<OrtSessionOptions> session_options, make_options());
    BALEEN_ASSIGN_OR_RETURN(state->session, make_handle<OrtSession>([&](OrtSession** out) {
                              return ort()->CreateSession(env, path.c_str(), session_options.get(),
                                                          out);
                            }));
    BALEEN_ASSIGN_OR_RETURN(state->memory, make_handle<OrtMemoryInfo>([](OrtMemoryInfo** out) {
                              return ort()->CreateCpuMemoryInfo(OrtDeviceAllocator,
                                                                OrtMemTypeDefault, out);
                            }));
    BALEEN_ASSIGN_OR_RETURN(
        state->inputs,
        list_tensors(state->session.get(), {ort()->SessionGetInputCount, ort()->SessionGetInputName,
                                            ort()->SessionGetInputTypeInfo}));
    BALEEN_ASSIGN_OR_RETURN(state->outputs,
                            list_tensors(state->session.get(),
                                         {ort()->SessionGetOutputCount, ort()->SessionGetOutputName,
                                          ort()->SessionGetOutputTypeInfo}));
    return Session(std::move(state));
  };
  Result<Session> session = open_unnamed();
  if (!session.ok()) return std::move(session).error().context(path.string());
  return session;
}

Result<void> Session::run(std::span<const InputTensor> inputs,
                          std::span<const OutputTensor> outputs) {
  std::vector<std::string> names;  // The C interface wants them terminated by zero.
  std::vector<Handle<OrtValue> > owned;
  names.reserve(inputs.size() + outputs.size());
  for (const InputTensor& tensor : inputs) {
    BALEEN_ASSIGN_OR_RETURN(Handle<OrtValue> value, state_->wrap_input(tensor));
    owned.push_back(std::move(value));
    names.emplace_back(tensor.name);
  }
  for (const OutputTensor& tensor : outputs) {
    BALEEN_RETURN_IF_ERROR(
        check_tensor(state_->outputs, tensor.name, tensor.shape, tensor.values.size()));
    BALEEN_ASSIGN_OR_RETURN(Handle<OrtValue> value,
                            state_->wrap(tensor.values.data(), tensor.values.size_bytes(),
                                         tensor.shape, ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT));
    owned.push_back(std::move(value));
    names.emplace_back(tensor.name);
  }
  std::vector<const char*> name_pointers;
  std::vector<OrtValue*> values;
  name_pointers.reserve(names.size());
  values.reserve(owned.size());
  for (const std::string& name : names) name_pointers.push_back(name.c_str());
  for (const Handle<OrtValue>& value : owned) values.push_back(value.get());
  return check(ort()->Run(state_->session.get(), nullptr, name_pointers.data(), values.data(),
                          inputs.size(), name_pointers.data() + inputs.size(), outputs.size(),
                          values.data() + inputs.size()));
}

std::string onnxruntime_version() { return OrtGetApiBase()->GetVersionString(); }

#endif

Session::Session(std::unique_ptr<State> state) : state_(std::move(state)) {}
Session::~Session() = default;
Session::Session(Session&&) noexcept = default;
Session& Session::operator=(Session&&) noexcept = default;

const std::vector<TensorInfo>& Session::inputs() const { return state_->inputs; }
const std::vector<TensorInfo>& Session::outputs() const { return state_->outputs; }

Result<void> Session::expect_input(std::string_view name,
                                   std::span<const std::int64_t> shape) const {
  return expect_tensor(state_->inputs, name, shape);
}
Result<void> Session::expect_output(std::string_view name,
                                    std::span<const std::int64_t> shape) const {
  return expect_tensor(state_->outputs, name, shape);
}

}  // namespace baleen::ml
