#include "recipes/bioacoustics/cluster_model.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>

#include "core/file.h"

namespace baleen::bioacoustics {
namespace {

static_assert(std::endian::native == std::endian::little, "arrays are written as they are");

constexpr std::string_view kMagic = "BALCLUM1";
constexpr std::size_t kAlignment = 64;
constexpr std::int64_t kColumnsMax = 65'536;
constexpr std::int64_t kHeaderBytesMax = std::int64_t{1} << 30;
/// Rows are 32-bit numbers.
constexpr std::int64_t kWindowsMax = std::numeric_limits<std::int32_t>::max();

std::size_t aligned(std::size_t bytes) {
  return (bytes + kAlignment - 1) / kAlignment * kAlignment;
}

/// Arrays one behind the other, and where each begins.
class Arrays {
 public:
  template <typename T>
  void add(const char* name, std::span<const T> values) {
    bytes_.resize(aligned(bytes_.size()));
    places_[name] = json::array{static_cast<std::int64_t>(bytes_.size()),
                                static_cast<std::int64_t>(values.size_bytes())};
    const auto* const begin = reinterpret_cast<const char*>(values.data());
    bytes_.append(begin, values.size_bytes());
  }
  template <typename T>
  void add(const char* name, const std::vector<T>& values) {
    add(name, std::span<const T>(values));
  }
  [[nodiscard]] const std::string& bytes() const { return bytes_; }
  [[nodiscard]] const json::object& places() const { return places_; }

 private:
  std::string bytes_;
  json::object places_;
};

/// The same of a file.
class ArraysOfFile {
 public:
  ArraysOfFile(std::string_view bytes, const json::object& places, std::string name)
      : bytes_(bytes), places_(places), name_(std::move(name)) {}

  /// @param n  How many there must be; below 0: any number.
  template <typename T>
  Result<std::vector<T>> get(const char* name, std::int64_t n) const {
    const json::array& place = core::get_array(places_, name);
    const bool is_place = place.size() == 2 && place[0].is_int64() && place[1].is_int64();
    const std::int64_t begin = is_place ? place[0].get_int64() : -1;
    const std::int64_t size = is_place ? place[1].get_int64() : -1;
    const auto all = static_cast<std::int64_t>(bytes_.size());
    constexpr auto kEach = static_cast<std::int64_t>(sizeof(T));
    if (begin < 0 || size < 0 || begin > all || size > all - begin || size % kEach != 0 ||
        (n >= 0 && size / kEach != n)) {
      return fail(ErrorCode::artifact_corrupt, "{}: there is no array '{}' of {} values", name_,
                  name, n);
    }
    std::vector<T> values(static_cast<std::size_t>(size / kEach));
    if (size > 0) std::memcpy(values.data(), bytes_.data() + begin, static_cast<std::size_t>(size));
    return values;
  }

 private:
  std::string_view bytes_;
  const json::object& places_;
  std::string name_;
};

json::object header_of(const ClusterModel& model, const json::object& places) {
  json::array recordings;
  for (const ClusterModel::Recording& one : model.recordings)
    recordings.push_back(json::array{json::string(one.asset_id), one.deployment, one.n_windows});
  const FittedClustering& fitted = model.fitted;
  return {{"schema_id", "cluster_model.v1"},
          {"encoding_id", model.encoding_id},
          {"parameters", model.params.to_json()},
          {"windows", static_cast<std::int64_t>(fitted.map.n_rows())},
          {"components", static_cast<std::int64_t>(fitted.reduced.n_columns())},
          {"vector_dim", static_cast<std::int64_t>(fitted.normalization.center_of_all.size())},
          {"min_samples", static_cast<std::int64_t>(fitted.hdbscan.min_samples)},
          {"recordings", std::move(recordings)},
          {"deployments", json::array(model.deployments.begin(), model.deployments.end())},
          {"arrays", places}};
}

Arrays arrays_of(const FittedClustering& fitted) {
  const cluster::HdbscanState& state = fitted.hdbscan;
  std::vector<std::uint32_t> parents, sizes;
  std::vector<double> lives;
  for (const cluster::CondensedCluster& one : state.tree_clusters) {
    parents.push_back(one.parent);
    sizes.push_back(one.size);
    lives.insert(lives.end(), {one.birth, one.death, one.stability});
  }
  Arrays arrays;
  arrays.add("scalars", std::vector<double>{state.distance_floor, state.root_lambda, fitted.middle,
                                            fitted.deviation});
  arrays.add("map", fitted.map.values());
  arrays.add("reduced", fitted.reduced.values());
  arrays.add("core", state.core);
  arrays.add("tree_cluster", state.tree_cluster);
  arrays.add("tree_lambda", state.tree_lambda);
  arrays.add("cluster_parent", parents);
  arrays.add("cluster_size", sizes);
  arrays.add("cluster_life", lives);
  arrays.add("node_label", state.node_labels);
  arrays.add("label_node", state.nodes);
  arrays.add("new_label", fitted.new_label);
  arrays.add("mean_distance", fitted.mean_distance);
  arrays.add("reach", fitted.reach);
  arrays.add("center_of_all", fitted.normalization.center_of_all);
  arrays.add("center_group", fitted.normalization.groups);
  arrays.add("center", fitted.normalization.center.values());
  return arrays;
}

Result<cluster::Matrix> matrix_of(const ArraysOfFile& arrays,
                                  const char* name,
                                  std::int64_t n_rows,
                                  std::int64_t n_columns) {
  BALEEN_ASSIGN_OR_RETURN(std::vector<float> values, arrays.get<float>(name, n_rows * n_columns));
  return cluster::Matrix(std::move(values), static_cast<std::size_t>(n_rows),
                         static_cast<std::size_t>(n_columns));
}

Result<cluster::HdbscanState> state_of(const ArraysOfFile& arrays,
                                       std::int64_t n,
                                       std::int64_t min_samples,
                                       std::span<const double> scalars) {
  cluster::HdbscanState state;
  state.min_samples = static_cast<std::size_t>(min_samples);
  state.distance_floor = scalars[0];
  state.root_lambda = scalars[1];
  BALEEN_ASSIGN_OR_RETURN(state.core, arrays.get<float>("core", n));
  BALEEN_ASSIGN_OR_RETURN(state.tree_cluster, arrays.get<std::uint32_t>("tree_cluster", n));
  BALEEN_ASSIGN_OR_RETURN(state.tree_lambda, arrays.get<double>("tree_lambda", n));
  BALEEN_ASSIGN_OR_RETURN(const auto parents, arrays.get<std::uint32_t>("cluster_parent", -1));
  const auto n_nodes = static_cast<std::int64_t>(parents.size());
  BALEEN_ASSIGN_OR_RETURN(const auto sizes, arrays.get<std::uint32_t>("cluster_size", n_nodes));
  BALEEN_ASSIGN_OR_RETURN(const auto lives, arrays.get<double>("cluster_life", 3 * n_nodes));
  for (std::size_t c = 0; c < parents.size(); ++c) {
    state.tree_clusters.push_back(
        {parents[c], sizes[c], lives[3 * c], lives[3 * c + 1], lives[3 * c + 2]});
  }
  BALEEN_ASSIGN_OR_RETURN(state.node_labels, arrays.get<std::int32_t>("node_label", n_nodes));
  BALEEN_ASSIGN_OR_RETURN(state.nodes, arrays.get<std::uint32_t>("label_node", -1));
  return state;
}

Result<std::string> read_whole(const std::filesystem::path& path) {
  BALEEN_ASSIGN_OR_RETURN(const std::int64_t size, core::file_size_bytes(path));
  BALEEN_ASSIGN_OR_RETURN(const core::Fd file, core::open_read(path));
  std::string bytes(static_cast<std::size_t>(size), '\0');
  std::size_t n = 0;
  while (n < bytes.size()) {
    BALEEN_ASSIGN_OR_RETURN(
        const std::size_t more,
        core::read_some(file, std::as_writable_bytes(std::span(bytes).subspan(n))));
    if (more == 0) break;
    n += more;
  }
  bytes.resize(n);
  return bytes;
}

struct Opened {
  json::object header;
  std::size_t begin = 0;  ///< Of the arrays.
};

Result<Opened> open_header(std::string_view bytes, const std::string& name) {
  std::uint64_t size = 0;
  const std::size_t fixed = kMagic.size() + sizeof(size);
  if (!bytes.starts_with(kMagic) || bytes.size() < fixed)
    return fail(ErrorCode::artifact_corrupt, "{}: not a cluster model", name);
  std::memcpy(&size, bytes.data() + kMagic.size(), sizeof(size));
  if (size > static_cast<std::uint64_t>(kHeaderBytesMax) || size > bytes.size() - fixed)
    return fail(ErrorCode::artifact_corrupt, "{}: cut off", name);
  Result<json::object> header = core::parse_json_object(bytes.substr(fixed, size), name);
  if (!header.ok() || core::get_string(*header, "schema_id") != "cluster_model.v1")
    return fail(ErrorCode::artifact_corrupt, "{}: a header that says nothing", name);
  return Opened{std::move(*header), std::min(bytes.size(), aligned(fixed + size))};
}

Result<void> read_recordings(const json::object& header,
                             const std::string& name,
                             ClusterModel& model) {
  for (const json::value& value : core::get_array(header, "deployments"))
    model.deployments.emplace_back(value.is_string() ? std::string(value.get_string()) : "");
  std::int64_t n = 0;
  for (const json::value& value : core::get_array(header, "recordings")) {
    const json::array one = value.is_array() ? value.get_array() : json::array();
    if (one.size() != 3 || !one[0].is_string() || !one[1].is_int64() || !one[2].is_int64() ||
        one[1].get_int64() < 0 || one[1].get_int64() >= std::ssize(model.deployments) ||
        one[2].get_int64() < 0 || one[2].get_int64() > kWindowsMax - n)
      return fail(ErrorCode::artifact_corrupt, "{}: a recording that is none", name);
    model.recordings.push_back({std::string(one[0].get_string()),
                                static_cast<std::uint32_t>(one[1].get_int64()),
                                one[2].get_int64()});
    n += one[2].get_int64();
  }
  if (n != core::get_int(header, "windows"))
    return fail(ErrorCode::artifact_corrupt, "{}: recordings of {} windows", name, n);
  return {};
}

}  // namespace

Result<void> write_cluster_model(const std::filesystem::path& path, const ClusterModel& model) {
  const Arrays arrays = arrays_of(model.fitted);
  std::string head(kMagic);
  const std::string header = core::to_canonical_json(header_of(model, arrays.places()));
  const std::uint64_t size = header.size();
  head.append(reinterpret_cast<const char*>(&size), sizeof(size));
  head += header;
  head.resize(aligned(head.size()));
  return core::write_file_synced(path, [&](const core::Fd& file) -> Result<void> {
    BALEEN_RETURN_IF_ERROR(core::write_all(file, std::as_bytes(std::span(head))));
    return core::write_all(file, std::as_bytes(std::span(arrays.bytes())));
  });
}

Result<ClusterModel> read_cluster_model(const std::filesystem::path& path) {
  const std::string name = path.filename().string();
  BALEEN_ASSIGN_OR_RETURN(const std::string bytes, read_whole(path));
  BALEEN_ASSIGN_OR_RETURN(const Opened opened, open_header(bytes, name));
  const json::object& header = opened.header;
  ClusterModel model;
  model.encoding_id = core::get_string(header, "encoding_id");
  Result<ClusteringParams> params =
      ClusteringParams::from_json(core::get_object(header, "parameters"));
  if (!params.ok())
    return fail(ErrorCode::artifact_corrupt, "{}: {}", name, params.error().message);
  model.params = std::move(*params);
  BALEEN_RETURN_IF_ERROR(read_recordings(header, name, model));
  const ArraysOfFile arrays(std::string_view(bytes).substr(opened.begin),
                            core::get_object(header, "arrays"), name);
  const std::int64_t n = core::get_int(header, "windows");
  FittedClustering& fitted = model.fitted;
  BALEEN_ASSIGN_OR_RETURN(const std::vector<double> scalars, arrays.get<double>("scalars", 4));
  fitted.middle = scalars[2];
  fitted.deviation = scalars[3];
  BALEEN_ASSIGN_OR_RETURN(fitted.map, matrix_of(arrays, "map", n, 2));
  const std::int64_t n_components = core::get_int(header, "components");
  if (n_components < 0 || n_components > kColumnsMax)
    return fail(ErrorCode::artifact_corrupt, "{}: {} components", name, n_components);
  BALEEN_ASSIGN_OR_RETURN(fitted.reduced,
                          matrix_of(arrays, "reduced", n_components > 0 ? n : 0, n_components));
  BALEEN_ASSIGN_OR_RETURN(fitted.hdbscan,
                          state_of(arrays, n, core::get_int(header, "min_samples"), scalars));
  BALEEN_ASSIGN_OR_RETURN(fitted.new_label,
                          arrays.get<std::int32_t>("new_label", std::ssize(fitted.hdbscan.nodes)));
  const std::int64_t n_judged = model.params.has_noise_rejection ? n : 0;
  BALEEN_ASSIGN_OR_RETURN(fitted.mean_distance, arrays.get<float>("mean_distance", n_judged));
  BALEEN_ASSIGN_OR_RETURN(fitted.reach, arrays.get<float>("reach", n_judged));
  cluster::Normalization& centring = fitted.normalization;
  const std::int64_t d =
      std::clamp<std::int64_t>(core::get_int(header, "vector_dim"), 0, kColumnsMax);
  BALEEN_ASSIGN_OR_RETURN(centring.center_of_all, arrays.get<float>("center_of_all", d));
  BALEEN_ASSIGN_OR_RETURN(centring.groups, arrays.get<std::uint32_t>("center_group", -1));
  BALEEN_ASSIGN_OR_RETURN(centring.center,
                          matrix_of(arrays, "center", std::ssize(centring.groups), d));
  return model;
}

}  // namespace baleen::bioacoustics
