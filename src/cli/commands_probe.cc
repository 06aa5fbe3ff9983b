// What is learned from labels.

#include <fmt/format.h>

#include <cstdio>

#include "cli/commands.h"
#include "cli/text.h"
#include "core/file.h"
#include "core/process.h"
#include "engine/status.h"

namespace baleen::cli {
namespace {

constexpr int kWindowsMax = 10'000;

std::string percent(double share) { return fmt::format("{:.0f} %", 100 * share); }

void print_in_words(const json::object& probe) {
  const auto count = [&](const char* name) { return core::get_int(probe, name); };
  const auto number = [&](const char* name) { return core::get_double(probe, name); };
  fmt::print("'{}' learned from {} windows that are and {} that are not, of {} recordings ({})\n",
             printable(core::get_string(probe, "label"), 80), count("positives"),
             count("negatives"), count("recordings"), core::get_string(probe, "encoding_id"));
  fmt::print(
      "tried on recordings that it had not heard: average precision {:.3f}, ROC AUC {:.3f}\n",
      number("average_precision"), number("roc_auc"));
  fmt::print(
      "above {:.3f}: {} are right (95 % sure that it is {} to {}, from {} windows), and {} of all "
      "that are "
      "there are found\n",
      number("threshold"), percent(number("precision")), percent(number("precision_low")),
      percent(number("precision_high")), count("precision_windows"), percent(number("recall")));
  for (const json::value& warning : core::get_array(probe, "warnings"))
    fmt::print("note: {}\n", std::string_view(warning.as_string()));
  fmt::print("{} of {} windows of the collection are above it\n", count("windows_above"),
             count("windows_scored"));
}

void print_windows(const json::array& items, std::size_t top) {
  Table table({"\nscore", "from", "to", "label", "asset", "file"});
  for (std::size_t i = 0; i < std::min(top, items.size()); ++i) {
    const json::object& window = items[i].as_object();
    table.add({fmt::format("{:.3f}", core::get_double(window, "score")),
               position_text(core::get_double(window, "start_s")),
               position_text(core::get_double(window, "end_s")),
               printable(core::get_string(window, "label", "-"), 30),
               core::get_string(window, "asset_id"),
               printable(core::get_string(window, "filename"), 50)});
  }
  if (!table.is_empty()) std::fputs(table.to_string().c_str(), stdout);
  if (items.size() > top) fmt::print("… and {} more (--top, --out)\n", items.size() - top);
}

std::string csv_of(const json::array& items) {
  std::string csv = "file,asset_id,start_s,end_s,score,label\n";
  for (const json::value& item : items) {
    const json::object& window = item.as_object();
    csv += fmt::format("{},{},{},{},{:.6f},{}\n", csv_field(core::get_string(window, "filename")),
                       core::get_string(window, "asset_id"), core::get_double(window, "start_s"),
                       core::get_double(window, "end_s"), core::get_double(window, "score"),
                       csv_field(core::get_string(window, "label")));
  }
  return csv;
}

}  // namespace

Result<int> probe_command(const GlobalOptions& options,
                          const Program& program,
                          const WorkOptions& work,
                          const ProbeOptions& probe,
                          const std::string& collection_name) {
  BALEEN_ASSIGN_OR_RETURN(const std::unique_ptr<Session> session,
                          Session::open(options, program, false));
  BALEEN_ASSIGN_OR_RETURN(const store::Collection collection,
                          find_collection_of(*session, work.owner, collection_name));
  json::object params = work.params;
  params.erase("time_expansion");
  BALEEN_ASSIGN_OR_RETURN(json::object learned,
                          program.make_probe(session->config, session->root, session->database,
                                             {{"collection_id", collection.collection_id},
                                              {"label", probe.label},
                                              {"precision", probe.precision},
                                              {"params", std::move(params)}},
                                             core::user_name()));
  BALEEN_ASSIGN_OR_RETURN(
      const json::object answer,
      program.probe_windows(session->root, session->database, core::get_int(learned, "probe_id"),
                            {{"order", "score"},
                             {"limit", kWindowsMax},
                             {"min_score", core::get_double(learned, "threshold")}}));
  const json::array& items = core::get_array(answer, "items");
  if (!probe.out.empty()) BALEEN_RETURN_IF_ERROR(core::write_file_atomic(probe.out, csv_of(items)));
  if (options.is_json) {
    learned["windows"] = items;
    print_json(learned);
    return 0;
  }
  print_in_words(learned);
  print_windows(items, static_cast<std::size_t>(probe.top));
  if (!probe.out.empty()) fmt::print("{}\n", probe.out);
  return 0;
}

}  // namespace baleen::cli
