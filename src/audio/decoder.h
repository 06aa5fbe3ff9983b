#pragma once

/// A stream of mono floats out of any audio file. Internal to this room: `normalize` is the door.

#include <filesystem>
#include <memory>
#include <optional>
#include <span>

#include "audio/media_input.h"
#include "audio/probe.h"
#include "core/result.h"
#include "core/units.h"

namespace baleen::audio {

/// Mono samples of full scale ±1 (more is possible, as are NaN and infinities from float files).
struct MonoBlock {
  std::span<float> samples;  ///< The decoder's buffer: valid, and yours to change, until next().
  Hertz sample_rate;         ///< May change in mid-stream.
};

/// Decodes the first decodable audio stream of a file and mixes it down to mono.
///
/// Encoder delay and padding are dropped as ffmpeg does. Damaged packets are skipped and counted.
/// One thread; memory does not grow with the length of the file.
class Decoder {
 public:
  /// Errors as of probe().
  static Result<Decoder> open(const std::filesystem::path& path, KeepGoing keep_going = {});
  ~Decoder();
  Decoder(Decoder&&) noexcept;
  Decoder& operator=(Decoder&&) noexcept;

  [[nodiscard]] const AudioInfo& info() const;
  [[nodiscard]] const SourceFile& source() const;

  /// The next samples (never empty), or nothing at the end.
  Result<std::optional<MonoBlock>> next();

  /// Jumps to this PCM frame, to be used before the first next(). False where the source is not plain
  /// PCM or does not land exactly there: the decoder is then spent and must be opened anew.
  Result<bool> seek_exact(std::int64_t frame);

  /// Jumps to before this PCM frame by the time stamps of the file, to be used before the first next(). Returns the
  /// frame with which next() goes on, never behind `frame`: exact for lossless codecs, as exact as the file's time
  /// stamps for others. Nothing where that cannot be known: the decoder is then spent.
  Result<std::optional<std::int64_t>> seek_by_time(std::int64_t frame);

  /// Packets that could not be decoded or read so far.
  [[nodiscard]] std::int64_t decode_errors() const;
  /// The last error that libav reported, for messages; may be empty.
  [[nodiscard]] const std::string& last_error() const;

 private:
  struct State;
  explicit Decoder(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace baleen::audio
