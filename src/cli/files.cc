#include "cli/files.h"

#include <algorithm>
#include <cctype>
#include <set>

namespace baleen::cli {
namespace {

namespace fs = std::filesystem;

bool has_audio_extension(const fs::path& path) {
  static const std::set<std::string> kExtensions = {
      ".wav", ".wave", ".w64",  ".rf64", ".bwf", ".aif",  ".aiff", ".aifc", ".au",  ".snd",
      ".caf", ".flac", ".mp3",  ".mp2",  ".mp1", ".mpga", ".m4a",  ".m4b",  ".mp4", ".m4r",
      ".3gp", ".aac",  ".adts", ".ogg",  ".oga", ".opus", ".spx",  ".webm", ".mka", ".mkv",
      ".wma", ".asf",  ".ape",  ".wv",   ".tta", ".tak",  ".mpc",  ".dsf",  ".dff", ".amr",
      ".ac3", ".eac3", ".dts",  ".voc",  ".mov", ".aa3",  ".oma",  ".ra",   ".rm"};
  std::string extension = path.extension().string();
  std::transform(extension.begin(), extension.end(), extension.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return kExtensions.contains(extension);
}

bool is_hidden(const fs::path& path) { return path.filename().string().starts_with('.'); }

void search(const fs::path& directory, const fs::path& excluded, FoundFiles& found) {
  std::error_code error;
  std::vector<fs::directory_entry> entries;
  for (fs::directory_iterator entry(directory, error), end; !error && entry != end;
       entry.increment(error)) {
    entries.push_back(*entry);
  }
  std::sort(entries.begin(), entries.end());
  for (const fs::directory_entry& entry : entries) {
    if (is_hidden(entry.path())) continue;
    // Links to folders are not followed: they may lead round in a circle.
    if (entry.is_directory(error) && !entry.is_symlink(error)) {
      if (fs::equivalent(entry.path(), excluded, error)) continue;
      search(entry.path(), excluded, found);
    } else if (entry.is_regular_file(error)) {
      if (has_audio_extension(entry.path())) {
        found.files.push_back(entry.path());
      } else {
        ++found.n_skipped;
      }
    }
  }
}

}  // namespace

FoundFiles find_files(const std::vector<std::string>& paths, const fs::path& excluded) {
  FoundFiles found;
  for (const std::string& path : paths) {
    std::error_code error;
    if (fs::is_directory(path, error)) {
      search(path, excluded, found);
    } else {
      found.files.emplace_back(path);
    }
  }
  return found;
}

}  // namespace baleen::cli
