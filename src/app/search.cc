#include "app/search.h"

#include <algorithm>
#include <limits>
#include <map>
#include <optional>
#include <thread>
#include <unordered_map>
#include <utility>

#include "audio/field_time.h"
#include "core/log.h"
#include "formats/parquet_tables.h"
#include "ml/model_store.h"
#include "recipes/bioacoustics/deployment_clock.h"
#include "recipes/bioacoustics/encoding.h"
#include "recipes/bioacoustics/metadata.h"
#include "recipes/bioacoustics/recorder_documents.h"
#include "recipes/bioacoustics/search.h"
#include "store/artifacts.h"
#include "store/collections.h"

namespace baleen {
namespace {

constexpr std::int64_t kTopMax = 1000;
constexpr int kThreadsMax = 4;  ///< That compare sketches: more would wait for memory.

int n_threads() {
  return std::clamp(static_cast<int>(std::thread::hardware_concurrency()), 1, kThreadsMax);
}

/// A stretch of time, as people name it: with a zone (then recordings of a known zone are compared), or without (then
/// what the recorders' own clocks said).
struct Span {
  std::optional<audio::FieldTime> since, before;

  [[nodiscard]] bool is_everything() const { return !since && !before; }
};

Result<std::optional<audio::FieldTime>> time_of(const json::object& request, const char* name) {
  const json::value* const value = request.if_contains(name);
  if (value == nullptr || value->is_null()) return std::optional<audio::FieldTime>();
  const std::string text = value->is_string() ? std::string(value->get_string()) : "";
  constexpr std::size_t kDateLength = std::string_view("2019-05-22").size();
  std::optional<audio::FieldTime> time =
      audio::parse_field_time(text.size() == kDateLength ? text + "T00:00:00" : text);
  if (!time) {
    return fail(
        ErrorCode::invalid_argument,
        "{} is '{}', and no time such as 2019-05-22, 2019-05-22T06:00:00 or 2019-05-22T06:00:00Z",
        name, text);
  }
  return time;
}

/// Seconds from the start of a recording to a time; none if that cannot be known.
std::optional<double> seconds_until(const audio::FieldTime& time, const json::object& recording) {
  const char* const member = time.utc_offset_s ? "start_utc" : "start_local";
  const auto start = audio::parse_field_time(core::get_string(recording, member));
  if (!start) return std::nullopt;
  const std::int64_t start_us =
      time.utc_offset_s ? start->utc_us().value_or(start->wall_us) : start->wall_us;
  const std::int64_t time_us = time.utc_us().value_or(time.wall_us);
  return static_cast<double>(time_us - start_us) * 1e-6;
}

/// Whether it is known when the recording was made; if so, what of it lies in the span.
bool narrow(const Span& span, const json::object& recording, bioacoustics::EmbeddedRecording& to) {
  if (span.since) {
    const std::optional<double> from_s = seconds_until(*span.since, recording);
    if (!from_s) return false;
    to.from_s = std::max(0.0, *from_s);
  }
  if (span.before) {
    const std::optional<double> to_s = seconds_until(*span.before, recording);
    if (!to_s) return false;
    to.to_s = *to_s;
  }
  return true;
}

struct Among {
  std::vector<bioacoustics::EmbeddedRecording> recordings;
  std::vector<std::string> filenames;
  std::int64_t n_not_embedded = 0, n_without_time = 0;
};

Result<Among> choose(store::Database& database,
                     const store::DataRoot& root,
                     const json::object& request,
                     const std::string& alias,
                     const Span& span) {
  const std::string collection_id = core::get_string(request, "collection_id");
  const json::object& where = core::get_object(request, "where");
  BALEEN_RETURN_IF_ERROR(bioacoustics::check_where(where));
  BALEEN_ASSIGN_OR_RETURN(const auto members, store::list_members(database, collection_id));
  BALEEN_ASSIGN_OR_RETURN(const auto files, store::find_latest_files_of_members(
                                                database, collection_id, "embedding_set", alias));
  std::unordered_map<std::string_view, const store::ArtifactFile*> sets;
  for (const store::ArtifactFile& file : files) sets[file.asset_id] = &file;
  std::map<std::string, json::object> recordings;
  if (!span.is_everything()) {
    BALEEN_ASSIGN_OR_RETURN(recordings,
                            bioacoustics::recorder_documents(database, root, collection_id));
  }
  Among among;
  for (const store::CollectionMember& member : members) {
    if (!bioacoustics::matches(member.metadata.to_json(), where)) continue;
    const auto set = sets.find(member.asset_id);
    if (set == sets.end()) {
      ++among.n_not_embedded;
      continue;
    }
    bioacoustics::EmbeddedRecording recording{member.asset_id, root.at(set->second->path)};
    recording.sha256 = set->second->sha256;
    recording.bytes = set->second->bytes;
    if (!span.is_everything()) {
      BALEEN_ASSIGN_OR_RETURN(
          const json::object in_time,
          bioacoustics::in_true_time(recordings[member.asset_id], member.metadata.to_json()));
      if (!narrow(span, in_time, recording)) {
        ++among.n_without_time;
        continue;
      }
    }
    among.recordings.push_back(std::move(recording));
    among.filenames.push_back(member.filename);
  }
  return among;
}

Result<bioacoustics::Example> example_of(store::Database& database,
                                         const store::DataRoot& root,
                                         const json::object& request,
                                         const bioacoustics::Encoding& encoding) {
  const std::string asset_id = core::get_string(request, "asset_id");
  BALEEN_ASSIGN_OR_RETURN(
      const auto artifact,
      store::find_latest_artifact(database, asset_id, "embedding_set", encoding.alias()));
  if (!artifact) {
    return fail(ErrorCode::input_not_found, "the example, {}, has no embeddings of encoding {}",
                asset_id, encoding.id());
  }
  bioacoustics::Example example{{asset_id, root.at(artifact->path)}};
  const bool has_start = request.contains("start_s");
  example.start_s = core::get_double(request, "start_s");
  example.end_s = core::get_double(
      request, "end_s", has_start ? example.start_s : std::numeric_limits<double>::infinity());
  if (example.start_s < 0 || (request.contains("end_s") && example.end_s <= example.start_s)) {
    return fail(ErrorCode::invalid_argument, "from {} s to {} s is no stretch of a recording",
                example.start_s, example.end_s);
  }
  return example;
}

/// How much it costs to compare everything, in windows; without opening files, most of which is vectors.
std::int64_t cost_in_windows(const Among& among, std::int64_t vector_dim) {
  constexpr std::int64_t kOfAFile = 100;  // 48 µs to open one, 0.46 µs to compare a window.
  std::int64_t bytes = 0;
  for (const bioacoustics::EmbeddedRecording& recording : among.recordings)
    bytes += recording.bytes;
  return bytes / std::max<std::int64_t>(1, 4 * vector_dim) +
         kOfAFile * std::ssize(among.recordings);
}

/// An index that is up to date, as far as that can be had.
struct UsedIndex {
  std::shared_ptr<const bioacoustics::SearchIndex> index;  // Null: compare everything.
  std::int64_t n_added = 0;
  std::string warning;
};

UsedIndex use_index(const std::filesystem::path& directory,
                    const Among& among,
                    bioacoustics::OpenIndexes& indexes,
                    const bioacoustics::IndexUpdateOptions& options) {
  UsedIndex used;
  Result<std::shared_ptr<const bioacoustics::SearchIndex>> opened = indexes.open(directory);
  std::vector<bioacoustics::SetToIndex> sets;
  bool is_complete = opened.ok() && !options.is_made_anew;
  for (const bioacoustics::EmbeddedRecording& recording : among.recordings) {
    sets.push_back({recording.asset_id, recording.sha256, recording.embeddings, recording.bytes});
    is_complete = is_complete && (*opened)->find(recording.sha256) != nullptr;
  }
  if (!is_complete) {
    const Result<bioacoustics::IndexUpdate> update =
        bioacoustics::update_search_index(directory, sets, options);
    if (update.ok()) {
      used.n_added = update->n_windows_added;
      if (!opened.ok() && opened.error().code == ErrorCode::file_corrupt)
        used.warning = "it was made anew: " + opened.error().to_string();
    } else {
      used.warning = "it is not up to date: " + update.error().to_string();
    }
    opened = indexes.open(directory);
  }
  if (opened.ok()) used.index = *opened;
  if (!used.warning.empty())
    core::log(core::LogLevel::warning, "search index",
              {{"index", directory.string()}, {"finding", used.warning}});
  return used;
}

/// Null where so few windows are concerned that they are better compared themselves.
Result<UsedIndex> find_index(const cli::Config& config,
                             const store::DataRoot& root,
                             store::Database& database,
                             const bioacoustics::Encoding& encoding,
                             const bioacoustics::Example& example,
                             const Among& among,
                             bioacoustics::OpenIndexes& indexes,
                             const json::object& request) {
  BALEEN_ASSIGN_OR_RETURN(const formats::EmbeddingsFile file,
                          formats::open_embeddings(example.recording.embeddings));
  bioacoustics::IndexUpdateOptions options;
  options.n_threads = n_threads();
  options.is_made_anew = core::get_bool(request, "rebuild_index");
  options.n_windows_max = core::get_int(request, "index_added_max", options.n_windows_max);
  if (!options.is_made_anew && cost_in_windows(among, file.info.vector_dim) <
                                   config.integer("bioacoustics.index_windows_min"))
    return UsedIndex();
  BALEEN_ASSIGN_OR_RETURN(
      const auto collection,
      store::find_collection(database, core::get_string(request, "collection_id")));
  const std::string owner = collection ? collection->owner_entity_id : "";
  return use_index(root.at(store::index_directory(encoding.alias(), owner)), among, indexes,
                   options);
}

json::array describe(const std::vector<bioacoustics::SearchHit>& hits, const Among& among) {
  json::array list;
  for (const bioacoustics::SearchHit& hit : hits) {
    list.push_back({{"asset_id", among.recordings[hit.recording].asset_id},
                    {"file", core::valid_utf8(among.filenames[hit.recording])},
                    {"row_index", hit.row_index},
                    {"start_s", hit.start_s},
                    {"end_s", hit.end_s},
                    {"similarity", hit.similarity}});
  }
  return list;
}

}  // namespace

Result<json::object> search_collection(const cli::Config& config,
                                       const store::DataRoot& root,
                                       store::Database& database,
                                       bioacoustics::OpenIndexes& indexes,
                                       const json::object& request) {
  const std::int64_t top = core::get_int(request, "top", 20);
  const double apart_s = core::get_double(request, "apart_s", 0);
  if (top < 1 || top > kTopMax)
    return fail(ErrorCode::invalid_argument, "top is {}, not 1 to {}", top, kTopMax);
  if (!(apart_s >= 0))
    return fail(ErrorCode::invalid_argument, "apart_s is {}, which is less than 0", apart_s);
  BALEEN_ASSIGN_OR_RETURN(const json::object params, bioacoustics::canonical_encoding_params(
                                                         core::get_object(request, "params"),
                                                         config.text("bioacoustics.model")));
  BALEEN_ASSIGN_OR_RETURN(const bioacoustics::Encoding encoding,
                          bioacoustics::resolve_encoding(params, ml::ModelStore(root.models())));
  BALEEN_ASSIGN_OR_RETURN(const bioacoustics::Example example,
                          example_of(database, root, request, encoding));
  Span span;
  BALEEN_ASSIGN_OR_RETURN(span.since, time_of(request, "since"));
  BALEEN_ASSIGN_OR_RETURN(span.before, time_of(request, "before"));
  BALEEN_ASSIGN_OR_RETURN(const Among among,
                          choose(database, root, request, encoding.alias(), span));
  if (among.recordings.empty()) {
    return fail(
        ErrorCode::input_not_found,
        "nothing can be searched: {} recordings have no embeddings of encoding {}, and of {} "
        "it is not known when they were made",
        among.n_not_embedded, encoding.id(), among.n_without_time);
  }
  BALEEN_ASSIGN_OR_RETURN(const UsedIndex used, find_index(config, root, database, encoding,
                                                           example, among, indexes, request));
  BALEEN_ASSIGN_OR_RETURN(
      const bioacoustics::SearchResult found,
      bioacoustics::search_by_example(example, among.recordings,
                                      {static_cast<std::size_t>(top), apart_s, n_threads()},
                                      used.index.get()));
  return json::object{{"collection_id", core::get_string(request, "collection_id")},
                      {"encoding_id", encoding.id()},
                      {"example",
                       {{"asset_id", example.recording.asset_id},
                        {"start_s", found.start_s},
                        {"end_s", found.end_s},
                        {"windows", found.n_example_windows}}},
                      {"recordings_searched", static_cast<std::int64_t>(among.recordings.size())},
                      {"recordings_not_embedded", among.n_not_embedded},
                      {"recordings_without_time", among.n_without_time},
                      {"windows_searched", found.n_windows},
                      {"index",
                       {{"windows", found.n_windows_by_sketch},
                        {"looked_at", found.n_windows_looked_at},
                        {"added", used.n_added},
                        {"warning", used.warning}}},
                      {"hits", describe(found.hits, among)}};
}

std::optional<cli::Check> search_index_check(const store::DataRoot& root) {
  using State = cli::Check::State;
  std::int64_t n_indexes = 0, n_windows = 0, bytes = 0;
  std::string damage;
  std::error_code error;
  std::filesystem::recursive_directory_iterator files(root.indexes(), error), end;
  for (; !error && files != end; files.increment(error)) {
    std::error_code ignored;
    if (files->is_regular_file(ignored))
      bytes += static_cast<std::int64_t>(files->file_size(ignored));
    if (files->path().filename() != "sets.json") continue;
    ++n_indexes;
    const auto index = bioacoustics::look_at_search_index(files->path().parent_path());
    if (!index.ok()) {
      damage = index.error().to_string();
      continue;
    }
    for (const bioacoustics::IndexedSet& set : index->sets) n_windows += set.n_rows;
  }
  if (n_indexes == 0) return std::nullopt;
  if (!damage.empty())
    return cli::Check{State::warning, "search index", damage,
                      "the next search makes it anew, or `baleen search --rebuild-index …` now"};
  return cli::Check{State::ok, "search index",
                    fmt::format("{}, {} windows, {:.1f} MB", n_indexes, n_windows,
                                static_cast<double>(bytes) * 1e-6),
                    ""};
}

}  // namespace baleen
