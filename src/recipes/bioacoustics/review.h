#pragma once

/// A clustering after its review: which cluster and which label each window has, as a pure function of the assignments and
/// of the actions that stand (docs/decisions/0015-review.md). No queue, no database, no files.
///
/// What actions mean:
/// - *label* names clusters, windows, or both. A window's own label counts before that of its cluster; windows that come
///   into a named cluster later have its label, those that leave lose it. "" takes a label away.
/// - *merge*: the lowest number stays, with its label, or else with the first label that there is.
/// - *move*: rows go to another cluster. A new one has the number behind the highest that was ever used; it has no label.
/// - *noise*: clusters or rows belong to no cluster and lose their own labels. A cluster that is left empty is gone.

#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/json.h"
#include "core/result.h"
#include "recipes/bioacoustics/metadata.h"
#include "recipes/bioacoustics/review_change.h"

namespace baleen::bioacoustics {

/// One recording of a clustering.
struct ReviewedRecording {
  RecordingFacts facts;  ///< With the metadata that people have written, as it is now.
  std::string filename;
  [[nodiscard]] std::string site() const;  ///< tag_data.site, or tag_data.location, or "".
};

/// What the clustering said: a row for each window, those of one recording behind each other. 45 bytes a window.
struct ClusteredWindows {
  static constexpr std::uint8_t kHourUnknown = 255;

  std::vector<ReviewedRecording> recordings;
  std::vector<std::uint32_t> recording;
  std::vector<std::int32_t> row_index;  ///< In its recording's embedding set.
  std::vector<double> start_s, end_s;
  std::vector<std::int32_t> cluster;  ///< kNoCluster: noise.
  std::vector<float> probability, outlier_score;
  std::vector<float> x, y;         ///< NaN: no place in the map.
  std::vector<std::uint8_t> hour;  ///< Of the day, by the recorder's clock, when the window begins.
  std::vector<double> persistence;  ///< Of each cluster; shorter or empty where it is not known.

  [[nodiscard]] std::size_t size() const { return recording.size(); }
  /// Sets `hour` from the recordings' start_local and start_s.
  void find_hours();
};

/// The state. 20 bytes a window. Copies are whole; one thread at a time.
class Review {
 public:
  static constexpr std::int32_t kNoLabel = -1;

  struct Cluster {
    std::vector<std::uint32_t> rows;  ///< Ascending, never empty.
    std::int32_t label = kNoLabel;    ///< labels()
    std::uint32_t label_act = 0;      ///< Which action named it, from 1; 0: none.
    bool is_made_by_review = false;
    /// Equal numbers of one cluster and clustering: rows, labels and all that is made of them are equal.
    std::uint64_t revision = 0;
  };

  /// Nothing said yet. The windows stay as they are.
  explicit Review(std::shared_ptr<const ClusteredWindows> windows);

  /// Does what the action says. ARTIFACT_CORRUPT, and nothing is done, if it names clusters or rows that are not there:
  /// it was of another clustering.
  [[nodiscard]] Result<void> apply(const ReviewAct& act, std::int64_t action_id);

  /// The same checks, for what somebody asks to be done: INVALID_ARGUMENT says what is not there. Sorts clusters and rows,
  /// counts windows.
  [[nodiscard]] Result<ReviewAct> check(ReviewAct act) const;

  /// The number of the next new cluster.
  [[nodiscard]] std::int32_t next_cluster() const { return next_cluster_; }
  [[nodiscard]] const ClusteredWindows& windows() const { return *windows_; }
  /// By number, noise (kNoCluster) included; only those with windows.
  [[nodiscard]] const std::map<std::int32_t, Cluster>& clusters() const { return clusters_; }
  [[nodiscard]] const Cluster* find(std::int32_t cluster) const;
  [[nodiscard]] std::int32_t cluster_of(std::size_t row) const { return cluster_[row]; }
  /// All labels that were ever given; kNoLabel is none of them.
  [[nodiscard]] const std::vector<std::string>& labels() const { return labels_; }
  [[nodiscard]] std::int32_t label_of(std::size_t row) const;
  /// The label that was given to the window itself.
  [[nodiscard]] std::int32_t own_label_of(std::size_t row) const { return own_label_[row]; }
  /// "" where there is none.
  [[nodiscard]] std::string label_text(std::size_t row) const;
  /// The action that decided the label of a row that has one, or that put a row among the noise; 0: no action did.
  [[nodiscard]] std::int64_t action_of(std::size_t row) const;
  /// Where the windows of a cluster of the clustering went as a whole: itself, what it was merged into, or kNoCluster.
  [[nodiscard]] std::int32_t became(std::int32_t cluster) const;

 private:
  [[nodiscard]] Result<void> check_names(const ReviewAct& act, ErrorCode code) const;
  [[nodiscard]] std::int64_t count_windows(const ReviewAct& act) const;
  [[nodiscard]] std::int32_t label_number(const std::string& label);
  void apply_label(const ReviewAct& act);
  void apply_merge(const ReviewAct& act);
  void apply_noise(const ReviewAct& act);
  /// Rows leave their clusters for another one, which is made if need be.
  void move(const std::vector<std::uint32_t>& rows, std::int32_t to);
  void touch(Cluster& cluster);

  std::shared_ptr<const ClusteredWindows> windows_;  // Never null.
  std::map<std::int32_t, Cluster> clusters_;
  std::map<std::int32_t, std::int32_t> became_;
  std::vector<std::int32_t> cluster_, own_label_;
  std::vector<std::uint32_t> own_label_act_, placed_act_;  // From 1; 0: none.
  std::vector<std::string> labels_;
  std::map<std::string, std::int32_t> label_numbers_;
  std::vector<std::int64_t> action_ids_;  // Of what was applied.
  std::int32_t next_cluster_ = 0;
};

}  // namespace baleen::bioacoustics
