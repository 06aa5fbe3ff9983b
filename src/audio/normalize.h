#pragma once

/// The kernel of the decode stage: any audio file in, one mono 16-bit WAV file out, resumable.
///
///   decode → mono (the weights of ffmpeg -ac 1) → NaN to 0 → resample → round to 16 bits → WAV
///
/// The output is written in chunks. After each: write, fsync, then a checkpoint (written beside and
/// renamed). A crash at any instant, and any number of them, leaves files from which the next call
/// makes exactly the bytes that an undisturbed run makes: PCM sources are entered at the checkpoint,
/// others are decoded again from the start without being written again. A torn tail is cut off; a
/// checkpoint that does not match the source, the parameters, this code or the samples in the
/// partial file is ignored.
///
/// The number of output samples is the decoded duration times the output rate, rounded up.

#include <cstdint>
#include <filesystem>
#include <functional>

#include "audio/probe.h"
#include "audio/wav.h"
#include "core/result.h"
#include "core/units.h"

namespace baleen::audio {

struct NormalizeOptions {
  Hertz sample_rate{22'050};
  double min_duration_s = 1.7;  ///< Shorter is FILE_TOO_SHORT.
  double max_duration_s = 0;    ///< Longer is FILE_TOO_LONG; 0: no limit.
  double chunk_s = 60;          ///< Of output between two checkpoints.
  /// More bytes of output per byte of the source than this, after the first hour, is
  /// DECODE_BUDGET_EXCEEDED: ten hours of nothing in a file of a megabyte. 0: no limit. Speech at
  /// 6 kbit/s has 59; the lowest bit rate that people use (Codec2, 700 bit/s), 500.
  double expansion_max = 0;
  /// Beyond this the file becomes RF64. Files that are expected to come near it get a header of 80
  /// bytes (with a JUNK chunk that can become ds64), others the plain one of 44.
  std::int64_t riff_data_bytes_max = kRiffDataBytesMax;
};

struct NormalizePaths {
  std::filesystem::path source;
  std::filesystem::path partial;     ///< The WAV being written: a temporary name.
  std::filesystem::path checkpoint;  ///< A small JSON file; absent for a fresh start.
};

struct NormalizeReport {
  double duration_s = 0;  ///< Of the decoded source.
  std::int64_t output_samples = 0;
  std::int64_t chunks = 0;
  std::int64_t resumed_chunks = 0;  ///< Of these, found done by an earlier run.
  double decode_s = 0;              ///< Wall time in libav and downmix.
  double resample_s = 0;            ///< Wall time in filter and rounding.
  AudioInfo source;
  std::int64_t nan_samples = 0;      ///< Mono samples that were NaN or infinite, now 0.
  std::int64_t clipped_samples = 0;  ///< Output samples beyond full scale, saturated.
  std::int64_t decode_errors = 0;    ///< Damaged packets that were skipped.
};

/// Called after every chunk and about twice a second: the fraction done (0 to 1, below 0 if unknown)
/// and the seconds of audio done. False stops with CANCELED; partial and checkpoint stay valid.
using Progress = std::function<bool(double fraction, double done_s)>;

/// On success `partial` holds the complete, correct, fsynced WAV file; the caller renames it to its
/// final name and then removes the checkpoint (a call in between returns the same report at once).
///
/// Errors: those of probe(); FILE_CORRUPT if nothing can be decoded; FILE_TOO_SHORT, FILE_TOO_LONG;
/// DECODE_BUDGET_EXCEEDED;
/// CONFLICT while another process works on the same partial file; CANCELED; IO_ERROR, DISK_FULL.
/// After an error in the source itself, partial and checkpoint are removed; after the others they
/// stay for the next try. Memory does not grow with the length of the file. Thread-safe for
/// different partial files.
Result<NormalizeReport> normalize(const NormalizePaths& paths,
                                  const NormalizeOptions& options,
                                  const Progress& progress = {});

}  // namespace baleen::audio
