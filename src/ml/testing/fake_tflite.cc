// A shared library with the functions of TensorFlow Lite's C interface that computes something known, for tests: no
// TensorFlow is to be had there.
//
// Its models are files of 8 bytes (an offset and "TFL3") and words: "LENGTH", then any of "open" (takes inputs of other
// lengths), "bytes" (its input is int8), "unallocatable", "failing". Of input "samples" [1, LENGTH] it makes
// "embedding" [1, LENGTH], twice the samples, and "steps" [1, LENGTH/2, 2], the samples. It is as strict as
// the real one about the order of calls, and wants to be told to use one thread.

#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace {

constexpr int kOk = 0, kError = 1;
constexpr int kFloat32 = 1, kInt8 = 9;

struct Tensor {
  const char* name;
  int type;
  std::vector<int> dims;
  std::vector<float> values;
};
using Reporter = void (*)(void*, const char*, std::va_list);

struct Model {
  int length = 0;
  bool is_open = false, is_bytes = false, is_unallocatable = false, is_failing = false;
};
struct Options {
  int n_threads = -1;
  Reporter reporter = nullptr;
  void* user_data = nullptr;
};
struct Interpreter {
  Model model;
  Options options;
  bool is_allocated = false;
  Tensor input, embedding, steps;

  int report(const char* format, ...) const {
    std::va_list args;
    va_start(args, format);
    if (options.reporter != nullptr) options.reporter(options.user_data, format, args);
    va_end(args);
    return kError;
  }
};

std::size_t count(const Tensor& tensor) {
  std::size_t n = 1;
  for (const int dim : tensor.dims) n *= static_cast<std::size_t>(dim);
  return n;
}

}  // namespace

#define FAKE_API extern "C" __attribute__((visibility("default")))

FAKE_API const char* TfLiteVersion() { return "2.99.0-fake"; }

FAKE_API Model* TfLiteModelCreateFromFile(const char* path) {
  std::ifstream file(path, std::ios::binary);
  std::string begin(8, '\0');
  file.read(begin.data(), 8);
  auto* const model = new Model;
  if (!(file >> model->length)) {
    delete model;
    return nullptr;
  }
  for (std::string word; file >> word;) {
    model->is_open |= word == "open";
    model->is_bytes |= word == "bytes";
    model->is_unallocatable |= word == "unallocatable";
    model->is_failing |= word == "failing";
  }
  return model;
}
FAKE_API void TfLiteModelDelete(Model* model) { delete model; }

FAKE_API Options* TfLiteInterpreterOptionsCreate() { return new Options; }
FAKE_API void TfLiteInterpreterOptionsDelete(Options* options) { delete options; }
FAKE_API void TfLiteInterpreterOptionsSetNumThreads(Options* options, std::int32_t n) {
  options->n_threads = n;
}
FAKE_API void TfLiteInterpreterOptionsSetErrorReporter(Options* options,
                                                       Reporter reporter,
                                                       void* user_data) {
  options->reporter = reporter;
  options->user_data = user_data;
}

FAKE_API Interpreter* TfLiteInterpreterCreate(const Model* model, const Options* options) {
  auto* const made = new Interpreter;
  made->model = *model;
  made->options = *options;
  made->input = {"samples", model->is_bytes ? kInt8 : kFloat32, {1, model->length}, {}};
  made->embedding = {"embedding", kFloat32, {}, {}};
  made->steps = {"steps", kFloat32, {}, {}};
  return made;
}
FAKE_API void TfLiteInterpreterDelete(Interpreter* interpreter) { delete interpreter; }

FAKE_API int TfLiteInterpreterAllocateTensors(Interpreter* i) {
  if (i->model.is_unallocatable) return i->report("Node number %d failed to prepare", 7);
  const int length = i->input.dims[1];
  i->embedding.dims = {1, length};
  i->steps.dims = {1, length / 2, 2};
  for (Tensor* const tensor : {&i->input, &i->embedding, &i->steps})
    tensor->values.assign(count(*tensor), 0);
  i->is_allocated = true;
  return kOk;
}

FAKE_API int TfLiteInterpreterResizeInputTensor(Interpreter* i,
                                                std::int32_t index,
                                                const int* dims,
                                                std::int32_t n_dims) {
  const bool is_same = n_dims == 2 && dims[0] == 1 && dims[1] == i->model.length;
  if (index != 0 || n_dims != 2 || (!i->model.is_open && !is_same))
    return i->report("Cannot resize tensor %d", index);
  i->input.dims.assign(dims, dims + n_dims);
  i->is_allocated = false;
  return kOk;
}

FAKE_API int TfLiteInterpreterInvoke(Interpreter* i) {
  if (!i->is_allocated) return i->report("Invoke called on model that is not ready.");
  if (i->model.is_failing) return i->report("Node number %d failed to invoke", 3);
  if (i->options.n_threads != 1) return i->report("%d threads", i->options.n_threads);
  i->steps.values = i->input.values;
  for (std::size_t n = 0; n < i->input.values.size(); ++n)
    i->embedding.values[n] = 2 * i->input.values[n];
  return kOk;
}

FAKE_API std::int32_t TfLiteInterpreterGetInputTensorCount(const Interpreter*) { return 1; }
FAKE_API Tensor* TfLiteInterpreterGetInputTensor(const Interpreter* i, std::int32_t) {
  return const_cast<Tensor*>(&i->input);
}
FAKE_API std::int32_t TfLiteInterpreterGetOutputTensorCount(const Interpreter*) { return 2; }
FAKE_API const Tensor* TfLiteInterpreterGetOutputTensor(const Interpreter* i, std::int32_t index) {
  return index == 0 ? &i->embedding : &i->steps;
}

FAKE_API int TfLiteTensorType(const Tensor* tensor) { return tensor->type; }
FAKE_API std::int32_t TfLiteTensorNumDims(const Tensor* tensor) {
  return static_cast<std::int32_t>(tensor->dims.size());
}
FAKE_API std::int32_t TfLiteTensorDim(const Tensor* tensor, std::int32_t index) {
  return tensor->dims[static_cast<std::size_t>(index)];
}
FAKE_API std::size_t TfLiteTensorByteSize(const Tensor* tensor) {
  return tensor->values.size() * sizeof(float);
}
FAKE_API const char* TfLiteTensorName(const Tensor* tensor) { return tensor->name; }
FAKE_API int TfLiteTensorCopyFromBuffer(Tensor* tensor, const void* from, std::size_t size_bytes) {
  if (size_bytes != TfLiteTensorByteSize(tensor)) return kError;
  std::memcpy(tensor->values.data(), from, size_bytes);
  return kOk;
}
FAKE_API int TfLiteTensorCopyToBuffer(const Tensor* tensor, void* to, std::size_t size_bytes) {
  if (size_bytes != TfLiteTensorByteSize(tensor)) return kError;
  std::memcpy(to, tensor->values.data(), size_bytes);
  return kOk;
}
