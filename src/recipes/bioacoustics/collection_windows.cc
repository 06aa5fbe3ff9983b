#include "recipes/bioacoustics/collection_windows.h"

#include <algorithm>

#include "core/file.h"
#include "formats/parquet_tables.h"
#include "recipes/bioacoustics/deployment_clock.h"
#include "recipes/bioacoustics/windows.h"

namespace baleen::bioacoustics {
namespace {

/// Only the last windows of a recording can hold less sound than others.
void leave_out_unfilled(CollectionWindows& windows,
                        std::size_t first,
                        double window_s,
                        double min_fill) {
  std::size_t n = windows.row_index.size();
  while (n > first &&
         is_mostly_padding(windows.row_index[n - 1], windows.end_s[n - 1] - windows.start_s[n - 1],
                           window_s, min_fill)) {
    --n;
  }
  windows.n_left_out += static_cast<std::int64_t>(windows.row_index.size() - n);
  windows.truncate(n);
}

Result<void> append(const engine::StageInput& input, double min_fill, CollectionWindows& windows) {
  BALEEN_ASSIGN_OR_RETURN(formats::EmbeddingsFile file, formats::open_embeddings(input.path));
  const int size = file.info.vector_dim;
  if (windows.size != 0 && size != windows.size) {
    return fail(ErrorCode::embedding_dimensions_differ,
                "asset {} has vectors of {} numbers, others of {}", input.asset_id, size,
                windows.size);
  }
  windows.size = size;
  const std::size_t before = windows.row_index.size();
  const auto n = static_cast<std::size_t>(file.reader.n_rows());
  windows.recording.resize(before + n, static_cast<std::uint32_t>(windows.recordings.size()));
  windows.row_index.resize(before + n);
  windows.start_s.resize(before + n);
  windows.end_s.resize(before + n);
  windows.vectors.resize((before + n) * static_cast<std::size_t>(size));
  const auto tail = [&](auto& values, std::size_t each = 1) {
    return std::span(values).subspan(before * each, n * each);
  };
  BALEEN_RETURN_IF_ERROR(file.reader.read(file.row_index, 0, tail(windows.row_index)));
  BALEEN_RETURN_IF_ERROR(file.reader.read(file.start_s, 0, tail(windows.start_s)));
  BALEEN_RETURN_IF_ERROR(file.reader.read(file.end_s, 0, tail(windows.end_s)));
  BALEEN_RETURN_IF_ERROR(
      file.reader.read(file.embedding, 0, tail(windows.vectors, static_cast<std::size_t>(size))));
  leave_out_unfilled(windows, before, file.info.window_size_s, min_fill);
  return {};
}

/// By recording.
Result<std::map<std::string, json::object>> read_descriptions(const engine::StageRequest& request) {
  std::map<std::string, json::object> found;
  for (const engine::StageInput& input : request.inputs) {
    if (input.type != "recording_v1") continue;
    BALEEN_ASSIGN_OR_RETURN(const json::value document, core::read_json_file(input.path));
    if (document.is_object()) found[input.asset_id] = document.get_object();
  }
  return found;
}

}  // namespace

void CollectionWindows::truncate(std::size_t n) {
  recording.resize(n);
  row_index.resize(n);
  start_s.resize(n);
  end_s.resize(n);
  vectors.resize(n * static_cast<std::size_t>(size));
}

CollectionWindows::Deployments CollectionWindows::deployments() const {
  Deployments found;
  std::map<std::string_view, std::uint32_t> numbers;
  for (const std::uint32_t of_row : recording) {
    const std::string& name = recordings[of_row].deployment;
    const auto [at, is_new] = numbers.emplace(name, static_cast<std::uint32_t>(found.names.size()));
    if (is_new) found.names.push_back(name);
    found.of_rows.push_back(at->second);
  }
  return found;
}

Result<CollectionWindows> read_collection_windows(
    const engine::StageRequest& request,
    double min_fill,
    const std::function<bool(const RecordingFacts&)>& is_wanted) {
  BALEEN_ASSIGN_OR_RETURN(const auto descriptions, read_descriptions(request));
  const json::object& known = core::get_object(request.payload, "metadata");
  CollectionWindows windows;
  for (const engine::StageInput& input : request.inputs) {
    if (input.type != "embedding_set") continue;
    const auto described = descriptions.find(input.asset_id);
    const json::object& metadata = core::get_object(known, input.asset_id);
    BALEEN_ASSIGN_OR_RETURN(
        const json::object description,
        in_true_time(described == descriptions.end() ? json::object() : described->second,
                     metadata));
    RecordingFacts facts = facts_of(input.asset_id, metadata, description);
    if (is_wanted && !is_wanted(facts)) continue;
    BALEEN_RETURN_IF_ERROR(append(input, min_fill, windows));
    windows.recordings.push_back(std::move(facts));
  }
  return windows;
}

}  // namespace baleen::bioacoustics
