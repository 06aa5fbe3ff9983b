#include "recipes/bioacoustics/encoding.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>

#include "core/sha256.h"

namespace baleen::bioacoustics {
namespace {

constexpr double kDefaultWindowS = 5;
constexpr std::string_view kBuiltinVersion = "builtin1024", kStubVersion = "stub16";
constexpr std::int64_t kBuiltinRateHz = 22'050;
constexpr std::int64_t kStubRateHz = 16'000;
/// What embeds best comes first.
constexpr std::array<std::string_view, 3> kTasksOfAuto = {"bird_embedding_perch",
                                                          "bird_embedding_birdnet", "yamnet"};

std::string_view to_string(EmbedderKind kind) {
  switch (kind) {
    case EmbedderKind::builtin: return "builtin";
    case EmbedderKind::stub: return "stub";
    case EmbedderKind::network: return "network";
  }
  return "builtin";
}

Result<double> number_of(const json::object& given, const char* key, double fallback, double max) {
  const json::value* value = given.if_contains(key);
  if (value == nullptr || value->is_null()) return fallback;
  if (!value->is_number()) return fail(ErrorCode::invalid_argument, "{} is no number", key);
  const double number = value->to_number<double>();
  if (number > 0 && number <= max) return number;
  return fail(ErrorCode::invalid_argument, "{} is {}; it must be above 0 and at most {}", key,
              number, max);
}

/// The digest that stands for what has no file: of its name, which changes with its arithmetic.
Encoding without_weights(EmbedderKind kind, std::string version, std::int64_t rate_hz) {
  Encoding encoding;
  encoding.kind = kind;
  encoding.model_sha256 = core::sha256_hex(version + "/1");
  encoding.model_version = std::move(version);
  encoding.sample_rate_hz = rate_hz;
  return encoding;
}

Result<ml::InstalledModel> find_model(const std::string& name, const ml::ModelStore& models) {
  std::optional<ml::InstalledModel> model = models.find(name);
  if (!model) model = models.find_for_task(name);
  if (!model) {
    return fail(ErrorCode::model_not_found,
                "'{}' is not installed; `baleen models list` shows what is, and `builtin` needs "
                "no model",
                name);
  }
  if (!model->is_intact)
    return fail(ErrorCode::model_invalid, "the file of '{}' is damaged or gone", name);
  return std::move(*model);
}

Result<Encoding> of_network(const ml::ModelCard& card) {
  if (!card.embedding) {
    return fail(ErrorCode::model_invalid,
                "'{}' cannot embed windows of sound: its card has no `embedding`", card.name);
  }
  Encoding encoding;
  encoding.kind = EmbedderKind::network;
  encoding.model_version = card.name;
  encoding.model_sha256 = card.sha256;
  encoding.sample_rate_hz = card.sample_rate_hz;
  encoding.feature_config = {{"frontend", card.embedding->frontend},
                             {"output", card.embedding->output},
                             {"pooling", card.embedding->pooling},
                             {"peak", card.embedding->peak}};
  return encoding;
}

Result<Encoding> of_model(const std::string& name,
                          const ml::ModelStore& models,
                          double& only_window_s) {
  if (name == "builtin")
    return without_weights(EmbedderKind::builtin, std::string(kBuiltinVersion), kBuiltinRateHz);
  if (name == "stub")
    return without_weights(EmbedderKind::stub, std::string(kStubVersion), kStubRateHz);
  if (name == "auto") {
    for (const std::string_view task : kTasksOfAuto) {
      if (const auto model = models.find_for_task(task)) {
        only_window_s = model->card.embedding ? model->card.embedding->window_s : 0;
        return of_network(model->card);
      }
    }
    return of_model("builtin", models, only_window_s);
  }
  BALEEN_ASSIGN_OR_RETURN(const ml::InstalledModel model, find_model(name, models));
  if (model.card.embedding) only_window_s = model.card.embedding->window_s;
  return of_network(model.card);
}

}  // namespace

std::string Encoding::id() const {
  std::string id = fmt::format("{}__w{}_h{}_sr{}", model_version, window_s, hop_s, sample_rate_hz);
  json::object comparable = to_json();
  comparable.erase("time_expansion");
  return id + "__" + core::sha256_hex(core::to_canonical_json(comparable)).substr(0, 12);
}

std::string alias_of(std::string_view encoding_id) {
  return core::sha256_hex(encoding_id).substr(0, 12);
}

std::string Encoding::alias() const { return alias_of(id()); }

std::string model_name_of(std::string_view model_version) {
  if (model_version == kBuiltinVersion) return "builtin";
  if (model_version == kStubVersion) return "stub";
  return std::string(model_version);
}

std::string Encoding::signature(std::string_view audio_sha256) const {
  json::object key = to_json();
  key["audio_sha256"] = std::string(audio_sha256);
  return core::sha256_hex(core::to_canonical_json(key));
}

json::object Encoding::to_json() const {
  return {{"kind", std::string(to_string(kind))},
          {"model_version", model_version},
          {"model_sha256", model_sha256},
          {"window_size_seconds", window_s},
          {"hop_seconds", hop_s},
          {"target_sample_rate", sample_rate_hz},
          {"time_expansion", time_expansion},
          {"feature_config", feature_config}};
}

Encoding Encoding::from_json(const json::object& object) {
  Encoding encoding;
  const std::string kind = core::get_string(object, "kind");
  encoding.kind = kind == "network" ? EmbedderKind::network
                  : kind == "stub"  ? EmbedderKind::stub
                                    : EmbedderKind::builtin;
  encoding.model_version = core::get_string(object, "model_version");
  encoding.model_sha256 = core::get_string(object, "model_sha256");
  encoding.window_s = core::get_double(object, "window_size_seconds");
  encoding.hop_s = core::get_double(object, "hop_seconds");
  encoding.sample_rate_hz = core::get_int(object, "target_sample_rate");
  encoding.time_expansion = core::get_double(object, "time_expansion", 1);
  encoding.feature_config = core::get_object(object, "feature_config");
  return encoding;
}

Result<json::object> canonical_encoding_params(const json::object& given,
                                               std::string_view default_model) {
  constexpr std::array<std::string_view, 4> kKnown = {"model", "window_s", "hop_s",
                                                      "time_expansion"};
  for (const auto& member : given) {
    const std::string_view key(member.key().data(), member.key().size());
    if (std::ranges::find(kKnown, key) == kKnown.end()) {
      return fail(ErrorCode::invalid_argument, "there is no parameter '{}'; there is: {}", key,
                  fmt::join(kKnown, ", "));
    }
  }
  const json::value* const model = given.if_contains("model");
  if (model != nullptr && !model->is_string())
    return fail(ErrorCode::invalid_argument, "model is no text");
  const std::string name = core::get_string(given, "model", default_model);
  BALEEN_ASSIGN_OR_RETURN(const double window_s,
                          number_of(given, "window_s", kDefaultWindowS, 3600));
  BALEEN_ASSIGN_OR_RETURN(const double hop_s, number_of(given, "hop_s", window_s, 3600));
  const bool is_stated =
      core::get_double(given, "time_expansion") == 0 &&
      (!given.contains("time_expansion") || given.at("time_expansion").is_number());
  double expansion = 0;
  if (!is_stated) {
    BALEEN_ASSIGN_OR_RETURN(expansion, number_of(given, "time_expansion", 1, 100));
  }
  return json::object{
      {"model", name}, {"window_s", window_s}, {"hop_s", hop_s}, {"time_expansion", expansion}};
}

Result<Encoding> resolve_encoding(const json::object& params,
                                  const ml::ModelStore& models,
                                  double stated_time_expansion) {
  double only_window_s = 0;
  BALEEN_ASSIGN_OR_RETURN(Encoding encoding,
                          of_model(core::get_string(params, "model"), models, only_window_s));
  encoding.window_s = core::get_double(params, "window_s");
  encoding.hop_s = core::get_double(params, "hop_s");
  encoding.time_expansion = core::get_double(params, "time_expansion");
  if (encoding.time_expansion == 0) encoding.time_expansion = stated_time_expansion;
  if (only_window_s > 0 && encoding.window_s != only_window_s) {
    return fail(ErrorCode::invalid_argument, "'{}' takes windows of {} s only, not of {} s",
                encoding.model_version, only_window_s, encoding.window_s);
  }
  return encoding;
}

}  // namespace baleen::bioacoustics
