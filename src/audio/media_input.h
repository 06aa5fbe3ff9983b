#pragma once

/// A media file opened by libav through our own file descriptor. Internal to this room.
///
/// The demuxer is the one that sniff() found; only whitelisted audio decoders may run; no protocol
/// of libav is ever used, so nothing in a file can open another file or the network. Reading is
/// bounded: a demuxer that goes round in circles is stopped.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "audio/libav.h"
#include "audio/probe.h"
#include "audio/source_file.h"
#include "core/result.h"

struct AVCodec;
struct AVStream;

namespace baleen::audio {

/// Asked about once a second while work goes on; false stops it with CANCELED.
using KeepGoing = std::function<bool()>;

class MediaInput {
 public:
  static Result<std::unique_ptr<MediaInput>> open(const std::filesystem::path& path,
                                                  KeepGoing keep_going);
  ~MediaInput();
  MediaInput(const MediaInput&) = delete;
  MediaInput& operator=(const MediaInput&) = delete;

  [[nodiscard]] const AudioInfo& info() const { return info_; }
  [[nodiscard]] const SourceFile& source() const { return source_; }
  [[nodiscard]] const AVStream& stream() const { return *stream_; }
  [[nodiscard]] const AVCodec& decoder() const { return *decoder_; }

  /// Tags of the file and of the chosen stream, names in lower case; at most some hundred.
  [[nodiscard]] std::vector<std::pair<std::string, std::string>> tags() const;

  /// The next packet of the chosen stream: true. False at the end of what can be read, also where
  /// the rest is damaged (`read_errors` counts that); an Error for I/O errors and CANCELED.
  Result<bool> read_packet(AVPacket& packet);
  [[nodiscard]] std::int64_t read_errors() const { return read_errors_; }
  /// What libav last complained about while opening; may be empty.
  [[nodiscard]] const std::string& last_error() const { return last_error_; }

  /// Seeks to the byte of PCM frame `frame`, if packets are nothing but PCM frames in a row, and
  /// reads the packet that begins exactly there: true. After false the input must be opened anew.
  Result<bool> seek_pcm(std::int64_t frame, AVPacket& packet);

  /// Goes on with a packet that begins at this time of the stream or before; false where the format cannot. The
  /// packets' time stamps tell where that is: see start_time_s.
  [[nodiscard]] bool seek_before(double time_s);
  /// What the stream's time stamps say of its first sample.
  [[nodiscard]] double start_time_s() const;

 private:
  struct Io;
  MediaInput();
  Result<void> open_format();
  Result<void> choose_stream();
  [[nodiscard]] Error open_error(int code) const;

  std::unique_ptr<Io> io_;
  SourceFile source_;
  LibavPtr<AVIOContext> avio_;  // Outlives format_, which reads through it.
  LibavPtr<AVFormatContext> format_;
  AVStream* stream_ = nullptr;        // Owned by format_.
  const AVCodec* decoder_ = nullptr;  // Static data of libavcodec.
  AudioInfo info_;
  std::string words_;  ///< What the file looks like.
  std::string last_error_;
  std::int64_t read_errors_ = 0;
};

}  // namespace baleen::audio
