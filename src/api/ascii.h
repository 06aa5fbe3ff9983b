#pragma once

/// Letters of protocols: ASCII only, whatever the locale says.

#include <algorithm>
#include <string>
#include <string_view>

namespace baleen::api {

[[nodiscard]] constexpr char to_lower(char letter) {
  return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter - 'A' + 'a') : letter;
}

[[nodiscard]] constexpr bool equals_ignoring_case(std::string_view a, std::string_view b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) {
           return to_lower(x) == to_lower(y);
         });
}

/// Without blanks and tabs at both ends.
[[nodiscard]] constexpr std::string_view trim(std::string_view text) {
  constexpr std::string_view kBlank = " \t";
  const std::size_t begin = text.find_first_not_of(kBlank);
  if (begin == std::string_view::npos) return "";
  return text.substr(begin, text.find_last_not_of(kBlank) - begin + 1);
}

/// The value of a hexadecimal digit, or -1.
[[nodiscard]] constexpr int hex_value(char digit) {
  if (digit >= '0' && digit <= '9') return digit - '0';
  const char lower = to_lower(digit);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

}  // namespace baleen::api
