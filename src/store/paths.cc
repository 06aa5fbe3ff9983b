#include "store/paths.h"

namespace baleen::store {
namespace {

std::string insert_before_extension(std::string_view path, const std::string& inserted) {
  const std::size_t slash = path.rfind('/');
  std::size_t dot = path.rfind('.');
  if (dot == std::string_view::npos || (slash != std::string_view::npos && dot < slash))
    dot = path.size();
  return std::string(path.substr(0, dot)) + inserted + std::string(path.substr(dot));
}

std::string_view file_name(std::string_view path) { return path.substr(path.rfind('/') + 1); }

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  for (std::size_t at = text.find(from); at != std::string::npos;
       at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
}

std::string as_name(std::string text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                          (c >= '0' && c <= '9') || c == '_' || c == '+' || c == '-' ||
                          (c == '.' && i > 0);
    if (!is_plain) text[i] = '_';
  }
  return text;
}

}  // namespace

std::string expand_path(std::string_view pattern,
                        const std::map<std::string, std::string, std::less<>>& words) {
  std::string path(pattern);
  for (const auto& [word, value] : words) replace_all(path, "{" + word + "}", as_name(value));
  return path;
}

std::string index_directory(std::string_view alias, std::string_view owner) {
  return expand_path("indexes/{alias}/{owner}",
                     {{"alias", std::string(alias)}, {"owner", std::string(owner)}});
}

std::string work_directory(std::string_view asset_id,
                           std::string_view stage,
                           std::string_view alias) {
  std::string path = "work/" + std::string(asset_id) + "." + std::string(stage);
  if (!alias.empty()) path += "." + std::string(alias);
  return path;
}

std::string temporary_path(std::string_view work_directory,
                           std::string_view final_path,
                           std::int64_t fence) {
  return std::string(work_directory) + "/" +
         insert_before_extension(file_name(final_path), ".f" + std::to_string(fence)) + ".tmp";
}

std::string resumable_path(std::string_view work_directory, std::string_view final_path) {
  return std::string(work_directory) + "/" + std::string(file_name(final_path)) + ".tmp";
}

std::string versioned_path(std::string_view final_path, std::string_view signature) {
  return insert_before_extension(final_path, "." + std::string(signature.substr(0, 12)));
}

}  // namespace baleen::store
