#include "app/probes.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <tuple>
#include <utility>

#include "cluster/linear_probe.h"
#include "core/clock.h"
#include "formats/parquet_tables.h"
#include "ml/model_store.h"
#include "recipes/bioacoustics/encoding.h"
#include "recipes/bioacoustics/search.h"
#include "recipes/bioacoustics/usual_encoding.h"
#include "recipes/bioacoustics/vectors.h"
#include "recipes/bioacoustics/window_labels.h"
#include "recipes/bioacoustics/windows.h"
#include "store/artifacts.h"
#include "store/collections.h"
#include "store/probes.h"

namespace baleen {
namespace {

using bioacoustics::WindowLabel;
using bioacoustics::WindowLabels;

constexpr std::int64_t kWindowsMax = 10'000;
/// Windows that nobody has labelled, taken for negatives where there are none.
constexpr std::size_t kPresumedPerPositive = 10, kPresumedMin = 200, kPresumedMax = 2'000;
/// More negatives teach little and take long.
constexpr std::size_t kLabelledMax = 20'000;

/// The embeddings of a collection in one encoding.
struct Embedded {
  struct Recording {
    std::string asset_id, filename;
    std::filesystem::path path;
    std::vector<double> start_s, end_s;
    double window_s = 0;

    [[nodiscard]] bool is_usable(std::size_t row) const {
      return !bioacoustics::is_mostly_padding(static_cast<std::int64_t>(row),
                                              end_s[row] - start_s[row], window_s,
                                              bioacoustics::kSearchedFillMin);
    }
  };
  std::string encoding_id;
  std::size_t n_dimensions = 0;
  std::vector<Recording> recordings;
  std::map<std::string, std::size_t> by_asset;
};

Result<Embedded> find_embedded(store::Database& database,
                               const store::DataRoot& root,
                               const std::string& collection_id,
                               const std::string& encoding_id) {
  BALEEN_ASSIGN_OR_RETURN(const auto members, store::list_members(database, collection_id));
  BALEEN_ASSIGN_OR_RETURN(const auto artifacts, store::find_latest_artifacts_of_members(
                                                    database, collection_id, "embedding_set",
                                                    bioacoustics::alias_of(encoding_id)));
  std::map<std::string, std::string> paths;
  for (const store::Artifact& artifact : artifacts) paths[artifact.asset_id] = artifact.path;
  Embedded embedded;
  embedded.encoding_id = encoding_id;
  for (const store::CollectionMember& member : members) {
    const auto path = paths.find(member.asset_id);
    if (path == paths.end()) continue;
    Embedded::Recording recording{member.asset_id, member.filename, root.at(path->second), {}, {}};
    BALEEN_ASSIGN_OR_RETURN(formats::EmbeddingsFile file, formats::open_embeddings(recording.path));
    recording.window_s = file.info.window_size_s;
    recording.start_s.resize(static_cast<std::size_t>(file.reader.n_rows()));
    recording.end_s.resize(recording.start_s.size());
    BALEEN_RETURN_IF_ERROR(file.reader.read(file.start_s, 0, std::span(recording.start_s)));
    BALEEN_RETURN_IF_ERROR(file.reader.read(file.end_s, 0, std::span(recording.end_s)));
    if (embedded.n_dimensions == 0)
      embedded.n_dimensions = static_cast<std::size_t>(file.info.vector_dim);
    embedded.by_asset[member.asset_id] = embedded.recordings.size();
    embedded.recordings.push_back(std::move(recording));
  }
  if (embedded.recordings.empty()) {
    return fail(ErrorCode::input_not_found, "no recording of the collection has embeddings of {}",
                encoding_id);
  }
  return embedded;
}

/// A window: which recording, which row.
using Place = std::pair<std::size_t, std::size_t>;

/// What is learned from, by recording and time.
struct Lessons {
  std::map<Place, bool> is_positive;
  std::size_t n_positive = 0, n_negative = 0, n_presumed = 0;
};

Lessons lessons_of(const WindowLabels& labels, const std::string& label, const Embedded& embedded) {
  Lessons lessons;
  for (const WindowLabel& window : labels.windows) {
    const auto recording = embedded.by_asset.find(labels.asset_ids[window.recording]);
    const auto row = static_cast<std::size_t>(window.row_index);
    if (recording == embedded.by_asset.end() ||
        row >= embedded.recordings[recording->second].start_s.size())
      continue;
    const bool is_positive =
        window.label != WindowLabels::kIsNoise && labels.labels[window.label] == label;
    if (!is_positive && lessons.n_negative >= kLabelledMax) continue;
    lessons.is_positive[{recording->second, row}] = is_positive;
    ++(is_positive ? lessons.n_positive : lessons.n_negative);
  }
  return lessons;
}

/// Windows that nobody has labelled, drawn evenly, the same ones every time. Most of them are something else.
void presume_negatives(const Embedded& embedded, Lessons& lessons) {
  std::vector<Place> unlabelled;
  for (std::size_t i = 0; i < embedded.recordings.size(); ++i) {
    for (std::size_t row = 0; row < embedded.recordings[i].start_s.size(); ++row) {
      if (embedded.recordings[i].is_usable(row) && !lessons.is_positive.contains({i, row}))
        unlabelled.emplace_back(i, row);
    }
  }
  const std::size_t n_wanted =
      std::min(std::clamp(kPresumedPerPositive * lessons.n_positive, kPresumedMin, kPresumedMax),
               unlabelled.size());
  std::uint64_t state = 1;
  for (std::size_t i = 0; i < n_wanted; ++i) {
    state = state * 6364136223846793005U + 1442695040888963407U;  // Knuth, MMIX.
    const std::size_t chosen =
        i + static_cast<std::size_t>((state >> 33U) % (unlabelled.size() - i));
    std::swap(unlabelled[i], unlabelled[chosen]);
    lessons.is_positive[unlabelled[i]] = false;
  }
  lessons.n_presumed = n_wanted;
  lessons.n_negative += n_wanted;
}

Error too_few(const WindowLabels& labels, const std::string& label) {
  std::string known;
  for (const std::string& one : labels.labels) known += (known.empty() ? "" : ", ") + one;
  return fail(ErrorCode::labels_too_few, "no window has the label '{}'; {}", label,
              known.empty() ? "none has any label yet" : "there are: " + known.substr(0, 500));
}

struct Learned {
  cluster::LearnedProbe probe;
  Lessons lessons;
  std::size_t n_recordings = 0;
};

Result<Learned> learn(const Embedded& embedded,
                      const WindowLabels& labels,
                      const std::string& label,
                      double precision) {
  Learned learned{{}, lessons_of(labels, label, embedded)};
  Lessons& lessons = learned.lessons;
  if (lessons.n_positive == 0) return too_few(labels, label);
  if (lessons.n_positive < cluster::kProbePositivesMin) {
    return fail(ErrorCode::labels_too_few,
                "only {} windows have the label '{}': at least {} are needed", lessons.n_positive,
                label, cluster::kProbePositivesMin);
  }
  if (lessons.n_negative < cluster::kProbeNegativesMin) presume_negatives(embedded, lessons);
  cluster::Matrix x(lessons.is_positive.size(), embedded.n_dimensions);
  std::vector<std::uint8_t> is_positive;
  std::vector<std::uint32_t> recording;
  std::optional<formats::EmbeddingsFile> file;
  for (const auto& [place, positive] : lessons.is_positive) {
    if (recording.empty() || recording.back() != place.first) {
      BALEEN_ASSIGN_OR_RETURN(file,
                              formats::open_embeddings(embedded.recordings[place.first].path));
      ++learned.n_recordings;
      if (static_cast<std::size_t>(file->info.vector_dim) != embedded.n_dimensions) {
        return fail(ErrorCode::embedding_dimensions_differ,
                    "{} has vectors of {} numbers, not of {}",
                    embedded.recordings[place.first].path.filename().string(),
                    file->info.vector_dim, embedded.n_dimensions);
      }
    }
    BALEEN_RETURN_IF_ERROR(file->reader.read(
        file->embedding, static_cast<std::int64_t>(place.second), x.row(is_positive.size())));
    is_positive.push_back(positive ? 1 : 0);
    recording.push_back(static_cast<std::uint32_t>(place.first));
  }
  BALEEN_ASSIGN_OR_RETURN(learned.probe, cluster::learn_probe(x.view(), is_positive, recording,
                                                              {.precision = precision}));
  return learned;
}

/// What scores windows.
struct Scorer {
  cluster::LinearModel model;
  cluster::Calibration calibration;

  [[nodiscard]] json::object to_json() const {
    json::array weights;
    for (const float weight : model.weights) weights.push_back(static_cast<double>(weight));
    return {{"weights", std::move(weights)},
            {"offset", model.offset},
            {"calibration_slope", calibration.slope},
            {"calibration_offset", calibration.offset}};
  }
  [[nodiscard]] static Scorer from_json(const json::object& object) {
    Scorer scorer;
    for (const json::value& weight : core::get_array(object, "weights"))
      scorer.model.weights.push_back(weight.is_number() ? weight.to_number<float>() : 0.0F);
    scorer.model.offset = core::get_double(object, "offset");
    scorer.calibration = {core::get_double(object, "calibration_slope"),
                          core::get_double(object, "calibration_offset")};
    return scorer;
  }
};

/// Calls `visit(recording, row, score)` for every window that holds enough sound.
template <typename Visit>
Result<void> score_all(const Embedded& embedded, const Scorer& scorer, const Visit& visit) {
  for (std::size_t i = 0; i < embedded.recordings.size(); ++i) {
    const Embedded::Recording& recording = embedded.recordings[i];
    BALEEN_RETURN_IF_ERROR(bioacoustics::for_each_vector(
        recording.path, scorer.model.weights.size(),
        [&](std::int64_t row, std::span<const float> vector) {
          const auto at = static_cast<std::size_t>(row);
          if (at >= recording.start_s.size() || !recording.is_usable(at)) return;
          visit(i, at, scorer.calibration.probability(scorer.model.score(vector)));
        }));
  }
  return {};
}

json::array warnings_of(const Learned& learned, std::int64_t n_above, std::int64_t n_scored) {
  json::array warnings;
  const cluster::LearnedProbe& probe = learned.probe;
  const auto warn = [&](std::string_view text) { warnings.emplace_back(text); };
  if (learned.lessons.n_presumed > 0) {
    warn(fmt::format(
        "nobody has said what is not of this label: {} windows without any label were taken for "
        "others; those among them that are of it count as mistakes",
        learned.lessons.n_presumed));
  }
  if (!probe.is_by_recording)
    warn(
        "the windows of the label, or all others, come from one recording: how good it is in other "
        "recordings "
        "is not known, and is likely less");
  if (!probe.threshold.is_reached)
    warn(fmt::format(
        "the precision asked for is not reached: {:.2f} is the best there is; label more windows "
        "near the threshold",
        probe.threshold.precision));
  const auto n_wrong = static_cast<double>(probe.threshold.n_found - probe.threshold.n_right);
  const double expected =
      n_wrong / static_cast<double>(learned.lessons.n_negative) * static_cast<double>(n_scored);
  const double claimed = (1 - probe.precision_95.low) * static_cast<double>(n_above);
  if (n_above > 0 && expected > claimed) {
    warn(fmt::format(
        "the label is rarer among all windows than among those it was learned from: of the {} "
        "windows above the threshold as many as {:.0f} may be something else",
        n_above, std::min(expected, static_cast<double>(n_above))));
  }
  return warnings;
}

struct Scored {
  std::size_t recording = 0, row = 0;
  double score = 0, rank = 0;  // The least rank first.

  [[nodiscard]] bool operator<(const Scored& other) const {
    return std::tie(rank, recording, row) < std::tie(other.rank, other.recording, other.row);
  }
};

}  // namespace

Result<json::object> make_probe(const cli::Config& config,
                                const store::DataRoot& root,
                                store::Database& database,
                                const json::object& request,
                                const std::string& made_by) {
  const std::string collection_id = core::get_string(request, "collection_id");
  const std::string label = core::get_string(request, "label");
  const double precision = core::get_double(request, "precision", 0.9);
  if (!(precision > 0 && precision <= 1))
    return fail(ErrorCode::invalid_argument, "a precision of {}, not above 0 and at most 1",
                precision);
  std::string encoding_id;
  if (const json::object& params = core::get_object(request, "params"); params.empty()) {
    BALEEN_ASSIGN_OR_RETURN(const auto usual,
                            bioacoustics::find_usual_encoding(database, collection_id));
    if (!usual)
      return fail(ErrorCode::input_not_found, "no recording of the collection has embeddings");
    encoding_id = usual->encoding_id;
  } else {
    BALEEN_ASSIGN_OR_RETURN(
        const json::object canonical,
        bioacoustics::canonical_encoding_params(params, config.text("bioacoustics.model")));
    BALEEN_ASSIGN_OR_RETURN(
        const bioacoustics::Encoding encoding,
        bioacoustics::resolve_encoding(canonical, ml::ModelStore(root.models())));
    encoding_id = encoding.id();
  }
  BALEEN_ASSIGN_OR_RETURN(const Embedded embedded,
                          find_embedded(database, root, collection_id, encoding_id));
  BALEEN_ASSIGN_OR_RETURN(
      const WindowLabels labels,
      bioacoustics::labels_of_windows(database, root, collection_id, encoding_id));
  BALEEN_ASSIGN_OR_RETURN(Learned learned, learn(embedded, labels, label, precision));
  cluster::LearnedProbe& probe = learned.probe;
  // Six digits are the same number wherever it is written, so that the same windows are above it.
  probe.threshold.score = std::floor(1e6 * probe.threshold.score) / 1e6;
  const Scorer scorer{probe.model, probe.calibration};
  std::int64_t n_above = 0, n_scored = 0;
  BALEEN_RETURN_IF_ERROR(score_all(embedded, scorer, [&](std::size_t, std::size_t, double score) {
    ++n_scored;
    n_above += score >= probe.threshold.score ? 1 : 0;
  }));
  store::LinearProbe kept{
      0, collection_id, encoding_id, label, {}, made_by, core::system_clock().now_us()};
  const auto count = [](std::size_t n) { return static_cast<std::int64_t>(n); };
  kept.document = {{"positives", count(learned.lessons.n_positive)},
                   {"negatives", count(learned.lessons.n_negative)},
                   {"negatives_presumed", count(learned.lessons.n_presumed)},
                   {"recordings", count(learned.n_recordings)},
                   {"folds", count(probe.n_folds)},
                   {"is_by_recording", probe.is_by_recording},
                   {"average_precision", probe.average_precision},
                   {"roc_auc", probe.roc_auc},
                   {"threshold", probe.threshold.score},
                   {"precision_wanted", precision},
                   {"is_precision_reached", probe.threshold.is_reached},
                   {"precision", probe.threshold.precision},
                   {"precision_low", probe.precision_95.low},
                   {"precision_high", probe.precision_95.high},
                   {"precision_windows", count(probe.threshold.n_found)},
                   {"recall", probe.threshold.recall},
                   {"windows_above", n_above},
                   {"windows_scored", n_scored},
                   {"warnings", warnings_of(learned, n_above, n_scored)},
                   {"model", scorer.to_json()}};
  BALEEN_ASSIGN_OR_RETURN(const std::int64_t probe_id, store::insert_probe(database, kept));
  // As it will be read from now on: numbers that go through text may lose their last bit.
  BALEEN_ASSIGN_OR_RETURN(const auto again, store::find_probe(database, probe_id));
  if (!again) return fail(ErrorCode::not_found, "probe {} is gone already", probe_id);
  return again->to_json();
}

Result<json::object> probe_windows(const store::DataRoot& root,
                                   store::Database& database,
                                   std::int64_t probe_id,
                                   const json::object& request) {
  const std::string order = core::get_string(request, "order", "score");
  const std::int64_t limit = core::get_int(request, "limit", 50);
  const double min_score = core::get_double(request, "min_score", 0);
  if (order != "score" && order != "uncertain")
    return fail(ErrorCode::invalid_argument, "order is 'score' or 'uncertain', not '{}'", order);
  if (limit < 1 || limit > kWindowsMax)
    return fail(ErrorCode::invalid_argument, "limit {} is outside 1 to {}", limit, kWindowsMax);
  BALEEN_ASSIGN_OR_RETURN(const auto probe, store::find_probe(database, probe_id));
  if (!probe) return fail(ErrorCode::not_found, "there is no probe {}", probe_id);
  BALEEN_ASSIGN_OR_RETURN(const Embedded embedded,
                          find_embedded(database, root, probe->collection_id, probe->encoding_id));
  BALEEN_ASSIGN_OR_RETURN(
      const WindowLabels labels,
      bioacoustics::labels_of_windows(database, root, probe->collection_id, probe->encoding_id));
  std::map<Place, std::string> said;
  for (const WindowLabel& window : labels.windows) {
    const auto recording = embedded.by_asset.find(labels.asset_ids[window.recording]);
    if (recording == embedded.by_asset.end()) continue;
    said[{recording->second, static_cast<std::size_t>(window.row_index)}] =
        window.label == WindowLabels::kIsNoise ? "" : labels.labels[window.label];
  }
  const Scorer scorer = Scorer::from_json(core::get_object(probe->document, "model"));
  const double threshold = core::get_double(probe->document, "threshold");
  std::vector<Scored> best;  // A heap, the worst on top.
  BALEEN_RETURN_IF_ERROR(
      score_all(embedded, scorer, [&](std::size_t recording, std::size_t row, double score) {
        if (score < min_score) return;
        if (order == "uncertain" && said.contains({recording, row})) return;
        const double rank = order == "score" ? -score : std::abs(score - threshold);
        best.push_back({recording, row, score, rank});
        std::push_heap(best.begin(), best.end());
        if (std::ssize(best) <= limit) return;
        std::pop_heap(best.begin(), best.end());
        best.pop_back();
      }));
  std::sort_heap(best.begin(), best.end());
  json::array items;
  for (const Scored& window : best) {
    const Embedded::Recording& recording = embedded.recordings[window.recording];
    const auto label = said.find({window.recording, window.row});
    items.push_back(
        {{"asset_id", recording.asset_id},
         {"filename", core::valid_utf8(recording.filename)},
         {"row_index", static_cast<std::int64_t>(window.row)},
         {"start_s", recording.start_s[window.row]},
         {"end_s", recording.end_s[window.row]},
         {"score", window.score},
         {"label", label == said.end() || label->second.empty() ? json::value(nullptr)
                                                                : json::value(label->second)}});
  }
  return json::object{
      {"probe_id", probe_id}, {"threshold", threshold}, {"items", std::move(items)}};
}

}  // namespace baleen
