#include "dsp/frame_stream.h"

#include <gtest/gtest.h>

#include <numeric>

namespace baleen::dsp {
namespace {

struct Shape {
  std::size_t frame_length;
  std::size_t hop_length;
  std::size_t pad_front;
};

std::vector<float> ramp(std::size_t n_samples) {
  std::vector<float> samples(n_samples);
  std::iota(samples.begin(), samples.end(), 1.0F);
  return samples;
}

/// All frames, one after another, of `samples` pushed in chunks.
std::vector<float> frames_in_chunks(const Shape& shape,
                                    const std::vector<float>& samples,
                                    std::size_t chunk,
                                    std::int64_t n_frames) {
  FrameStream stream(shape.frame_length, shape.hop_length, shape.pad_front);
  std::vector<float> frames;
  const auto collect = [&](const float* block, std::size_t n) {
    for (std::size_t f = 0; f < n; ++f) {
      const float* frame = block + f * shape.hop_length;
      frames.insert(frames.end(), frame, frame + shape.frame_length);
    }
  };
  const std::span<const float> all(samples);
  for (std::size_t at = 0; at < all.size(); at += chunk) {
    stream.push(all.subspan(at, std::min(chunk, all.size() - at)), collect);
  }
  stream.finish(n_frames, collect);
  EXPECT_EQ(stream.frame_count(), n_frames);
  EXPECT_EQ(stream.sample_count(), static_cast<std::int64_t>(samples.size()));
  return frames;
}

TEST(FrameStream, CutsTheFramesOfThePaddedSignalInAnyChunking) {
  const std::vector<float> samples = ramp(3000);
  for (const Shape& shape :
       {Shape{25, 10, 0}, Shape{7, 7, 3}, Shape{3, 11, 2}, Shape{30, 4, 500}}) {
    // Some frames more than the samples fill.
    const std::size_t n_frames = (shape.pad_front + samples.size()) / shape.hop_length + 70;
    std::vector<float> padded(shape.pad_front, 0.0F);
    padded.insert(padded.end(), samples.begin(), samples.end());
    padded.resize(n_frames * shape.hop_length + shape.frame_length, 0.0F);
    std::vector<float> expected;
    for (std::size_t f = 0; f < n_frames; ++f) {
      const auto at = padded.begin() + static_cast<std::ptrdiff_t>(f * shape.hop_length);
      expected.insert(expected.end(), at, at + static_cast<std::ptrdiff_t>(shape.frame_length));
    }
    for (const std::size_t chunk : {1U, 3U, 64U, 999U, 3000U}) {
      SCOPED_TRACE(testing::Message() << "frame " << shape.frame_length << " chunk " << chunk);
      EXPECT_EQ(frames_in_chunks(shape, samples, chunk, static_cast<std::int64_t>(n_frames)),
                expected);
    }
  }
}

TEST(FrameStream, TheSlackBehindAFullBlockLiesInTheSamplesOrInItsOwnBuffer) {
  const std::vector<float> samples = ramp(5000);
  const std::size_t n_read = (FrameStream::kBlockFrames - 1) * 10 + 25 + 300;
  FrameStream stream(25, 10, 5, 300);
  std::size_t n_in_place = 0;
  stream.push(samples, [&](const float* block, std::size_t n) {
    const bool is_in_place = block >= samples.data() && block < samples.data() + samples.size();
    if (!is_in_place || n < FrameStream::kBlockFrames) return;
    n_in_place += n;
    EXPECT_LE(block + (n - FrameStream::kBlockFrames) * 10 + n_read,
              samples.data() + samples.size());
  });
  EXPECT_GT(n_in_place, 400U);
}

TEST(FrameStream, HandsOnFullBlocksOnlyUntilItFinishes) {
  const std::vector<float> samples = ramp(5000);
  for (const std::size_t chunk : {7U, 640U, 999U, 1500U, 5000U}) {
    SCOPED_TRACE(chunk);
    FrameStream stream(25, 10, 5, 20);
    for (std::size_t at = 0; at < samples.size(); at += chunk) {
      const std::size_t n = std::min(chunk, samples.size() - at);
      stream.push(std::span(samples).subspan(at, n),
                  [](const float* /*block*/, std::size_t n_frames) {
                    EXPECT_EQ(n_frames % FrameStream::kBlockFrames, 0U);
                  });
    }
    EXPECT_GT(stream.frame_count(), 450);
  }
}

TEST(FrameStream, StartsAfreshAfterReset) {
  FrameStream stream(8, 4, 2);
  std::vector<float> seen;
  const auto collect = [&](const float* block, std::size_t n) {
    seen.insert(seen.end(), block, block + (n - 1) * 4 + 8);
  };
  stream.push(ramp(1000), collect);
  stream.finish(300, collect);
  seen.clear();
  stream.reset();
  stream.push(ramp(3), collect);
  stream.finish(1, collect);
  EXPECT_EQ(seen, (std::vector<float>{0, 0, 1, 2, 3, 0, 0, 0}));
}

}  // namespace
}  // namespace baleen::dsp
