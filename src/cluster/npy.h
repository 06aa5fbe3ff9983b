#pragma once

/// Reads matrices of the benchmarks; not for the product.

#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "cluster/matrix.h"

namespace baleen::cluster {

[[noreturn]] inline void die(const std::string& why) {
  std::fprintf(stderr, "%s\n", why.c_str());
  std::exit(2);
}

/// Two numbers behind "'shape': (" of the header of a version 1 file.
inline Matrix read_npy(const char* path) {
  std::FILE* const file = std::fopen(path, "rb");
  unsigned char magic[10] = {};
  if (file == nullptr || std::fread(magic, 1, 10, file) != 10 || magic[0] != 0x93) {
    die(std::string(path) + ": not a .npy file");
  }
  std::string header(magic[8] + 256U * magic[9], ' ');
  unsigned long long n_rows = 0;
  unsigned long long n_columns = 0;
  const bool is_read = std::fread(header.data(), 1, header.size(), file) == header.size();
  const std::size_t shape = header.find("'shape': (");
  const bool is_f4 = header.find("'<f4'") != std::string::npos &&
                     header.find("'fortran_order': False") != std::string::npos;
  if (!is_read || !is_f4 || shape == std::string::npos ||
      std::sscanf(header.c_str() + shape + 10, "%llu, %llu", &n_rows, &n_columns) != 2) {
    die(std::string(path) + ": not float32 in rows");
  }
  std::vector<float> values(n_rows * n_columns);
  if (std::fread(values.data(), sizeof(float), values.size(), file) != values.size()) {
    die(std::string(path) + ": too short");
  }
  std::fclose(file);
  return {std::move(values), n_rows, n_columns};
}

}  // namespace baleen::cluster
