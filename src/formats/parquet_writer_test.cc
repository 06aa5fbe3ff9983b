#include "formats/parquet_writer.h"

#include <gmock/gmock.h>

#include <cmath>
#include <cstring>
#include <random>

#include "formats/parquet_checkpoint.h"
#include "formats/parquet_column.h"
#include "formats/parquet_tables.h"
#include "formats/testing/parquet_table.h"

namespace baleen::formats {
namespace {

using testing::append;
using testing::bytes_of;
using ::testing::ElementsAre;
using testing::Embeddings;
using testing::embeddings_info;
using testing::TempDir;

class ParquetWriterTest : public ::testing::Test {
 protected:
  std::string write(const Embeddings& table, std::size_t portion, const ParquetOptions& options) {
    ParquetWriter writer =
        ParquetWriter::create(dir_ / "t.parquet", embeddings_schema(table.dim), options).value();
    EXPECT_TRUE(append(writer, table, 0, table.size(), portion).ok());
    EXPECT_TRUE(writer.finish(to_metadata(embeddings_info(table.dim))).ok());
    return bytes_of(dir_ / "t.parquet");
  }
  TempDir dir_;
};

TEST_F(ParquetWriterTest, WhatIsWrittenIsRead) {
  for (const ParquetCompression compression :
       {ParquetCompression::none, ParquetCompression::gzip}) {
    const Embeddings table(100, 33);
    write(table, 7, {.rows_per_group = 16, .compression = compression});
    EmbeddingsFile file = open_embeddings(dir_ / "t.parquet").value();
    EXPECT_EQ(file.reader.n_rows(), 100);
    EXPECT_EQ(file.reader.n_row_groups(), 7);
    EXPECT_EQ(file.info, embeddings_info(33));
    ASSERT_EQ(file.reader.schema(), embeddings_schema(33));
    for (const std::size_t first : {0U, 15U, 16U, 40U, 3U, 99U}) {
      SCOPED_TRACE(first);
      const std::size_t n = std::min<std::size_t>(37, 100 - first);
      const EmbeddingRows expected = table.rows(first, n);
      const auto row = static_cast<std::int64_t>(first);
      std::vector<std::int32_t> row_index(n);
      std::vector<double> start_s(n), end_s(n);
      std::vector<std::uint8_t> is_padded(n);
      std::vector<float> embedding(33 * n);
      ASSERT_TRUE(file.reader.read(file.row_index, row, row_index).ok());
      ASSERT_TRUE(file.reader.read(file.start_s, row, start_s).ok());
      ASSERT_TRUE(file.reader.read(file.end_s, row, end_s).ok());
      ASSERT_TRUE(file.reader.read(file.is_padded, row, is_padded).ok());
      ASSERT_TRUE(file.reader.read(file.embedding, row, embedding).ok());
      EXPECT_TRUE(std::equal(row_index.begin(), row_index.end(), expected.row_index.begin()));
      EXPECT_TRUE(std::equal(start_s.begin(), start_s.end(), expected.start_s.begin()));
      EXPECT_TRUE(std::equal(end_s.begin(), end_s.end(), expected.end_s.begin()));
      EXPECT_TRUE(std::equal(is_padded.begin(), is_padded.end(), expected.is_padded.begin()));
      EXPECT_TRUE(std::equal(embedding.begin(), embedding.end(), expected.embedding.begin()));
    }
  }
}

TEST_F(ParquetWriterTest, BytesDoNotDependOnThePortions) {
  const Embeddings table(50);
  const ParquetOptions options = {.rows_per_group = 16};
  const std::string whole = write(table, 50, options);
  for (const std::size_t portion : {1U, 2U, 15U, 16U, 17U, 49U})
    EXPECT_TRUE(write(table, portion, options) == whole) << portion;
}

TEST_F(ParquetWriterTest, ATableWithoutRowsIsATable) {
  write(Embeddings(0), 1, {});
  EmbeddingsFile file = open_embeddings(dir_ / "t.parquet").value();
  EXPECT_EQ(file.reader.n_rows(), 0);
  EXPECT_EQ(file.info.vector_dim, 8);
  EXPECT_TRUE(file.reader.read(file.start_s, 0, std::span<double>()).ok());
}

TEST_F(ParquetWriterTest, EveryTypeAndItsNullsComeBack) {
  ParquetSchema schema = {{.name = "truth", .type = ParquetType::boolean, .is_nullable = true},
                          {.name = "small", .type = ParquetType::int32, .is_nullable = true},
                          {.name = "large", .type = ParquetType::int64, .is_nullable = true},
                          {.name = "single", .type = ParquetType::float32, .is_nullable = true},
                          {.name = "double", .type = ParquetType::float64, .is_nullable = true},
                          {.name = "text", .type = ParquetType::string, .is_nullable = true}};
  constexpr std::size_t kRows = 1000;
  std::mt19937 random(1);
  std::vector<std::uint8_t> truth, valid;
  std::vector<std::int32_t> small;
  std::vector<std::int64_t> large;
  std::vector<float> singles;
  std::vector<double> doubles;
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < kRows; ++i) {
    truth.push_back(random() % 2);
    small.push_back(static_cast<std::int32_t>(random()));
    large.push_back(static_cast<std::int64_t>(random()) << 31);
    singles.push_back(static_cast<float>(random()));
    doubles.push_back(1.0 / static_cast<double>(1 + random()));
    texts.push_back(i < 500 ? std::to_string(random() % 5) : std::to_string(random()));
    valid.push_back(i % 100 < 50 || random() % 2 == 0 ? 1 : 0);  // Runs and changes.
  }
  const std::vector<std::string_view> views(texts.begin(), texts.end());
  ParquetWriter writer =
      ParquetWriter::create(dir_ / "t.parquet", schema, {.rows_per_group = 300}).value();
  ASSERT_TRUE(writer
                  .append(std::vector<ParquetBatchColumn>{{truth, valid},
                                                          {small, valid},
                                                          {large, valid},
                                                          {singles, valid},
                                                          {doubles, valid},
                                                          {views, valid}})
                  .ok());
  ASSERT_TRUE(writer.finish({}).ok());

  ParquetReader reader = ParquetReader::open(dir_ / "t.parquet").value();
  ASSERT_EQ(reader.schema(), schema);
  const auto check = [&]<typename T>(int column, const std::vector<T>& expected) {
    SCOPED_TRACE(column);
    for (const std::size_t first : {0U, 1U, 299U, 300U, 777U, 5U}) {
      std::vector<T> values(kRows - first);
      std::vector<std::uint8_t> is_valid(values.size());
      ASSERT_TRUE(
          reader.read(column, static_cast<std::int64_t>(first), std::span(values), is_valid).ok());
      for (std::size_t i = 0; i < values.size(); ++i) {
        ASSERT_EQ(is_valid[i], valid[first + i]);
        ASSERT_EQ(values[i], is_valid[i] != 0 ? expected[first + i] : T{});
      }
    }
  };
  check(0, truth);
  check(1, small);
  check(2, large);
  check(3, singles);
  check(4, doubles);
  check(5, texts);
  // Where nobody asks for nulls they are NaN, or an error.
  std::vector<double> values(kRows);
  ASSERT_TRUE(reader.read(4, 0, values).ok());
  for (std::size_t i = 0; i < kRows; ++i) ASSERT_EQ(std::isnan(values[i]), valid[i] == 0);
  std::vector<std::int32_t> numbers(kRows);
  EXPECT_EQ(reader.read(1, 0, numbers).error().code, ErrorCode::artifact_corrupt);
}

TEST_F(ParquetWriterTest, RepeatedTextsBecomeADictionary) {
  constexpr std::size_t kRows = 10'000;
  const ParquetSchema schema = {{.name = "asset_id", .type = ParquetType::string}};
  std::vector<std::string> ids;
  for (std::size_t i = 0; i < kRows; ++i)
    ids.push_back(std::string(36, static_cast<char>('a' + i / 1000)));
  const std::vector<std::string_view> views(ids.begin(), ids.end());
  ParquetWriter writer = ParquetWriter::create(dir_ / "t.parquet", schema).value();
  ASSERT_TRUE(writer.append(std::vector<ParquetBatchColumn>{{views}}).ok());
  EXPECT_LT(writer.finish({})->size_bytes, 1500);
  ParquetReader reader = ParquetReader::open(dir_ / "t.parquet").value();
  std::vector<std::string> read(kRows);
  ASSERT_TRUE(reader.read(0, 0, read).ok());
  EXPECT_EQ(read, ids);
}

TEST_F(ParquetWriterTest, GroupsEndBeforeTheyGrowTooLargeAndAlikeForAllPortions) {
  const ParquetSchema schema = {{.name = "text", .type = ParquetType::string}};
  std::mt19937 random(3);
  std::vector<std::string> texts;
  for (int i = 0; i < 200; ++i) texts.push_back(std::string(random() % 300, 'x'));
  const std::vector<std::string_view> views(texts.begin(), texts.end());
  std::string whole;
  for (const std::size_t portion : {200U, 1U, 7U}) {
    ParquetWriter writer =
        ParquetWriter::create(dir_ / "t.parquet", schema, {.group_bytes_max = 5000}).value();
    for (std::size_t i = 0; i < views.size(); i += portion) {
      const auto part = std::span(views).subspan(i, std::min(portion, views.size() - i));
      ASSERT_TRUE(writer.append(std::vector<ParquetBatchColumn>{{part}}).ok());
    }
    EXPECT_GT(writer.finish({})->n_row_groups, 10);
    const std::string bytes = bytes_of(dir_ / "t.parquet");
    if (whole.empty()) whole = bytes;
    EXPECT_TRUE(bytes == whole);
  }
}

TEST_F(ParquetWriterTest, TextsBecomeValidUtf8) {
  const ParquetSchema schema = {{.name = "file", .type = ParquetType::string}};
  const std::vector<std::string_view> views = {"W\xc3\xa4l", "W\xe4l"};
  ParquetWriter writer = ParquetWriter::create(dir_ / "t.parquet", schema).value();
  ASSERT_TRUE(writer.append(std::vector<ParquetBatchColumn>{{views}}).ok());
  ASSERT_TRUE(writer.finish({{"k", "\xff"}}).ok());
  ParquetReader reader = ParquetReader::open(dir_ / "t.parquet").value();
  std::vector<std::string> read(2);
  ASSERT_TRUE(reader.read(0, 0, read).ok());
  EXPECT_THAT(read, ElementsAre("W\xc3\xa4l", "W\xef\xbf\xbdl"));
  EXPECT_EQ(reader.find_metadata("k"), "\xef\xbf\xbd");
}

TEST_F(ParquetWriterTest, WhatDoesNotFitTheSchemaIsRefusedAndNothingIsLost) {
  const auto create = [&](const ParquetSchema& schema, const ParquetOptions& options = {}) {
    return ParquetWriter::create(dir_ / "t.parquet", schema, options);
  };
  const ParquetColumn number = {.name = "n", .type = ParquetType::int32};
  for (const ParquetSchema& schema :
       {ParquetSchema{}, ParquetSchema{number, number}, ParquetSchema{{.name = ""}},
        ParquetSchema{{.name = "l", .type = ParquetType::float_list}},
        ParquetSchema{
            {.name = "l", .type = ParquetType::float_list, .is_nullable = true, .list_size = 4}},
        ParquetSchema{{.name = "n", .type = ParquetType::int32, .list_size = 4}}})
    EXPECT_EQ(create(schema).error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(create({number}, {.rows_per_group = 0}).error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(create({number}, {.gzip_level = 13}).error().code, ErrorCode::invalid_argument);

  ParquetWriter writer = create({number, {.name = "t", .type = ParquetType::string}}).value();
  const std::vector<std::int32_t> two = {1, 2};
  const std::vector<double> others = {1, 2};
  const std::vector<std::string_view> texts = {"a", "b"};
  const std::vector<std::string_view> one_text = {"a"};
  const std::string huge(17 << 20, 'x');
  const std::vector<std::string_view> huge_texts = {"a", huge};
  const std::vector<std::uint8_t> valid = {1, 0};
  for (const std::vector<ParquetBatchColumn>& batch : {std::vector<ParquetBatchColumn>{{two}},
                                                       {{others}, {texts}},
                                                       {{two}, {one_text}},
                                                       {{two}, {texts, valid}},
                                                       {{two}, {huge_texts}}})
    EXPECT_EQ(writer.append(batch).error().code, ErrorCode::invalid_argument);
  ASSERT_TRUE(writer.append(std::vector<ParquetBatchColumn>{{two}, {texts}}).ok());
  EXPECT_EQ(writer.finish({})->n_rows, 2);
  EXPECT_EQ(writer.finish({}).error().code, ErrorCode::internal);
  EXPECT_EQ(writer.append(std::vector<ParquetBatchColumn>{{two}, {texts}}).error().code,
            ErrorCode::internal);
}

TEST_F(ParquetWriterTest, AnUnfinishedFileIsRemoved) {
  {
    ParquetWriter writer = ParquetWriter::create(dir_ / "t.parquet", embeddings_schema(4)).value();
  }
  EXPECT_FALSE(std::filesystem::exists(dir_ / "t.parquet"));
}

TEST(ParquetStatistics, LeaveOutNanAndWidenZero) {
  const std::vector<float> values = {std::nanf(""), 0.0F, 2.0F};
  const std::string_view plain(reinterpret_cast<const char*>(values.data()), 12);
  const parquet::Statistics statistics = parquet::statistics_of(ParquetType::float32, plain);
  float least = 1;
  float greatest = 0;
  std::memcpy(&least, statistics.min->data(), 4);
  std::memcpy(&greatest, statistics.max->data(), 4);
  EXPECT_TRUE(least == 0 && std::signbit(least));
  EXPECT_EQ(greatest, 2);
  EXPECT_FALSE(parquet::statistics_of(ParquetType::float32, plain.substr(0, 4)).min.has_value());
  EXPECT_FALSE(parquet::statistics_of(ParquetType::string, "").min.has_value());
}

TEST_F(ParquetWriterTest, MappedListsLieWhereTheyAreAndAligned) {
  const Embeddings table(100, 33);
  write(table, 100, {.rows_per_group = 16});
  for (const auto verify :
       {MappedFloatLists::Verify::structure, MappedFloatLists::Verify::checksums}) {
    const MappedFloatLists lists =
        MappedFloatLists::open(dir_ / "t.parquet", "embedding", verify).value();
    EXPECT_EQ(lists.n_rows(), 100);
    EXPECT_EQ(lists.list_size(), 33);
    ASSERT_EQ(lists.n_row_groups(), 7);
    for (std::int64_t g = 0; g < 7; ++g)
      EXPECT_EQ(reinterpret_cast<std::uintptr_t>(lists.group(g).data()) % 64, 0U);
    for (std::int64_t i = 0; i < 100; ++i) {
      const std::span<const float> row = lists.row(i);
      const auto first = static_cast<std::ptrdiff_t>(33 * i);
      ASSERT_TRUE(std::equal(row.begin(), row.end(), table.embedding.begin() + first));
    }
  }
  write(table, 100, {.compression = ParquetCompression::gzip});
  EXPECT_EQ(MappedFloatLists::open(dir_ / "t.parquet", "embedding").error().code,
            ErrorCode::not_supported);
  EXPECT_EQ(MappedFloatLists::open(dir_ / "t.parquet", "start_s").error().code,
            ErrorCode::artifact_corrupt);
}

TEST_F(ParquetWriterTest, AssignmentsComeBack) {
  const std::vector<std::string_view> asset_id = {"a", "a", "b"};
  const std::vector<std::int32_t> row_index = {0, 1, 0}, label = {2, -1, 2};
  const std::vector<double> probability = {1, 0, 0.5}, outlier_score = {0, 0.9, 0.1};
  const std::vector<float> x = {1, 2, NAN}, y = {3, 4, NAN};
  const std::vector<std::int32_t> reason = {0, 2, 0}, nearest = {2, 0, 2};
  const std::vector<double> missing = {0, 0.25, 0};
  ParquetWriter writer = ParquetWriter::create(dir_ / "t.parquet", assignments_schema()).value();
  ASSERT_TRUE(writer
                  .append(columns_of(AssignmentRows{asset_id, row_index, label, probability,
                                                    outlier_score, x, y, reason, nearest, missing}))
                  .ok());
  ASSERT_TRUE(writer.finish({}).ok());
  AssignmentsFile file = open_assignments(dir_ / "t.parquet").value();
  std::vector<std::string> ids(3);
  std::vector<std::int32_t> labels(3);
  ASSERT_TRUE(file.reader.read(file.asset_id, 0, ids).ok());
  ASSERT_TRUE(file.reader.read(file.label, 0, labels).ok());
  EXPECT_THAT(ids, ElementsAre("a", "a", "b"));
  EXPECT_THAT(labels, ElementsAre(2, -1, 2));
  ASSERT_TRUE(file.tells_why());
  std::vector<double> read(3);
  ASSERT_TRUE(file.reader.read(file.missing, 0, read).ok());
  EXPECT_THAT(read, ElementsAre(0, 0.25, 0));
  EXPECT_EQ(open_embeddings(dir_ / "t.parquet").error().code, ErrorCode::artifact_corrupt);
}

TEST_F(ParquetWriterTest, AssignmentsOfVersionsThatDidNotTellWhyAreRead) {
  ParquetSchema older = assignments_schema();
  older.resize(7);
  const std::vector<std::string_view> asset_id = {"a"};
  const std::vector<std::int32_t> number = {0};
  const std::vector<double> share = {1};
  const std::vector<float> place = {2};
  ParquetWriter writer = ParquetWriter::create(dir_ / "t.parquet", older).value();
  const auto columns =
      columns_of(AssignmentRows{asset_id, number, number, share, share, place, place, {}, {}, {}});
  ASSERT_TRUE(writer.append(std::span(columns).first(7)).ok());
  ASSERT_TRUE(writer.finish({}).ok());
  const AssignmentsFile file = open_assignments(dir_ / "t.parquet").value();
  EXPECT_FALSE(file.tells_why());
  EXPECT_EQ(file.reader.n_rows(), 1);
}

}  // namespace
}  // namespace baleen::formats
