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

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  for (std::size_t at = text.find(from); at != std::string::npos;
       at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
}

}  // namespace

std::string expand_path(std::string_view pattern,
                        std::string_view asset_id,
                        std::string_view alias) {
  std::string path(pattern);
  replace_all(path, "{asset}", asset_id);
  replace_all(path, "{alias}", alias);
  return path;
}

std::string temporary_path(std::string_view final_path, std::int64_t fence) {
  return insert_before_extension(final_path, ".f" + std::to_string(fence)) + ".tmp";
}

std::string resumable_path(std::string_view final_path) { return std::string(final_path) + ".tmp"; }

std::string versioned_path(std::string_view final_path, std::string_view signature) {
  return insert_before_extension(final_path, "." + std::string(signature.substr(0, 12)));
}

}  // namespace baleen::store
