#pragma once

/// What a Session has behind it: ONNX Runtime or TensorFlow Lite (internal; see session.h).

#include <filesystem>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "ml/session.h"

namespace baleen::ml {

/// Session has compared names, types, shapes and sizes of what goes in and out with `inputs` and `outputs`.
class SessionBackend {
 public:
  virtual ~SessionBackend() = default;
  [[nodiscard]] virtual Result<void> run(std::span<const InputTensor> in,
                                         std::span<const OutputTensor> out) = 0;
  [[nodiscard]] virtual Result<TensorValue> run_for(std::span<const InputTensor> in,
                                                    std::string_view output) = 0;

  std::vector<TensorInfo> inputs;
  std::vector<TensorInfo> outputs;
};

[[nodiscard]] Result<std::unique_ptr<SessionBackend>> open_onnx(const std::filesystem::path& path);
[[nodiscard]] Result<std::unique_ptr<SessionBackend>> open_tflite(
    const std::filesystem::path& path);

}  // namespace baleen::ml
