// The one translation unit that sees valijson: it takes long to compile.
#include "formats/document.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>
#include <mutex>
#include <valijson/adapters/boost_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validation_results.hpp>
#include <valijson/validator.hpp>

#include "core/check.h"
#include "formats/embedded_schemas.h"

namespace baleen::formats {
namespace {

constexpr int kFaultsShownMax = 3;

std::unique_ptr<const valijson::Schema> compile(const EmbeddedSchema& embedded) {
  auto text = core::parse_json(embedded.text, embedded.schema_id);
  BALEEN_CHECK(text.ok());
  // Without its id, a schema's references to its own definitions stay local.
  if (text->is_object()) text->as_object().erase("$id");
  auto schema = std::make_unique<valijson::Schema>();
  valijson::SchemaParser parser(valijson::SchemaParser::kDraft7);
  parser.populateSchema(valijson::adapters::BoostJsonAdapter(*text), *schema);
  return schema;
}

/// The compiled schema, or nullptr for an unknown id. The map only grows; its values never move.
const valijson::Schema* find_schema(std::string_view schema_id) {
  static std::mutex mutex;
  static std::map<std::string, std::unique_ptr<const valijson::Schema>, std::less<>> compiled;
  const std::lock_guard lock(mutex);
  if (const auto it = compiled.find(schema_id); it != compiled.end()) return it->second.get();
  for (const EmbeddedSchema& embedded : embedded_schemas())
    if (embedded.schema_id == schema_id)
      return compiled.emplace(schema_id, compile(embedded)).first->second.get();
  return nullptr;
}

/// {"<root>", "[segments]", "[3]", "[label]"} as "segments[3].label".
std::string path_of(const std::vector<std::string>& context) {
  std::string path;
  for (std::size_t i = 1; i < context.size(); ++i) {
    const std::string& step = context[i];
    const bool is_index =
        step.size() > 2 && std::all_of(step.begin() + 1, step.end() - 1,
                                       [](unsigned char c) { return std::isdigit(c) != 0; });
    if (is_index) {
      path += step;
    } else {
      if (!path.empty()) path += '.';
      path += step.size() > 2 && step.front() == '[' ? step.substr(1, step.size() - 2) : step;
    }
  }
  return path.empty() ? "document" : path;
}

/// valijson reports the innermost fault first and then every object that contains it.
bool contains(const std::vector<std::string>& outer, const std::vector<std::string>& inner) {
  return outer.size() < inner.size() && std::equal(outer.begin(), outer.end(), inner.begin());
}

std::string describe(const valijson::ValidationResults& results) {
  std::vector<const valijson::ValidationResults::Error*> faults;
  for (const auto& error : results) {
    const bool is_echo = std::any_of(faults.begin(), faults.end(), [&](const auto* fault) {
      return contains(error.context, fault->context);
    });
    if (!is_echo) faults.push_back(&error);
  }
  std::string text;
  for (std::size_t i = 0; i < faults.size() && i < kFaultsShownMax; ++i)
    text += fmt::format("{}{}: {}", i == 0 ? "" : "; ", path_of(faults[i]->context),
                        faults[i]->description);
  if (faults.size() > kFaultsShownMax)
    text += fmt::format("; and {} more", faults.size() - kFaultsShownMax);
  return text;
}

}  // namespace

json::object begin_document(std::string_view schema_id, const DocumentHeader& header) {
  json::object document;
  document["schema_id"] = std::string(schema_id);
  document["version"] = std::string(kSchemaVersion);
  document["asset_id"] = header.asset_id;
  document["computed_at"] = header.computed_at;
  document["pipeline_version"] = header.pipeline_version;
  document["worker_version"] = header.worker_version;
  return document;
}

Result<void> validate(std::string_view schema_id, const json::value& document) {
  const valijson::Schema* schema = find_schema(schema_id);
  if (schema == nullptr) return fail(ErrorCode::invalid_argument, "no schema {}", schema_id);
  // A validator caches regular expressions without a lock, so each thread has its own.
  thread_local valijson::Validator validator(valijson::Validator::kStrongTypes);
  valijson::ValidationResults results;
  try {
    const valijson::adapters::BoostJsonAdapter target(document);
    if (validator.validate(*schema, target, &results)) return {};
  } catch (const std::exception& e) {
    return fail(ErrorCode::schema_invalid, "{}: {}", schema_id, e.what());
  }
  return fail(ErrorCode::schema_invalid, "{}: {}", schema_id, describe(results));
}

void prepare_schema(std::string_view schema_id) { find_schema(schema_id); }

std::vector<std::string> schema_ids() {
  std::vector<std::string> ids;
  for (const EmbeddedSchema& embedded : embedded_schemas()) ids.emplace_back(embedded.schema_id);
  return ids;
}

std::string_view schema_text(std::string_view schema_id) {
  for (const EmbeddedSchema& embedded : embedded_schemas())
    if (embedded.schema_id == schema_id) return embedded.text;
  return {};
}

}  // namespace baleen::formats
