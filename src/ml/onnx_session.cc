#include "ml/session_backend.h"

#ifdef BALEEN_WITH_ML
#include <onnxruntime_c_api.h>
#endif

#include <utility>

#if defined(BALEEN_WITH_ML) && defined(__SANITIZE_ADDRESS__)
// ONNX Runtime 1.30 loses 14 bytes once a process, which the leak checker need not report.
extern "C" const char* __lsan_default_suppressions();  // NOLINT: the checker's name.
extern "C" const char* __lsan_default_suppressions() { return "leak:libonnxruntime.so"; }  // NOLINT
#endif

namespace baleen::ml {

#ifndef BALEEN_WITH_ML

Result<std::unique_ptr<SessionBackend>> open_onnx(const std::filesystem::path&) {
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
  void operator()(OrtTensorTypeAndShapeInfo* p) const { ort()->ReleaseTensorTypeAndShapeInfo(p); }
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
Result<Handle<T>> make_handle(Make make) {
  T* raw = nullptr;
  BALEEN_RETURN_IF_ERROR(check(make(&raw)));
  return Handle<T>(raw);
}

void ORT_API_CALL
discard_log(void*, OrtLoggingLevel, const char*, const char*, const char*, const char*) {}

Result<Handle<OrtEnv>> make_environment() {
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
  static const auto* const env = new Result<Handle<OrtEnv>>(make_environment());
  if (!env->ok()) return env->error();
  return env->value().get();
}

Result<Handle<OrtSessionOptions>> make_options() {
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

Result<std::vector<TensorInfo>> list_tensors(const OrtSession* session, const TensorCalls& calls) {
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

class OnnxBackend final : public SessionBackend {
 public:
  Result<void> load(const std::filesystem::path& path) {
    BALEEN_ASSIGN_OR_RETURN(OrtEnv* const env, environment());
    BALEEN_ASSIGN_OR_RETURN(const Handle<OrtSessionOptions> options, make_options());
    BALEEN_ASSIGN_OR_RETURN(session_, make_handle<OrtSession>([&](OrtSession** out) {
                              return ort()->CreateSession(env, path.c_str(), options.get(), out);
                            }));
    BALEEN_ASSIGN_OR_RETURN(memory_, make_handle<OrtMemoryInfo>([](OrtMemoryInfo** out) {
                              return ort()->CreateCpuMemoryInfo(OrtDeviceAllocator,
                                                                OrtMemTypeDefault, out);
                            }));
    BALEEN_ASSIGN_OR_RETURN(inputs, list_tensors(session_.get(), {ort()->SessionGetInputCount,
                                                                  ort()->SessionGetInputName,
                                                                  ort()->SessionGetInputTypeInfo}));
    BALEEN_ASSIGN_OR_RETURN(
        outputs,
        list_tensors(session_.get(), {ort()->SessionGetOutputCount, ort()->SessionGetOutputName,
                                      ort()->SessionGetOutputTypeInfo}));
    return {};
  }

  Result<void> run(std::span<const InputTensor> in, std::span<const OutputTensor> out) override {
    std::vector<std::string> names;
    std::vector<Handle<OrtValue>> values;
    for (const OutputTensor& tensor : out) {
      BALEEN_ASSIGN_OR_RETURN(Handle<OrtValue> value,
                              wrap(tensor.values.data(), tensor.values.size_bytes(), tensor.shape,
                                   ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT));
      values.push_back(std::move(value));
      names.emplace_back(tensor.name);
    }
    return run_into(in, names, values);
  }

  Result<TensorValue> run_for(std::span<const InputTensor> in, std::string_view output) override {
    std::vector<Handle<OrtValue>> values(1);  // Null: the runtime makes one of the right shape.
    BALEEN_RETURN_IF_ERROR(run_into(in, {std::string(output)}, values));
    BALEEN_ASSIGN_OR_RETURN(
        const Handle<OrtTensorTypeAndShapeInfo> info,
        make_handle<OrtTensorTypeAndShapeInfo>([&](OrtTensorTypeAndShapeInfo** out) {
          return ort()->GetTensorTypeAndShape(values[0].get(), out);
        }));
    TensorValue result;
    std::size_t n_dims = 0, n_values = 0;
    BALEEN_RETURN_IF_ERROR(check(ort()->GetDimensionsCount(info.get(), &n_dims)));
    result.shape.resize(n_dims);
    BALEEN_RETURN_IF_ERROR(check(ort()->GetDimensions(info.get(), result.shape.data(), n_dims)));
    BALEEN_RETURN_IF_ERROR(check(ort()->GetTensorShapeElementCount(info.get(), &n_values)));
    void* data = nullptr;  // Owned by the value.
    BALEEN_RETURN_IF_ERROR(check(ort()->GetTensorMutableData(values[0].get(), &data)));
    const auto* const floats = static_cast<const float*>(data);  // Session has checked the type.
    result.values.assign(floats, floats + n_values);
    return result;
  }

 private:
  // A tensor over memory that the caller keeps.
  [[nodiscard]] Result<Handle<OrtValue>> wrap(const void* values,
                                              std::size_t size_bytes,
                                              std::span<const std::int64_t> shape,
                                              ONNXTensorElementDataType type) const {
    return make_handle<OrtValue>([&](OrtValue** out) {
      return ort()->CreateTensorWithDataAsOrtValue(memory_.get(), const_cast<void*>(values),
                                                   size_bytes, shape.data(), shape.size(), type,
                                                   out);
    });
  }

  [[nodiscard]] Result<Handle<OrtValue>> wrap_input(const InputTensor& tensor) const {
    return std::visit(
        [&](const auto values) {
          constexpr bool kIsFloat =
              std::is_same_v<typename decltype(values)::element_type, const float>;
          return wrap(
              values.data(), values.size_bytes(), tensor.shape,
              kIsFloat ? ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT : ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64);
        },
        tensor.values);
  }

  // Outputs that are null come back as values of the runtime's own.
  Result<void> run_into(std::span<const InputTensor> in,
                        const std::vector<std::string>& output_names,
                        std::vector<Handle<OrtValue>>& output_values) {
    std::vector<std::string> names;  // The C interface wants them terminated by zero.
    std::vector<Handle<OrtValue>> owned;
    for (const InputTensor& tensor : in) {
      BALEEN_ASSIGN_OR_RETURN(Handle<OrtValue> value, wrap_input(tensor));
      owned.push_back(std::move(value));
      names.emplace_back(tensor.name);
    }
    names.insert(names.end(), output_names.begin(), output_names.end());
    std::vector<const char*> name_pointers;
    std::vector<OrtValue*> in_values, out_values;
    for (const std::string& name : names) name_pointers.push_back(name.c_str());
    for (const Handle<OrtValue>& value : owned) in_values.push_back(value.get());
    for (const Handle<OrtValue>& value : output_values) out_values.push_back(value.get());
    OrtStatus* const status = ort()->Run(
        session_.get(), nullptr, name_pointers.data(), in_values.data(), in_values.size(),
        name_pointers.data() + in_values.size(), out_values.size(), out_values.data());
    const bool is_of_input =
        status != nullptr && ort()->GetErrorCode(status) == ORT_INVALID_ARGUMENT;
    Result<void> result = check(status);
    if (!result.ok() && is_of_input && result.error().code == ErrorCode::model_invalid)
      return fail(ErrorCode::invalid_argument, "{}", result.error().message);
    BALEEN_RETURN_IF_ERROR(std::move(result));
    for (std::size_t i = 0; i < out_values.size(); ++i) {
      if (output_values[i] == nullptr) output_values[i].reset(out_values[i]);
    }
    return {};
  }

  Handle<OrtSession> session_;
  Handle<OrtMemoryInfo> memory_;
};

}  // namespace

Result<std::unique_ptr<SessionBackend>> open_onnx(const std::filesystem::path& path) {
  auto backend = std::make_unique<OnnxBackend>();
  BALEEN_RETURN_IF_ERROR(backend->load(path));
  return std::unique_ptr<SessionBackend>(std::move(backend));
}

std::string onnxruntime_version() { return OrtGetApiBase()->GetVersionString(); }

#endif

}  // namespace baleen::ml
