#include "store/member_names.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace baleen::store {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<std::string> ids(const std::vector<const NamedMember*>& found) {
  std::vector<std::string> out;
  for (const NamedMember* member : found) out.push_back(member->asset_id);
  return out;
}

const MemberNames kNames({{"01234567-aaaa", "Dawn.wav", "file:///rec/site%20A/Dawn.wav", 10},
                          {"12345678-bbbb", "Dawn.wav", "file:///rec/site%20B/Dawn.wav", 10},
                          {"23456789-cccc", "dusk.flac", "upload:7", 10},
                          {"3456789a-dddd", "x.y.wav", "file:///x.y.wav", 10}});

TEST(MemberNames, CaseAndFoldersOfOthersDoNotMatterWhereOneHasTheName) {
  for (const char* name :
       {"dusk.flac", "DUSK.FLAC", "D:\\field\\Dusk.flac", "/mnt/a/dusk.flac", "23456789-cccc"})
    EXPECT_THAT(ids(kNames.find(name)), ElementsAre("23456789-cccc")) << name;
  for (const char* name : {"dusk.wav", "dusk", "", "flac", "23456789"})
    EXPECT_THAT(kNames.find(name), IsEmpty()) << name;
}

TEST(MemberNames, FoldersTellRecordingsOfOneNameApart) {
  EXPECT_EQ(kNames.find("Dawn.wav").size(), 2U);
  EXPECT_EQ(kNames.find("site C/Dawn.wav").size(), 2U);
  EXPECT_THAT(ids(kNames.find("site b/dawn.wav")), ElementsAre("12345678-bbbb"));
  EXPECT_THAT(ids(kNames.find("E:\\rec\\Site A\\Dawn.wav")), ElementsAre("01234567-aaaa"));
}

TEST(MemberNames, CaseDecidesAmongSeveral) {
  const MemberNames names({{"1", "a.WAV", "", 0}, {"2", "a.wav", "", 0}});
  EXPECT_THAT(ids(names.find("a.wav")), ElementsAre("2"));
  EXPECT_EQ(names.find("A.wav").size(), 2U);
}

TEST(MemberNames, WhatExportsCallASecondRecordingIsUnderstood) {
  EXPECT_THAT(ids(kNames.find("Dawn.12345678.wav")), ElementsAre("12345678-bbbb"));
  EXPECT_THAT(kNames.find("Dawn.23456789.wav"), IsEmpty());
}

TEST(MemberNames, ATableMayBeNamedAfterItsRecording) {
  for (const char* table : {"dusk.flac.labels.txt", "dusk.txt", "Dusk.Table.1.selections.txt",
                            "tables/dusk.selections.txt"})
    EXPECT_THAT(ids(kNames.find_by_table(table)), ElementsAre("23456789-cccc")) << table;
  EXPECT_THAT(ids(kNames.find_by_table("x.y.txt")), ElementsAre("3456789a-dddd"));
  EXPECT_EQ(kNames.find_by_table("dawn.txt").size(), 2U);
  EXPECT_THAT(kNames.find_by_table("labels.txt"), IsEmpty());
}

}  // namespace
}  // namespace baleen::store
