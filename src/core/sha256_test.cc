#include "core/sha256.h"

#include <gtest/gtest.h>

namespace baleen::core {
namespace {

// FIPS 180-4 examples (NIST "SHA256.pdf" example values).
TEST(Sha256, MatchesThePublishedExamples) {
  EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256_hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST(Sha256, DoesNotDependOnHowTheTextIsCut) {
  Sha256 hash;
  for (const char letter : std::string_view("abc")) hash.update(std::string_view(&letter, 1));
  EXPECT_EQ(hash.finish_hex(), sha256_hex("abc"));
}

// CONTRACTS.md: the alias of the default feature spec is the first 12 digits of this digest.
TEST(Sha256, GivesTheAliasOfTheDefaultFeatureSpec) {
  EXPECT_EQ(sha256_hex("mel64_h10ms_w25ms_sr22050__yamnet1024_h0.5s_onnx").substr(0, 12),
            "f8098b31dec6");
}

}  // namespace
}  // namespace baleen::core
