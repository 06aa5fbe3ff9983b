#include "ml/tflite_library.h"

#include <dlfcn.h>

#include <array>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "core/process.h"

namespace baleen::ml {
namespace {

/// What builds and distributions call the library that has the C interface.
constexpr std::array<const char*, 3> kNames = {"libtensorflowlite_c.so", "libtensorflowlite_c.so.2",
                                               "libtensorflow-lite.so"};

template <typename Function>
bool resolve(void* handle, const char* name, Function& function) {
  function = reinterpret_cast<Function>(::dlsym(handle, name));
  return function != nullptr;
}

/// The name of the first function that is missing, or null.
const char* first_missing(void* handle, TfliteLibrary& library) {
#define BALEEN_TFLITE_RESOLVE(name)                                            \
  do {                                                                         \
    if (!resolve(handle, "TfLite" #name, library.name)) return "TfLite" #name; \
  } while (false)
  BALEEN_TFLITE_RESOLVE(Version);
  BALEEN_TFLITE_RESOLVE(ModelCreateFromFile);
  BALEEN_TFLITE_RESOLVE(ModelDelete);
  BALEEN_TFLITE_RESOLVE(InterpreterOptionsCreate);
  BALEEN_TFLITE_RESOLVE(InterpreterOptionsDelete);
  BALEEN_TFLITE_RESOLVE(InterpreterOptionsSetNumThreads);
  BALEEN_TFLITE_RESOLVE(InterpreterOptionsSetErrorReporter);
  BALEEN_TFLITE_RESOLVE(InterpreterCreate);
  BALEEN_TFLITE_RESOLVE(InterpreterDelete);
  BALEEN_TFLITE_RESOLVE(InterpreterAllocateTensors);
  BALEEN_TFLITE_RESOLVE(InterpreterResizeInputTensor);
  BALEEN_TFLITE_RESOLVE(InterpreterInvoke);
  BALEEN_TFLITE_RESOLVE(InterpreterGetInputTensorCount);
  BALEEN_TFLITE_RESOLVE(InterpreterGetInputTensor);
  BALEEN_TFLITE_RESOLVE(InterpreterGetOutputTensorCount);
  BALEEN_TFLITE_RESOLVE(InterpreterGetOutputTensor);
  BALEEN_TFLITE_RESOLVE(TensorType);
  BALEEN_TFLITE_RESOLVE(TensorNumDims);
  BALEEN_TFLITE_RESOLVE(TensorDim);
  BALEEN_TFLITE_RESOLVE(TensorByteSize);
  BALEEN_TFLITE_RESOLVE(TensorName);
  BALEEN_TFLITE_RESOLVE(TensorCopyFromBuffer);
  BALEEN_TFLITE_RESOLVE(TensorCopyToBuffer);
#undef BALEEN_TFLITE_RESOLVE
  return nullptr;
}

Error not_loaded(const std::vector<std::string>& names, const std::string& reasons) {
  return fail(ErrorCode::not_supported,
              "a .tflite model is run by the TensorFlow Lite C library, which is no part of Baleen "
              "and could not be loaded: {} ({}). Install your distribution's TensorFlow Lite, or "
              "build TensorFlow's target //tensorflow/lite/c:tensorflowlite_c, and let "
              "BALEEN_TFLITE_LIBRARY be the path of {}; an .onnx version of the model needs none",
              fmt::join(names, ", "), reasons, kNames[0]);
}

}  // namespace

Result<const TfliteLibrary*> tflite_library() {
  static std::mutex mutex;
  static auto* const loaded = new std::map<std::string, std::unique_ptr<TfliteLibrary>>();
  const std::lock_guard lock(mutex);
  const std::string path = core::environment("TFLITE_LIBRARY");
  if (const auto known = loaded->find(path); known != loaded->end()) return known->second.get();
  const std::vector<std::string> names =
      path.empty() ? std::vector<std::string>(kNames.begin(), kNames.end())
                   : std::vector<std::string>{path};
  std::string reasons;
  for (const std::string& name : names) {
    // Everything is bound now: later, in a confined process, the loader could open nothing.
    void* const handle = ::dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL);
    auto library = std::make_unique<TfliteLibrary>();
    const char* const missing = handle == nullptr ? nullptr : first_missing(handle, *library);
    if (handle != nullptr && missing == nullptr)
      return loaded->emplace(path, std::move(library)).first->second.get();
    const char* const reason = handle == nullptr ? ::dlerror() : nullptr;
    if (!reasons.empty()) reasons += "; ";
    reasons += missing != nullptr  ? fmt::format("{} has no function {}", name, missing)
               : reason != nullptr ? reason
                                   : name;
    if (handle != nullptr) ::dlclose(handle);
  }
  return not_loaded(names, reasons);
}

}  // namespace baleen::ml
