// Command lines: words separated by zero bytes. They are understood or refused with help; nothing is done.
#include "cli/cli.h"

#include <vector>

#include "fuzz/input.h"

using namespace baleen;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  std::vector<std::string> words = {"baleen"};
  while (!input.is_empty() && words.size() < 64) words.emplace_back(input.until('\0'));
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  const Result<void> understood =
      cli::check_arguments(static_cast<int>(words.size()), arguments.data());
  BALEEN_CHECK(fuzz::is_value_or(understood, {ErrorCode::invalid_argument}));
  // The same words mean the same again.
  BALEEN_CHECK(cli::check_arguments(static_cast<int>(words.size()), arguments.data()).ok() ==
               understood.ok());
  return 0;
}
