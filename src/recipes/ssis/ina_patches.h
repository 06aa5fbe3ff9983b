#pragma once

/// The network of inaSpeechSegmenter behind its patches: rows of log-mel in, log-probabilities out.
///
/// A patch is 68 rows of 21 bands, z-scored over all its values; patch p of a recording is centred on row 2p,
/// the first and last patch standing in at the ends. Keeps only the rows that undecided patches need.

#include <cstdint>
#include <span>
#include <vector>

#include "core/result.h"
#include "ml/session.h"
#include "recipes/ssis/ina_label_decoder.h"

namespace baleen::ssis {

class InaPatches {
 public:
  static constexpr std::int64_t kBands = 21;
  static constexpr std::int64_t kPatchRows = 68;
  /// Patches a forward pass: more do not make it faster, and their scratch memory grows (2 MB each).
  static constexpr std::size_t kBatchMax = 8;

  /// @param n_rows  Rows of the whole recording, from a first pass.
  /// Errors: MODEL_INVALID if the session's tensors are not INA's.
  [[nodiscard]] static Result<void> check_session(const ml::Session& session);
  InaPatches(ml::Session& session, std::int64_t n_rows);

  /// Rows in order, shape (n, 21).
  void append_rows(std::span<const float> rows);
  /// Tells that no more rows come; recordings of less than 68 rows are padded as upstream does, with the
  /// least value seen.
  void finish_rows();
  /// Earlier patches are not asked for again.
  void drop_before(std::int64_t patch);

  /// Patches of a recording: one for every second row.
  [[nodiscard]] static std::int64_t patch_count(std::int64_t n_rows) { return (n_rows + 1) / 2; }
  /// Whether all rows of the patch are here.
  [[nodiscard]] bool is_complete(std::int64_t patch) const;
  /// Whether all its values are finite.
  [[nodiscard]] bool is_usable(std::int64_t patch) const;

  [[nodiscard]] Result<void> evaluate(std::span<const std::int64_t> patches,
                                      std::span<InaLogProbs> out);

 private:
  [[nodiscard]] std::int64_t first_row(std::int64_t patch) const;
  [[nodiscard]] std::int64_t rows_end() const;
  void normalise(std::int64_t patch, std::span<float> out) const;

  ml::Session& session_;
  std::int64_t last_first_row_;
  std::int64_t begin_row_ = 0;  // Row at the front of rows_.
  std::vector<float> rows_;
  std::vector<std::int32_t>
      n_bad_before_;  // Of each row in rows_: bad rows before it since the start.
  std::int32_t n_bad_ = 0;
  std::vector<float> input_;
};

}  // namespace baleen::ssis
