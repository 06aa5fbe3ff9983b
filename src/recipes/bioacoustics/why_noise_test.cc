#include "recipes/bioacoustics/why_noise.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace baleen::bioacoustics {
namespace {

using formats::WindowNoise;
using testing::HasSubstr;
using testing::Not;

TEST(ExplainNoise, NamesTheNearestClusterAndWhatIsMissing) {
  const std::string loose = explain_noise({WindowNoise::loose, 3, 0.1234, 0.5}, "moan");
  EXPECT_THAT(loose, HasSubstr("0.123 nearer"));
  EXPECT_THAT(loose, HasSubstr("cluster is 3 (moan)."));
  const std::string alone = explain_noise({WindowNoise::alone, 0, 0.25, 0.5});
  EXPECT_THAT(alone, HasSubstr("0.25 more"));
  EXPECT_THAT(alone, HasSubstr("cluster is 0."));
}

TEST(ExplainNoise, SaysNothingOfMembersAndNoNumberThatIsNone) {
  EXPECT_EQ(explain_noise({WindowNoise::none, 2, 0, 0}), "");
  EXPECT_EQ(explain_noise({static_cast<WindowNoise>(17), 2, 0, 0}), "");
  for (const WindowNoise reason : {WindowNoise::alone, WindowNoise::loose}) {
    const std::string text = explain_noise({reason, -1, NAN, 0});
    EXPECT_THAT(text, HasSubstr("no cluster near"));
    EXPECT_THAT(text, Not(HasSubstr("nan")));
  }
  EXPECT_THAT(explain_noise({WindowNoise::loose, 1, 0, 0}), HasSubstr("edge of a cluster"));
}

}  // namespace
}  // namespace baleen::bioacoustics
