#include "ml/model_store.h"

#include <gmock/gmock.h>

#include "core/file.h"
#include "core/sha256.h"
#include "ml/session.h"
#include "ml/testing/temporary_directory.h"
#include "ml/testing/tiny_onnx.h"
#include "support/shared_dir.h"

namespace baleen::ml {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

std::string adder(const char* output_name) {
  testing::OnnxModel model;
  model.inputs = {{"x", {-1, 3}}};
  model.outputs = {{output_name, {-1, 3}}};
  model.nodes = {{"Add", {"x", "x"}, {output_name}}};
  return model.bytes();
}

// "first" and "second" share the task "adding"; "vague" has no published digest; "part" only a prefix.
class ModelStoreTest : public ::testing::Test {
 protected:
  void SetUp() override {
    first_bytes = adder("y");
    second_bytes = "second " + first_bytes;
    write("first.onnx", first_bytes);
    write("second.onnx", second_bytes);
    write("prefixed.pth", "prefixed");
    const auto entry = [](const char* name, const char* task, const std::string& rest) {
      return fmt::format(R"({{"name": "{}", "task": "{}", "file": "{}.onnx", "licence": "MIT",)"
                         R"("source": "test", {}}})",
                         name, task, name, rest);
    };
    const auto digest = [](const std::string& bytes) {
      return fmt::format(R"("sha256": "{}", "bytes": {})", core::sha256_hex(bytes), bytes.size());
    };
    const std::string adding = R"(, "inputs": [{"name": "x", "shape": [-1, 3]}],)"
                               R"("outputs": [{"name": "y", "shape": [-1, 3]}])";
    Result<Catalogue> parsed = Catalogue::parse(
        R"({"models": [)" +
        entry("first", "adding",
              digest(first_bytes) + adding + R"(, "url": "file://)" + path("first.onnx").string() +
                  "\"") +
        "," + entry("second", "adding", digest(second_bytes) + adding) + "," +
        entry("vague", "guessing", R"("url": null)") + "," +
        entry("prefixed", "stems",
              fmt::format(R"("sha256_prefix": "{}")", core::sha256_hex("prefixed").substr(0, 8))) +
        "," +
        entry("lost", "adding", digest("lost") + R"(, "url": "file:///nonexistent/lost.onnx")") +
        "]}");
    ASSERT_TRUE(parsed.ok()) << parsed.error().message;
    catalogue = std::move(parsed).value();
  }

  [[nodiscard]] fs::path path(std::string_view name) const { return directory.path() / name; }
  void write(std::string_view name, std::string_view bytes) const {
    testing::write_bytes(path(name), bytes);
  }
  [[nodiscard]] ModelStore store() const {
    return ModelStore(directory.path() / "models", catalogue);
  }
  // Names of everything in the store's folder, but for its lock.
  [[nodiscard]] std::vector<std::string> files() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(directory.path() / "models"))
      if (entry.path().filename() != ".lock") names.push_back(entry.path().filename());
    std::ranges::sort(names);
    return names;
  }

  testing::TemporaryDirectory directory;
  std::string first_bytes;
  std::string second_bytes;
  Catalogue catalogue;
};

TEST_F(ModelStoreTest, AnEmptyStoreListsTheCatalogueAndHasNothing) {
  const auto list = store().list();
  ASSERT_TRUE(list.ok());
  ASSERT_EQ(list->size(), 5U);
  for (const ModelStatus& status : *list) EXPECT_FALSE(status.installed || status.is_active);
  EXPECT_FALSE(store().find_for_task("adding").has_value());
  EXPECT_FALSE(store().find("first").has_value());
  EXPECT_EQ(*store().verify(), 0U);
}

TEST_F(ModelStoreTest, AFileIsRecognisedByItsDigestWhateverItIsCalled) {
  write("renamed by someone.bin", second_bytes);
  const auto added = store().add(path("renamed by someone.bin"), {});
  ASSERT_TRUE(added.ok()) << added.error().to_string();
  EXPECT_EQ(added->card.name, "second");
  EXPECT_EQ(added->card.sha256, core::sha256_hex(second_bytes));
  EXPECT_EQ(*core::read_text_file(added->path), second_bytes);
  EXPECT_EQ(added->installed_at.size(), 24U);
  EXPECT_THAT(files(), ::testing::ElementsAre("second.json", "second.onnx"));
}

TEST_F(ModelStoreTest, TheCatalogueOrderDecidesWhichModelOfATaskIsActive) {
  ASSERT_TRUE(store().add(path("second.onnx"), {}).ok());
  EXPECT_EQ(store().find_for_task("adding")->card.name, "second");
  ASSERT_TRUE(store().add(path("first.onnx"), {}).ok());
  EXPECT_EQ(store().find_for_task("adding")->card.name, "first");
  const auto list = store().list();
  EXPECT_TRUE((*list)[0].is_active);
  EXPECT_TRUE((*list)[1].installed.has_value());
  EXPECT_FALSE((*list)[1].is_active);
}

TEST_F(ModelStoreTest, AddingTwiceChangesNothing) {
  const auto added = store().add(path("first.onnx"), {});
  const auto again = store().add(path("first.onnx"), {});
  ASSERT_TRUE(added.ok() && again.ok());
  EXPECT_EQ(again->installed_at, added->installed_at);
  EXPECT_EQ(*store().verify(), 1U);
}

TEST_F(ModelStoreTest, AnUnknownFileNeedsAName) {
  if (onnxruntime_version().empty()) GTEST_SKIP() << "built without ONNX Runtime";
  write("mine.onnx", adder("z"));
  const auto nameless = store().add(path("mine.onnx"), {});
  ASSERT_FALSE(nameless.ok());
  EXPECT_EQ(nameless.error().code, ErrorCode::model_invalid);
  EXPECT_THAT(nameless.error().message, HasSubstr("--name"));
  EXPECT_TRUE(files().empty());

  const auto named = store().add(path("mine.onnx"), {.name = "mine", .task = "custom"});
  ASSERT_TRUE(named.ok()) << named.error().to_string();
  EXPECT_EQ(named->card.task, "custom");
  EXPECT_FALSE(store().find_for_task("custom").has_value());
  EXPECT_EQ(store().list()->size(), 6U);
}

TEST_F(ModelStoreTest, AModelForATaskMustHaveItsTensors) {
  if (onnxruntime_version().empty()) GTEST_SKIP() << "built without ONNX Runtime";
  write("z.onnx", adder("z"));
  const auto other = store().add(path("z.onnx"), {.name = "z", .task = "adding"});
  ASSERT_FALSE(other.ok());
  EXPECT_EQ(other.error().code, ErrorCode::model_invalid);
  EXPECT_FALSE(store().add(path("z.onnx"), {.name = "z", .task = "nonesuch"}).ok());

  testing::OnnxModel model;
  model.inputs = {{"x", {-1, 3}}};
  model.outputs = {{"y", {-1, 3}}};
  model.nodes = {{"Mul", {"x", "x"}, {"y"}}};
  write("square.onnx", model.bytes());
  ASSERT_TRUE(store().add(path("square.onnx"), {.name = "square", .task = "adding"}).ok());
  EXPECT_EQ(store().find_for_task("adding")->card.name, "square");
  ASSERT_TRUE(store().add(path("second.onnx"), {}).ok());
  EXPECT_EQ(store().find_for_task("adding")->card.name, "second") << "the catalogue comes first";
}

/// A network that embeds windows of three samples, as its card says.
constexpr const char* kEmbedderCard =
    R"({"task": "embedding", "licence": "CC0", "sample_rate_hz": 8000,
  "inputs": [{"name": "x", "shape": [-1, 3]}], "outputs": [{"name": "y", "shape": [-1, 3]}],
  "embedding": {"window_s": 0.000375, "output": "y", "size": 3}})";

TEST_F(ModelStoreTest, ACardSaysWhatAFileOfOnesOwnTakesAndGives) {
  if (onnxruntime_version().empty()) GTEST_SKIP() << "built without ONNX Runtime";
  testing::OnnxModel model;
  model.inputs = {{"x", {-1, 3}}};
  model.outputs = {{"y", {-1, 3}}};
  model.nodes = {{"Sub", {"x", "x"}, {"y"}}};
  write("net.onnx", model.bytes());
  write("whistles.json", kEmbedderCard);
  const auto added = store().add(path("net.onnx"), {.card = path("whistles.json")});
  ASSERT_TRUE(added.ok()) << added.error().to_string();
  EXPECT_EQ(added->card.name, "whistles") << "of the card's file, as the card has no name";
  const auto found = store().find("whistles");
  ASSERT_TRUE(found && found->card.embedding);
  EXPECT_EQ(found->card.embedding->size, 3);
  EXPECT_EQ(found->card.sample_rate_hz, 8000);
  EXPECT_EQ(found->card.licence, "CC0");
  EXPECT_EQ(
      store().add(path("net.onnx"), {.name = "other", .card = path("whistles.json")})->card.name,
      "other");
}

TEST_F(ModelStoreTest, ACardThatTheFileContradictsIsRefusedAndNothingIsInstalled) {
  if (onnxruntime_version().empty()) GTEST_SKIP() << "built without ONNX Runtime";
  testing::OnnxModel model;
  model.inputs = {{"x", {-1, 3}}};
  model.outputs = {{"y", {-1, 3}}};
  model.nodes = {{"Sub", {"x", "x"}, {"y"}}};
  write("net.onnx", model.bytes());
  const auto refusal = [&](std::string_view find, std::string_view replacement) {
    std::string card = kEmbedderCard;
    if (!find.empty()) card.replace(card.find(find), find.size(), replacement);
    write("card.json", card);
    const auto added = store().add(path("net.onnx"), {.name = "mine", .card = path("card.json")});
    return added.ok() ? std::string("taken") : added.error().to_string();
  };
  EXPECT_THAT(refusal(R"("x", "shape": [-1, 3])", R"("x", "shape": [-1, 4])"),
              HasSubstr("MODEL_INVALID"));
  EXPECT_THAT(refusal(R"("name": "x")", R"("name": "samples")"), HasSubstr("samples"));
  EXPECT_THAT(refusal(R"("size": 3)", R"("size": 5)"), HasSubstr("MODEL_INVALID"));
  EXPECT_THAT(
      refusal(R"([{"name": "y", "shape": [-1, 3]}])", R"([{"name": "y", "shape": [-1, 9]}])"),
      HasSubstr("MODEL_INVALID"));
  EXPECT_THAT(refusal(R"("sample_rate_hz": 8000,)", ""), HasSubstr("sample rate"));
  EXPECT_THAT(refusal(R"({"task")", R"({"sha256": ")" + std::string(64, 'a') + R"(", "task")"),
              HasSubstr("sha256"));
  EXPECT_THAT(refusal(R"({"task")", "{task"), HasSubstr("card.json"));
  EXPECT_TRUE(files().empty());
  EXPECT_EQ(refusal("", ""), "taken") << "the card is right, and only its changes were wrong";
}

TEST_F(ModelStoreTest, RefusesWhatIsNoModelAndNamesThatAreTaken) {
  write("junk.onnx", "junk");
  const auto check = [&](const char* file, const AddOptions& options, ErrorCode code) {
    const auto added = store().add(path(file), options);
    ASSERT_FALSE(added.ok()) << file;
    EXPECT_EQ(added.error().code, code) << added.error().message;
    EXPECT_TRUE(!fs::exists(directory.path() / "models") || files().empty());
  };
  if (!onnxruntime_version().empty())
    check("junk.onnx", {.name = "junk", .task = "custom"}, ErrorCode::model_invalid);
  check("junk.onnx", {.name = "first", .task = "custom"}, ErrorCode::model_invalid);
  check("junk.onnx", {.name = "../evil", .task = "custom"}, ErrorCode::model_invalid);
  check("first.onnx", {.name = "second", .task = "custom"}, ErrorCode::invalid_argument);
  check("absent.onnx", {}, ErrorCode::file_not_found);
  check(".", {}, ErrorCode::file_not_found);
}

TEST_F(ModelStoreTest, AModelWithoutAPublishedDigestIsTakenOnTheUsersWord) {
  write("some.onnx", "anything");
  const auto added = store().add(path("some.onnx"), {.name = "vague", .task = "custom"});
  ASSERT_TRUE(added.ok()) << added.error().to_string();
  EXPECT_EQ(added->card.task, "guessing");
  EXPECT_EQ(added->card.sha256, core::sha256_hex("anything"));
  write("some.onnx", "something else");
  const auto other = store().add(path("some.onnx"), {.name = "vague", .task = "custom"});
  ASSERT_FALSE(other.ok());
  EXPECT_EQ(other.error().code, ErrorCode::conflict);
}

TEST_F(ModelStoreTest, VerifyFindsDamageAndAddingRepairsIt) {
  const auto added = store().add(path("first.onnx"), {});
  std::string bytes = first_bytes;
  bytes.back() = static_cast<char>(bytes.back() ^ 1);
  testing::write_bytes(added->path, bytes);
  const auto verified = store().verify();
  ASSERT_FALSE(verified.ok());
  EXPECT_EQ(verified.error().code, ErrorCode::model_invalid);
  EXPECT_THAT(verified.error().message, HasSubstr("first"));

  testing::write_bytes(added->path, "short");
  EXPECT_FALSE(store().find("first")->is_intact);
  EXPECT_FALSE(store().find_for_task("adding").has_value());
  ASSERT_TRUE(store().add(path("first.onnx"), {}).ok());
  EXPECT_EQ(*store().verify("first"), 1U);
  EXPECT_EQ(store().verify("second").error().code, ErrorCode::model_not_found);
}

TEST_F(ModelStoreTest, DamagedCardsAreNotModels) {
  ASSERT_TRUE(store().add(path("first.onnx"), {}).ok());
  for (const char* card : {"", "{", "[]", R"({"name": "second"})", R"({"name": "../first"})"}) {
    testing::write_bytes(directory.path() / "models/first.json", card);
    EXPECT_FALSE(store().find("first").has_value()) << card;
    EXPECT_TRUE(store().list().ok());
  }
  EXPECT_FALSE(store().find("../models/first").has_value());
}

TEST_F(ModelStoreTest, PullInstallsFromItsAddressAndOnlyOnce) {
  std::int64_t total = -1;
  const auto pulled =
      store().pull("first", {.url = "", .progress = [&](std::int64_t, std::int64_t all) {
                               total = all;
                               return true;
                             }});
  ASSERT_TRUE(pulled.ok()) << pulled.error().to_string();
  EXPECT_EQ(pulled->origin, "file://" + path("first.onnx").string());
  EXPECT_EQ(total, static_cast<std::int64_t>(first_bytes.size()));
  EXPECT_THAT(files(), ::testing::ElementsAre("first.json", "first.onnx"));
  fs::remove(path("first.onnx"));
  EXPECT_TRUE(store().pull("first", {}).ok()) << "installed models are not fetched again";
}

TEST_F(ModelStoreTest, PullGoesOnWhereItStopped) {
  fs::create_directories(directory.path() / "models");
  for (const std::size_t size : {std::size_t{0}, std::size_t{20}, first_bytes.size()}) {
    SCOPED_TRACE(size);
    write("models/.first.part", first_bytes.substr(0, size));
    const auto pulled = store().pull("first", {});
    ASSERT_TRUE(pulled.ok()) << pulled.error().to_string();
    ASSERT_TRUE(store().remove("first").ok());
    EXPECT_TRUE(files().empty());
  }
}

TEST_F(ModelStoreTest, PullRefusesOtherBytesAndLeavesNothing) {
  const std::string url = "file://" + path("second.onnx").string();
  const auto check = [&](std::string_view name, const PullOptions& options, ErrorCode code) {
    const auto pulled = store().pull(name, options);
    ASSERT_FALSE(pulled.ok()) << name;
    EXPECT_EQ(pulled.error().code, code) << pulled.error().message;
    EXPECT_TRUE(!fs::exists(directory.path() / "models") || files().empty());
  };
  check("lost", {}, ErrorCode::model_download_failed);
  check("second", {}, ErrorCode::model_download_failed);  // No address.
  check("nonesuch", {}, ErrorCode::model_not_found);
  check("first", {.url = "ftp://example.org/x", .progress = {}}, ErrorCode::invalid_argument);
  std::string same_size = first_bytes;
  same_size[0] = 'x';
  write("wrong.onnx", same_size);
  check("first", {.url = "file://" + path("wrong.onnx").string(), .progress = {}},
        ErrorCode::model_download_failed);
  write("large.onnx", std::string(1 << 20, 'x'));
  check("first", {.url = "file://" + path("large.onnx").string(), .progress = {}},
        ErrorCode::model_download_failed);
}

TEST_F(ModelStoreTest, APublishedPrefixIsEnoughToPull) {
  const auto pulled =
      store().pull("prefixed", {.url = "file://" + path("prefixed.pth").string(), .progress = {}});
  ASSERT_TRUE(pulled.ok()) << pulled.error().to_string();
  EXPECT_EQ(pulled->card.sha256, core::sha256_hex("prefixed"));
  EXPECT_EQ(*store().verify(), 1U);
}

TEST_F(ModelStoreTest, YamnetIsPulledFromTheRunbooksVariable) {
  BALEEN_SHARED_FILE_OR_SKIP(shared_file, "models/yamnet/yamnet_patches.onnx");
  const auto file = fs::canonical(shared_file);
  ModelStore real(directory.path() / "real");
  const auto without = real.pull("yamnet", {});
  ASSERT_FALSE(without.ok());
  EXPECT_THAT(without.error().message, HasSubstr("YAMNET_ONNX_DOWNLOAD_URL"));
  ::setenv("YAMNET_ONNX_DOWNLOAD_URL", ("file://" + file.string()).c_str(), 1);
  const auto pulled = real.pull("yamnet", {});
  ::unsetenv("YAMNET_ONNX_DOWNLOAD_URL");
  ASSERT_TRUE(pulled.ok()) << pulled.error().to_string();
  EXPECT_EQ(real.find_for_task("yamnet")->card.sha256, Catalogue::builtin().find("yamnet")->sha256);
}

}  // namespace
}  // namespace baleen::ml
