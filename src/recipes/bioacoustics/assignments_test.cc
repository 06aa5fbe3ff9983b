#include "recipes/bioacoustics/assignments.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace baleen::bioacoustics {
namespace {

using testing::ElementsAre;

class AssignmentsTest : public testing::Test {
 protected:
  void SetUp() override { std::filesystem::create_directories(dir_); }
  void TearDown() override { std::filesystem::remove_all(dir_); }

  /// Windows of one recording with these labels.
  void write(const char* name,
             std::string_view asset,
             const std::vector<std::int32_t>& labels,
             const std::string& model) {
    const std::size_t n = labels.size();
    const std::vector<std::string_view> assets(n, asset);
    std::vector<std::int32_t> rows(n), reasons(n);
    for (std::size_t i = 0; i < n; ++i) {
      rows[i] = static_cast<std::int32_t>(i);
      reasons[i] = labels[i] < 0 ? 1 : 0;
    }
    const std::vector<double> share(n, 0.5);
    const std::vector<float> place(n, 2);
    ASSERT_TRUE(write_assignments(
                    dir_ / name,
                    {assets, rows, labels, share, share, place, place, reasons, labels, share},
                    model)
                    .ok());
  }

  std::filesystem::path dir_ =
      std::filesystem::temp_directory_path() / ("assignments" + std::to_string(::getpid()));
};

TEST_F(AssignmentsTest, WhatWasAddedFollows) {
  write("a", "x", {0, -1, 1}, "m");
  write("b", "y", {1, 1}, "m");
  const Assignments rows = read_assignments(dir_ / "a", dir_ / "b").value();
  EXPECT_THAT(rows.asset_id, ElementsAre("x", "x", "x", "y", "y"));
  EXPECT_THAT(rows.label, ElementsAre(0, -1, 1, 1, 1));
  EXPECT_THAT(rows.row_index, ElementsAre(0, 1, 2, 0, 1));
  EXPECT_THAT(rows.noise_reason, ElementsAre(0, 1, 0, 0, 0));
  EXPECT_EQ(rows.n_clustered, 3U);
  EXPECT_EQ(read_assignments(dir_ / "a")->n(), 3U);
}

TEST_F(AssignmentsTest, WhatWasAddedToAnotherClusteringIsLeftOut) {
  write("a", "x", {0, -1, 1}, "m");
  write("b", "y", {1, 1}, "of another");
  write("c", "y", {}, "m");
  EXPECT_EQ(read_assignments(dir_ / "a", dir_ / "b")->n(), 3U);
  EXPECT_EQ(read_assignments(dir_ / "a", dir_ / "c")->n(), 3U);
  EXPECT_EQ(read_assignments(dir_ / "a", dir_ / "none").error().code, ErrorCode::file_not_found);
}

TEST_F(AssignmentsTest, OfFilesThatDoNotTellWhyNoiseIsNoise) {
  formats::ParquetSchema older = formats::assignments_schema();
  older.resize(7);
  const std::vector<std::string_view> assets = {"x", "x"};
  const std::vector<std::int32_t> labels = {0, -1};
  const std::vector<double> share = {1, 0};
  const std::vector<float> place = {1, 2};
  formats::ParquetWriter writer = formats::ParquetWriter::create(dir_ / "a", older).value();
  const auto columns =
      formats::columns_of({assets, labels, labels, share, share, place, place, {}, {}, {}});
  ASSERT_TRUE(writer.append(std::span(columns).first(7)).ok());
  ASSERT_TRUE(writer.finish({}).ok());
  const Assignments rows = read_assignments(dir_ / "a").value();
  EXPECT_THAT(rows.noise_reason, ElementsAre(0, 2));
  EXPECT_EQ(rows.missing[0], 0);
  EXPECT_TRUE(std::isnan(rows.missing[1]));
}

}  // namespace
}  // namespace baleen::bioacoustics
