// Cuts the windows of a cluster into pieces by their embeddings.

#include <algorithm>
#include <cmath>
#include <numeric>

#include "cluster/distance.h"
#include "cluster/k_means.h"
#include "formats/parquet_tables.h"
#include "recipes/bioacoustics/clusterings.h"

namespace baleen::bioacoustics {
namespace {

/// Reads vectors of one recording after the other, mapped where the file allows it.
class VectorReader {
 public:
  VectorReader(store::Database& database,
               const store::DataRoot& root,
               const ClusteringOrigin& origin,
               const ClusteredWindows& windows)
      : database_(database), root_(root), origin_(origin), windows_(windows) {}

  /// Calls `visit(i, vector)` for the vector of each rows[i], of length 1 with the cosine metric.
  template <typename Visit>
  Result<void> for_each(std::span<const std::uint32_t> rows, const Visit& visit) {
    std::vector<float> vector;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      BALEEN_RETURN_IF_ERROR(open(windows_.recording[rows[i]]));
      const std::int64_t row = windows_.row_index[rows[i]];
      vector.resize(size_);
      if (mapped_) {
        if (row >= mapped_->n_rows()) return gone(row);
        std::ranges::copy(mapped_->row(row), vector.begin());
      } else {
        if (row >= file_->reader.n_rows()) return gone(row);
        BALEEN_RETURN_IF_ERROR(file_->reader.read(file_->embedding, row, std::span(vector)));
      }
      if (origin_.is_cosine) scale_to_unit(vector);
      visit(i, std::span<const float>(vector));
    }
    return {};
  }
  /// Numbers of one vector; 0 before the first.
  [[nodiscard]] std::size_t size() const { return size_; }

 private:
  Result<void> open(std::uint32_t recording) {
    if (recording_ == recording) return {};
    const std::string& asset_id = windows_.recordings[recording].facts.asset_id;
    BALEEN_ASSIGN_OR_RETURN(const std::filesystem::path path,
                            embeddings_path(database_, root_, asset_id, origin_.encoding_id));
    mapped_.reset();
    file_.reset();
    std::size_t size = 0;
    Result<formats::MappedFloatLists> mapped = formats::MappedFloatLists::open(path, "embedding");
    if (mapped.ok()) {
      size = static_cast<std::size_t>(mapped->list_size());
      mapped_ = std::move(*mapped);
    } else {
      BALEEN_ASSIGN_OR_RETURN(file_, formats::open_embeddings(path));
      size = static_cast<std::size_t>(file_->info.vector_dim);
    }
    if (size_ != 0 && size != size_) {
      return fail(ErrorCode::embedding_dimensions_differ,
                  "asset {} has vectors of {} numbers, others of {}", asset_id, size, size_);
    }
    size_ = size;
    recording_ = recording;
    return {};
  }
  Error gone(std::int64_t row) const {
    return fail(ErrorCode::artifact_corrupt, "{} has no window {}",
                windows_.recordings[*recording_].facts.asset_id, row);
  }
  static void scale_to_unit(std::span<float> vector) {
    const float length = std::sqrt(cluster::dot(vector, vector));
    if (length == 0) return;
    for (float& value : vector) value /= length;
  }

  store::Database& database_;
  const store::DataRoot& root_;
  const ClusteringOrigin& origin_;
  const ClusteredWindows& windows_;
  std::optional<std::uint32_t> recording_;
  std::optional<formats::MappedFloatLists> mapped_;
  std::optional<formats::EmbeddingsFile> file_;
  std::size_t size_ = 0;
};

/// Numbers pieces by size; of equals the one that comes first.
void number_by_size(std::vector<std::uint32_t>& pieces, std::size_t n_pieces) {
  std::vector<std::size_t> sizes(n_pieces), first(n_pieces, pieces.size());
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    ++sizes[pieces[i]];
    first[pieces[i]] = std::min(first[pieces[i]], i);
  }
  std::vector<std::uint32_t> order(n_pieces), rank(n_pieces);
  std::iota(order.begin(), order.end(), 0U);
  std::ranges::sort(order, [&](std::uint32_t a, std::uint32_t b) {
    return sizes[a] != sizes[b] ? sizes[a] > sizes[b] : first[a] < first[b];
  });
  for (std::size_t i = 0; i < n_pieces; ++i) rank[order[i]] = static_cast<std::uint32_t>(i);
  for (std::uint32_t& piece : pieces) piece = rank[piece];
}

}  // namespace

Result<std::vector<std::uint32_t>> split_windows(store::Database& database,
                                                 const store::DataRoot& root,
                                                 const ClusteringInfo& info,
                                                 const ClusteredWindows& windows,
                                                 std::span<const std::uint32_t> rows,
                                                 std::size_t n_pieces) {
  BALEEN_ASSIGN_OR_RETURN(const ClusteringOrigin origin, origin_of(root, info));
  VectorReader reader(database, root, origin, windows);
  std::vector<std::uint32_t> sample;
  const std::size_t n_sample = std::min(rows.size(), kSplitSample);
  for (std::size_t i = 0; i < n_sample; ++i) sample.push_back(rows[i * rows.size() / n_sample]);
  std::vector<float> values;
  BALEEN_RETURN_IF_ERROR(reader.for_each(sample, [&](std::size_t, std::span<const float> vector) {
    values.insert(values.end(), vector.begin(), vector.end());
  }));
  const cluster::Matrix points(std::move(values), n_sample, reader.size());
  const cluster::Matrix centres =
      cluster::k_means(points.view(), {.n_clusters = n_pieces, .seed = 42});
  std::vector<std::uint32_t> pieces(rows.size());
  BALEEN_RETURN_IF_ERROR(reader.for_each(rows, [&](std::size_t i, std::span<const float> vector) {
    pieces[i] = static_cast<std::uint32_t>(cluster::nearest_centre(centres.view(), vector));
  }));
  if (centres.n_rows() < 2) {
    return fail(ErrorCode::cluster_points_identical,
                "all {} windows have the same embedding: nothing tells them apart", rows.size());
  }
  number_by_size(pieces, centres.n_rows());
  return pieces;
}

}  // namespace baleen::bioacoustics
