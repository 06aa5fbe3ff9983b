// Small texts of our own: process identities, times, ids, error codes; and texts for terminals.
#include <cctype>

#include "audio/source_file.h"
#include "cli/text.h"
#include "core/clock.h"
#include "core/error.h"
#include "core/ids.h"
#include "core/json.h"
#include "core/process.h"
#include "fuzz/input.h"
#include "ops/bundle.h"

using namespace baleen;

namespace {

constexpr std::uint64_t kTimesUntilTheYear10000 = 253'402'300'800'000'000;

bool has_control(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char letter) {
    return static_cast<unsigned char>(letter) < 0x20 || letter == 0x7f;
  });
}

/// Whether a whole token or session secret stands somewhere in the text.
bool has_secret(std::string_view text) {
  constexpr std::size_t kBytes = 4 + 43;
  for (std::size_t at = 0; at + kBytes <= text.size(); ++at) {
    const std::string_view secret = text.substr(at, kBytes);
    const bool is_one = secret.starts_with("bln_") || secret.starts_with("bls_");
    if (is_one && std::all_of(secret.begin(), secret.end(), [](unsigned char letter) {
          return (letter < 0x80 && std::isalnum(letter) != 0) || letter == '_' || letter == '-';
        }))
      return true;
  }
  return false;
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::text_of(data, size);
  if (const auto process = core::ProcessIdentity::parse(text)) {
    const auto again = core::ProcessIdentity::parse(process->to_string());
    BALEEN_CHECK(again && again->to_string() == process->to_string());
    BALEEN_CHECK(again->pid == process->pid && again->start_ticks == process->start_ticks);
    (void)core::liveness(*process);
  }
  const std::string id = core::derived_id(text);
  BALEEN_CHECK(id.size() == 36 && id[14] == '8' && id == core::derived_id(text));
  if (const auto code = core::parse_error_code(text))
    BALEEN_CHECK(core::error_info(*code).name == text);

  const std::string time = core::rfc3339(static_cast<std::int64_t>(
      fuzz::Input(data, size).number<std::uint64_t>() % kTimesUntilTheYear10000));
  BALEEN_CHECK(time.size() == 24 && time[10] == 'T' && time[19] == '.' && time.back() == 'Z');
  BALEEN_CHECK(time.find_first_not_of("0123456789-:.TZ") == std::string::npos);
  BALEEN_CHECK(time.find_last_of('-') == 7);

  for (const std::string& shown : {cli::printable(text, 40), audio::printable(text)}) {
    BALEEN_CHECK(!has_control(shown) && core::valid_utf8(shown) == shown);
  }
  const std::string redacted = ops::redact(std::string(text));
  BALEEN_CHECK(!has_secret(redacted) && ops::redact(redacted) == redacted);
  for (const std::string& part : cli::split(text, ','))
    BALEEN_CHECK(part.find(',') == std::string::npos);
  (void)cli::did_you_mean(text.substr(0, 64), {"worker", "run", "status"});
  return 0;
}
