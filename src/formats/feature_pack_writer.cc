#include <algorithm>
#include <bit>
#include <cstring>
#include <vector>

#include "core/failpoint.h"
#include "core/file.h"
#include "core/sha256.h"
#include "formats/chunk_deflate.h"
#include "formats/document.h"
#include "formats/feature_pack.h"
#include "formats/h5.h"

namespace baleen::formats {
namespace {

// Chunks. Eight neighbouring mel bands over 20 s have levels near each other: 3 % smaller than chunks
// of all bands, and a chunk's planes fit the first-level cache. 24 h make 34,000 chunks, whose index
// takes 2 MB of the file. Embeddings: 32 s of rows in 256 KiB; HDF5's default chunk cache (1 MiB)
// holds all the chunks of a slice of rows in both cases.
constexpr std::int64_t kMelChunkRows = 2048;
constexpr std::int64_t kMelChunkColumns = 8;
constexpr std::int64_t kEmbeddingChunkRows = 64;
constexpr hsize_t kTimesBlock = 8192;

/// Whether HDF5's shuffle filter comes before deflate: for all chunks, or for those without many zeros.
/// Runs of zeros (behind a rectifier) are matches for deflate, which shuffling tears apart.
enum class Shuffle { always, if_dense };

bool has_many_zeros(std::span<const float> values) {
  const auto n_zeros = std::count(values.begin(), values.end(), 0.0F);
  return static_cast<std::size_t>(n_zeros) * 16 > values.size();
}

std::int64_t count_not_finite(std::span<const float> values) {
  constexpr std::uint32_t kExponent = 0x7F80'0000;
  std::int64_t total = 0;
  while (!values.empty()) {
    const std::size_t block = std::min<std::size_t>(values.size(), 65'536);
    std::uint32_t count = 0;  // Narrow, so that the loop runs in vector lanes of 32 bits.
    for (std::size_t i = 0; i < block; ++i)
      count += (std::bit_cast<std::uint32_t>(values[i]) & kExponent) == kExponent ? 1U : 0U;
    total += count;
    values = values.subspan(block);
  }
  return total;
}

/// A matrix of float32 that grows by rows and is written chunk by chunk, compressed by ourselves.
class MatrixWriter {
 public:
  MatrixWriter(std::string name, std::int64_t n_rows, std::int64_t n_columns)
      : name_(std::move(name)), n_rows_(n_rows), n_columns_(n_columns) {}

  Result<void> create(hid_t file,
                      std::int64_t chunk_rows_max,
                      std::int64_t chunk_columns_max,
                      Shuffle shuffle) {
    shuffle_ = shuffle;
    chunk_rows_ = std::min(n_rows_, chunk_rows_max);
    chunk_columns_ = n_columns_ % chunk_columns_max == 0 ? chunk_columns_max : n_columns_;
    const h5::Id creation(H5Pcreate(H5P_DATASET_CREATE));
    H5Pset_obj_track_times(creation.get(), false);
    H5Pset_fill_time(creation.get(), H5D_FILL_TIME_NEVER);
    if (n_rows_ > 0) {  // A dataset without rows cannot be chunked.
      const hsize_t chunk[] = {static_cast<hsize_t>(chunk_rows_),
                               static_cast<hsize_t>(chunk_columns_)};
      H5Pset_chunk(creation.get(), 2, chunk);
      H5Pset_shuffle(creation.get());
      H5Pset_deflate(creation.get(), 1);
    }
    const hsize_t dims[] = {static_cast<hsize_t>(n_rows_), static_cast<hsize_t>(n_columns_)};
    const h5::Id space(H5Screate_simple(2, dims, nullptr));
    dataset_ = h5::Id(H5Dcreate2(file, name_.c_str(), H5T_IEEE_F32LE, space.get(), H5P_DEFAULT,
                                 creation.get(), H5P_DEFAULT));
    if (!dataset_.is_valid()) return h5::last_error("create " + name_, ErrorCode::io_error);
    buffer_.resize(static_cast<std::size_t>(chunk_rows_ * n_columns_));
    chunk_.resize(static_cast<std::size_t>(chunk_rows_ * chunk_columns_));
    return {};
  }

  Result<void> append(std::span<const float> rows) {
    const auto n_columns = static_cast<std::size_t>(n_columns_);
    if (rows.size() % n_columns != 0)
      return fail(ErrorCode::invalid_argument, "{}: {} values are no whole rows", name_,
                  rows.size());
    n_appended_ += static_cast<std::int64_t>(rows.size() / n_columns);
    if (n_appended_ > n_rows_)
      return fail(ErrorCode::internal, "{}: more than the announced {} rows", name_, n_rows_);
    n_not_finite_ += count_not_finite(rows);
    digest_.update(std::as_bytes(rows));
    while (!rows.empty()) {
      const std::size_t take = std::min(rows.size(), buffer_.size() - n_buffered_);
      std::copy_n(rows.begin(), take, buffer_.begin() + static_cast<std::ptrdiff_t>(n_buffered_));
      n_buffered_ += take;
      rows = rows.subspan(take);
      if (n_buffered_ == buffer_.size()) BALEEN_RETURN_IF_ERROR(flush());
    }
    return {};
  }

  Result<void> finish() {
    if (n_appended_ != n_rows_)
      return fail(ErrorCode::internal, "{}: {} rows instead of {}", name_, n_appended_, n_rows_);
    if (n_buffered_ > 0) BALEEN_RETURN_IF_ERROR(flush());
    close();
    return {};
  }
  void close() { dataset_.reset(); }

  [[nodiscard]] hid_t dataset() const { return dataset_.get(); }
  [[nodiscard]] std::int64_t n_not_finite() const { return n_not_finite_; }
  [[nodiscard]] std::string digest_hex() { return digest_.finish_hex(); }

 private:
  /// Writes the buffered rows as one row of chunks; the last one is filled up with zeros, unseen.
  Result<void> flush() {
    std::fill(buffer_.begin() + static_cast<std::ptrdiff_t>(n_buffered_), buffer_.end(), 0.0F);
    for (std::int64_t column = 0; column < n_columns_; column += chunk_columns_)
      BALEEN_RETURN_IF_ERROR(write_chunk(column));
    first_row_ += chunk_rows_;
    n_buffered_ = 0;
    return {};
  }

  Result<void> write_chunk(std::int64_t column) {
    const std::span<const float> values = gather(column);
    const bool is_shuffled = shuffle_ == Shuffle::always || !has_many_zeros(values);
    const std::span<const std::byte> stream = is_shuffled
                                                  ? deflater_.shuffle_and_deflate(values)
                                                  : deflater_.deflate(std::as_bytes(values));
    constexpr std::uint32_t kSkipShuffle =
        1;  // Bit 0: the first filter was left out of this chunk.
    const std::uint32_t filter_mask = is_shuffled ? 0 : kSkipShuffle;
    const hsize_t offset[] = {static_cast<hsize_t>(first_row_), static_cast<hsize_t>(column)};
    if (H5Dwrite_chunk(dataset_.get(), H5P_DEFAULT, filter_mask, offset, stream.size(),
                       stream.data()) < 0)
      return h5::last_error("write " + name_, ErrorCode::io_error);
    return {};
  }

  std::span<const float> gather(std::int64_t column) {
    if (chunk_columns_ == n_columns_) return buffer_;
    const float* in = buffer_.data() + column;
    float* out = chunk_.data();
    for (std::int64_t row = 0; row < chunk_rows_; ++row) {
      std::copy_n(in, chunk_columns_, out);
      in += n_columns_;
      out += chunk_columns_;
    }
    return chunk_;
  }

  std::string name_;
  std::int64_t n_rows_;
  std::int64_t n_columns_;
  std::int64_t chunk_rows_ = 0;
  std::int64_t chunk_columns_ = 0;
  Shuffle shuffle_ = Shuffle::always;
  h5::Id dataset_;
  ChunkDeflater deflater_;
  core::Sha256 digest_;
  std::vector<float> buffer_;   // chunk_rows_ whole rows.
  std::vector<float> chunk_;    // One chunk of some columns.
  std::size_t n_buffered_ = 0;  // Values.
  std::int64_t first_row_ = 0;  // Of the buffer.
  std::int64_t n_appended_ = 0;
  std::int64_t n_not_finite_ = 0;
};

Result<void> check_info(const FeaturePackInfo& info) {
  constexpr std::size_t kRfc3339Length = 24;
  constexpr std::int64_t kRowsMax = std::int64_t{1} << 31;
  if (info.computed_at.size() != kRfc3339Length)
    return fail(ErrorCode::invalid_argument, "computed_at \"{}\": not 24 characters",
                info.computed_at);
  const bool counts_ok = info.n_frames >= 0 && info.n_frames <= kRowsMax &&
                         info.n_embeddings >= 0 && info.n_embeddings <= kRowsMax &&
                         info.n_mels > 0 && info.n_mels <= 4096 && info.n_dims > 0 &&
                         info.n_dims <= 65'536;
  if (!counts_ok || !(info.mel_hop_s > 0.0) || !(info.embedding_hop_s > 0.0))
    return fail(ErrorCode::invalid_argument, "feature pack: impossible shape or hop");
  return {};
}

Result<void> write_root_attributes(hid_t file, const FeaturePackInfo& info) {
  const std::pair<const char*, std::string> attributes[] = {
      {"version", std::string(kSchemaVersion)},
      {"asset_id", info.asset_id},
      {"computed_at", info.computed_at},
      {"pipeline_version", info.pipeline_version},
      {"worker_version", info.worker_version},
      {"feature_spec_id", info.feature_spec_id},
      {"feature_spec_alias", info.feature_spec_alias},
      {"embedding_backend", info.embedding_backend},
      {"embedding_model_id", info.embedding_model_id},
      {"embedding_model_hash", info.embedding_model_hash},
  };
  for (const auto& [name, value] : attributes)
    BALEEN_RETURN_IF_ERROR(h5::write_attribute(file, name, value));
  return {};
}

/// The start of each embedding in seconds: eight bytes for each four kilobytes, not worth a filter.
Result<void> write_times(hid_t file, const FeaturePackInfo& info) {
  const auto n = static_cast<hsize_t>(info.n_embeddings);
  const h5::Id creation(H5Pcreate(H5P_DATASET_CREATE));
  H5Pset_obj_track_times(creation.get(), false);
  H5Pset_fill_time(creation.get(), H5D_FILL_TIME_NEVER);
  const h5::Id space(H5Screate_simple(1, &n, nullptr));
  const h5::Id dataset(H5Dcreate2(file, "times", H5T_IEEE_F64LE, space.get(), H5P_DEFAULT,
                                  creation.get(), H5P_DEFAULT));
  if (!dataset.is_valid()) return h5::last_error("create times", ErrorCode::io_error);
  std::vector<double> times_s;
  for (hsize_t first = 0; first < n; first += kTimesBlock) {
    const hsize_t count = std::min(n - first, kTimesBlock);
    times_s.resize(count);
    for (hsize_t i = 0; i < count; ++i)
      times_s[i] = static_cast<double>(first + i) * info.embedding_hop_s;
    const h5::Id memory(H5Screate_simple(1, &count, nullptr));
    H5Sselect_hyperslab(space.get(), H5S_SELECT_SET, &first, nullptr, &count, nullptr);
    const hid_t type = H5T_NATIVE_DOUBLE;
    if (H5Dwrite(dataset.get(), type, memory.get(), space.get(), H5P_DEFAULT, times_s.data()) < 0)
      return h5::last_error("write times", ErrorCode::io_error);
  }
  return h5::write_attribute(dataset.get(), "units", "s");
}

/// The members of the digest, as canonical JSON: all but computed_at.
std::string content_digest(const FeaturePackInfo& info,
                           const std::string& melspec_sha256,
                           const std::string& embeddings_sha256) {
  const json::object content = {
      {"schema_id", "feature_pack.v1"},
      {"version", std::string(kSchemaVersion)},
      {"asset_id", info.asset_id},
      {"pipeline_version", info.pipeline_version},
      {"worker_version", info.worker_version},
      {"feature_spec_id", info.feature_spec_id},
      {"feature_spec_alias", info.feature_spec_alias},
      {"embedding_backend", info.embedding_backend},
      {"embedding_model_id", info.embedding_model_id},
      {"embedding_model_hash", info.embedding_model_hash},
      {"mel_hop_s", info.mel_hop_s},
      {"embedding_hop_s", info.embedding_hop_s},
      {"melspec_shape", json::array{info.n_frames, info.n_mels}},
      {"embeddings_shape", json::array{info.n_embeddings, info.n_dims}},
      {"melspec_sha256", melspec_sha256},
      {"embeddings_sha256", embeddings_sha256},
  };
  return core::sha256_hex(core::to_canonical_json(content));
}

}  // namespace

struct FeaturePackWriter::State {
  State(std::filesystem::path path_in, const FeaturePackInfo& info_in)
      : path(std::move(path_in)),
        info(info_in),
        melspec("melspec", info.n_frames, info.n_mels),
        embeddings("embeddings", info.n_embeddings, info.n_dims) {}

  /// An unfinished file goes.
  ~State() {
    if (is_finished) return;
    h5::be_quiet();
    melspec.close();
    embeddings.close();
    file.reset();
    sink.close();
    static_cast<void>(core::remove_file(path));
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  Result<void> create_contents() {
    const hid_t root = file.get();
    BALEEN_RETURN_IF_ERROR(write_root_attributes(root, info));
    BALEEN_RETURN_IF_ERROR(melspec.create(root, kMelChunkRows, kMelChunkColumns, Shuffle::always));
    BALEEN_RETURN_IF_ERROR(h5::write_attribute(melspec.dataset(), "units", "dB"));
    BALEEN_RETURN_IF_ERROR(h5::write_attribute(melspec.dataset(), "hop_s", info.mel_hop_s));
    BALEEN_RETURN_IF_ERROR(
        embeddings.create(root, kEmbeddingChunkRows, info.n_dims, Shuffle::if_dense));
    BALEEN_RETURN_IF_ERROR(h5::write_attribute(embeddings.dataset(), "units", "1"));
    BALEEN_RETURN_IF_ERROR(
        h5::write_attribute(embeddings.dataset(), "hop_s", info.embedding_hop_s));
    return write_times(root, info);
  }

  /// Closes the file by hand, because only then are its errors seen.
  Result<void> close_and_sync() {
    // The name of the schema comes last: a file without it was never finished.
    BALEEN_RETURN_IF_ERROR(
        h5::write_attribute(file.get(), "schema_id", std::string("feature_pack.v1")));
    if (H5Fclose(file.release()) < 0)
      return h5::last_error("close " + path.string(), ErrorCode::io_error);
    BALEEN_RETURN_IF_ERROR(check_sink());
    BALEEN_RETURN_IF_ERROR(sink.sync());
    sink.close();
    is_finished = true;
    return {};
  }

  [[nodiscard]] Result<void> check_sink() const {
    auto result = sink.check();
    if (!result.ok()) return std::move(result).error().context(path.string());
    return {};
  }

  std::filesystem::path path;
  FeaturePackInfo info;
  h5::Sink sink;
  h5::Id file;
  bool is_finished = false;
  MatrixWriter melspec;
  MatrixWriter embeddings;
};

FeaturePackWriter::FeaturePackWriter(std::unique_ptr<State> state) : state_(std::move(state)) {}
FeaturePackWriter::~FeaturePackWriter() = default;
FeaturePackWriter::FeaturePackWriter(FeaturePackWriter&&) noexcept = default;
FeaturePackWriter& FeaturePackWriter::operator=(FeaturePackWriter&&) noexcept = default;

Result<FeaturePackWriter> FeaturePackWriter::create(const std::filesystem::path& temporary,
                                                    const FeaturePackInfo& info) {
  h5::be_quiet();
  BALEEN_RETURN_IF_ERROR(check_info(info));
  BALEEN_RETURN_IF_ERROR(
      core::remove_file(temporary));  // HDF5 refuses to reuse one it still holds.
  auto state = std::make_unique<State>(temporary, info);
  BALEEN_RETURN_IF_ERROR(state->sink.open(temporary));
  BALEEN_ASSIGN_OR_RETURN(state->file, h5::create_file(state->sink));
  BALEEN_RETURN_IF_ERROR(state->create_contents());
  return FeaturePackWriter(std::move(state));
}

Result<void> FeaturePackWriter::append_melspec(std::span<const float> rows) {
  h5::be_quiet();
  BALEEN_RETURN_IF_ERROR(state_->melspec.append(rows));
  return state_->check_sink();
}

Result<void> FeaturePackWriter::append_embeddings(std::span<const float> rows) {
  h5::be_quiet();
  BALEEN_RETURN_IF_ERROR(state_->embeddings.append(rows));
  return state_->check_sink();
}

Result<FeaturePackSummary> FeaturePackWriter::finish() {
  h5::be_quiet();
  BALEEN_RETURN_IF_ERROR(state_->melspec.finish());
  BALEEN_RETURN_IF_ERROR(state_->embeddings.finish());
  BALEEN_RETURN_IF_ERROR(state_->close_and_sync());
  BALEEN_FAILPOINT("FEATURES_AFTER_H5_TMP_WRITE");
  FeaturePackSummary summary;
  summary.n_frames = state_->info.n_frames;
  summary.n_embeddings = state_->info.n_embeddings;
  summary.nan_count = state_->melspec.n_not_finite() + state_->embeddings.n_not_finite();
  summary.content_sha256 =
      content_digest(state_->info, state_->melspec.digest_hex(), state_->embeddings.digest_hex());
  BALEEN_ASSIGN_OR_RETURN(summary.size_bytes, core::file_size_bytes(state_->path));
  return summary;
}

}  // namespace baleen::formats
