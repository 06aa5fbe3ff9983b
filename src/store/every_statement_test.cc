// Every statement of what collections, tables, labels and reviews do fails once: whoever asked is told, nothing is left
// half done, and who asks again gets what it wanted.

#include <gmock/gmock.h>
#include <unistd.h>

#include <functional>

#include "core/json.h"
#include "store/annotations.h"
#include "store/artifacts.h"
#include "store/assets.h"
#include "store/collections.h"
#include "store/member_names.h"
#include "store/probes.h"
#include "store/reviews.h"
#include "store/schema.h"

namespace baleen::store {
namespace {

namespace fs = std::filesystem;

/// A collection of two recordings with one table, one label and two actions, of which the second is undone.
struct Season {
  fs::path folder =
      fs::temp_directory_path() / ("baleen_every_statement_" + std::to_string(::getpid()));
  Database database = open();
  std::string id = make_collection(database, "me", "reef", 1)->collection_id;
  ReviewKey key{id, "job", "sha"};
  std::vector<StoredAnnotation> two = {{"a", 1, 2, {}, {}, "call", {}, true, "x"},
                                       {"b", 0, 4, {}, {}, "song", 0.5, false, "x"}};
  std::int64_t import_id = 0, probe_id = 0;

  Season() {
    for (const std::string name : {"a", "b", "c"}) {
      Asset asset;
      asset.asset_id = asset.content_hash = name;
      asset.owner_entity_id = "me";
      asset.original_filename = name + ".wav";
      EXPECT_TRUE(insert_asset(database, asset).ok());
      if (name == "c") continue;
      EXPECT_TRUE(add_member(database, id, name, 1).ok());
    }
    import_id = import_annotations(database, table("1"), two)->import.import_id;
    probe_id = insert_probe(database, {0, id, "e", "song", {}, "anna", 1}).value();
    for (int i = 0; i < 2; ++i)
      EXPECT_TRUE(append_review_action(database, key, "noise", "{}", change()).ok());
    EXPECT_TRUE(undo_review_action(database, key, change()).ok());
  }
  ~Season() { fs::remove_all(folder); }
  Season(const Season&) = delete;
  Season& operator=(const Season&) = delete;

  Database open() const {
    fs::remove_all(folder);
    fs::create_directories(folder);
    Database made = Database::open(folder / "baleen.db").value();
    EXPECT_TRUE(migrate(made).ok());
    return made;
  }
  AnnotationImport table(const std::string& sha256) const {
    AnnotationImport import;
    import.collection_id = id;
    import.format = "raven";
    import.sha256 = sha256;
    return import;
  }
  static ReviewChange change() {
    ReviewChange made;
    made.made_by = "anna";
    return made;
  }
  /// How many rows each table has, what was withdrawn and what was undone.
  std::string state() {
    std::string text;
    const auto tables = database.query(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%' ORDER BY "
        "name");
    for (const Row& row : *tables) {
      const auto count = database.query("SELECT COUNT(*) FROM " + row.text(0));
      text += row.text(0) + " " + std::to_string(count->front().integer(0)) + "\n";
    }
    for (const AnnotationImport& one : list_annotation_imports(database, id).value())
      text += one.withdrawn_at_us ? "withdrawn\n" : "there\n";
    for (const ReviewAction& one : list_review_actions(database, key).value())
      text += one.undone_at_us ? "undone\n" : "done\n";
    return text + core::to_json(find_metadata(database, "a")->to_json());
  }
};

struct Act {
  const char* name;
  std::function<bool(Season&)> run;
};

const Act kActs[] = {
    {"make_collection", [](Season& s) { return make_collection(s.database, "me", "new", 1).ok(); }},
    {"find_collection", [](Season& s) { return find_collection(s.database, s.id).ok(); }},
    {"find_collection_by_name",
     [](Season& s) { return find_collection_by_name(s.database, "me", "reef").ok(); }},
    {"list_collections", [](Season& s) { return list_collections(s.database, "me").ok(); }},
    {"add_member", [](Season& s) { return add_member(s.database, s.id, "c", 1).ok(); }},
    {"remove_member", [](Season& s) { return remove_member(s.database, s.id, "a").ok(); }},
    {"list_members", [](Season& s) { return list_members(s.database, s.id).ok(); }},
    {"list_member_states", [](Season& s) { return list_member_states(s.database, s.id).ok(); }},
    {"find_metadata", [](Season& s) { return find_metadata(s.database, "a").ok(); }},
    {"set_metadata", [](Season& s) { return set_metadata(s.database, "a", {}, 1).ok(); }},
    {"MemberNames", [](Season& s) { return MemberNames::of_collection(s.database, s.id).ok(); }},
    {"import_annotations",
     [](Season& s) { return import_annotations(s.database, s.table("2"), s.two).ok(); }},
    {"import_annotations again",
     [](Season& s) { return import_annotations(s.database, s.table("1"), s.two).ok(); }},
    {"find_annotation_import",
     [](Season& s) { return find_annotation_import(s.database, s.import_id).ok(); }},
    {"list_annotation_imports",
     [](Season& s) { return list_annotation_imports(s.database, s.id).ok(); }},
    {"withdraw_annotations",
     [](Season& s) { return withdraw_annotations(s.database, s.id, s.import_id, 1).ok(); }},
    {"annotations_of_asset", [](Season& s) { return annotations_of_asset(s.database, "a").ok(); }},
    {"annotations_of_collection",
     [](Season& s) { return annotations_of_collection(s.database, s.id).ok(); }},
    {"insert_probe",
     [](Season& s) {
       return insert_probe(s.database, {0, s.id, "e", "x", {}, "me", 1}).ok();
     }},
    {"find_probe", [](Season& s) { return find_probe(s.database, s.probe_id).ok(); }},
    {"list_probes", [](Season& s) { return list_probes(s.database, s.id).ok(); }},
    {"review_version", [](Season& s) { return review_version(s.database, s.key).ok(); }},
    {"list_review_actions", [](Season& s) { return list_review_actions(s.database, s.key).ok(); }},
    {"append_review_action",
     [](Season& s) {
       return append_review_action(s.database, s.key, "noise", "{}", Season::change()).ok();
     }},
    {"undo_review_action",
     [](Season& s) { return undo_review_action(s.database, s.key, Season::change()).ok(); }},
    {"redo_review_action",
     [](Season& s) { return redo_review_action(s.database, s.key, Season::change()).ok(); }},
    {"find_latest_artifacts_of_members",
     [](Season& s) {
       return find_latest_artifacts_of_members(s.database, s.id, "embedding_set", "e").ok();
     }},
};

TEST(EveryStatement, OfASeasonFailsOnceAndNothingIsHalfDone) {
  int n_failed = 0;
  for (const Act& act : kActs) {
    SCOPED_TRACE(act.name);
    Season undisturbed;
    const std::int64_t before = undisturbed.database.n_statements();
    ASSERT_TRUE(act.run(undisturbed));
    const std::int64_t n_statements = undisturbed.database.n_statements() - before;
    ASSERT_GT(n_statements, 0);
    const std::string expected = undisturbed.state();
    for (std::int64_t i = 0; i < n_statements; ++i) {
      SCOPED_TRACE(i);
      Season season;
      const std::string untouched = season.state();
      season.database.fail_after(i);
      EXPECT_FALSE(act.run(season)) << "failed unnoticed";
      season.database.fail_after(-1);
      // What was done may be done though its answer could not be read; nothing lies in between.
      EXPECT_THAT(season.state(), testing::AnyOf(untouched, expected));
      EXPECT_TRUE(act.run(season));
      EXPECT_EQ(season.state(), expected);
      ++n_failed;
    }
  }
  EXPECT_GT(n_failed, 60);
}

}  // namespace
}  // namespace baleen::store
