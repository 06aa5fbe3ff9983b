#include "ml/catalogue.h"

#include <gtest/gtest.h>

#include "core/sha256.h"
#include "ml/session.h"
#include "support/shared_dir.h"

namespace baleen::ml {
namespace {

constexpr std::string_view kDigest =
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

std::string catalogue_of(std::string_view entries) {
  return R"({"schema_id": "model_catalogue.v1", "version": "1.0.0", "models": [)" +
         std::string(entries) + "]}";
}
std::string entry(std::string_view name, std::string_view rest) {
  return fmt::format(R"({{"name": "{}", "task": "t", "file": "a.onnx", "licence": "MIT",)"
                     R"( "source": "s", {}}})",
                     name, rest);
}

TEST(Catalogue, TheEmbeddedOneIsSpecsModelsJson) {
  const Result<json::value> file = core::read_json_file(BALEEN_SOURCE_DIR "/specs/models.json");
  ASSERT_TRUE(file.ok()) << file.error().message;
  const Result<Catalogue> parsed = Catalogue::parse(core::to_json(*file));
  ASSERT_TRUE(parsed.ok()) << parsed.error().message;
  const Catalogue& builtin = Catalogue::builtin();
  ASSERT_EQ(builtin.cards().size(), parsed->cards().size());
  for (std::size_t i = 0; i < builtin.cards().size(); ++i)
    EXPECT_EQ(card_to_json(builtin.cards()[i]), card_to_json(parsed->cards()[i]));
}

TEST(Catalogue, HoldsTheModelsThatTheStagesAskFor) {
  const Catalogue& catalogue = Catalogue::builtin();
  for (const char* task : {"yamnet", "ina_smn", "vad"}) {
    const ModelCard* card = catalogue.find_task(task);
    ASSERT_NE(card, nullptr) << task;
    EXPECT_TRUE(card->is_runnable());
    EXPECT_EQ(card->sha256.size(), 64U);
    EXPECT_EQ(catalogue.find_by_sha256(card->sha256), card);
    EXPECT_FALSE(card->inputs.empty());
  }
  EXPECT_EQ(catalogue.find("yamnet")->task, "yamnet");
  EXPECT_EQ(catalogue.find("nonesuch"), nullptr);
}

TEST(Catalogue, ModelsOfOneTaskShareTheirTensorNames) {
  for (const ModelCard& card : Catalogue::builtin().cards()) {
    if (card.inputs.empty()) continue;
    const ModelCard* first = Catalogue::builtin().find_task(card.task);
    SCOPED_TRACE(card.name);
    ASSERT_EQ(card.inputs.size(), first->inputs.size());
    for (std::size_t i = 0; i < card.inputs.size(); ++i)
      EXPECT_EQ(card.inputs[i].name, first->inputs[i].name);
  }
}

TEST(Catalogue, EveryModelCanBeFetchedOrSaysWhereItComesFrom) {
  for (const ModelCard& card : Catalogue::builtin().cards()) {
    SCOPED_TRACE(card.name);
    EXPECT_TRUE(card.url.empty() || card.url.starts_with("https://")) << card.url;
    EXPECT_EQ(card.url.find(' '), std::string::npos);
    EXPECT_FALSE(card.source.empty());
  }
}

TEST(Catalogue, ACardSurvivesTheRoundTripThroughJson) {
  for (const ModelCard& card : Catalogue::builtin().cards()) {
    const Result<ModelCard> again = parse_card(card_to_json(card));
    ASSERT_TRUE(again.ok()) << card.name;
    EXPECT_EQ(card_to_json(*again), card_to_json(card));
  }
}

TEST(Catalogue, APublishedPrefixRecognisesAFileAndAnUnknownDigestNothing) {
  const auto parsed = Catalogue::parse(catalogue_of(entry("a", R"("sha256_prefix": "0123456789")") +
                                                    "," + entry("b", R"("url": null)")));
  ASSERT_TRUE(parsed.ok()) << parsed.error().message;
  ASSERT_NE(parsed->find_by_sha256(kDigest), nullptr);
  EXPECT_EQ(parsed->find_by_sha256(kDigest)->name, "a");
  EXPECT_EQ(parsed->find_by_sha256(std::string(64, 'f')), nullptr);
}

TEST(Catalogue, RefusesDuplicatesBadNamesAndBadDigests) {
  const std::string good = entry("a", R"("url": null)");
  EXPECT_TRUE(Catalogue::parse(catalogue_of(good)).ok());
  for (const std::string& bad :
       {good + "," + good, entry("../a", R"("url": null)"), entry("", R"("url": null)"),
        entry("A", R"("url": null)"), entry(".a", R"("url": null)"),
        entry("a", R"("sha256": "0123")"), entry("a", R"("sha256": "XYZ")"), std::string("1"),
        std::string(R"({"name": "a"})")}) {
    const Result<Catalogue> parsed = Catalogue::parse(catalogue_of(bad));
    ASSERT_FALSE(parsed.ok()) << bad;
    EXPECT_EQ(parsed.error().code, ErrorCode::model_invalid);
  }
  EXPECT_FALSE(Catalogue::parse("[]").ok());
}

TEST(Catalogue, RealModelFilesAreRecognisedAndHaveTheTensorsOfTheirCards) {
  BALEEN_SHARED_FILE_OR_SKIP(models, "models");
  std::size_t n_models = 0;
  for (const auto& file : std::filesystem::recursive_directory_iterator(models)) {
    if (file.path().extension() != ".onnx") continue;
    SCOPED_TRACE(file.path());
    ++n_models;
    const Result<std::string> sha256 = core::sha256_file(file.path());
    ASSERT_TRUE(sha256.ok());
    const ModelCard* card = Catalogue::builtin().find_by_sha256(*sha256);
    ASSERT_NE(card, nullptr);
    EXPECT_EQ(static_cast<std::uint64_t>(card->size_bytes), file.file_size());
    if (onnxruntime_version().empty()) continue;
    const Result<Session> session = Session::open(file.path(), {});
    ASSERT_TRUE(session.ok()) << session.error().message;
    for (const TensorContract& tensor : card->inputs) {
      if (!tensor.shape.empty()) {
        EXPECT_TRUE(session->expect_input(tensor.name, tensor.shape).ok()) << tensor.name;
      }
    }
    for (const TensorContract& tensor : card->outputs) {
      EXPECT_TRUE(session->expect_output(tensor.name, tensor.shape).ok()) << tensor.name;
    }
  }
  EXPECT_GE(n_models, 13U);
}

}  // namespace
}  // namespace baleen::ml
