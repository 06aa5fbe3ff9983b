// Commands about collections, and the options that they share with `run`.

#include <algorithm>

#include "cli/command_line.h"
#include "cli/text.h"

namespace baleen::cli {
namespace {

/// Where nothing is said of the encoding of a collection.
constexpr const char* kAsMost = "as most of the recordings";

}  // namespace

void CommandLine::add_clustering_options(CLI::App* sub) {
  const auto param = [this](const char* name) {
    return [this, name](const auto& value) { args_.work.clustering[name] = value; };
  };
  sub->add_option_function<std::int64_t>(
         "--min-cluster-size", param("min_cluster_size"),
         "Smaller groups are noise (default: a quarter of the root of the number "
         "of windows, at least 5)")
      ->type_name("N");
  sub->add_option_function<std::int64_t>(
         "--min-samples", param("min_samples"),
         "Higher: more noise, denser clusters (default: min-cluster-size)")
      ->type_name("N");
  sub->add_option_function<std::string>("--selection", param("selection"),
                                        "eom: few large clusters; leaf: many small ones")
      ->type_name("eom|leaf");
  sub->add_option_function<double>("--epsilon", param("epsilon"),
                                   "Clusters nearer than this are one (default: 0)")
      ->type_name("DISTANCE");
  sub->add_option_function<std::string>("--metric", param("metric"),
                                        "How vectors are compared (default: cosine)")
      ->type_name("cosine|euclidean");
  sub->add_option_function<std::int64_t>("--neighbors", param("n_neighbors"),
                                         "Of UMAP (default: 15)")
      ->type_name("N");
  sub->add_option_function<std::int64_t>("--components", param("n_components"),
                                         "Dimensions in which clusters are found (default: 5)")
      ->type_name("N");
  sub->add_option_function<std::int64_t>("--maps", param("n_maps"),
                                         "Reductions in which clusters are found together "
                                         "(default: chosen by the number of windows)")
      ->type_name("N");
  sub->add_option_function<std::int64_t>("--seed", param("seed"), "Of UMAP (default: 42)")
      ->type_name("N");
  sub->add_flag_callback(
      "--no-reduction", [this] { args_.work.clustering["reduce"] = false; },
      "Find clusters among the vectors themselves, without UMAP");
  sub->add_flag_callback(
      "--keep-noise", [this] { args_.work.clustering["reject_noise"] = false; },
      "Do not look for windows that are far from all others");
  sub->add_option_function<std::string>(
         "--normalize", param("normalize"),
         "none: keep what recorders and places differ in on the whole (default: deployment, "
         "which takes it out)")
      ->type_name("deployment|none");
  sub->add_flag_callback(
      "--not-within-recordings", [this] { args_.work.clustering["link_within_recording"] = false; },
      "Windows of one recording are no neighbours: what is like must be like elsewhere");
  add_where_option(sub);
}
void CommandLine::add_where_option(CLI::App* sub) {
  sub->add_option_function<std::vector<std::string>>(
         "--where",
         [this](const std::vector<std::string>& conditions) {
           for (const std::string& condition : conditions) add_condition(condition);
         },
         "Only recordings whose metadata say so: tag_data.species=humpback")
      ->type_name("PATH=VALUE");
}
void CommandLine::add_condition(const std::string& condition) {
  const std::size_t equals = condition.find('=');
  if (equals == std::string::npos)
    throw CLI::ValidationError("--where", "'" + condition + "' is not PATH=VALUE");
  const std::string text = condition.substr(equals + 1);
  const Result<json::value> value = core::parse_json(text, "--where");
  args_.work.where[condition.substr(0, equals)] =
      value.ok() && !value->is_object() ? *value : json::value(text);
}

void CommandLine::add_encoding_options(CLI::App* sub, const std::string& instead) {
  const auto or_else = [&](const char* usual) { return instead.empty() ? usual : instead; };
  const auto param = [this](const char* name) {
    return [this, name](const auto& value) { args_.work.params[name] = value; };
  };
  sub->add_option_function<std::string>("--model", param("model"),
                                        "bioacoustics: the model that makes the embeddings "
                                        "(default: " +
                                            or_else("as configured") + ")")
      ->type_name("NAME");
  sub->add_option_function<double>(
         "--window", param("window_s"),
         "bioacoustics: length of a window (default: " + or_else("5") + ")")
      ->type_name("SECONDS");
  sub->add_option_function<double>(
         "--hop", param("hop_s"),
         "bioacoustics: from one window to the next (default: " + or_else("a window") + ")")
      ->type_name("SECONDS");
  sub->add_option_function<double>("--time-expansion", param("time_expansion"),
                                   "bioacoustics: how many times slower than life it was recorded")
      ->type_name("N");
}

void CommandLine::add_search_command() {
  CLI::App* search =
      command("search", "Find windows of a collection that are like an example", [this] {
        return search_command(args_.global, program_, args_.work, args_.search, args_.target);
      });
  search
      ->add_option("example", args_.target,
                   "A recording, or the id of one; without --at all of it is the example")
      ->required()
      ->type_name("FILE|ASSET");
  search->add_option("--collection", args_.search.collection, "Where to search")
      ->required()
      ->type_name("NAME");
  search->add_option("--owner", args_.work.owner, "Owner of the collection")->capture_default_str();
  const auto position = [](const char* name, std::optional<double>& value) {
    return [name, &value](const std::string& text) {
      value = parse_position(text);
      if (!value)
        throw CLI::ValidationError(name,
                                   "'" + text + "' is no place such as 75, 1:15 or 1:02:03.5");
    };
  };
  search
      ->add_option_function<std::string>("--at", position("--at", args_.search.start_s),
                                         "The example is the window here, or begins here")
      ->type_name("[[H:]M:]S");
  search
      ->add_option_function<std::string>("--until", position("--until", args_.search.end_s),
                                         "The example ends here")
      ->type_name("[[H:]M:]S");
  search->add_option("--top", args_.search.top, "How many to find")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str()
      ->type_name("N");
  search
      ->add_option("--apart", args_.search.apart_s,
                   "In the example's own recording, only what is at least so far from it")
      ->check(CLI::NonNegativeNumber)
      ->type_name("SECONDS");
  search->add_option("--since", args_.search.since, "Only windows after this time")
      ->type_name("2019-05-22T06:00:00[Z]");
  search->add_option("--before", args_.search.before, "Only windows before this time")
      ->type_name("2019-05-22T07:00:00[Z]");
  search->add_flag("--rebuild-index", args_.search.is_index_rebuilt,
                   "Make the search index anew, of this collection alone");
  add_encoding_options(search, kAsMost);
  add_where_option(search);
}

void CommandLine::add_export_command() {
  CLI::App* sub = command(
      "export", "Write clusters and annotations of a collection for other programs", [this] {
        return export_command(args_.global, program_, args_.work, args_.exported, args_.target);
      });
  sub->add_option("collection", args_.target, "Name of the collection")
      ->required()
      ->type_name("NAME");
  sub->add_option(
         "--format", args_.exported.format,
         "raven: one selection table for all recordings; audacity: labels for each; "
         "kaleidoscope: one id.csv; darwin_core: occurrences; parquet: labels for programs "
         "that learn from them")
      ->check(CLI::IsMember({"raven", "audacity", "kaleidoscope", "darwin_core", "parquet"}))
      ->capture_default_str();
  sub->add_option("--what", args_.exported.what,
                  "clusters, by their reviewed labels; annotations that were imported; all")
      ->check(CLI::IsMember({"clusters", "annotations", "all"}))
      ->capture_default_str();
  sub->add_option("--clustering", args_.exported.clustering_id,
                  "Which clustering (default: the newest)")
      ->type_name("ID");
  sub->add_option("--out", args_.exported.folder, "Folder for the tables")
      ->required()
      ->type_name("DIR");
  sub->add_flag("--with-noise", args_.exported.is_with_noise, "Windows of no cluster, too");
  sub->add_option("--owner", args_.work.owner, "Owner of the collection")->capture_default_str();
}

void CommandLine::add_import_command() {
  CLI::App* sub =
      command("import", "Take in annotations that other programs or people made", [this] {
        return import_command(args_.global, program_, args_.work, args_.imported, args_.target);
      });
  sub->add_option("collection", args_.target, "Name of the collection")
      ->required()
      ->type_name("NAME");
  sub->add_option("files", args_.imported.files,
                  "Tables of Raven, Audacity or Kaleidoscope; each is taken whole or not at all")
      ->type_name("FILE");
  sub->add_option("--format", args_.imported.format, "What the tables are, if that is not clear")
      ->check(CLI::IsMember({"auto", "raven", "audacity", "kaleidoscope"}))
      ->capture_default_str();
  sub->add_option("--recording", args_.imported.recording,
                  "Whose annotations they are, where the tables do not say: a recording's id, its "
                  "beginning, or its name")
      ->type_name("ASSET");
  sub->add_flag("--skip-unknown", args_.imported.is_unknown_skipped,
                "Leave out what is of recordings that are not in the collection");
  sub->add_flag("--list", args_.imported.is_list, "What was taken in before");
  sub->add_option("--withdraw", args_.imported.withdrawn_id,
                  "Annotations of this import count no more")
      ->check(CLI::PositiveNumber)
      ->type_name("ID");
  sub->add_option("--owner", args_.work.owner, "Owner of the collection")->capture_default_str();
}

void CommandLine::add_metadata_command() {
  CLI::App* sub =
      command("metadata", "What people know of the recordings of a collection, as CSV", [this] {
        return metadata_command(args_.global, program_, args_.work, args_.target,
                                args_.metadata_file);
      });
  sub->add_option("collection", args_.target, "Name of the collection")
      ->required()
      ->type_name("NAME");
  sub->add_option(
         "--set", args_.metadata_file,
         "Write what this table says, or nothing where a cell is wrong: columns file or "
         "asset_id, and tag_data.species and the like. An empty cell takes a value away, a "
         "column that is not there changes nothing, rows of recordings that are not in "
         "the collection are named and left out")
      ->type_name("FILE.csv");
  sub->add_option("--owner", args_.work.owner, "Owner of the collection")->capture_default_str();
}

void CommandLine::add_sql_command() {
  CLI::App* sub = command("sql", "Ask a question in SQL about all that is known (by DuckDB)",
                          [this] { return sql_command(args_.global, program_, args_.sql); });
  sub->add_option("question", args_.sql.sql, "A SELECT; SHOW TABLES says of what")
      ->required()
      ->type_name("SQL");
  sub->add_flag("--csv", args_.sql.is_csv, "The answer as CSV, with a header");
}

void CommandLine::add_probe_command() {
  CLI::App* sub = command(
      "probe", "Learn a label of a collection from what people have said of its windows", [this] {
        return probe_command(args_.global, program_, args_.work, args_.probe, args_.target);
      });
  sub->add_option("collection", args_.target, "Name of the collection")
      ->required()
      ->type_name("NAME");
  sub->add_option("--label", args_.probe.label, "What to find")->required()->type_name("LABEL");
  sub->add_option("--precision", args_.probe.precision,
                  "Of the windows above the threshold, how many are to be right")
      ->check(CLI::Range(0.01, 1.0))
      ->capture_default_str()
      ->type_name("SHARE");
  sub->add_option("--out", args_.probe.out, "Write the windows above the threshold as CSV")
      ->type_name("FILE");
  sub->add_option("--top", args_.probe.top, "How many of them to print")
      ->check(CLI::Range(0, 1000))
      ->capture_default_str()
      ->type_name("N");
  sub->add_option("--owner", args_.work.owner, "Owner of the collection")->capture_default_str();
  add_encoding_options(sub, kAsMost);
}

void CommandLine::add_cluster_command() {
  CLI::App* cluster = command("cluster", "Group like windows of a collection", [this] {
    return cluster_command(args_.global, program_, args_.work, args_.target);
  });
  cluster->add_option("collection", args_.target, "Name of the collection")
      ->required()
      ->type_name("NAME");
  cluster->add_option("--owner", args_.work.owner, "Owner of the collection")
      ->capture_default_str();
  add_work_options(cluster);
  add_encoding_options(cluster, kAsMost);
  add_clustering_options(cluster);
  CLI::Option* const assign = cluster->add_flag(
      "--assign-new", args_.work.is_assign_new,
      "Make no new clusters: put recordings that came later into those that there are");
  cluster
      ->add_option(
          "--clustering", args_.work.clustering_id,
          "With --assign-new: which clustering, if not the newest (`baleen clusters` lists "
          "them)")
      ->needs(assign)
      ->type_name("ID");
  cluster
      ->add_option_function<std::vector<std::string>>(
          "--sweep",
          [this](const std::vector<std::string>& texts) {
            for (const std::string& text : texts) add_sweep(text);
          },
          "Make no clusters: try these values, with several seeds each, and say which ones agree: "
          "min_cluster_size=5,10,20; may be given again")
      ->type_name("NAME=V1,V2");
  cluster->add_option("--sweep-seeds", args_.work.sweep_seeds, "Seeds for each combination")
      ->check(CLI::Range(2, 10))
      ->capture_default_str()
      ->type_name("N");
}

/// "min_cluster_size=5,10": numbers, true, false and words as they are in JSON.
void CommandLine::add_sweep(const std::string& text) {
  const std::size_t equals = text.find('=');
  if (equals == std::string::npos)
    throw CLI::ValidationError("--sweep", "'" + text + "' is not NAME=V1,V2,…");
  json::array values;
  for (std::size_t begin = equals + 1; begin <= text.size();) {
    const std::size_t comma = std::min(text.find(',', begin), text.size());
    const std::string word = text.substr(begin, comma - begin);
    const Result<json::value> value = core::parse_json(word, "value");
    values.push_back(value.ok() ? *value : json::value(json::string(word)));
    begin = comma + 1;
  }
  // As the flag is spelled, too.
  std::string name = text.substr(0, equals);
  std::ranges::replace(name, '-', '_');
  if (name == "neighbors" || name == "components" || name == "maps") name.insert(0, "n_");
  args_.work.sweep[name] = std::move(values);
}

void CommandLine::add_collection_commands() {
  add_cluster_command();
  add_search_command();
  add_export_command();
  add_import_command();
  add_metadata_command();
  add_sql_command();
  add_review_commands();
  add_probe_command();
}

}  // namespace baleen::cli
