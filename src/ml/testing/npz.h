#pragma once

/// Reads arrays out of numpy's .npz files, for golden data. Unpacks with Python's standard library, which
/// the build needs anyway.

#include <gtest/gtest.h>

#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

namespace baleen::ml::testing {

/// One array: numpy's type code ("<f4", "|i1", "<U8") and the raw little-endian bytes, C order.
struct NpyArray {
  std::string type;
  std::string bytes;

  /// The values as T, whose size must be that of the stored type.
  template <typename T>
  [[nodiscard]] std::vector<T> as() const {
    EXPECT_EQ(type.substr(2), std::to_string(sizeof(T))) << type;
    std::vector<T> values(bytes.size() / sizeof(T));
    std::memcpy(values.data(), bytes.data(), values.size() * sizeof(T));
    return values;
  }
  /// Fixed-width text ("<U8"): four bytes a character, ASCII only.
  [[nodiscard]] std::vector<std::string> as_text() const {
    EXPECT_EQ(type.substr(0, 2), "<U");
    const std::size_t width_bytes = 4 * std::stoul(type.substr(2));
    std::vector<std::string> texts(bytes.size() / width_bytes);
    for (std::size_t i = 0; i < bytes.size(); i += 4) {
      if (bytes[i] != '\0') texts[i / width_bytes].push_back(bytes[i]);
    }
    return texts;
  }
};

/// Array `name` of `npz`; fails the test where it cannot be read.
inline NpyArray read_npz(const std::filesystem::path& npz, const std::string& name) {
  const std::string command =
      "python3 -c 'import sys, zipfile; "
      "sys.stdout.buffer.write(zipfile.ZipFile(sys.argv[1]).read(sys.argv[2]))' '" +
      npz.string() + "' '" + name + ".npy'";
  std::string file;
  if (FILE* pipe = ::popen(command.c_str(), "r"); pipe != nullptr) {
    char block[65536];
    for (std::size_t size = 0; (size = std::fread(block, 1, sizeof block, pipe)) > 0;)
      file.append(block, size);
    EXPECT_EQ(::pclose(pipe), 0) << command;
  }
  // Magic (6), version (2), length of the header (2), then a Python dict.
  constexpr std::size_t kPrefixBytes = 10;
  if (file.size() < kPrefixBytes || file.compare(1, 5, "NUMPY") != 0) {
    ADD_FAILURE() << "cannot read " << name << " of " << npz;
    return {};
  }
  const std::size_t header_bytes =
      static_cast<unsigned char>(file[8]) + std::size_t{256} * static_cast<unsigned char>(file[9]);
  const std::string header = file.substr(kPrefixBytes, header_bytes);
  const std::size_t begin = header.find("'descr': '") + 10;
  return {header.substr(begin, header.find('\'', begin) - begin),
          file.substr(kPrefixBytes + header_bytes)};
}

}  // namespace baleen::ml::testing
