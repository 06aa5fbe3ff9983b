#include "formats/labels_parquet.h"

#include <gtest/gtest.h>

#include <vector>

#include "core/file.h"
#include "formats/parquet_reader.h"
#include "formats/testing/parquet_table.h"

namespace baleen::formats {
namespace {

using testing::TempDir;

Annotation annotation(double start_s, std::string label) {
  Annotation made;
  made.start_s = start_s;
  made.end_s = start_s + 2.5;
  made.label = std::move(label);
  return made;
}

TEST(LabelsParquet, HasARowForEachAnnotationAndNullsWhereNothingIsKnown) {
  std::vector<Annotation> song(2, annotation(0, "song"));
  song[0].confidence = 0.25;
  song[0].source = "baleen: clusters/a/assignments.parquet";
  song[1].low_hz = 100;
  song[1].high_hz = 2000;
  song[1].is_manual = true;
  // More than one portion, and more than one row group.
  std::vector<Annotation> many;
  for (int i = 0; i < 70'000; ++i) many.push_back(annotation(i, "cluster 7"));
  const std::vector<LabelledRecording> recordings = {
      {"id-a", "north/a.wav", song}, {"id-b", "b.wav", {}}, {"id-c", "c.wav", many}};
  const std::string bytes = write_labels_parquet(recordings, {{"clustering_id", "job"}}).value();
  EXPECT_EQ(bytes, write_labels_parquet(recordings, {{"clustering_id", "job"}}).value());

  const TempDir dir;
  ASSERT_TRUE(core::write_file_atomic(dir / "labels.parquet", bytes).ok());
  ParquetReader reader = ParquetReader::open(dir / "labels.parquet").value();
  ASSERT_EQ(reader.n_rows(), 70'002);
  EXPECT_EQ(reader.find_metadata("clustering_id"), "job");
  const auto texts = [&](const char* column, std::int64_t row) {
    std::vector<std::string> value(1);
    EXPECT_TRUE(
        reader.read(reader.column(column, ParquetType::string).value(), row, std::span(value))
            .ok());
    return value[0];
  };
  const auto number = [&](const char* column, std::int64_t row) -> std::optional<double> {
    double value = 0;
    std::uint8_t is_valid = 0;
    EXPECT_TRUE(reader
                    .read(reader.column(column, ParquetType::float64).value(), row,
                          std::span(&value, 1), std::span(&is_valid, 1))
                    .ok());
    return is_valid != 0 ? std::optional(value) : std::nullopt;
  };
  EXPECT_EQ(texts("file", 0), "north/a.wav");
  EXPECT_EQ(texts("asset_id", 1), "id-a");
  EXPECT_EQ(texts("label", 0), "song");
  EXPECT_EQ(texts("source", 0), "baleen: clusters/a/assignments.parquet");
  EXPECT_EQ(number("confidence", 0), 0.25);
  EXPECT_EQ(number("confidence", 1), std::nullopt);
  EXPECT_EQ(number("low_hz", 0), std::nullopt);
  EXPECT_EQ(number("high_hz", 1), 2000);
  EXPECT_EQ(texts("asset_id", 70'001), "id-c");
  EXPECT_EQ(number("start_s", 70'001), 69'999);
  EXPECT_EQ(number("end_s", 70'001), 70'001.5);
  std::vector<std::uint8_t> is_by_person(3);
  ASSERT_TRUE(reader
                  .read(reader.column("is_by_person", ParquetType::boolean).value(), 0,
                        std::span(is_by_person))
                  .ok());
  EXPECT_EQ(is_by_person, (std::vector<std::uint8_t>{0, 1, 0}));
}

TEST(LabelsParquet, OfNothingIsATableWithoutRows) {
  const TempDir dir;
  ASSERT_TRUE(
      core::write_file_atomic(dir / "labels.parquet", write_labels_parquet({}, {}).value()).ok());
  const ParquetReader reader = ParquetReader::open(dir / "labels.parquet").value();
  EXPECT_EQ(reader.n_rows(), 0);
  EXPECT_EQ(reader.schema().size(), 10U);
}

}  // namespace
}  // namespace baleen::formats
