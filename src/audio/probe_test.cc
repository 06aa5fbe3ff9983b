#include "audio/probe.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <string>

#include "audio/testing/test_audio.h"

namespace baleen::audio {
namespace {

using testing::TempDir;
using testing::wav_bytes;
using testing::WavSpec;
using testing::write_bytes;

ErrorCode probe_error(const std::filesystem::path& path) {
  const Result<AudioInfo> info = probe(path);
  EXPECT_FALSE(info.ok());
  return info.ok() ? ErrorCode::internal : info.error().code;
}

TEST(Probe, TellsWhatAFileIs) {
  const TempDir dir;
  const WavSpec spec = {.sample_rate = 48000, .channels = 2, .bits = 24};
  write_bytes(dir / "a.bin", wav_bytes(spec, std::string(48000 * 6, '\0')));
  const Result<AudioInfo> info = probe(dir / "a.bin");
  ASSERT_TRUE(info.ok()) << info.error().to_string();
  EXPECT_EQ(info->container, "wav");
  EXPECT_EQ(info->codec, "pcm_s24le");
  EXPECT_EQ(info->sample_rate, Hertz{48000});
  EXPECT_EQ(info->channels, 2);
  EXPECT_NEAR(info->duration_s.value_or(0), 1.0, 1e-9);
  EXPECT_EQ(info->bytes, 44 + 48000 * 6);
}

TEST(Probe, OnlyRegularFilesAreOpenedAndNothingHangs) {
  const TempDir dir;
  EXPECT_EQ(probe_error(dir / "missing.wav"), ErrorCode::file_not_found);
  EXPECT_EQ(probe_error(dir.path()), ErrorCode::file_not_found);
  EXPECT_EQ(probe_error("/dev/zero"), ErrorCode::file_not_found);
  EXPECT_EQ(probe_error(""), ErrorCode::file_not_found);
  EXPECT_EQ(probe_error(dir / "a.wav/b.wav"), ErrorCode::file_not_found);
  EXPECT_EQ(probe_error(dir / std::string(5000, 'x')), ErrorCode::file_not_found);
  EXPECT_EQ(probe_error(std::string("a\0b", 3)), ErrorCode::file_not_found);
  ASSERT_EQ(::mkfifo((dir / "fifo.wav").c_str(), 0600), 0);
  EXPECT_EQ(probe_error(dir / "fifo.wav"), ErrorCode::file_not_found);
  std::filesystem::create_symlink(dir / "loop.wav", dir / "loop.wav");
  EXPECT_EQ(probe_error(dir / "loop.wav"), ErrorCode::file_not_found);

  const int socket = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string name = dir / "s";
  ASSERT_LT(name.size(), sizeof address.sun_path);
  name.copy(address.sun_path, name.size());
  ASSERT_EQ(::bind(socket, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  EXPECT_EQ(probe_error(dir / "s"), ErrorCode::file_not_found);
  ::close(socket);
}

TEST(Probe, AFileThatMayNotBeReadIsDenied) {
  if (::geteuid() == 0) GTEST_SKIP() << "root may read everything";
  const TempDir dir;
  write_bytes(dir / "a.wav", wav_bytes(WavSpec{}, std::string(100, '\0')));
  std::filesystem::permissions(dir / "a.wav", std::filesystem::perms::none);
  EXPECT_EQ(probe_error(dir / "a.wav"), ErrorCode::permission_denied);
}

TEST(Probe, HostileNamesAreJustNames) {
  const TempDir dir;
  const std::string bytes = wav_bytes(WavSpec{}, std::string(1000, '\0'));
  for (const std::string name :
       {"http:a.wav", "concat:a|b.wav", "-i.wav", "%d.wav", "a\nb.wav", "\xFF\xFE.wav", "file:x",
        "pipe:0", "async:x", "ä ö'\"$(ls).wav", "|ls", "data:audio", "crypto+file:a"}) {
    SCOPED_TRACE(name);
    write_bytes(dir / name, bytes);
    EXPECT_TRUE(probe(dir / name).ok());
  }
}

TEST(Probe, MessagesAboutHostileNamesArePrintable) {
  const TempDir dir;
  const auto name_in_message = [&](const std::string& name) {
    write_bytes(dir / name, "no audio");
    const Result<AudioInfo> info = probe(dir / name);
    EXPECT_FALSE(info.ok());
    return info.ok() ? "" : info.error().message.substr(0, info.error().message.find(": no audio"));
  };
  EXPECT_EQ(name_in_message("plain ä \xF0\x9F\x90\xB3.wav"), "plain ä \xF0\x9F\x90\xB3.wav");
  EXPECT_EQ(name_in_message("a\nb\x1B[31m\x7F.wav"), "a?b?[31m?.wav");
  EXPECT_EQ(name_in_message("\xFF\xC0\x80\xED\xA0\x80.wav"), "??????.wav");
  EXPECT_EQ(name_in_message("cut\xE2\x82"), "cut??");
  EXPECT_EQ(name_in_message(std::string(250, 'x')), "..." + std::string(200, 'x'));
}

TEST(Probe, HeadersThatCannotBeTrueAreCorrupt) {
  const TempDir dir;
  write_bytes(dir / "a.wav", wav_bytes({.channels = 0}, std::string(1000, '\0')));
  EXPECT_EQ(probe_error(dir / "a.wav"), ErrorCode::file_corrupt);
  write_bytes(dir / "a.wav", wav_bytes({.sample_rate = 0}, std::string(1000, '\0')));
  EXPECT_EQ(probe_error(dir / "a.wav"), ErrorCode::file_corrupt);
  write_bytes(dir / "a.wav", wav_bytes({.sample_rate = 100}, std::string(1000, '\0')));
  EXPECT_EQ(probe_error(dir / "a.wav"), ErrorCode::codec_unsupported);
  write_bytes(dir / "a.wav", "");
  EXPECT_EQ(probe_error(dir / "a.wav"), ErrorCode::file_corrupt);
}

TEST(Probe, TheMessageNamesTheFileAndWhatItLooksLike) {
  const TempDir dir;
  write_bytes(dir / "song.wav", "fLaC and nothing more");
  const Result<AudioInfo> info = probe(dir / "song.wav");
  ASSERT_FALSE(info.ok());
  EXPECT_EQ(info.error().code, ErrorCode::file_corrupt);
  EXPECT_NE(info.error().message.find("song.wav: it looks like FLAC, but"), std::string::npos)
      << info.error().message;
}

TEST(Probe, AHeaderThatPointsFarBehindTheEndIsCorruptAndNoFaultOfTheDisk) {
  // Musepack: a packet whose length, a number of 7 bits a byte, ends beyond what any file system has. Found by fuzzing.
  const TempDir dir;
  write_bytes(dir / "far.mpc", std::string("MPCKKSmpcH\x03\x95\xfa\xc1\x14\x08\0\0\0\0\xff\0", 22) +
                                   std::string(101, '\xff') + std::string(1, '\0') +
                                   std::string(9, '\xdc') + "\xb1\xbe\xa8\xba" +
                                   std::string(54, '\xdc'));
  const Result<AudioInfo> info = probe(dir / "far.mpc");
  ASSERT_FALSE(info.ok());
  EXPECT_EQ(info.error().code, ErrorCode::file_corrupt) << info.error().message;
}

}  // namespace
}  // namespace baleen::audio
