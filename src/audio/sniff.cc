#include "audio/sniff.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <vector>

#include "audio/mpeg_sync.h"

namespace baleen::audio {
namespace {

using Bytes = std::span<const std::uint8_t>;
using namespace std::string_view_literals;

constexpr std::size_t kHeadBytes = 4096;
constexpr std::size_t kSyncSearchBytes = 256 << 10;
constexpr int kTagsMax = 16;

struct Magic {
  std::string_view first;   ///< At offset 0, or at 4 where `at` says so.
  std::string_view second;  ///< Empty, or at offset `second_at`.
  std::size_t at = 0;
  std::size_t second_at = 8;
  Sniffed kind;
};

// The demuxers that may ever run. Order matters only where one magic is a prefix of another.
constexpr Sniffed kWave = {"wav", "wav", "a WAVE file"};
constexpr Sniffed kMp4 = {"mov", "mp4", "an MP4/QuickTime file"};
constexpr Sniffed kMp3 = {"mp3", "mp3", "MPEG audio (MP3, MP2)"};
constexpr Sniffed kAdts = {"aac", "adts", "an AAC (ADTS) stream"};
constexpr Sniffed kDts = {"dts", "dts", "a DTS stream"};
constexpr Sniffed kIff = {"iff", "iff", "an IFF sound file"};
constexpr std::array kMagics = {
    Magic{"RIFF", "WAVE", 0, 8, kWave},
    Magic{"RIFX", "WAVE", 0, 8, kWave},
    Magic{"RF64", "WAVE", 0, 8, kWave},
    Magic{"BW64", "WAVE", 0, 8, kWave},
    Magic{"RIFF", "XWMA", 0, 8, {"xwma", "xwma", "an xWMA file"}},
    Magic{"RIFF", "AVI ", 0, 8, {"avi", "avi", "an AVI file"}},
    Magic{"riff\x2E\x91\xCF\x11\xA5\xD6\x28\xDB\x04\xC1\0\0"sv,
          "",
          0,
          8,
          {"w64", "w64", "a Wave64 file"}},
    Magic{"FORM", "AIFF", 0, 8, {"aiff", "aiff", "an AIFF file"}},
    Magic{"FORM", "AIFC", 0, 8, {"aiff", "aiff", "an AIFF-C file"}},
    Magic{"FORM", "8SVX", 0, 8, kIff},
    Magic{"FORM", "16SV", 0, 8, kIff},
    Magic{"FORM", "MAUD", 0, 8, kIff},
    Magic{"FRM8", "DSD ", 0, 12, {"iff", "dff", "a DSDIFF file"}},
    Magic{".snd", "", 0, 8, {"au", "au", "a Sun/NeXT AU file"}},
    Magic{"caff", "", 0, 8, {"caf", "caf", "a Core Audio file"}},
    Magic{"fLaC", "", 0, 8, {"flac", "flac", "FLAC"}},
    Magic{"OggS", "", 0, 8, {"ogg", "ogg", "an Ogg file"}},
    Magic{"\x1A\x45\xDF\xA3", "", 0, 8, {"matroska", "matroska", "a Matroska/WebM file"}},
    Magic{"ftyp", "", 4, 8, kMp4},
    Magic{"moov", "", 4, 8, kMp4},
    Magic{"mdat", "", 4, 8, kMp4},
    Magic{"wide", "", 4, 8, kMp4},
    Magic{"free", "", 4, 8, kMp4},
    Magic{"skip", "", 4, 8, kMp4},
    Magic{"\x30\x26\xB2\x75\x8E\x66\xCF\x11", "", 0, 8, {"asf", "asf", "a Windows Media file"}},
    Magic{"MAC ", "", 0, 8, {"ape", "ape", "a Monkey's Audio file"}},
    Magic{"wvpk", "", 0, 8, {"wv", "wavpack", "a WavPack file"}},
    Magic{"TTA1", "", 0, 8, {"tta", "tta", "a True Audio file"}},
    Magic{"tBaK", "", 0, 8, {"tak", "tak", "a TAK file"}},
    Magic{"MP+", "", 0, 8, {"mpc", "musepack", "a Musepack SV7 file"}},
    Magic{"MPCK", "", 0, 8, {"mpc8", "musepack", "a Musepack SV8 file"}},
    Magic{"DSD ", "", 0, 8, {"dsf", "dsf", "a DSF file"}},
    Magic{"#!AMR", "", 0, 8, {"amr", "amr", "an AMR file"}},
    Magic{"\x7F\xFE\x80\x01", "", 0, 8, kDts},
    Magic{"\xFE\x7F\x01\x80", "", 0, 8, kDts},
    Magic{"\x1F\xFF\xE8\x00"sv, "", 0, 8, kDts},
    Magic{"\xFF\x1F\x00\xE8"sv, "", 0, 8, kDts},
    Magic{"Creative Voice File\x1A", "", 0, 8, {"voc", "voc", "a Creative Voice file"}},
    Magic{".RMF", "", 0, 8, {"rm", "rm", "a RealMedia file"}},
    Magic{".ra\xFD", "", 0, 8, {"rm", "rm", "a RealAudio file"}},
    Magic{".SoX", "", 0, 8, {"sox", "sox", "a SoX file"}},
    Magic{"XoS.", "", 0, 8, {"sox", "sox", "a SoX file"}},
    Magic{"NIST_1A\n", "", 0, 8, {"nist", "nist", "a NIST SPHERE file"}},
};

struct Foreign {
  std::string_view magic;
  std::string_view words;
};
constexpr std::array kForeign = {
    Foreign{"#EXTM3U", "an M3U playlist"},
    Foreign{"ffconcat", "an ffmpeg concat list"},
    Foreign{"[playlist]", "a PLS playlist"},
    Foreign{"v=0", "an SDP session description"},
    Foreign{"<?xml", "an XML document"},
    Foreign{"<MPD", "a DASH manifest"},
    Foreign{"<!DOCTYPE html", "a web page"},
    Foreign{"<html", "a web page"},
    Foreign{"\x89PNG", "a PNG picture"},
    Foreign{"\xFF\xD8\xFF", "a JPEG picture"},
    Foreign{"GIF8", "a GIF picture"},
    Foreign{"%PDF", "a PDF document"},
    Foreign{"PK\x03\x04", "a ZIP archive"},
    Foreign{"\x1F\x8B", "a gzip file"},
    Foreign{"7z\xBC\xAF\x27\x1C", "a 7z archive"},
    Foreign{"Rar!", "a RAR archive"},
    Foreign{"\x7F"
            "ELF",
            "a program"},
    Foreign{"MZ", "a Windows program"},
    Foreign{"MThd", "a MIDI file (notes, not sound)"},
    Foreign{"SQLite format 3", "an SQLite database"},
};

bool has(Bytes bytes, std::size_t offset, std::string_view magic) {
  return bytes.size() >= offset + magic.size() &&
         std::equal(magic.begin(), magic.end(), bytes.begin() + static_cast<std::ptrdiff_t>(offset),
                    [](char a, std::uint8_t b) { return static_cast<std::uint8_t>(a) == b; });
}

std::optional<Sniffed> match_dolby(Bytes bytes) {
  if (bytes.size() < 6 || bytes[0] != 0x0B || bytes[1] != 0x77) return std::nullopt;
  const int bitstream_id = bytes[5] >> 3;  // ATSC A/52: up to 10 is AC-3, 11 to 16 is E-AC-3.
  if (bitstream_id <= 10) return Sniffed{"ac3", "ac3", "an AC-3 stream"};
  if (bitstream_id <= 16) return Sniffed{"eac3", "eac3", "an E-AC-3 stream"};
  return std::nullopt;
}

bool is_transport_stream(Bytes bytes) {
  constexpr std::size_t kPacketBytes = 188;
  if (bytes.size() < 5 * kPacketBytes) return false;
  for (std::size_t i = 0; i < 5; ++i) {
    if (bytes[i * kPacketBytes] != 0x47) return false;
  }
  return true;
}

std::optional<Sniffed> match_magic(Bytes bytes) {
  for (const Magic& magic : kMagics) {
    if (has(bytes, magic.at, magic.first) && has(bytes, magic.second_at, magic.second)) {
      return magic.kind;
    }
  }
  if (is_transport_stream(bytes)) return Sniffed{"mpegts", "mpegts", "an MPEG transport stream"};
  return match_dolby(bytes);
}

bool is_text(Bytes bytes) {
  return !bytes.empty() && std::all_of(bytes.begin(), bytes.end(), [](std::uint8_t b) {
    const bool is_ascii = (b >= 0x20 && b < 0x7F) || (b >= 0x09 && b <= 0x0D);
    return is_ascii || (b >= 0x80 && b <= 0xF4 && b != 0xC0 && b != 0xC1);
  });
}

/// What a file with the mark of something else is; empty where there is none.
std::string_view match_foreign(Bytes bytes) {
  Bytes text = bytes;
  if (has(text, 0, "\xEF\xBB\xBF")) text = text.subspan(3);
  while (!text.empty() && (text[0] == ' ' || (text[0] >= 0x09 && text[0] <= 0x0D))) {
    text = text.subspan(1);
  }
  for (const Foreign& foreign : kForeign) {
    if (has(text, 0, foreign.magic)) return foreign.words;
  }
  return "";
}

std::string describe_unknown(Bytes bytes) {
  if (std::all_of(bytes.begin(), bytes.end(), [](std::uint8_t b) { return b == 0; })) {
    return "it begins with nothing but zero bytes";
  }
  if (is_text(bytes)) return "it looks like text";
  std::string hex;
  for (std::size_t i = 0; i < std::min<std::size_t>(bytes.size(), 8); ++i) {
    hex += fmt::format("{}{:02x}", i == 0 ? "" : " ", bytes[i]);
  }
  return "its first bytes (" + hex + ") are of no known audio format";
}

Result<std::vector<std::uint8_t>> read_window(const SourceFile& source,
                                              std::int64_t offset,
                                              std::size_t size) {
  std::vector<std::uint8_t> bytes(size);
  BALEEN_ASSIGN_OR_RETURN(const std::size_t filled,
                          read_at(source.fd, offset, std::as_writable_bytes(std::span(bytes))));
  bytes.resize(filled);
  return bytes;
}

/// The whole length of an ID3v2 tag at the start of `bytes`, or 0.
std::int64_t id3v2_bytes(Bytes b) {
  if (b.size() < 10 || !has(b, 0, "ID3") || b[3] == 0xFF || b[4] == 0xFF) return 0;
  if (((b[6] | b[7] | b[8] | b[9]) & 0x80) != 0) return 0;
  const std::int64_t body = std::int64_t{b[6]} << 21 | b[7] << 14 | b[8] << 7 | b[9];
  return 10 + body + ((b[5] & 0x10) != 0 ? 10 : 0);
}

}  // namespace

Result<Sniffed> sniff(const SourceFile& source) {
  if (source.size_bytes == 0) return fail(ErrorCode::file_corrupt, "the file is empty (0 bytes)");
  std::int64_t offset = 0;
  std::vector<std::uint8_t> head;
  for (int n_tags = 0;; ++n_tags) {
    BALEEN_ASSIGN_OR_RETURN(head, read_window(source, offset, kHeadBytes));
    const std::int64_t tag_bytes = id3v2_bytes(head);
    if (tag_bytes == 0 || n_tags == kTagsMax) break;
    offset += tag_bytes;
    if (offset >= source.size_bytes) {
      return fail(ErrorCode::file_corrupt,
                  "it begins with an ID3 tag of {} bytes, but has {} bytes and no audio behind it",
                  tag_bytes, source.size_bytes);
    }
  }
  if (const std::optional<Sniffed> kind = match_magic(head)) return *kind;
  if (const std::string_view foreign = match_foreign(head); !foreign.empty()) {
    return fail(ErrorCode::codec_unsupported, "no audio was recognised: it looks like {}", foreign);
  }

  BALEEN_ASSIGN_OR_RETURN(const std::vector<std::uint8_t> window,
                          read_window(source, offset, kSyncSearchBytes));
  const bool is_whole = offset + std::ssize(window) >= source.size_bytes;
  switch (find_audio_sync(window, is_whole)) {
    case SyncKind::mpeg_audio: return kMp3;
    case SyncKind::adts: return kAdts;
    case SyncKind::none: break;
  }
  if (offset > 0) {
    return fail(ErrorCode::file_corrupt,
                "it begins with an ID3 tag, as MP3 files do, but no audio frame follows");
  }
  return fail(ErrorCode::codec_unsupported, "no audio was recognised: {}", describe_unknown(head));
}

}  // namespace baleen::audio
