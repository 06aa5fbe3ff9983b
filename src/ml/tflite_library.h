#pragma once

/// The C interface of TensorFlow Lite, from a shared library that is looked for at run time (internal).
///
/// Baleen is built without TensorFlow Lite and ships none of it. Where a `.tflite` model is opened, the library of
/// $BALEEN_TFLITE_LIBRARY is loaded, or else the loader's libtensorflowlite_c.so; once a process, and for good. That
/// is to happen before a stage is confined (warm_up), because inside it no file can be opened.
///
/// The declarations follow the documentation of the C interface (tensorflow/lite/c/c_api.h); all of them are in
/// TensorFlow Lite 2.3 and later.

#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <string>

#include "core/result.h"

namespace baleen::ml {

// Known by address only.
struct TfLiteModel;
struct TfLiteInterpreterOptions;
struct TfLiteInterpreter;
struct TfLiteTensor;

inline constexpr int kTfLiteOk = 0;       // TfLiteStatus
inline constexpr int kTfLiteFloat32 = 1;  // TfLiteType

/// Each member is the function TfLite… of that name.
struct TfliteLibrary {
  using ErrorReporter = void (*)(void* user_data, const char* format, std::va_list args);

  const char* (*Version)();
  TfLiteModel* (*ModelCreateFromFile)(const char* path);
  void (*ModelDelete)(TfLiteModel*);
  TfLiteInterpreterOptions* (*InterpreterOptionsCreate)();
  void (*InterpreterOptionsDelete)(TfLiteInterpreterOptions*);
  void (*InterpreterOptionsSetNumThreads)(TfLiteInterpreterOptions*, std::int32_t n_threads);
  void (*InterpreterOptionsSetErrorReporter)(TfLiteInterpreterOptions*, ErrorReporter, void*);
  TfLiteInterpreter* (*InterpreterCreate)(const TfLiteModel*, const TfLiteInterpreterOptions*);
  void (*InterpreterDelete)(TfLiteInterpreter*);
  int (*InterpreterAllocateTensors)(TfLiteInterpreter*);
  int (*InterpreterResizeInputTensor)(TfLiteInterpreter*,
                                      std::int32_t index,
                                      const int* dims,
                                      std::int32_t n_dims);
  int (*InterpreterInvoke)(TfLiteInterpreter*);
  std::int32_t (*InterpreterGetInputTensorCount)(const TfLiteInterpreter*);
  TfLiteTensor* (*InterpreterGetInputTensor)(const TfLiteInterpreter*, std::int32_t index);
  std::int32_t (*InterpreterGetOutputTensorCount)(const TfLiteInterpreter*);
  const TfLiteTensor* (*InterpreterGetOutputTensor)(const TfLiteInterpreter*, std::int32_t index);
  int (*TensorType)(const TfLiteTensor*);
  std::int32_t (*TensorNumDims)(const TfLiteTensor*);
  std::int32_t (*TensorDim)(const TfLiteTensor*, std::int32_t index);
  std::size_t (*TensorByteSize)(const TfLiteTensor*);
  const char* (*TensorName)(const TfLiteTensor*);
  int (*TensorCopyFromBuffer)(TfLiteTensor*, const void* from, std::size_t size_bytes);
  int (*TensorCopyToBuffer)(const TfLiteTensor*, void* to, std::size_t size_bytes);
};

/// The library; it stays loaded. Any thread. NOT_SUPPORTED where there is none: where it was looked for, and how to
/// get it. A failure is not remembered.
[[nodiscard]] Result<const TfliteLibrary*> tflite_library();

}  // namespace baleen::ml
