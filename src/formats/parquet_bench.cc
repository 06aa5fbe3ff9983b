// Embeddings to and from Parquet, as many MB of float32 as BALEEN_BENCH_MB says (256); bench/parquet.py shows pyarrow
// beside it. The folder is that of BALEEN_BENCH_DIR, in memory if nothing is said.
#include <benchmark/benchmark.h>
#include <fcntl.h>

#include <cstdlib>
#include <random>

#include "core/check.h"
#include "formats/parquet_tables.h"

namespace baleen::formats {
namespace {

constexpr int kDim = 1024;
constexpr std::size_t kBlockRows = 64;  // A batch of a network.

std::filesystem::path file() {
  const char* folder = std::getenv("BALEEN_BENCH_DIR");
  return std::filesystem::path(folder != nullptr ? folder : "/dev/shm") / "parquet_bench.parquet";
}

std::int64_t n_blocks() {
  const char* megabytes = std::getenv("BALEEN_BENCH_MB");
  const std::int64_t bytes = (megabytes != nullptr ? std::atoll(megabytes) : 256) << 20;
  return bytes / static_cast<std::int64_t>(kBlockRows * kDim * sizeof(float));
}

/// One batch, of normally distributed values, again and again.
struct Block {
  Block() : embedding(kBlockRows * kDim), start_s(kBlockRows), row_index(kBlockRows) {
    std::mt19937 random(1);
    std::normal_distribution<float> normal;
    for (float& value : embedding) value = normal(random);
    is_padded.assign(kBlockRows, 0);
  }
  [[nodiscard]] EmbeddingRows rows() const {
    return {row_index, start_s, start_s, is_padded, embedding};
  }
  std::vector<float> embedding;
  std::vector<double> start_s;
  std::vector<std::int32_t> row_index;
  std::vector<std::uint8_t> is_padded;
};

void append_all(ParquetWriter& writer, const Block& block) {
  for (std::int64_t i = 0; i < n_blocks(); ++i)
    BALEEN_CHECK(writer.append(columns_of(block.rows())).ok());
}

void count(benchmark::State& state) {
  const auto bytes = n_blocks() * static_cast<std::int64_t>(kBlockRows * kDim * sizeof(float));
  state.SetBytesProcessed(state.iterations() * bytes);
  state.counters["file_bytes"] = static_cast<double>(std::filesystem::file_size(file()));
}

void write_all(const ParquetOptions& options) {
  const Block block;
  ParquetWriter writer = ParquetWriter::create(file(), embeddings_schema(kDim), options).value();
  append_all(writer, block);
  BALEEN_CHECK(writer.finish({}).ok());
}

void write_embeddings(benchmark::State& state) {
  for (auto _ : state) write_all(embeddings_options());
  count(state);
}
BENCHMARK(write_embeddings)->Unit(benchmark::kMillisecond);

/// With a checkpoint after each row group: fsync and a chain of digests.
void write_embeddings_resumable(benchmark::State& state) {
  const Block block;
  const std::filesystem::path checkpoint = file().string() + ".ckpt";
  for (auto _ : state) {
    BALEEN_CHECK(remove_parquet_checkpoint(checkpoint).ok());
    core::Fd fd(::open(file().c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
    ParquetWriter writer =
        ParquetWriter::resume(std::move(fd), file(), embeddings_schema(kDim), embeddings_options(),
                              {.checkpoint = checkpoint, .identity = "bench"})
            .value();
    append_all(writer, block);
    BALEEN_CHECK(writer.finish({}).ok());
  }
  BALEEN_CHECK(remove_parquet_checkpoint(checkpoint).ok());
  count(state);
}
BENCHMARK(write_embeddings_resumable)->Unit(benchmark::kMillisecond);

void write_embeddings_gzip(benchmark::State& state) {
  ParquetOptions options = embeddings_options();
  options.compression = ParquetCompression::gzip;
  for (auto _ : state) write_all(options);
  count(state);
}
BENCHMARK(write_embeddings_gzip)->Unit(benchmark::kMillisecond);

void read_embeddings(benchmark::State& state) {
  write_all(embeddings_options());
  std::vector<float> rows(kBlockRows * kDim);
  for (auto _ : state) {
    EmbeddingsFile table = open_embeddings(file()).value();
    for (std::int64_t i = 0; i < n_blocks(); ++i)
      BALEEN_CHECK(
          table.reader.read(table.embedding, i * static_cast<std::int64_t>(kBlockRows), rows).ok());
    benchmark::DoNotOptimize(rows.data());
  }
  count(state);
}
BENCHMARK(read_embeddings)->Unit(benchmark::kMillisecond);

/// A million windows of a hundred recordings; bytes are those of the values.
void write_assignments(benchmark::State& state) {
  constexpr std::size_t kRows = 1'000'000;
  std::vector<std::string> ids;
  for (int i = 0; i < 100; ++i)
    ids.push_back("asset-" + std::string(30, static_cast<char>('a' + i % 26)) + std::to_string(i));
  std::vector<std::string_view> asset_id;
  std::vector<std::int32_t> row_index, label;
  std::vector<double> score;
  std::vector<float> x;
  std::mt19937 random(1);
  for (std::size_t i = 0; i < kRows; ++i) {
    asset_id.push_back(ids[i / 10'000]);
    row_index.push_back(static_cast<std::int32_t>(i % 10'000));
    label.push_back(static_cast<std::int32_t>(random() % 30) - 1);
    score.push_back(static_cast<double>(random() % 1000) / 1000);
    x.push_back(static_cast<float>(random() % 1000));
  }
  for (auto _ : state) {
    ParquetWriter writer = ParquetWriter::create(file(), assignments_schema()).value();
    const AssignmentRows rows = {asset_id, row_index, label, score, score,
                                 x,        x,         label, label, score};
    BALEEN_CHECK(writer.append(columns_of(rows)).ok());
    BALEEN_CHECK(writer.finish({}).ok());
  }
  state.SetBytesProcessed(state.iterations() *
                          static_cast<std::int64_t>(kRows * (40 + 8 + 16 + 8)));
  state.counters["file_bytes"] = static_cast<double>(std::filesystem::file_size(file()));
}
BENCHMARK(write_assignments)->Unit(benchmark::kMillisecond);

/// Opens the mapping and sums all values up.
void sum_mapped_embeddings(benchmark::State& state) {
  write_all(embeddings_options());
  for (auto _ : state) {
    const MappedFloatLists lists = MappedFloatLists::open(file(), "embedding").value();
    float sums[16] = {};
    for (std::int64_t group = 0; group < lists.n_row_groups(); ++group) {
      const std::span<const float> values = lists.group(group);
      for (std::size_t i = 0; i + 16 <= values.size(); i += 16)
        for (std::size_t j = 0; j < 16; ++j) sums[j] += values[i + j];
    }
    benchmark::DoNotOptimize(sums);
  }
  count(state);
}
BENCHMARK(sum_mapped_embeddings)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace baleen::formats
