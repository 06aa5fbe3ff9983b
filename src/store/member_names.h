#pragma once

/// Which recording of a collection a table means: tables of other programs know recordings by the names of their files,
/// with or without folders, in any case, on the machine where they were made.

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "store/database.h"

namespace baleen::store {

struct NamedMember {
  std::string asset_id;
  std::string filename;    ///< As it was taken in, without folders.
  std::string source_uri;  ///< Where from; its folders tell recordings of one name apart.
  double duration_s = 0;   ///< 0: unknown.
};

class MemberNames {
 public:
  explicit MemberNames(std::vector<NamedMember> members);
  MemberNames(MemberNames&&) = default;
  MemberNames& operator=(MemberNames&&) = default;
  [[nodiscard]] static Result<MemberNames> of_collection(Database& database,
                                                         std::string_view collection_id);

  /// Those that a name may mean: none, the one, or several that it does not tell apart. A name is that of the file (case
  /// only decides among several), with folders of / or \ that count where several have the name; an asset's id; or what
  /// exports call a second recording of a name, NAME.ASSETID8.EXT.
  [[nodiscard]] std::vector<const NamedMember*> find(std::string_view name) const;
  /// Of a table that holds one recording and does not name it, by the table's own name: "a.wav.labels.txt", "a.txt" and
  /// "a.Table.1.selections.txt" are of a.wav.
  [[nodiscard]] std::vector<const NamedMember*> find_by_table(std::string_view table_name) const;

  /// By name.
  [[nodiscard]] const std::vector<NamedMember>& members() const { return members_; }

 private:
  std::vector<NamedMember> members_;
  std::multimap<std::string, const NamedMember*> by_name_, by_stem_;  // Folded; into members_.
};

}  // namespace baleen::store
