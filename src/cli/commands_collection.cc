// What is in a collection: search, export.

#include <fmt/format.h>

#include <cstdio>

#include "cli/commands.h"
#include "cli/text.h"
#include "engine/status.h"

namespace baleen::cli {
namespace {

/// Audacity takes one table for each recording: months of them are not listed.
constexpr std::size_t kFilesMax = 20;

/// Takes a new example in, and embeds it as the collection is; nothing is said if all is well.
Result<int> embed_example(const GlobalOptions& options,
                          const Program& program,
                          const WorkOptions& work,
                          const json::object& params,
                          const std::string& example) {
  GlobalOptions quietly = options;
  quietly.is_quiet = true;
  quietly.is_json = false;
  WorkOptions only_embed = work;
  only_embed.recipe = "bioacoustics";
  only_embed.collection.clear();
  only_embed.is_clustered = false;
  for (const auto& param : params) only_embed.params[param.key()] = param.value();
  return run_command(quietly, program, only_embed, {example});
}

void print_answer(const json::object& answer) {
  const json::object& example = core::get_object(answer, "example");
  std::printf("like %s to %s of the example; %s of %s, encoding %s\n",
              position_text(core::get_double(example, "start_s")).c_str(),
              position_text(core::get_double(example, "end_s")).c_str(),
              plural(core::get_int(answer, "windows_searched"), "window").c_str(),
              plural(core::get_int(answer, "recordings_searched"), "recording").c_str(),
              core::get_string(answer, "encoding_id").c_str());
  const std::int64_t n_missing = core::get_int(answer, "recordings_not_embedded");
  if (n_missing > 0)
    std::printf("not searched, since not embedded so: %s\n",
                plural(n_missing, "recording").c_str());
  const std::int64_t n_timeless = core::get_int(answer, "recordings_without_time");
  if (n_timeless > 0) {
    std::printf("not searched, since nothing says when they were made: %s\n",
                plural(n_timeless, "recording").c_str());
  }
  const json::object& index = core::get_object(answer, "index");
  const std::int64_t n_added = core::get_int(index, "added");
  if (n_added > 0)
    std::printf("added to the search index: %s\n", plural(n_added, "window").c_str());
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
  BALEEN_ASSIGN_OR_RETURN(json::object params, encoding_params(*session, work.params, collection));
  std::error_code error;
  if (std::filesystem::is_regular_file(example, error)) {
    BALEEN_ASSIGN_OR_RETURN(const int status,
                            embed_example(options, program, work, params, example));
    if (status != 0) return status;
  }
  BALEEN_ASSIGN_OR_RETURN(const std::optional<std::string> asset_id,
                          find_asset_of(*session, work.owner, example));
  if (!asset_id) return fail(ErrorCode::not_found, "{} was not taken in", printable(example));
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
    std::printf("%s of %s, of %s\n", plural(core::get_int(answer, "windows"), "window").c_str(),
                plural(n_recordings, "recording").c_str(), clusters.c_str());
  }
  if (const std::int64_t n = core::get_int(answer, "annotations"); n > 0) {
    std::printf("%s, %s in all\n", plural(n, "imported annotation").c_str(),
                plural(n_recordings, "recording").c_str());
  }
  const std::int64_t n_noise = core::get_int(answer, "noise_left_out");
  if (n_noise > 0) {
    std::printf("left out, since of no cluster: %s (--with-noise takes them along)\n",
                plural(n_noise, "window").c_str());
  }
  const json::array& files = core::get_array(answer, "files");
  for (std::size_t i = 0; i < files.size() && i < kFilesMax; ++i)
    std::printf("%s\n", files[i].as_string().c_str());
  if (files.size() > kFilesMax)
    std::printf("… and %zu more files in %s\n", files.size() - kFilesMax, exported.folder.c_str());
  return 0;
}

}  // namespace baleen::cli
