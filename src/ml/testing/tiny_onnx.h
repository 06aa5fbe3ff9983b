#pragma once

/// Small ONNX models made in memory, so that tests of the real runtime need no model file.
///
///   OnnxModel doubles;                       // y[N,3] = x[N,3] * 2
///   doubles.inputs = {{"x", {-1, 3}}};
///   doubles.outputs = {{"y", {-1, 3}}};
///   doubles.constants = {{"two", {1}, {2.0F}}};
///   doubles.nodes = {{"Mul", {"x", "two"}, {"y"}}};
///   write(path, doubles.bytes());

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace baleen::ml::testing {

/// The few messages of onnx.proto3 that float32 models without attributes need, in protobuf's wire form.
struct OnnxModel {
  struct Tensor {
    std::string name;
    std::vector<std::int64_t> shape;  ///< -1 is a free dimension.
  };
  struct Constant {
    std::string name;
    std::vector<std::int64_t> shape;
    std::vector<float> values;
  };
  struct Node {
    std::string op;
    std::vector<std::string> inputs;
    std::vector<std::string> outputs;
  };
  std::vector<Tensor> inputs;
  std::vector<Tensor> outputs;
  std::vector<Constant> constants;
  std::vector<Node> nodes;

  [[nodiscard]] std::string bytes() const {
    std::string graph;
    for (const Node& node : nodes) {
      std::string message;
      for (const std::string& name : node.inputs) put(message, 1, name);
      for (const std::string& name : node.outputs) put(message, 2, name);
      put(message, 4, node.op);
      put(graph, 1, message);
    }
    put(graph, 2, "tiny");
    for (const Constant& constant : constants) put(graph, 5, tensor_proto(constant));
    for (const Tensor& tensor : inputs) put(graph, 11, value_info(tensor));
    for (const Tensor& tensor : outputs) put(graph, 12, value_info(tensor));
    std::string opset;
    put(opset, 2, std::uint64_t{13});
    std::string model;
    put(model, 1, std::uint64_t{8});  // ir_version
    put(model, 7, graph);
    put(model, 8, opset);
    return model;
  }

 private:
  static constexpr std::uint64_t kFloat = 1;  // TensorProto.DataType.FLOAT

  static void put_varint(std::string& out, std::uint64_t value) {
    for (; value >= 0x80; value >>= 7) out.push_back(static_cast<char>(value | 0x80));
    out.push_back(static_cast<char>(value));
  }
  static void put(std::string& out, std::uint64_t field, std::uint64_t value) {
    put_varint(out, field << 3);
    put_varint(out, value);
  }
  static void put(std::string& out, std::uint64_t field, std::string_view bytes) {
    put_varint(out, field << 3 | 2);
    put_varint(out, bytes.size());
    out += bytes;
  }
  static std::string tensor_proto(const Constant& constant) {
    std::string message;
    for (const std::int64_t dim : constant.shape) put(message, 1, static_cast<std::uint64_t>(dim));
    put(message, 2, kFloat);
    put(message, 8, constant.name);
    std::string raw(constant.values.size() * sizeof(float), '\0');
    if (!raw.empty()) std::memcpy(raw.data(), constant.values.data(), raw.size());
    put(message, 9, raw);
    return message;
  }
  static std::string value_info(const Tensor& tensor) {
    std::string shape;
    for (const std::int64_t dim : tensor.shape) {
      std::string message;
      if (dim < 0)
        put(message, 2, "N");
      else
        put(message, 1, static_cast<std::uint64_t>(dim));
      put(shape, 1, message);
    }
    std::string tensor_type;
    put(tensor_type, 1, kFloat);
    put(tensor_type, 2, shape);
    std::string type;
    put(type, 1, tensor_type);
    std::string message;
    put(message, 1, tensor.name);
    put(message, 2, type);
    return message;
  }
};

}  // namespace baleen::ml::testing
