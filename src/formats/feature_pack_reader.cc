#include <system_error>

#include "core/file.h"
#include "formats/document.h"
#include "formats/feature_pack.h"
#include "formats/h5.h"

namespace baleen::formats {
namespace {

// One chunk of embeddings; of the melspec, the eight chunks that make up its rows.
constexpr std::size_t kEmbeddingsCacheBytes = 256 << 10;
constexpr std::size_t kChunkCacheBytes = 1 << 20;

struct Dataset {
  h5::Id id;
  std::int64_t n_rows = 0;
  std::int64_t n_columns = 1;
};

Result<Dataset> open_dataset(hid_t file,
                             const std::string& name,
                             int rank,
                             std::size_t cache_bytes = kChunkCacheBytes) {
  const h5::Id access(H5Pcreate(H5P_DATASET_ACCESS));
  H5Pset_chunk_cache(access.get(), 521, cache_bytes, H5D_CHUNK_CACHE_W0_DEFAULT);
  Dataset dataset;
  dataset.id = h5::Id(H5Dopen2(file, name.c_str(), access.get()));
  if (!dataset.id.is_valid()) return h5::last_error("open " + name, ErrorCode::artifact_corrupt);
  const h5::Id type(H5Dget_type(dataset.id.get()));
  const h5::Id space(H5Dget_space(dataset.id.get()));
  if (H5Tget_class(type.get()) != H5T_FLOAT || H5Sget_simple_extent_ndims(space.get()) != rank)
    return fail(ErrorCode::artifact_corrupt, "{} is not of rank {} and floating point", name, rank);
  hsize_t dims[2] = {0, 1};
  H5Sget_simple_extent_dims(space.get(), dims, nullptr);
  constexpr hsize_t kMax = hsize_t{1} << 31;
  if (dims[0] > kMax || dims[1] == 0 || dims[1] > 65'536)
    return fail(ErrorCode::artifact_corrupt, "{} has an impossible shape", name);
  dataset.n_rows = static_cast<std::int64_t>(dims[0]);
  dataset.n_columns = static_cast<std::int64_t>(dims[1]);
  return dataset;
}

Result<void> read_rows(const Dataset& dataset,
                       int rank,
                       std::string_view name,
                       std::int64_t first,
                       std::int64_t count,
                       hid_t memory_type,
                       std::size_t n_values,
                       void* values) {
  const bool is_inside = first >= 0 && count >= 0 && first <= dataset.n_rows - count;
  if (!is_inside || n_values != static_cast<std::size_t>(count * dataset.n_columns))
    return fail(ErrorCode::invalid_argument, "{}: rows {} to {} of {} into {} values", name, first,
                first + count, dataset.n_rows, n_values);
  if (count == 0) return {};
  const hsize_t offset[] = {static_cast<hsize_t>(first), 0};
  const hsize_t extent[] = {static_cast<hsize_t>(count), static_cast<hsize_t>(dataset.n_columns)};
  const h5::Id file_space(H5Dget_space(dataset.id.get()));
  const h5::Id memory_space(H5Screate_simple(rank, extent, nullptr));
  H5Sselect_hyperslab(file_space.get(), H5S_SELECT_SET, offset, nullptr, extent, nullptr);
  if (H5Dread(dataset.id.get(), memory_type, memory_space.get(), file_space.get(), H5P_DEFAULT,
              values) < 0)
    return h5::last_error("read " + std::string(name), ErrorCode::artifact_corrupt);
  return {};
}

Result<void> read_root_attributes(hid_t file, FeaturePackInfo& info) {
  BALEEN_ASSIGN_OR_RETURN(const std::string schema, h5::read_text_attribute(file, "schema_id"));
  BALEEN_ASSIGN_OR_RETURN(const std::string version, h5::read_text_attribute(file, "version"));
  if (schema != "feature_pack.v1" || !version.starts_with("1."))
    return fail(ErrorCode::artifact_corrupt, "schema {} version {} is no feature_pack.v1", schema,
                version);
  const std::pair<const char*, std::string*> attributes[] = {
      {"asset_id", &info.asset_id},
      {"computed_at", &info.computed_at},
      {"pipeline_version", &info.pipeline_version},
      {"worker_version", &info.worker_version},
      {"feature_spec_id", &info.feature_spec_id},
      {"feature_spec_alias", &info.feature_spec_alias},
      {"embedding_backend", &info.embedding_backend},
      {"embedding_model_id", &info.embedding_model_id},
      {"embedding_model_hash", &info.embedding_model_hash},
  };
  for (const auto& [name, value] : attributes) {
    BALEEN_ASSIGN_OR_RETURN(*value, h5::read_text_attribute(file, name));
  }
  return {};
}

}  // namespace

struct FeaturePackReader::State {
  Result<void> open(const std::filesystem::path& path) {
    BALEEN_ASSIGN_OR_RETURN(file, h5::open_file(path));
    BALEEN_RETURN_IF_ERROR(read_root_attributes(file.get(), info));
    BALEEN_ASSIGN_OR_RETURN(melspec, open_dataset(file.get(), "melspec", 2));
    BALEEN_ASSIGN_OR_RETURN(embeddings,
                            open_dataset(file.get(), "embeddings", 2, kEmbeddingsCacheBytes));
    BALEEN_ASSIGN_OR_RETURN(times, open_dataset(file.get(), "times", 1));
    BALEEN_ASSIGN_OR_RETURN(info.mel_hop_s, h5::read_double_attribute(melspec.id.get(), "hop_s"));
    BALEEN_ASSIGN_OR_RETURN(info.embedding_hop_s,
                            h5::read_double_attribute(embeddings.id.get(), "hop_s"));
    if (times.n_rows != embeddings.n_rows)
      return fail(ErrorCode::artifact_corrupt, "{} times for {} embeddings", times.n_rows,
                  embeddings.n_rows);
    info.n_frames = melspec.n_rows;
    info.n_mels = static_cast<int>(melspec.n_columns);
    info.n_embeddings = embeddings.n_rows;
    info.n_dims = static_cast<int>(embeddings.n_columns);
    return {};
  }

  FeaturePackInfo info;
  h5::Id file;
  Dataset melspec;
  Dataset embeddings;
  Dataset times;
};

FeaturePackReader::FeaturePackReader(std::unique_ptr<State> state) : state_(std::move(state)) {}
FeaturePackReader::~FeaturePackReader() {
  if (state_ != nullptr) h5::be_quiet();
}
FeaturePackReader::FeaturePackReader(FeaturePackReader&&) noexcept = default;
FeaturePackReader& FeaturePackReader::operator=(FeaturePackReader&&) noexcept = default;

Result<FeaturePackReader> FeaturePackReader::open(const std::filesystem::path& path) {
  h5::be_quiet();
  BALEEN_ASSIGN_OR_RETURN(const core::Fd readable, core::open_read(path));  // Or says why not.
  auto state = std::make_unique<State>();
  if (Result<void> result = state->open(path); !result.ok())
    return std::move(result).error().context(path.string());
  return FeaturePackReader(std::move(state));
}

const FeaturePackInfo& FeaturePackReader::info() const { return state_->info; }

Result<void> FeaturePackReader::read_melspec(std::int64_t first,
                                             std::int64_t count,
                                             std::span<float> rows) {
  h5::be_quiet();
  return read_rows(state_->melspec, 2, "melspec", first, count, H5T_NATIVE_FLOAT, rows.size(),
                   rows.data());
}

Result<void> FeaturePackReader::read_embeddings(std::int64_t first,
                                                std::int64_t count,
                                                std::span<float> rows) {
  h5::be_quiet();
  return read_rows(state_->embeddings, 2, "embeddings", first, count, H5T_NATIVE_FLOAT, rows.size(),
                   rows.data());
}

Result<void> FeaturePackReader::read_times(std::int64_t first,
                                           std::int64_t count,
                                           std::span<double> times_s) {
  h5::be_quiet();
  return read_rows(state_->times, 1, "times", first, count, H5T_NATIVE_DOUBLE, times_s.size(),
                   times_s.data());
}

json::object feature_pack_document(const FeaturePackInfo& info,
                                   const FeaturePackSummary& summary,
                                   const std::string& hdf5_path) {
  json::object document =
      begin_document("feature_pack.v1",
                     {info.asset_id, info.computed_at, info.pipeline_version, info.worker_version});
  document["feature_spec_id"] = info.feature_spec_id;
  document["feature_spec_alias"] = info.feature_spec_alias;
  document["embedding_backend"] = info.embedding_backend;
  document["embedding_model_id"] = info.embedding_model_id;
  document["embedding_model_hash"] = info.embedding_model_hash;
  document["content_sha256"] = summary.content_sha256;
  document["nan_count"] = summary.nan_count;
  document["melspec"] = {{"hdf5_uri", hdf5_path + "#/melspec"},
                         {"shape", json::array{info.n_frames, info.n_mels}},
                         {"dtype", "float32"},
                         {"hop_s", info.mel_hop_s},
                         {"units", "dB"}};
  document["embeddings"] = {{"hdf5_uri", hdf5_path + "#/embeddings"},
                            {"shape", json::array{info.n_embeddings, info.n_dims}},
                            {"dtype", "float32"},
                            {"hop_s", info.embedding_hop_s},
                            {"units", "1"}};
  return document;
}

void prepare_feature_packs() { h5::be_quiet(); }

}  // namespace baleen::formats
