#pragma once

/// Feature packs: the log-mel spectrogram and the embeddings of one recording in one HDF5 file, readable
/// by every HDF5 since 1.8 (docs/formats/feature_pack.md). Written and read in bounded memory.
///
/// Equal content gives equal bytes, but for the 24 of computed_at. An object may be used by one thread
/// at a time; different objects by different threads.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>

#include "core/json.h"
#include "core/result.h"

namespace baleen::formats {

/// What a pack says about itself. The counts must be known before the first row is written.
struct FeaturePackInfo {
  std::string asset_id;
  std::string computed_at;  ///< core::rfc3339(): exactly 24 characters.
  std::string feature_spec_id;
  std::string feature_spec_alias;    ///< First 12 hex digits of sha256(feature_spec_id).
  std::string embedding_backend;     ///< "onnxruntime" or "builtin".
  std::string embedding_model_id;    ///< "yamnet", "builtin1024".
  std::string embedding_model_hash;  ///< "sha256:" and 64 hex digits.
  std::string pipeline_version;
  std::string worker_version;
  double mel_hop_s = 220.0 / 22050.0;  ///< Row i of the melspec is centred on i · mel_hop_s.
  double embedding_hop_s = 0.5;        ///< Row i of the embeddings starts at i · embedding_hop_s.
  std::int64_t n_frames = 0;           ///< STFT frames: rows of the melspec.
  std::int64_t n_embeddings = 0;       ///< Rows of the embeddings.
  int n_mels = 64;
  int n_dims = 1024;
};

struct FeaturePackSummary {
  std::int64_t n_frames = 0;
  std::int64_t n_embeddings = 0;
  std::int64_t nan_count =
      0;  ///< Values that are NaN or infinite: publish nothing if there are any.
  std::int64_t size_bytes = 0;
  std::string
      content_sha256;  ///< Digest of everything but computed_at, independent of compression.
};

class FeaturePackWriter {
 public:
  /// Creates or truncates `temporary`, which core::publish_file renames later.
  ///
  /// @return INVALID_ARGUMENT for an impossible info, DISK_FULL and the like from the system.
  static Result<FeaturePackWriter> create(const std::filesystem::path& temporary,
                                          const FeaturePackInfo& info);
  /// Removes the temporary file unless it was finished.
  ~FeaturePackWriter();
  FeaturePackWriter(FeaturePackWriter&&) noexcept;
  FeaturePackWriter& operator=(FeaturePackWriter&&) noexcept;

  /// Decibels, whole rows of n_mels; any number of rows, the file does not depend on the portions.
  [[nodiscard]] Result<void> append_melspec(std::span<const float> rows);
  /// Whole rows of n_dims; may alternate with append_melspec in any way.
  [[nodiscard]] Result<void> append_embeddings(std::span<const float> rows);
  /// Writes the rest, closes and fsyncs; nothing may be appended afterwards. Failpoint
  /// FEATURES_AFTER_H5_TMP_WRITE.
  ///
  /// @return INTERNAL if the rows are not as many as announced.
  [[nodiscard]] Result<FeaturePackSummary> finish();

 private:
  struct State;
  explicit FeaturePackWriter(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

class FeaturePackReader {
 public:
  /// @return FILE_NOT_FOUND; ARTIFACT_CORRUPT if the file is truncated, or no feature pack of version 1.
  static Result<FeaturePackReader> open(const std::filesystem::path& path);
  ~FeaturePackReader();
  FeaturePackReader(FeaturePackReader&&) noexcept;
  FeaturePackReader& operator=(FeaturePackReader&&) noexcept;

  [[nodiscard]] const FeaturePackInfo& info() const;

  /// Rows [first, first + count) into `rows` of count · n_mels values. INVALID_ARGUMENT outside the
  /// dataset, ARTIFACT_CORRUPT if a chunk is damaged.
  [[nodiscard]] Result<void> read_melspec(std::int64_t first,
                                          std::int64_t count,
                                          std::span<float> rows);
  /// The same for embeddings: count · n_dims values.
  [[nodiscard]] Result<void> read_embeddings(std::int64_t first,
                                             std::int64_t count,
                                             std::span<float> rows);
  /// Start of each embedding's patch in seconds: count values.
  [[nodiscard]] Result<void> read_times(std::int64_t first,
                                        std::int64_t count,
                                        std::span<double> times_s);

 private:
  struct State;
  explicit FeaturePackReader(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// The `feature_pack.v1` document of a pack. `hdf5_path` is relative to the data root
/// ("features/{asset_id}.{alias}.h5").
[[nodiscard]] json::object feature_pack_document(const FeaturePackInfo& info,
                                                 const FeaturePackSummary& summary,
                                                 const std::string& hdf5_path);

/// Starts HDF5, which the first pack would do otherwise: some 2 ms.
void prepare_feature_packs();

}  // namespace baleen::formats
