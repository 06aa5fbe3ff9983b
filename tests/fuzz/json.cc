// JSON texts: what was read can be written, and what was written reads back as the same.
#include "core/json.h"

#include "fuzz/input.h"
#include "fuzz/json_values.h"

using namespace baleen;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static fuzz::MemoryFile file;
  const std::string_view text = fuzz::text_of(data, size);
  const std::string valid = core::valid_utf8(text);
  BALEEN_CHECK(core::valid_utf8(valid) == valid && valid.size() <= 3 * text.size());

  const Result<json::value> value = core::parse_json(text, "input");
  BALEEN_CHECK(fuzz::is_value_or(value, {ErrorCode::invalid_argument}));
  file.set(text);
  BALEEN_CHECK(core::read_json_file(file.path()).ok() == value.ok());
  if (!value.ok()) return 0;
  BALEEN_CHECK(valid == text);  // What is no UTF-8 is no JSON.
  for (const std::string& written :
       {core::to_json(*value), core::to_pretty_json(*value), core::to_canonical_json(*value)}) {
    const Result<json::value> again = core::parse_json(written, "written");
    BALEEN_CHECK(again.ok());
    if (fuzz::has_double(*value)) continue;
    BALEEN_CHECK(*again == *value);
    BALEEN_CHECK(core::to_canonical_json(*again) == core::to_canonical_json(*value));
  }
  if (!value->is_object()) return 0;
  for (const auto& member : value->get_object()) {
    const std::string_view key(member.key().data(), member.key().size());
    const json::object& object = value->get_object();
    (void)core::get_int(object, key);
    (void)core::get_double(object, key);
    (void)core::get_string(object, key);
    BALEEN_CHECK(core::get_array(object, key).empty() || member.value().is_array());
  }
  return 0;
}
