// Runs a fuzz target over files, without a fuzzer: every input, its beginnings, and some seeded damage. So the targets
// cannot rot, and what was found once is tried on every build.
#include <cstdio>
#include <fstream>
#include <iterator>
#include <random>
#include <vector>

#include "fuzz/input.h"

namespace {

namespace fs = std::filesystem;
using Bytes = std::vector<std::uint8_t>;

constexpr int kBeginnings = 24, kDamages = 24;
std::int64_t n_runs = 0;

void run(const Bytes& bytes) {
  // A copy of the very size, so that a sanitizer sees a read behind the end.
  const Bytes exact(bytes.begin(), bytes.end());
  (void)LLVMFuzzerTestOneInput(exact.data(), exact.size());
  ++n_runs;
}

void try_input(const Bytes& bytes, std::mt19937& random) {
  run(bytes);
  if (bytes.empty()) return;
  for (int i = 0; i < kBeginnings; ++i)
    run({bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(random() % bytes.size())});
  for (int i = 0; i < kDamages; ++i) {
    Bytes damaged = bytes;
    for (unsigned n = 1 + random() % 4; n > 0; --n)
      damaged[random() % damaged.size()] = static_cast<std::uint8_t>(random());
    run(damaged);
  }
}

std::vector<fs::path> files_of(const fs::path& path) {
  if (!fs::is_directory(path)) return {path};
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(path)) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace

int main(int argc, char** argv) {
  std::mt19937 random(1);
  int n_files = 0;
  for (int i = 1; i < argc; ++i) {
    for (const fs::path& path : files_of(argv[i])) {
      std::ifstream file(path, std::ios::binary);
      const Bytes bytes{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
      try_input(bytes, random);
      ++n_files;
    }
  }
  try_input({}, random);
  std::printf("fuzz: %d inputs, %lld runs, seed 1\n", n_files, static_cast<long long>(n_runs));
  return n_files > 0 ? 0 : 1;
}
