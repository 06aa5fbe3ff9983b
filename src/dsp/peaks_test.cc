#include "dsp/peaks.h"

#include <gmock/gmock.h>

namespace baleen::dsp {
namespace {

std::vector<std::int16_t> ramp(int n) {
  std::vector<std::int16_t> samples;
  for (int i = 0; i < n; ++i)
    samples.push_back(static_cast<std::int16_t>((i * 7919) % 65536 - 32768));
  return samples;
}

TEST(Peaks, EachBlockHasItsLeastAndGreatestSample) {
  const std::vector<std::int16_t> samples = {1, -2, 3, 4, 5, 6, -32768, 32767, 0};
  PeakStream stream(3);
  std::vector<Peak> peaks;
  stream.push(samples, peaks);
  stream.finish(peaks);
  EXPECT_THAT(peaks, ::testing::ElementsAre(Peak{-2, 3}, Peak{4, 6}, Peak{-32768, 32767}));
}

TEST(Peaks, TheLastBlockMayBeShorterAndNothingGivesNothing) {
  PeakStream stream(4);
  std::vector<Peak> peaks;
  stream.finish(peaks);
  EXPECT_TRUE(peaks.empty());
  stream.push(std::vector<std::int16_t>{1, 2, 3, 4, 9}, peaks);
  stream.finish(peaks);
  stream.finish(peaks);
  EXPECT_THAT(peaks, ::testing::ElementsAre(Peak{1, 4}, Peak{9, 9}));
}

TEST(Peaks, PortionsDoNotMatter) {
  const std::vector<std::int16_t> samples = ramp(10'007);
  std::vector<Peak> whole;
  PeakStream stream(512);
  stream.push(samples, whole);
  stream.finish(whole);
  for (const std::size_t portion : {1U, 511U, 512U, 513U, 5000U}) {
    PeakStream piecewise(512);
    std::vector<Peak> peaks;
    for (std::size_t at = 0; at < samples.size(); at += portion) {
      piecewise.push(std::span(samples).subspan(at, std::min(portion, samples.size() - at)), peaks);
    }
    piecewise.finish(peaks);
    EXPECT_EQ(peaks, whole) << portion;
  }
}

}  // namespace
}  // namespace baleen::dsp
