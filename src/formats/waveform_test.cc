#include "formats/waveform.h"

#include <gmock/gmock.h>
#include <unistd.h>

namespace baleen::formats {
namespace {

class Waveform : public ::testing::Test {
 protected:
  ~Waveform() override { std::filesystem::remove(path_); }
  Result<void> write(const WaveformInfo& info, const std::vector<std::int16_t>& pairs) {
    BALEEN_ASSIGN_OR_RETURN(const core::Fd file, core::create_file(path_));
    BALEEN_ASSIGN_OR_RETURN(WaveformWriter writer, WaveformWriter::start(file, info));
    BALEEN_RETURN_IF_ERROR(writer.append(pairs));
    return writer.finish();
  }
  const std::filesystem::path path_ = std::filesystem::temp_directory_path() /
                                      ("baleen_waveform_test_" + std::to_string(::getpid()));
};

TEST_F(Waveform, TheBytesAreThoseOfTheFormat) {
  // By hand, after audiowaveform's description of its data format, version 2.
  ASSERT_TRUE(write({22050, 512, 2}, {-1, 2, -32768, 32767}).ok());
  const std::string bytes = core::read_text_file(path_).value();
  EXPECT_EQ(bytes, std::string("\x02\0\0\0"
                               "\0\0\0\0"
                               "\x22\x56\0\0"
                               "\0\x02\0\0"
                               "\x02\0\0\0"
                               "\x01\0\0\0"
                               "\xff\xff\x02\0"
                               "\0\x80\xff\x7f",
                               32));
}

TEST_F(Waveform, WhatIsWrittenIsRead) {
  ASSERT_TRUE(write({22050, 512, 3}, {-1, 2, -3, 4, -5, 6}).ok());
  const WaveformReader reader = WaveformReader::open(path_).value();
  EXPECT_EQ(reader.info().sample_rate_hz, 22050);
  EXPECT_EQ(reader.info().samples_per_pixel, 512);
  EXPECT_EQ(reader.info().n_pixels, 3);
  std::vector<std::int16_t> pairs(4);
  ASSERT_TRUE(reader.read(1, pairs).ok());
  EXPECT_THAT(pairs, ::testing::ElementsAre(-3, 4, -5, 6));
  EXPECT_EQ(reader.read(2, pairs).error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(reader.read(INT64_MAX, pairs).error().code, ErrorCode::invalid_argument);
}

TEST_F(Waveform, ACountThatIsNotKeptIsAnError) {
  EXPECT_EQ(write({22050, 512, 2}, {1, 2}).error().code, ErrorCode::internal);
  EXPECT_EQ(write({0, 512, 0}, {}).error().code, ErrorCode::invalid_argument);
}

TEST_F(Waveform, ADamagedFileIsRefused) {
  ASSERT_TRUE(write({22050, 512, 3}, {-1, 2, -3, 4, -5, 6}).ok());
  const std::string whole = core::read_text_file(path_).value();
  for (const std::string& damaged : {std::string(), whole.substr(0, 23),
                                     whole.substr(0, whole.size() - 1), "\x01" + whole.substr(1)}) {
    ASSERT_TRUE(core::write_file_atomic(path_, damaged).ok());
    EXPECT_EQ(WaveformReader::open(path_).error().code, ErrorCode::artifact_corrupt);
  }
}

}  // namespace
}  // namespace baleen::formats
