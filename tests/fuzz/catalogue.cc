// Catalogues of models, and the cards that lie beside installed ones.
#include "ml/catalogue.h"

#include "core/file.h"
#include "fuzz/input.h"
#include "ml/model_store.h"

using namespace baleen;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static fuzz::Folder folder;
  const std::string_view text = fuzz::text_of(data, size);
  const Result<ml::Catalogue> catalogue = ml::Catalogue::parse(text);
  BALEEN_CHECK(
      fuzz::is_value_or(catalogue, {ErrorCode::model_invalid, ErrorCode::invalid_argument}));
  if (catalogue.ok()) {
    for (const ml::ModelCard& card : catalogue->cards()) {
      BALEEN_CHECK(catalogue->find(card.name) == &card);
      const Result<ml::ModelCard> again = ml::parse_card(ml::card_to_json(card));
      BALEEN_CHECK(again.ok() && ml::card_to_json(*again) == ml::card_to_json(card));
      BALEEN_CHECK(card.sha256.empty() || !card.matches(std::string(64, 'g')));
    }
  }
  // The same bytes as the card of an installed model.
  const std::filesystem::path sidecar = folder.path() / "mine.json";
  {
    const Result<core::Fd> file = core::create_file(sidecar);
    BALEEN_CHECK(file.ok() && core::write_all(*file, std::as_bytes(std::span(text))).ok());
  }
  const ml::ModelStore store(folder.path());
  const auto found = store.find("mine");
  BALEEN_CHECK(!found || (found->card.name == "mine" && !found->is_intact));
  // Whatever a card says, its model lies in the store.
  BALEEN_CHECK(!found || found->path.parent_path() == folder.path());
  BALEEN_CHECK(store.list().ok());
  return 0;
}
