#include "cli/cli.h"

#include <gtest/gtest.h>

namespace baleen::cli {
namespace {

Result<void> check(std::vector<std::string> words) {
  words.insert(words.begin(), "baleen");
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  return check_arguments(static_cast<int>(words.size()), arguments.data());
}

TEST(Arguments, AreUnderstoodWithoutDoingAnything) {
  EXPECT_TRUE(check({"run", "ssis", "a.wav", "--executors", "2"}).ok());
  EXPECT_TRUE(check({"up", "--port", "0"}).ok());
  EXPECT_TRUE(check({"run", "--help"}).ok());
  EXPECT_TRUE(check({"--version"}).ok());
}

TEST(Arguments, AreRefusedWithWhatWasProbablyMeant) {
  for (const auto& [words, hint] :
       {std::pair<std::vector<std::string>, std::string>{{"statsu"}, "'status'"},
        {{"run", "ssis", "a.wav", "--jsno"}, "'--json'"}}) {
    const Result<void> refused = check(words);
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.error().code, ErrorCode::invalid_argument);
    EXPECT_NE(refused.error().message.find(hint), std::string::npos) << refused.error().message;
  }
  for (const std::vector<std::string>& words : std::vector<std::vector<std::string>>{
           {"cluster", "c", "--where", "species"},  // The flag was right, its value is not.
           {"export", "c", "--out", "x", "--format", "ravn"},
           {"metadata", "c", "--out", "x.csv"},  // A flag of other commands.
           {"search", "c", "--collection", "d", "--at", "1m"}}) {
    const Result<void> refused = check(words);
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.error().message.find("did you mean"), std::string::npos)
        << refused.error().message;
  }
  EXPECT_FALSE(check({"run"}).ok());
  EXPECT_FALSE(check({"worker", "--executors", "0"}).ok());
}

}  // namespace
}  // namespace baleen::cli
