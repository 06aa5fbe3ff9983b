#include "store/member_names.h"

#include <algorithm>
#include <tuple>

namespace baleen::store {
namespace {

constexpr std::size_t kIdDigits = 8;  // Of an asset's id, in the names of exported tables.

std::string folded(std::string_view text) {
  std::string out(text);
  for (char& letter : out)
    if (letter >= 'A' && letter <= 'Z') letter = static_cast<char>(letter - 'A' + 'a');
  return out;
}

std::string_view base_name(std::string_view path) {
  return path.substr(path.find_last_of("/\\") + 1);
}

std::string_view stem_of(std::string_view name) {
  const std::size_t dot = name.rfind('.');
  return dot == std::string_view::npos || dot == 0 ? name : name.substr(0, dot);
}

int hex_digit(char letter) {
  if (letter >= '0' && letter <= '9') return letter - '0';
  if (letter >= 'A' && letter <= 'F') return letter - 'A' + 10;
  if (letter >= 'a' && letter <= 'f') return letter - 'a' + 10;
  return -1;
}

/// %41 as A: what a URI hides of a path.
std::string decoded(std::string_view uri) {
  std::string out;
  for (std::size_t i = 0; i < uri.size(); ++i) {
    const bool is_code = uri[i] == '%' && i + 2 < uri.size() && hex_digit(uri[i + 1]) >= 0 &&
                         hex_digit(uri[i + 2]) >= 0;
    if (is_code) {
      out += static_cast<char>(hex_digit(uri[i + 1]) * 16 + hex_digit(uri[i + 2]));
      i += 2;
    } else {
      out += uri[i];
    }
  }
  return out;
}

/// How many names at the end of two paths are the same, in any case.
std::size_t common_tail(std::string_view a, std::string_view b) {
  std::size_t n = 0;
  while (!a.empty() && !b.empty()) {
    if (folded(base_name(a)) != folded(base_name(b))) break;
    ++n;
    const auto parent = [](std::string_view path) {
      const std::size_t slash = path.find_last_of("/\\");
      return slash == std::string_view::npos ? std::string_view() : path.substr(0, slash);
    };
    a = parent(a);
    b = parent(b);
  }
  return n;
}

using Found = std::vector<const NamedMember*>;

Found all_of(const std::multimap<std::string, const NamedMember*>& members,
             const std::string& name) {
  Found found;
  const auto [begin, end] = members.equal_range(name);
  for (auto it = begin; it != end; ++it) found.push_back(it->second);
  return found;
}

/// Those for which `score` is highest.
template <typename Score>
Found best_of(const Found& found, const Score& score) {
  Found best;
  std::size_t highest = 0;
  for (const NamedMember* member : found) {
    const std::size_t value = score(*member);
    if (best.empty() || value > highest) best.clear();
    if (best.empty()) highest = value;
    if (value == highest) best.push_back(member);
  }
  return best;
}

}  // namespace

MemberNames::MemberNames(std::vector<NamedMember> members) : members_(std::move(members)) {
  std::ranges::sort(members_, {}, [](const NamedMember& member) {
    return std::tie(member.filename, member.asset_id);
  });
  for (const NamedMember& member : members_) {
    by_name_.emplace(folded(member.filename), &member);
    by_stem_.emplace(folded(stem_of(member.filename)), &member);
  }
}

Result<MemberNames> MemberNames::of_collection(Database& database, std::string_view collection_id) {
  BALEEN_ASSIGN_OR_RETURN(
      const auto rows,
      database.query("SELECT a.asset_id, a.original_filename, a.source_uri, a.duration_s FROM "
                     "collection_members m JOIN audio_assets a ON a.asset_id = m.asset_id WHERE "
                     "m.collection_id = $1",
                     collection_id));
  std::vector<NamedMember> members;
  members.reserve(rows.size());
  for (const Row& row : rows)
    members.push_back({row.text(0), row.text(1), row.text(2), row.real(3)});
  return MemberNames(std::move(members));
}

Found MemberNames::find(std::string_view name) const {
  const std::string_view base = base_name(name);
  Found found = all_of(by_name_, folded(base));
  if (found.size() > 1) {
    found = best_of(found, [&](const NamedMember& m) { return m.filename == base ? 1U : 0U; });
    found = best_of(found, [&](const NamedMember& m) {
      // Without a folder in common a name says nothing about which.
      return std::max<std::size_t>(common_tail(name, decoded(m.source_uri)), 1);
    });
  }
  if (!found.empty()) return found;
  // NAME.ASSETID8.EXT, or an id.
  const std::string_view stem = stem_of(base);
  const std::size_t dot = stem.rfind('.');
  for (const NamedMember& member : members_) {
    if (member.asset_id == name) return {&member};
    if (dot == std::string_view::npos || stem.size() - dot - 1 != kIdDigits) continue;
    const bool is_name =
        std::string(stem.substr(0, dot)).append(base.substr(stem.size())) == member.filename;
    if (is_name && member.asset_id.starts_with(stem.substr(dot + 1))) return {&member};
  }
  return found;
}

Found MemberNames::find_by_table(std::string_view table_name) const {
  std::string_view name = base_name(table_name);
  while (true) {
    const std::string_view shorter = stem_of(name);
    if (shorter == name) return {};
    name = shorter;
    Found found = find(name);
    if (found.empty()) found = all_of(by_stem_, folded(name));
    if (!found.empty()) return found;
  }
}

}  // namespace baleen::store
