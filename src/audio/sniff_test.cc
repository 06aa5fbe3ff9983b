#include "audio/sniff.h"

#include <gtest/gtest.h>

#include <string>

#include "audio/mpeg_sync.h"
#include "audio/testing/test_audio.h"

namespace baleen::audio {
namespace {

using testing::TempDir;
using testing::write_bytes;
using namespace std::string_literals;

Result<Sniffed> sniff_text(const TempDir& dir, const std::string& bytes) {
  write_bytes(dir / "file.wav", bytes);
  Result<SourceFile> source = open_source(dir / "file.wav");
  BALEEN_CHECK(source.ok());
  return sniff(*source);
}

std::string demuxer_of(const TempDir& dir, const std::string& bytes) {
  const Result<Sniffed> kind = sniff_text(dir, bytes);
  return kind.ok() ? std::string(kind->demuxer) : std::string(kind.error().name());
}

/// An MPEG-1 layer III frame of 128 kbit/s at 44.1 kHz: a header and 413 bytes.
std::string mp3_frame() { return "\xFF\xFB\x90\x64"s + std::string(413, 'U'); }

std::string id3_tag(std::size_t body_bytes) {
  std::string size;
  for (const int shift : {21, 14, 7, 0}) size += static_cast<char>(body_bytes >> shift & 0x7F);
  return "ID3\x04\x00\x00"s + size + std::string(body_bytes, '\0');
}

TEST(Sniff, KnowsContainersByTheirMagic) {
  const TempDir dir;
  const std::string rest(200, '\0');
  EXPECT_EQ(demuxer_of(dir, "RIFF\x24\0\0\0WAVE"s + rest), "wav");
  EXPECT_EQ(demuxer_of(dir, "RF64\xFF\xFF\xFF\xFFWAVE"s + rest), "wav");
  EXPECT_EQ(demuxer_of(dir, "RIFF\x24\0\0\0AVI "s + rest), "avi");
  EXPECT_EQ(demuxer_of(dir,
                       "FORM\0\0\0\x24"
                       "AIFC"s +
                           rest),
            "aiff");
  EXPECT_EQ(demuxer_of(dir, "fLaC\0\0\0\x22"s + rest), "flac");
  EXPECT_EQ(demuxer_of(dir, "OggS\0\x02"s + rest), "ogg");
  EXPECT_EQ(demuxer_of(dir,
                       "\0\0\0\x20"
                       "ftypM4A "s +
                           rest),
            "mov");
  EXPECT_EQ(demuxer_of(dir, "\x1A\x45\xDF\xA3"s + rest), "matroska");
  EXPECT_EQ(demuxer_of(dir, "wvpk"s + rest), "wv");
  EXPECT_EQ(demuxer_of(dir, "\x0B\x77\x12\x34\x14\x40"s + rest), "ac3");
  EXPECT_EQ(demuxer_of(dir, "\x0B\x77\x12\x34\x14\x80"s + rest), "eac3");
}

TEST(Sniff, LooksBehindId3Tags) {
  const TempDir dir;
  EXPECT_EQ(demuxer_of(dir, id3_tag(100'000) + "fLaC"s + std::string(100, '\0')), "flac");
  EXPECT_EQ(demuxer_of(dir, id3_tag(10) + id3_tag(5'000) + mp3_frame() + mp3_frame()), "mp3");
}

TEST(Sniff, FindsMpegAudioBehindRubbish) {
  const TempDir dir;
  const std::string frames = mp3_frame() + mp3_frame() + mp3_frame();
  EXPECT_EQ(demuxer_of(dir, frames), "mp3");
  EXPECT_EQ(demuxer_of(dir, std::string(50'000, 'x') + frames), "mp3");
  EXPECT_EQ(demuxer_of(dir, std::string(1'000, '\0') + frames), "mp3");
}

TEST(Sniff, DoesNotBelieveOneHeaderInTheMiddle) {
  const TempDir dir;
  EXPECT_EQ(demuxer_of(dir, std::string(1'000, '\x01') + mp3_frame() + std::string(5'000, '\x01')),
            "CODEC_UNSUPPORTED");
}

TEST(Sniff, TellsAdtsFromMpegAudio) {
  const TempDir dir;
  const std::string adts = "\xFF\xF1\x50\x80\x0D\x1F\xFC"s + std::string(97, 'a');  // 104 bytes.
  EXPECT_EQ(demuxer_of(dir, adts + adts + adts), "aac");
}

TEST(Sniff, RefusesPlaylistsAndDocumentsWhateverTheirName) {
  const TempDir dir;
  const auto refusal = [&](const std::string& bytes) {
    const Result<Sniffed> kind = sniff_text(dir, bytes);
    EXPECT_FALSE(kind.ok());
    if (kind.ok()) return std::string(kind->demuxer);
    EXPECT_EQ(kind.error().code, ErrorCode::codec_unsupported);
    return kind.error().message;
  };
  EXPECT_NE(refusal("#EXTM3U\n#EXT-X-TARGETDURATION:10\nhttp://127.0.0.1/a.ts\n").find("M3U"),
            std::string::npos);
  EXPECT_NE(refusal("\xEF\xBB\xBF\n #EXTM3U\n/etc/passwd\n").find("M3U"), std::string::npos);
  EXPECT_NE(refusal("ffconcat version 1.0\nfile /etc/passwd\n").find("concat"), std::string::npos);
  EXPECT_NE(refusal("[playlist]\nFile1=http://127.0.0.1/\n").find("PLS"), std::string::npos);
  EXPECT_NE(refusal("v=0\no=- 0 0 IN IP4 127.0.0.1\n").find("SDP"), std::string::npos);
  EXPECT_NE(refusal("<?xml version=\"1.0\"?><MPD></MPD>").find("XML"), std::string::npos);
  EXPECT_NE(refusal("just some words\n").find("text"), std::string::npos);
  EXPECT_NE(refusal("\x89PNG\r\n\x1A\n\0\0\0"s).find("PNG"), std::string::npos);
  EXPECT_NE(refusal(std::string(5000, '\0')).find("zero bytes"), std::string::npos);
  EXPECT_NE(refusal("\x01\x02\x03\x04"s).find("01 02 03 04"), std::string::npos);
}

TEST(Sniff, AnEmptyFileIsCorrupt) {
  const TempDir dir;
  EXPECT_EQ(demuxer_of(dir, ""), "FILE_CORRUPT");
}

TEST(Sniff, AnId3TagLargerThanItsFileIsCorrupt) {
  const TempDir dir;
  EXPECT_EQ(demuxer_of(dir, id3_tag(5'000).substr(0, 1'000)), "FILE_CORRUPT");
  EXPECT_EQ(demuxer_of(dir, id3_tag(100) + std::string(1'000, '\x01')), "FILE_CORRUPT");
}

TEST(Sniff, SurvivesEveryTruncation) {
  const TempDir dir;
  const std::string whole = id3_tag(20) +
                            "\0\0\0\x20"
                            "ftypM4A "s +
                            mp3_frame();
  for (std::size_t size = 0; size <= whole.size(); ++size) {
    const Result<Sniffed> kind = sniff_text(dir, whole.substr(0, size));
    EXPECT_EQ(kind.ok(), size >= 38) << size;
  }
}

}  // namespace
}  // namespace baleen::audio
