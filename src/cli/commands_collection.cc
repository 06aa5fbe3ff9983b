// What is in a collection: search, export.

#include <fmt/format.h>

#include <cstdio>

#include "cli/commands.h"
#include "cli/text.h"
#include "engine/status.h"

namespace baleen::cli {
namespace {

/// Takes a new example in, and embeds it as the collection is; nothing is said if all is well.
Result<int> embed_example(const GlobalOptions& options,
                          const Program& program,
                          const WorkOptions& work,
                          const std::string& example) {
  GlobalOptions quietly = options;
  quietly.is_quiet = true;
  quietly.is_json = false;
  WorkOptions only_embed = work;
  only_embed.recipe = "bioacoustics";
  only_embed.collection.clear();
  only_embed.is_clustered = false;
  return run_command(quietly, program, only_embed, {example});
}

void print_answer(const json::object& answer) {
  const json::object& example = core::get_object(answer, "example");
  std::printf("like %s to %s of the example; %lld windows of %lld recordings, encoding %s\n",
              position_text(core::get_double(example, "start_s")).c_str(),
              position_text(core::get_double(example, "end_s")).c_str(),
              static_cast<long long>(core::get_int(answer, "windows_searched")),
              static_cast<long long>(core::get_int(answer, "recordings_searched")),
              core::get_string(answer, "encoding_id").c_str());
  const std::int64_t n_missing = core::get_int(answer, "recordings_not_embedded");
  if (n_missing > 0)
    std::printf("%lld recordings are not embedded so, and were not searched\n",
                static_cast<long long>(n_missing));
  const std::int64_t n_timeless = core::get_int(answer, "recordings_without_time");
  if (n_timeless > 0) {
    std::printf("%lld recordings do not say when they were made, and were not searched\n",
                static_cast<long long>(n_timeless));
  }
  const json::object& index = core::get_object(answer, "index");
  const std::int64_t n_added = core::get_int(index, "added");
  if (n_added > 0)
    std::printf("%lld windows were added to the search index\n", static_cast<long long>(n_added));
  Table table({"\nsimilarity", "from", "to", "asset", "file"});
  for (const json::value& value : core::get_array(answer, "hits")) {
    const json::object& hit = value.as_object();
    table.add({fmt::format("{:.3f}", core::get_double(hit, "similarity")),
               position_text(core::get_double(hit, "start_s")),
               position_text(core::get_double(hit, "end_s")), core::get_string(hit, "asset_id"),
               printable(core::get_string(hit, "file"), 50)});
  }
  std::printf("%s", table.is_empty() ? "nothing was found\n" : table.to_string().c_str());
}

}  // namespace

Result<int> search_command(const GlobalOptions& options,
                           const Program& program,
                           const WorkOptions& work,
                           const SearchOptions& search,
                           const std::string& example) {
  BALEEN_ASSIGN_OR_RETURN(const std::unique_ptr<Session> session,
                          Session::open(options, program, false));
  BALEEN_ASSIGN_OR_RETURN(const store::Collection collection,
                          find_collection_of(*session, work.owner, search.collection));
  std::error_code error;
  if (std::filesystem::is_regular_file(example, error)) {
    BALEEN_ASSIGN_OR_RETURN(const int status, embed_example(options, program, work, example));
    if (status != 0) return status;
  }
  BALEEN_ASSIGN_OR_RETURN(const std::optional<std::string> asset_id,
                          find_asset_of(*session, work.owner, example));
  if (!asset_id) return fail(ErrorCode::not_found, "{} was not taken in", printable(example));
  json::object params = work.params;
  params.erase("time_expansion");
  json::object request{{"collection_id", collection.collection_id},
                       {"asset_id", *asset_id},
                       {"top", search.top},
                       {"apart_s", search.apart_s},
                       {"where", work.where},
                       {"params", std::move(params)}};
  if (!search.since.empty()) request["since"] = search.since;
  if (!search.before.empty()) request["before"] = search.before;
  if (search.start_s) request["start_s"] = *search.start_s;
  if (search.end_s) request["end_s"] = *search.end_s;
  if (search.is_index_rebuilt) request["rebuild_index"] = true;
  BALEEN_ASSIGN_OR_RETURN(const json::object answer, program.search(session->config, session->root,
                                                                    session->database, request));
  if (options.is_json) {
    print_json(answer);
  } else {
    print_answer(answer);
  }
  return 0;
}

Result<int> export_command(const GlobalOptions& options,
                           const Program& program,
                           const WorkOptions& work,
                           const ExportOptions& exported,
                           const std::string& collection_name) {
  BALEEN_ASSIGN_OR_RETURN(const std::unique_ptr<Session> session,
                          Session::open(options, program, false));
  BALEEN_ASSIGN_OR_RETURN(const store::Collection collection,
                          find_collection_of(*session, work.owner, collection_name));
  BALEEN_ASSIGN_OR_RETURN(const json::object answer,
                          program.export_tables(session->root, session->database,
                                                {{"collection_id", collection.collection_id},
                                                 {"format", exported.format},
                                                 {"what", exported.what},
                                                 {"clustering_id", exported.clustering_id},
                                                 {"folder", exported.folder},
                                                 {"with_noise", exported.is_with_noise}}));
  if (options.is_json) {
    print_json(answer);
    return 0;
  }
  const std::string clusters = core::get_string(answer, "clusters");
  const std::int64_t n_recordings = core::get_int(answer, "recordings");
  if (!clusters.empty()) {
    std::printf("%lld windows of %lld recordings, of %s\n",
                static_cast<long long>(core::get_int(answer, "windows")),
                static_cast<long long>(n_recordings), clusters.c_str());
  }
  if (const std::int64_t n = core::get_int(answer, "annotations"); n > 0) {
    std::printf("%lld imported annotations, %lld recordings in all\n", static_cast<long long>(n),
                static_cast<long long>(n_recordings));
  }
  const std::int64_t n_noise = core::get_int(answer, "noise_left_out");
  if (n_noise > 0) {
    std::printf("%lld windows of no cluster are left out (--with-noise)\n",
                static_cast<long long>(n_noise));
  }
  for (const json::value& file : core::get_array(answer, "files"))
    std::printf("%s\n", file.as_string().c_str());
  return 0;
}

}  // namespace baleen::cli
