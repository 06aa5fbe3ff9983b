#pragma once

/// NumPy's archives, as far as golden data needs them: .npz (stored or deflated) of .npy arrays in
/// C order, and the raw little-endian float32 files of tests/golden. Throws std::runtime_error.

#include <cstddef>
#include <cstring>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace baleen::test_support {

struct NpyArray {
  std::string dtype;  ///< NumPy's name: "<f4", "|i1", "<U8", …
  std::vector<std::size_t> shape;
  std::string bytes;

  [[nodiscard]] std::size_t size() const;
  /// The values; `dtype` must be the one that goes with T (float, double, int8/32/64).
  template <typename T>
  [[nodiscard]] std::vector<T> as() const;
  /// The values of a `<U…` array, cut to ASCII.
  [[nodiscard]] std::vector<std::string> as_strings() const;
};

/// All arrays of an archive by name, without the ".npy".
[[nodiscard]] std::map<std::string, NpyArray> read_npz(const std::filesystem::path& path);

/// A file of little-endian float32 and nothing else.
[[nodiscard]] std::vector<float> read_float32(const std::filesystem::path& path);

}  // namespace baleen::test_support
