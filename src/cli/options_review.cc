// Commands about what people say of clusters.

#include "cli/command_line.h"

namespace baleen::cli {

void CommandLine::add_review_commands() {
  const auto add_common = [this](CLI::App* sub) {
    sub->add_option("collection", args_.target, "Name of the collection")
        ->required()
        ->type_name("NAME");
    sub->add_option("--clustering", args_.review.clustering_id,
                    "Which one, if not the newest (`baleen clusters` lists them)")
        ->type_name("ID");
    sub->add_option("--owner", args_.work.owner, "Owner of the collection")->capture_default_str();
  };
  add_common(command("clusters", "Show the clusters of a collection and their labels", [this] {
    return clusters_command(args_.global, program_, args_.work, args_.review, args_.target);
  }));
  CLI::App* label = command("label", "Say what clusters are, or take the last word back", [this] {
    return label_command(args_.global, program_, args_.work, args_.review, args_.target);
  });
  add_common(label);
  label->add_option("--cluster", args_.review.clusters, "Which clusters")->type_name("N");
  label->add_option("--label", args_.review.label, "What they are; \"\" takes a label away")
      ->type_name("TEXT");
  label->add_flag("--undo", args_.review.is_undo,
                  "Undo the newest action of the review, whatever it was");
}

}  // namespace baleen::cli
