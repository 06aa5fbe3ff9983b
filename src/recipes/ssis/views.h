#pragma once

/// What a page shows of a recording: any range of it, at the size of the screen, whatever its length.
/// Everything is read from published artifacts, in bounded memory, and nothing is written.

#include <cstdint>
#include <filesystem>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "core/json.h"
#include "core/result.h"

namespace baleen::ssis {

/// The part that is asked for; the whole recording by default.
struct ViewRange {
  double start_s = 0;
  std::optional<double> end_s;
  int columns = 1000;
};

inline constexpr int kWaveformColumnsMax = 8192;
inline constexpr int kSimilarityColumnsMax = 1000;
inline constexpr int kSpectrogramColumnsMax = 4096;
inline constexpr int kSpectrogramRowsMax = 512;

/// {start_s, end_s, duration_s, columns, min: […], max: […]}, values of 16 bits. Every sample counts.
///
/// @param waveform  The artifact waveform_v1; read where a column is longer than its blocks.
/// @return INVALID_ARGUMENT for an impossible range.
[[nodiscard]] Result<json::object> waveform_view(const std::filesystem::path& normalized_wav,
                                                 const std::filesystem::path& waveform,
                                                 const ViewRange& range);

struct SpectrogramOptions {
  int rows = 256;
  std::optional<double> db_min, db_max;  ///< Of full scale; by default 80 dB below what is loudest.
};

/// {start_s, end_s, duration_s, columns, rows, f_min_hz, f_max_hz, scale: "linear", db_min, db_max, data}: `data`
/// is base64 of rows · columns bytes, the lowest frequency first; 0 is db_min, 255 db_max; 0 dB is a sine of
/// full scale. A column is the mean power of up to 4 Hann windows spread over it: of a long range, a sample.
[[nodiscard]] Result<json::object> spectrogram_view(const std::filesystem::path& normalized_wav,
                                                    const ViewRange& range,
                                                    const SpectrogramOptions& options);

/// How alike the moments of a recording are, by their embeddings. Thread-safe.
class SimilarityViewer {
 public:
  /// {at_s, start_s, end_s, duration_s, columns, hop_s, model_id, similarity: […]}: the cosine of the embedding at
  /// each column with the one at `at_s`, -1 to 1. Keeps the columns of the last few ranges, so that another moment
  /// of the same range takes milliseconds: to read a day's takes seconds.
  [[nodiscard]] Result<json::object> view(const std::filesystem::path& feature_pack,
                                          double at_s,
                                          const ViewRange& range);

 private:
  /// The embeddings of a range's columns, of length 1 or 0.
  struct Strip {
    std::string key;
    json::object described;
    double hop_s = 0;
    std::int64_t n_embeddings = 0;
    std::size_t n_dims = 0;
    std::vector<float> rows;
  };
  using SharedStrip = std::shared_ptr<const Strip>;
  [[nodiscard]] Result<SharedStrip> strip_of(const std::filesystem::path& feature_pack,
                                             const ViewRange& range);

  std::mutex mutex_;
  std::list<SharedStrip> newest_;  // Guarded by mutex_.
};

}  // namespace baleen::ssis
