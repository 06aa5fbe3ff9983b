#include "formats/parquet_reader.h"

#include <gmock/gmock.h>

#include <cmath>
#include <fstream>
#include <random>

#include "formats/parquet_levels.h"
#include "formats/parquet_metadata.h"
#include "formats/parquet_tables.h"
#include "formats/parquet_thrift.h"
#include "formats/snappy.h"
#include "formats/testing/parquet_table.h"

namespace baleen::formats {
namespace {

using testing::append;
using testing::bytes_of;
using testing::Embeddings;
using testing::embeddings_info;
using testing::TempDir;

void write_bytes(const std::filesystem::path& path, std::string_view bytes) {
  std::ofstream(path, std::ios::binary).write(bytes.data(), std::ssize(bytes));
}

// Golden: tests/golden/parquet/ORIGIN.md.
TEST(ParquetGolden, FilesOfOtherProgramsAreRead) {
  constexpr std::size_t kRows = 40, kDim = 6;
  for (const char* name : {"pyarrow.parquet", "pyarrow_v2_gzip.parquet", "duckdb.parquet"}) {
    SCOPED_TRACE(name);
    Result<ParquetReader> reader = ParquetReader::open(
        std::filesystem::path(BALEEN_SOURCE_DIR "/tests/golden/parquet") / name);
    ASSERT_TRUE(reader.ok()) << reader.error().to_string();
    EXPECT_EQ(reader->find_metadata("model"), "stub");
    ASSERT_EQ(reader->n_rows(), 40);
    const auto check = [&]<typename T>(const char* column, ParquetType type, const auto& formula) {
      SCOPED_TRACE(column);
      const int index = reader->column(column, type).value();
      for (const std::size_t first : {0U, 17U, 39U, 3U}) {
        std::vector<T> values(kRows - first);
        std::vector<std::uint8_t> is_valid(values.size());
        const Result<void> read =
            reader->read(index, static_cast<std::int64_t>(first), std::span(values), is_valid);
        ASSERT_TRUE(read.ok()) << read.error().to_string();
        for (std::size_t i = 0; i < values.size(); ++i) {
          const std::size_t row = first + i;
          ASSERT_EQ(is_valid[i], row % 7 == 3 ? 0 : 1);
          if (is_valid[i] != 0) {
            ASSERT_EQ(values[i], static_cast<T>(formula(row)));
          }
        }
      }
    };
    check.operator()<std::uint8_t>("truth", ParquetType::boolean,
                                   [](std::size_t i) { return i % 3 == 0 ? 1 : 0; });
    check.operator()<std::int32_t>("small", ParquetType::int32, [](std::size_t i) {
      return 7919 * static_cast<int>(i) - 100'000;
    });
    check.operator()<std::int64_t>("large", ParquetType::int64, [](std::size_t i) {
      return static_cast<std::int64_t>(i) << 33;
    });
    check.operator()<float>("single", ParquetType::float32,
                            [](std::size_t i) { return static_cast<double>(i) / 4; });
    check.operator()<double>("double", ParquetType::float64,
                             [](std::size_t i) { return static_cast<double>(i) / 8; });
    check.operator()<std::string>("text", ParquetType::string,
                                  [](std::size_t i) { return "asset-" + std::to_string(i % 3); });
    const int embedding = reader->column("embedding", ParquetType::float_list).value();
    std::vector<float> values(kRows * kDim);
    ASSERT_TRUE(reader->read(embedding, 0, values).ok());
    for (std::size_t i = 0; i < values.size(); ++i)
      ASSERT_EQ(values[i], static_cast<float>(i / kDim) + static_cast<float>(i % kDim) / 64);
    ASSERT_TRUE(reader->read(embedding, 20, std::span(values).first(kDim)).ok());
    EXPECT_EQ(values[1], 20 + 1.0F / 64);
  }
}

class ParquetReaderTest : public ::testing::Test {
 protected:
  ParquetReaderTest() : table_(20, 5) {
    ParquetWriter writer =
        ParquetWriter::create(dir_ / "t", embeddings_schema(5), {.rows_per_group = 8}).value();
    EXPECT_TRUE(append(writer, table_, 0, 20, 20).ok());
    EXPECT_TRUE(writer.finish(to_metadata(embeddings_info(5))).ok());
    whole_ = bytes_of(dir_ / "t");
  }
  /// Reads all of the file. False where it is refused; the values are compared otherwise.
  bool is_read(bool& is_right) {
    Result<EmbeddingsFile> file = open_embeddings(dir_ / "t");
    if (!file.ok() || file->reader.n_rows() != 20) return false;
    std::vector<double> start_s(20), end_s(20);
    std::vector<std::int32_t> row_index(20);
    std::vector<std::uint8_t> is_padded(20);
    std::vector<float> embedding(100);
    ParquetReader& reader = file->reader;
    if (!reader.read(file->start_s, 0, start_s).ok() || !reader.read(file->end_s, 0, end_s).ok() ||
        !reader.read(file->row_index, 0, row_index).ok() ||
        !reader.read(file->is_padded, 0, is_padded).ok() ||
        !reader.read(file->embedding, 0, embedding).ok())
      return false;
    is_right = start_s == table_.start_s && end_s == table_.end_s &&
               row_index == table_.row_index && is_padded == table_.is_padded &&
               embedding == table_.embedding;
    return true;
  }
  std::size_t footer_begin() const {
    std::uint32_t size = 0;
    std::memcpy(&size, whole_.data() + whole_.size() - 8, sizeof size);
    return whole_.size() - 8 - size;
  }

  TempDir dir_;
  const Embeddings table_;
  std::string whole_;
};

TEST_F(ParquetReaderTest, ATruncatedFileIsRefusedAtEveryByte) {
  for (std::size_t n = 0; n < whole_.size(); ++n) {
    write_bytes(dir_ / "t", whole_.substr(0, n));
    ASSERT_EQ(ParquetReader::open(dir_ / "t").error().code, ErrorCode::artifact_corrupt) << n;
    ASSERT_EQ(MappedFloatLists::open(dir_ / "t", "embedding").error().code,
              ErrorCode::artifact_corrupt);
  }
}

TEST_F(ParquetReaderTest, ADamagedPageIsNeverMisread) {
  int n_refused = 0;
  for (std::size_t i = 0; i < footer_begin(); ++i) {
    for (const int bit : {0, 3, 7}) {
      std::string damaged = whole_;
      damaged[i] = static_cast<char>(damaged[i] ^ 1 << bit);
      write_bytes(dir_ / "t", damaged);
      bool is_right = true;
      if (!is_read(is_right)) ++n_refused;
      ASSERT_TRUE(is_right) << "byte " << i << " bit " << bit;
    }
  }
  EXPECT_GT(n_refused, 1000);
}

TEST_F(ParquetReaderTest, ADamagedFooterNeverLeadsOutOfTheFile) {
  std::mt19937 random(5);
  for (int i = 0; i < 20'000; ++i) {
    std::string damaged = whole_;
    for (std::size_t n = 1 + random() % 3; n > 0; --n)
      damaged[footer_begin() + random() % (whole_.size() - footer_begin())] =
          static_cast<char>(random());
    write_bytes(dir_ / "t", damaged);
    bool ignored = true;
    (void)is_read(ignored);  // Sanitizers see what goes wrong here.
    (void)MappedFloatLists::open(dir_ / "t", "embedding").ok();
  }
}

TEST_F(ParquetReaderTest, WrongQuestionsAreRefused) {
  ParquetReader reader = ParquetReader::open(dir_ / "t").value();
  std::vector<double> two(2);
  std::vector<float> floats(7);
  EXPECT_EQ(reader.read(1, 19, two).error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(reader.read(1, -1, two).error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(reader.read(1, INT64_MAX, two).error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(reader.read(0, 0, two).error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(reader.read(9, 0, two).error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(reader.read(4, 0, floats).error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(reader.column("start_s", ParquetType::int32).error().code, ErrorCode::artifact_corrupt);
  EXPECT_EQ(ParquetReader::open(dir_ / "none").error().code, ErrorCode::file_not_found);
}

TEST(Snappy, CopiesMayOverlapAndDamageIsRefused) {
  // By hand, after the format's description: length 12, literal "ab", copy of 10 from 2 back.
  const std::string stream(
      "\x0c\x04"
      "ab\x19\x02",
      6);
  std::string text(12, '\0');
  const auto out = std::as_writable_bytes(std::span(text));
  ASSERT_TRUE(snappy_decompress(stream, out).ok());
  EXPECT_EQ(text, "abababababab");
  for (std::size_t n = 0; n < stream.size(); ++n)
    EXPECT_FALSE(snappy_decompress(stream.substr(0, n), out).ok());
  EXPECT_FALSE(snappy_decompress(std::string("\x0c\x04"
                                             "ab\x19\x03",
                                             6),
                                 out)
                   .ok());
  EXPECT_FALSE(snappy_decompress(stream, out.first(11)).ok());
}

TEST(Hybrid, WhatIsWrittenIsReadInAnyPieces) {
  std::mt19937 random(2);
  for (int round = 0; round < 200; ++round) {
    SCOPED_TRACE(round);
    const int bit_width = 1 + static_cast<int>(random() % 20);
    std::vector<std::uint32_t> values;
    while (values.size() < 300)
      values.insert(values.end(), 1 + random() % (random() % 2 == 0 ? 3 : 40),
                    static_cast<std::uint32_t>(random() % (1U << bit_width)));
    std::string bytes;
    parquet::append_hybrid(values, bit_width, bytes);
    parquet::HybridReader reader(bytes, bit_width);
    std::vector<std::uint32_t> read;
    while (read.size() < values.size()) {
      const std::size_t n = std::min<std::size_t>(1 + random() % 50, values.size() - read.size());
      if (random() % 3 == 0) {
        ASSERT_TRUE(reader.skip(static_cast<std::int64_t>(n)).ok());
        read.insert(read.end(), values.begin() + std::ssize(read),
                    values.begin() + std::ssize(read) + static_cast<std::ptrdiff_t>(n));
      } else {
        read.resize(read.size() + n);
        ASSERT_TRUE(reader.read(std::span(read).last(n)).ok());
      }
    }
    ASSERT_EQ(read, values);
    ASSERT_FALSE(reader.skip(8).ok());
  }
}

TEST(Thrift, DeepAndEndlessInputEndsInAFailure) {
  const auto is_refused = [](const std::string& bytes) {
    return !parquet::parse_footer(bytes).ok() && !parquet::parse_page_header(bytes).ok();
  };
  EXPECT_TRUE(is_refused(std::string(100'000, '\x1c')));  // Structs in structs.
  EXPECT_TRUE(
      is_refused(std::string("\x19\xfc\xff\xff\xff\x7f", 6)));  // A list of 2 GiB of structs.
  EXPECT_TRUE(is_refused(std::string("\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11)));
  EXPECT_TRUE(is_refused(""));
}

}  // namespace
}  // namespace baleen::formats
