#pragma once

/// Which minute of a recording represents it: "heuristic v1" of the ssis recipe. Windows that begin where a
/// pause ends, or where a segment begins among speech, are scored by how much happens in them; if none
/// is good enough, the intro is taken. The rules stand in docs/formats/preview.md.
///
/// Deterministic: the same inputs give the same choice. Memory does not grow with the recording beyond
/// PreviewEnergy; embeddings are read once, in blocks.

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "recipes/ssis/preview_energy.h"
#include "recipes/ssis/segments.h"

namespace baleen::ssis {

struct PreviewOptions {
  Millis window = 60'000;
  double min_window_fraction = 0.75;  ///< A window cut off by the end may be so short.
  double energy_weight = 0.6;
  double embedding_weight = 0.4;
  double score_threshold = 0.5;
  Millis pause_min = 200;         ///< Longer stretches of low energy are pauses.
  double speech_heavy_min = 0.5;  ///< Fraction of speech in a window behind a segment boundary.
  double silence_max = 0.5;       ///< Windows with a larger fraction of silence are no candidates.
  std::int64_t candidates_max = 200;  ///< At most so many, spread over the recording.
};

/// Reads embeddings [first, first + count) into count · n_dims values.
using ReadEmbeddings =
    std::function<Result<void>(std::int64_t first, std::int64_t count, std::span<float> rows)>;

struct PreviewInput {
  Millis duration = 0;
  std::span<const Segment> segments;      ///< Valid ones, over [0, duration).
  const PreviewEnergy* energy = nullptr;  ///< Finished; not null.
  ReadEmbeddings read_embeddings;
  std::int64_t n_embeddings = 0;
  int n_dims = 1024;
  double embedding_hop_s = 0.5;
};

enum class PreviewMode { heuristic, intro };

struct PreviewWarning {
  std::string code;
  std::string message;
};

struct PreviewChoice {
  PreviewMode mode = PreviewMode::intro;
  Millis start = 0;
  Millis end = 0;
  double score = 0.0;         ///< Of the chosen window, 0 to 1.
  double energy_score = 0.0;  ///< The same, by its parts.
  double embedding_score = 0.0;
  double confidence = 0.0;  ///< heuristic_v1, 0 to 1.
  std::int64_t candidates_count = 0;
  std::optional<double> best_score;  ///< Of all candidates; nothing if there are none.
  std::vector<PreviewWarning> warnings;

  [[nodiscard]] bool is_fallback() const { return mode == PreviewMode::intro; }
};

/// @return The choice; an error only if embeddings cannot be read.
[[nodiscard]] Result<PreviewChoice> choose_preview(const PreviewInput& input,
                                                   const PreviewOptions& options = {});

/// The `preview_candidate.v1` document; SCHEMA_INVALID if it breaks its schema.
[[nodiscard]] Result<json::object> preview_document(const formats::DocumentHeader& header,
                                                    const PreviewChoice& choice,
                                                    const std::string& feature_spec_alias,
                                                    const PreviewOptions& options = {});

}  // namespace baleen::ssis
