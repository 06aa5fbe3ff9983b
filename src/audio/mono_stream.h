#pragma once

/// Any audio file as a stream of mono floats of one sample rate, from any place on: for what reads a recording once
/// and keeps nothing of it but results.
///
///   decode → mono (the weights of ffmpeg -ac 1) → NaN to 0 → resample
///
/// The samples from a place on are the same bits whether the stream was opened there or read up to it (but see Entry).
/// Memory does not grow with the length of the file.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "audio/probe.h"
#include "audio/resample.h"
#include "core/result.h"
#include "core/units.h"

namespace baleen::audio {

/// How a stream is entered elsewhere than at the beginning.
enum class Entry {
  exact,  ///< Plain PCM by its bytes, everything else by decoding it from the start.
  by_time  ///< Where the file's time stamps lead: at once, but lossy codecs may be off by some milliseconds.
};

struct MonoStreamOptions {
  Hertz sample_rate{22'050};
  FilterShape shape = FilterShape::ffmpeg;
  /// The recording is slower than life by this factor, as bat detectors make it: each second of the file is
  /// 1/time_expansion of a second of sound, whose sample rate is that much higher than the file's.
  double time_expansion = 1;
  double expansion_max = 0;       ///< As NormalizeOptions::expansion_max, at 2 bytes a sample.
  std::int64_t begin_sample = 0;  ///< Of the output: the first one that read() gives.
  Entry entry = Entry::exact;
};

class MonoStream {
 public:
  /// Asked about once a second while a file is read; false stops it with CANCELED.
  using KeepGoing = std::function<bool()>;

  /// Errors: those of probe(); INVALID_ARGUMENT for rates that cannot be converted.
  [[nodiscard]] static Result<MonoStream> open(const std::filesystem::path& path,
                                               const MonoStreamOptions& options,
                                               KeepGoing keep_going = {});
  ~MonoStream();
  MonoStream(MonoStream&&) noexcept;
  MonoStream& operator=(MonoStream&&) noexcept;

  /// Appends what comes next (a packet's worth; possibly nothing); false after the end of the recording.
  /// Errors: FILE_CORRUPT if nothing can be decoded, DECODE_BUDGET_EXCEEDED, CANCELED, IO_ERROR.
  [[nodiscard]] Result<bool> read(std::vector<float>& out);

  [[nodiscard]] const AudioInfo& info() const;
  /// Of the output, as far as it was read; after the end that of the whole recording, wherever it was entered.
  [[nodiscard]] std::int64_t n_samples() const;
  /// Of the sound, likewise.
  [[nodiscard]] double duration_s() const;
  /// Mono samples that were NaN or infinite, now 0; damaged packets that were skipped. From begin_sample on.
  [[nodiscard]] std::int64_t nan_samples() const;
  [[nodiscard]] std::int64_t decode_errors() const;

 private:
  struct State;
  explicit MonoStream(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// What decodes here, with its versions: of another the samples may differ. After load_decoders().
[[nodiscard]] std::string decoder_fingerprint();

}  // namespace baleen::audio
