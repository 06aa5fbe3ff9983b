#include "store/probes.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "store/collections.h"
#include "store/schema.h"

namespace baleen::store {
namespace {

class ProbesTest : public ::testing::Test {
 protected:
  ProbesTest() : database_(make()) {
    collection_ = make_collection(database_, "me", "reef", 1)->collection_id;
  }
  ~ProbesTest() override { std::filesystem::remove_all(directory_); }
  Database make() {
    std::filesystem::remove_all(directory_);
    std::filesystem::create_directories(directory_);
    Database database = Database::open(directory_ / "baleen.db").value();
    EXPECT_TRUE(migrate(database).ok());
    return database;
  }
  std::int64_t insert(const std::string& label) {
    return insert_probe(database_, {0,
                                    collection_,
                                    "stub__w1",
                                    label,
                                    {{"threshold", 0.5}, {"model", {{"weights", {1.0, 2.5}}}}},
                                    "anna",
                                    7})
        .value();
  }

  const std::filesystem::path directory_ =
      std::filesystem::temp_directory_path() / ("baleen_probes_" + std::to_string(::getpid()));
  Database database_;
  std::string collection_;
};

TEST_F(ProbesTest, WhatWasLearnedIsThereAgain) {
  const std::int64_t id = insert("moan");
  const auto probe = find_probe(database_, id).value();
  ASSERT_TRUE(probe);
  EXPECT_EQ(probe->label, "moan");
  EXPECT_EQ(probe->made_by, "anna");
  EXPECT_EQ(core::get_array(core::get_object(probe->document, "model"), "weights").size(), 2U);
  EXPECT_FALSE(find_probe(database_, id + 1).value());
}

TEST_F(ProbesTest, PeopleSeeAllButTheWeights) {
  const auto probe = find_probe(database_, insert("moan")).value();
  const json::object shown = probe->to_json();
  EXPECT_EQ(core::get_double(shown, "threshold"), 0.5);
  EXPECT_EQ(core::get_string(shown, "collection_id"), collection_);
  EXPECT_FALSE(shown.contains("model"));
}

TEST_F(ProbesTest, TheNewestComesFirst) {
  insert("moan");
  insert("shriek");
  const auto probes = list_probes(database_, collection_).value();
  ASSERT_EQ(probes.size(), 2U);
  EXPECT_EQ(probes.front().label, "shriek");
  EXPECT_TRUE(list_probes(database_, "none").value().empty());
}

TEST_F(ProbesTest, NoCollectionNoProbe) {
  const auto id = insert_probe(database_, {0, "none", "e", "l", {}, "a", 1});
  ASSERT_FALSE(id.ok());
  EXPECT_EQ(id.error().code, ErrorCode::not_found);
}

}  // namespace
}  // namespace baleen::store
