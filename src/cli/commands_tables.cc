// Tables of other programs, about the recordings of a collection.

#include <cstdio>

#include "cli/commands.h"
#include "cli/text.h"
#include "core/clock.h"
#include "core/file.h"
#include "core/process.h"
#include "store/annotations.h"

namespace baleen::cli {
namespace {

constexpr std::size_t kLabelsShown = 5;

/// "call 812, song 20, and 3 more".
std::string labels_text(const json::array& labels) {
  std::string text;
  for (std::size_t i = 0; i < std::min(labels.size(), kLabelsShown); ++i) {
    const json::object& label = labels[i].as_object();
    const std::string name = printable(core::get_string(label, "label"), 40);
    text += fmt::format("{}{} {}", i > 0 ? ", " : "", name.empty() ? "(no label)" : name,
                        core::get_int(label, "annotations"));
  }
  if (labels.size() > kLabelsShown)
    text += fmt::format(", and {} more", labels.size() - kLabelsShown);
  return text;
}

void print_import(const json::object& answer) {
  const std::string name = printable(core::get_string(answer, "filename"));
  const std::int64_t id = core::get_int(answer, "import_id");
  if (core::get_bool(answer, "reused")) {
    std::printf("%s: nothing new, it is import %lld of %s; withdraw that one to take it in again\n",
                name.c_str(), static_cast<long long>(id),
                core::get_string(answer, "created_at").c_str());
    return;
  }
  std::printf("%s: import %lld, %s of %s (%s): %s\n", name.c_str(), static_cast<long long>(id),
              plural(core::get_int(answer, "annotations"), "annotation").c_str(),
              plural(core::get_int(answer, "recordings"), "recording").c_str(),
              core::get_string(answer, "format").c_str(),
              labels_text(core::get_array(answer, "labels")).c_str());
  if (const std::int64_t n = core::get_int(answer, "left_out"); n > 0)
    std::printf("  %lld of recordings that are not in the collection are left out\n",
                static_cast<long long>(n));
  if (const std::int64_t n = core::get_int(answer, "shortened"); n > 0)
    std::printf("  %lld ended behind the end of their recording, and end there now\n",
                static_cast<long long>(n));
}

Result<int> list_imports(Session& session,
                         const GlobalOptions& options,
                         const std::string& collection_id) {
  BALEEN_ASSIGN_OR_RETURN(const auto imports,
                          store::list_annotation_imports(session.database, collection_id));
  json::array items;
  Table table({"import", "annotations", "recordings", "format", "by", "at", "table"});
  for (const store::AnnotationImport& import : imports) {
    items.push_back(import.to_json());
    table.add({std::to_string(import.import_id), std::to_string(import.n_annotations),
               std::to_string(import.n_recordings), import.format, printable(import.made_by, 30),
               core::rfc3339(import.created_at_us),
               printable(import.filename, 60) + (import.withdrawn_at_us ? " (withdrawn)" : "")});
  }
  if (options.is_json) {
    print_json(json::object{{"items", std::move(items)}});
  } else {
    std::printf("%s", table.is_empty() ? "nothing was imported yet\n" : table.to_string().c_str());
  }
  return 0;
}

/// The asset id, where a person gives its beginning; else what they gave.
std::string recording_of(Session& session, const std::string& owner, const std::string& target) {
  const Result<std::optional<std::string>> asset = find_asset_of(session, owner, target);
  return asset.ok() && *asset ? **asset : target;
}

void print_changes(const json::object& answer) {
  for (const json::value& change : core::get_array(answer, "changes")) {
    const std::string file = printable(core::get_string(change.as_object(), "file"), 60);
    for (const auto& value : core::get_object(change.as_object(), "values")) {
      std::printf("%s: %s %s\n", file.c_str(), printable(std::string(value.key())).c_str(),
                  value.value().is_null()
                      ? "is gone"
                      : ("= " + printable(core::to_json(value.value()))).c_str());
    }
  }
  std::printf("%s changed, %lld did not\n",
              plural(core::get_int(answer, "changed"), "recording").c_str(),
              static_cast<long long>(core::get_int(answer, "unchanged")));
}

}  // namespace

Result<int> metadata_command(const GlobalOptions& options,
                             const Program& program,
                             const WorkOptions& work,
                             const std::string& collection_name,
                             const std::string& file) {
  BALEEN_ASSIGN_OR_RETURN(const std::unique_ptr<Session> session,
                          Session::open(options, program, false));
  BALEEN_ASSIGN_OR_RETURN(const store::Collection collection,
                          find_collection_of(*session, work.owner, collection_name));
  json::object request{{"collection_id", collection.collection_id}};
  if (file.empty()) {
    BALEEN_ASSIGN_OR_RETURN(const json::object answer,
                            program.write_metadata(session->root, session->database, request));
    if (options.is_json) {
      print_json(json::object{{"items", core::get_array(answer, "items")}});
    } else {
      const std::string text = core::get_string(answer, "text");
      std::fwrite(text.data(), 1, text.size(), stdout);
    }
    return 0;
  }
  BALEEN_ASSIGN_OR_RETURN(request["text"], core::read_text_file(file));
  Result<json::object> answer = program.read_metadata(session->root, session->database, request);
  if (!answer.ok()) return std::move(answer).error().context(printable(file));
  for (const json::value& name : core::get_array(*answer, "unknown")) {
    std::fprintf(stderr, "%s is not in the collection: left out\n",
                 printable(std::string(name.as_string())).c_str());
  }
  if (options.is_json) {
    print_json(*answer);
  } else if (!options.is_quiet) {
    print_changes(*answer);
  }
  return 0;
}

Result<int> import_command(const GlobalOptions& options,
                           const Program& program,
                           const WorkOptions& work,
                           const ImportOptions& imported,
                           const std::string& collection_name) {
  const int n_wishes = (imported.files.empty() ? 0 : 1) + (imported.is_list ? 1 : 0) +
                       (imported.withdrawn_id > 0 ? 1 : 0);
  if (n_wishes != 1)
    return fail(ErrorCode::invalid_argument, "name tables, or say --list, or --withdraw ID");
  BALEEN_ASSIGN_OR_RETURN(const std::unique_ptr<Session> session,
                          Session::open(options, program, false));
  BALEEN_ASSIGN_OR_RETURN(const store::Collection collection,
                          find_collection_of(*session, work.owner, collection_name));
  if (imported.is_list) return list_imports(*session, options, collection.collection_id);
  if (imported.withdrawn_id > 0) {
    BALEEN_RETURN_IF_ERROR(store::withdraw_annotations(session->database, collection.collection_id,
                                                       imported.withdrawn_id,
                                                       core::system_clock().now_us()));
    if (options.is_json) {
      print_json(json::object{{"withdrawn", imported.withdrawn_id}});
    } else if (!options.is_quiet) {
      std::printf("import %lld is withdrawn: its annotations count no more\n",
                  static_cast<long long>(imported.withdrawn_id));
    }
    return 0;
  }
  json::object request{{"collection_id", collection.collection_id},
                       {"format", imported.format},
                       {"skip_unknown", imported.is_unknown_skipped},
                       {"made_by", core::user_name()}};
  if (!imported.recording.empty())
    request["recording"] = recording_of(*session, work.owner, imported.recording);
  json::array answers;
  for (const std::string& file : imported.files) {
    BALEEN_ASSIGN_OR_RETURN(request["text"], core::read_text_file(file));
    request["filename"] = std::filesystem::path(file).filename().string();
    Result<json::object> answer =
        program.import_annotations(session->root, session->database, request);
    if (!answer.ok() && !answers.empty()) {
      return std::move(answer).error().context(
          fmt::format("{} of {} tables are in; those before this one need not be taken again",
                      answers.size(), imported.files.size()));
    }
    if (!answer.ok()) return std::move(answer).error();
    if (!options.is_json && !options.is_quiet) print_import(*answer);
    answers.push_back(std::move(*answer));
  }
  if (options.is_json) print_json(json::object{{"items", std::move(answers)}});
  return 0;
}

}  // namespace baleen::cli
