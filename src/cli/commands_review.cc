// What people say of clusters: which there are, labels, and taking the last word back.

#include <fmt/format.h>

#include <cstdio>

#include "cli/commands.h"
#include "cli/text.h"
#include "core/process.h"

namespace baleen::cli {
namespace {

std::string text_or_dash(const json::object& object, const char* name) {
  const std::string text = core::get_string(object, name);
  return text.empty() ? "-" : printable(text, 50);
}

std::int64_t count_of(const json::object& object, const char* name) {
  return core::get_int(object, name);
}

void print_clusterings(const json::array& clusterings, const std::string& shown) {
  if (clusterings.size() < 2) return;
  Table table({"clustering", "made at", "encoding", "clusters", "windows", "actions", "where"});
  for (const json::value& value : clusterings) {
    const json::object& one = value.as_object();
    const std::string id = core::get_string(one, "clustering_id");
    table.add({id + (id == shown ? " *" : ""), core::get_string(one, "created_at"),
               core::get_string(one, "encoding_id"), std::to_string(count_of(one, "clusters")),
               std::to_string(count_of(one, "windows")), std::to_string(count_of(one, "n_actions")),
               core::get_object(one, "where").empty()
                   ? "-"
                   : printable(core::to_json(core::get_object(one, "where")), 60)});
  }
  std::printf("%s* shown below; the newest, unless --clustering names another\n\n",
              table.to_string().c_str());
}

void print_clusters(const json::object& answer) {
  const json::object& clustering = core::get_object(answer, "clustering");
  const std::string id = core::get_string(clustering, "clustering_id");
  print_clusterings(core::get_array(answer, "clusterings"), id);
  const std::int64_t n_added = count_of(clustering, "windows_added");
  std::string added;
  if (n_added > 0) {
    added = fmt::format(", and {} of {} added later", plural(n_added, "window"),
                        plural(count_of(clustering, "recordings_added"), "recording"));
  }
  std::printf("%s: %s of %s%s; encoding %s, %s of review\n\n", id.c_str(),
              plural(count_of(clustering, "windows"), "window").c_str(),
              plural(count_of(clustering, "recordings"), "recording").c_str(), added.c_str(),
              core::get_string(clustering, "encoding_id").c_str(),
              plural(count_of(clustering, "n_actions"), "action").c_str());
  Table table({"cluster", "windows", "label", "an example"});
  for (const json::value& value : core::get_array(clustering, "items")) {
    const json::object& cluster = value.as_object();
    const std::int64_t number = count_of(cluster, "cluster");
    const json::array& medoids = core::get_array(core::get_object(cluster, "exemplars"), "medoids");
    std::string example;
    if (!medoids.empty() && medoids[0].is_object()) {
      const json::object& window = medoids[0].get_object();
      example = printable(core::get_string(window, "filename"), 40) + " at " +
                position_text(core::get_double(window, "start_s"));
    }
    table.add({number < 0 ? "noise" : std::to_string(number),
               std::to_string(count_of(cluster, "size")), text_or_dash(cluster, "label"), example});
  }
  std::printf("%s", table.to_string().c_str());
}

}  // namespace

Result<int> clusters_command(const GlobalOptions& options,
                             const Program& program,
                             const WorkOptions& work,
                             const ReviewOptions& review,
                             const std::string& collection_name) {
  BALEEN_ASSIGN_OR_RETURN(const std::unique_ptr<Session> session,
                          Session::open(options, program, false));
  BALEEN_ASSIGN_OR_RETURN(const store::Collection collection,
                          find_collection_of(*session, work.owner, collection_name));
  BALEEN_ASSIGN_OR_RETURN(const json::object answer,
                          program.show_clusters(session->root, session->database,
                                                {{"collection_id", collection.collection_id},
                                                 {"clustering_id", review.clustering_id}}));
  if (options.is_json) {
    print_json(answer);
  } else {
    print_clusters(answer);
  }
  return 0;
}

Result<int> label_command(const GlobalOptions& options,
                          const Program& program,
                          const WorkOptions& work,
                          const ReviewOptions& review,
                          const std::string& collection_name) {
  if (review.is_undo == (review.label.has_value() || !review.clusters.empty())) {
    return fail(ErrorCode::invalid_argument,
                "either --undo, or --cluster and --label: '--cluster 7 --label song'");
  }
  if (!review.is_undo && (!review.label || review.clusters.empty())) {
    return fail(ErrorCode::invalid_argument,
                "--cluster and --label belong together; `--label \"\"` takes a label away");
  }
  BALEEN_ASSIGN_OR_RETURN(const std::unique_ptr<Session> session,
                          Session::open(options, program, false));
  BALEEN_ASSIGN_OR_RETURN(const store::Collection collection,
                          find_collection_of(*session, work.owner, collection_name));
  json::object request{{"collection_id", collection.collection_id},
                       {"clustering_id", review.clustering_id},
                       {"made_by", core::user_name()}};
  if (review.is_undo) {
    request["undo"] = true;
  } else {
    request["action"] = {{"kind", "label"},
                         {"label", *review.label},
                         {"clusters", json::array(review.clusters.begin(), review.clusters.end())}};
  }
  BALEEN_ASSIGN_OR_RETURN(const json::object answer,
                          program.review_clusters(session->root, session->database, request));
  if (options.is_json) {
    print_json(answer);
    return 0;
  }
  const std::string done =
      printable(core::get_string(core::get_object(answer, "action"), "summary"), 500);
  std::printf("%s%s\n", review.is_undo ? "Undone: " : "", done.c_str());
  return 0;
}

}  // namespace baleen::cli
