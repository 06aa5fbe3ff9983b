#include "ml/catalogue.h"

#include <algorithm>
#include <set>
#include <utility>

namespace baleen::embedded {
extern const std::size_t models_count;                                // NOLINT: embed.py's names.
extern const std::pair<std::string_view, std::string_view> models[];  // NOLINT
}  // namespace baleen::embedded

namespace baleen::ml {
namespace {

constexpr std::size_t kSha256Digits = 64;

bool is_hex(std::string_view text) {
  return text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

bool is_model_name(std::string_view name) {
  return !name.empty() && name.size() <= 64 && name.front() != '.' && name.front() != '-' &&
         name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789._-") ==
             std::string_view::npos;
}

std::vector<TensorContract> parse_tensors(const json::array& array) {
  std::vector<TensorContract> tensors;
  for (const json::value& value : array) {
    if (!value.is_object()) continue;
    TensorContract tensor{core::get_string(value.get_object(), "name"), {}};
    for (const json::value& dim : core::get_array(value.get_object(), "shape"))
      tensor.shape.push_back(dim.is_int64() ? dim.get_int64() : -1);
    tensors.push_back(std::move(tensor));
  }
  return tensors;
}

json::array tensors_to_json(const std::vector<TensorContract>& tensors) {
  json::array array;
  for (const TensorContract& tensor : tensors) {
    json::object object;
    object["name"] = tensor.name;
    object["shape"] = json::array(tensor.shape.begin(), tensor.shape.end());
    array.push_back(std::move(object));
  }
  return array;
}

json::object embedding_to_json(const EmbeddingContract& contract) {
  return {{"frontend", contract.frontend}, {"window_s", contract.window_s},
          {"output", contract.output},     {"size", contract.size},
          {"pooling", contract.pooling},   {"peak", contract.peak}};
}

bool is_one_of(std::string_view word, std::initializer_list<std::string_view> words) {
  return std::ranges::find(words, word) != words.end();
}

Result<EmbeddingContract> parse_embedding(const json::value& value, const ModelCard& card) {
  if (!value.is_object())
    return fail(ErrorCode::model_invalid, "model {}: `embedding` is no object", card.name);
  const json::object& object = value.get_object();
  EmbeddingContract contract;
  contract.frontend = core::get_string(object, "frontend", contract.frontend);
  contract.window_s = core::get_double(object, "window_s");
  contract.output = core::get_string(object, "output");
  contract.size = core::get_int(object, "size");
  contract.pooling = core::get_string(object, "pooling", contract.pooling);
  contract.peak = core::get_double(object, "peak");
  if (!is_one_of(contract.frontend, {"waveform", "yamnet_patches", "batdetect_spectrogram"})) {
    return fail(ErrorCode::model_invalid,
                "model {}: frontend '{}'; there is waveform, yamnet_patches, batdetect_spectrogram",
                card.name, contract.frontend);
  }
  if (!is_one_of(contract.pooling, {"none", "mean", "max"})) {
    return fail(ErrorCode::model_invalid, "model {}: pooling '{}'; there is none, mean, max",
                card.name, contract.pooling);
  }
  const auto output = std::ranges::find(card.outputs, contract.output, &TensorContract::name);
  if (output == card.outputs.end() || output->shape.size() < 2 ||
      output->shape.back() != contract.size || contract.size <= 0) {
    return fail(ErrorCode::model_invalid,
                "model {}: its card has no output '{}' whose last dimension is {}", card.name,
                contract.output, contract.size);
  }
  if (card.inputs.size() != 1 || card.sample_rate_hz <= 0 || !(contract.window_s >= 0) ||
      !(contract.peak >= 0) || (output->shape.size() > 2) != (contract.pooling != "none")) {
    return fail(ErrorCode::model_invalid,
                "model {}: what embeds has a sample rate, one input, and pooling where its output "
                "has more than two dimensions",
                card.name);
  }
  return contract;
}

json::value text_or_null(const std::string& text) {
  return text.empty() ? json::value(nullptr) : json::value(text);
}

}  // namespace

bool ModelCard::matches(std::string_view file_sha256) const {
  if (!sha256.empty()) return sha256 == file_sha256;
  return !sha256_prefix.empty() && file_sha256.starts_with(sha256_prefix);
}

json::object card_to_json(const ModelCard& card) {
  json::object object;
  object["name"] = card.name;
  object["task"] = card.task;
  object["file"] = card.file;
  object["format"] = card.format;
  object["sha256"] = text_or_null(card.sha256);
  if (!card.sha256_prefix.empty()) object["sha256_prefix"] = card.sha256_prefix;
  if (card.size_bytes > 0) object["bytes"] = card.size_bytes;
  object["url"] = text_or_null(card.url);
  object["licence"] = card.licence;
  object["source"] = card.source;
  if (card.sample_rate_hz > 0) object["sample_rate_hz"] = card.sample_rate_hz;
  if (!card.inputs.empty()) object["inputs"] = tensors_to_json(card.inputs);
  if (!card.outputs.empty()) object["outputs"] = tensors_to_json(card.outputs);
  if (!card.labels.empty()) object["labels"] = json::array(card.labels.begin(), card.labels.end());
  if (card.embedding) object["embedding"] = embedding_to_json(*card.embedding);
  if (!card.notes.empty()) object["notes"] = card.notes;
  return object;
}

Result<ModelCard> parse_card(const json::value& value) {
  if (!value.is_object()) return fail(ErrorCode::model_invalid, "model card: not an object");
  const json::object& object = value.get_object();
  ModelCard card;
  card.name = core::get_string(object, "name");
  card.task = core::get_string(object, "task");
  card.file = core::get_string(object, "file");
  card.format = core::get_string(object, "format", "onnx");
  card.sha256 = core::get_string(object, "sha256");
  card.sha256_prefix = core::get_string(object, "sha256_prefix");
  card.size_bytes = core::get_int(object, "bytes");
  card.url = core::get_string(object, "url");
  card.licence = core::get_string(object, "licence");
  card.source = core::get_string(object, "source");
  card.notes = core::get_string(object, "notes");
  card.sample_rate_hz = core::get_int(object, "sample_rate_hz");
  card.inputs = parse_tensors(core::get_array(object, "inputs"));
  card.outputs = parse_tensors(core::get_array(object, "outputs"));
  for (const json::value& label : core::get_array(object, "labels"))
    if (label.is_string()) card.labels.emplace_back(label.get_string());

  if (!is_model_name(card.name)) {
    return fail(
        ErrorCode::model_invalid,
        "model name '{}': wants 1 to 64 of a-z, 0-9, '.', '_' and '-', not '.' or '-' first",
        card.name);
  }
  if (const json::value* contract = object.if_contains("embedding"); contract != nullptr) {
    BALEEN_ASSIGN_OR_RETURN(card.embedding, parse_embedding(*contract, card));
  }
  if (!is_hex(card.sha256) || !is_hex(card.sha256_prefix) ||
      (!card.sha256.empty() && card.sha256.size() != kSha256Digits)) {
    return fail(ErrorCode::model_invalid, "model {}: malformed sha256", card.name);
  }
  return card;
}

Result<Catalogue> Catalogue::parse(std::string_view text) {
  BALEEN_ASSIGN_OR_RETURN(const json::value document, core::parse_json(text, "model catalogue"));
  Catalogue catalogue;
  std::set<std::string> names;
  if (!document.is_object())
    return fail(ErrorCode::model_invalid, "model catalogue: not an object");
  for (const json::value& value : core::get_array(document.get_object(), "models")) {
    BALEEN_ASSIGN_OR_RETURN(ModelCard card, parse_card(value));
    if (card.task.empty() || card.licence.empty() || card.source.empty() || card.file.empty())
      return fail(ErrorCode::model_invalid, "model {}: incomplete card", card.name);
    if (!names.insert(card.name).second)
      return fail(ErrorCode::model_invalid, "model {}: listed twice", card.name);
    catalogue.cards_.push_back(std::move(card));
  }
  return catalogue;
}

const Catalogue& Catalogue::builtin() {
  static const auto* const catalogue = [] {
    BALEEN_CHECK(embedded::models_count == 1);
    Result<Catalogue> parsed = parse(embedded::models[0].second);
    BALEEN_CHECK(parsed.ok());  // A test parses the same bytes.
    return new Catalogue(std::move(parsed).value());
  }();
  return *catalogue;
}

const ModelCard* Catalogue::find(std::string_view name) const {
  const auto it = std::ranges::find(cards_, name, &ModelCard::name);
  return it == cards_.end() ? nullptr : &*it;
}

const ModelCard* Catalogue::find_by_sha256(std::string_view sha256) const {
  const auto it =
      std::ranges::find_if(cards_, [&](const ModelCard& card) { return card.matches(sha256); });
  return it == cards_.end() ? nullptr : &*it;
}

const ModelCard* Catalogue::find_task(std::string_view task) const {
  const auto it = std::ranges::find(cards_, task, &ModelCard::task);
  return it == cards_.end() ? nullptr : &*it;
}

}  // namespace baleen::ml
