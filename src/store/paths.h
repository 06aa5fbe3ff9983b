#pragma once

/// Names below the data root. A stored path is relative to the root, with '/' between its parts.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <string_view>

namespace baleen::store {

struct DataRoot {
  std::filesystem::path path;

  [[nodiscard]] std::filesystem::path database() const { return path / "baleen.db"; }
  [[nodiscard]] std::filesystem::path logs() const { return path / "logs"; }
  [[nodiscard]] std::filesystem::path models() const { return path / "models"; }
  [[nodiscard]] std::filesystem::path live() const { return path / "live"; }
  [[nodiscard]] std::filesystem::path incoming() const { return path / "incoming"; }
  /// Below it one folder for each encoding, and in that one for each owner.
  [[nodiscard]] std::filesystem::path indexes() const { return path / "indexes"; }
  [[nodiscard]] std::filesystem::path work() const { return path / "work"; }
  [[nodiscard]] std::filesystem::path at(std::string_view relative) const {
    return path / relative;
  }
};

/// "audio/{asset}/normalized.wav" with each {word} replaced. A word is a part of a name: what is no letter, digit, '.',
/// '_', '+' or '-' in it becomes '_', and so does a leading '.'.
[[nodiscard]] std::string expand_path(std::string_view pattern,
                                      const std::map<std::string, std::string, std::less<>>& words);

/// Where the search index of an owner's embeddings of one encoding is: "indexes/0123456789ab/local".
[[nodiscard]] std::string index_directory(std::string_view alias, std::string_view owner);

/// Where the attempts at one stage of one asset write: "work/a.decode", or "work/a.features.0123456789ab". Only
/// the holder of the lease on these three has it, so that a folder of its own is all that it may write to.
[[nodiscard]] std::string work_directory(std::string_view asset_id,
                                         std::string_view stage,
                                         std::string_view alias);
/// The name while it is being written: "features/a.h5" under fence 7 is "WORK/a.f7.h5.tmp".
[[nodiscard]] std::string temporary_path(std::string_view work_directory,
                                         std::string_view final_path,
                                         std::int64_t fence);
/// The name of a file that a later attempt may resume: "WORK/normalized.wav.tmp".
[[nodiscard]] std::string resumable_path(std::string_view work_directory,
                                         std::string_view final_path);
/// The name of a later version beside the first: "segments/a.segments.v1.0123456789ab.json".
[[nodiscard]] std::string versioned_path(std::string_view final_path, std::string_view signature);

}  // namespace baleen::store
