#include "app/metadata_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "core/clock.h"
#include "formats/delimited_text.h"
#include "store/collections.h"
#include "store/member_names.h"

namespace baleen {
namespace {

using formats::TextRecord;

constexpr std::array<std::string_view, 4> kRoots = {"tag_data", "visual_observations",
                                                    "group_composition", "prey_density_proxy"};
constexpr std::string_view kLetters = "0123456789";

std::string_view trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1);
}

/// "12,5" of spreadsheets in half of the world.
bool is_decimal_comma(std::string_view text) {
  if (text.starts_with('-')) text.remove_prefix(1);
  const std::size_t comma = text.find(',');
  const auto is_digits = [](std::string_view part) {
    return !part.empty() && part.find_first_not_of(kLetters) == std::string_view::npos;
  };
  return comma != std::string_view::npos && is_digits(text.substr(0, comma)) &&
         is_digits(text.substr(comma + 1));
}

/// A value as a cell: what is JSON in the cell is read as JSON, all else as text.
std::string cell_of(const json::value& value) {
  if (!value.is_string()) return core::to_json(value);
  const std::string text(value.get_string());
  const bool reads_as_text = !text.empty() && trimmed(text) == text && !is_decimal_comma(text) &&
                             !core::parse_json(text, "").ok();
  // Spreadsheets take these for the beginning of a formula.
  const bool is_plain =
      reads_as_text && std::string_view("=+-@").find(text[0]) == std::string_view::npos;
  return is_plain ? text : core::to_json(value);
}

json::value value_of(std::string_view cell, char separator) {
  std::string text(cell);
  if (separator != ',' && is_decimal_comma(text)) text[text.find(',')] = '.';
  Result<json::value> value = core::parse_json(text, "cell");
  return value.ok() ? std::move(*value) : json::value(std::string(cell));
}

/// Objects have a column for each member, unless a member's name could not stand between points.
bool is_flattened(const json::value& value) {
  const json::object* const object = value.if_object();
  return object != nullptr && !object->empty() &&
         std::ranges::all_of(*object, [](const auto& member) {
           const std::string_view key(member.key().data(), member.key().size());
           return !key.empty() && trimmed(key) == key && key.find('.') == std::string_view::npos;
         });
}

void flatten(const std::string& name, const json::value& value, json::object& cells) {
  if (!is_flattened(value)) {
    cells[name] = value;
    return;
  }
  for (const auto& member : value.get_object())
    flatten(name + "." + std::string(member.key()), member.value(), cells);
}

std::vector<std::string> path_of(std::string_view name) {
  std::vector<std::string> path;
  while (true) {
    const std::size_t point = name.find('.');
    path.emplace_back(trimmed(name.substr(0, point)));
    if (point == std::string_view::npos) return path;
    name.remove_prefix(point + 1);
  }
}

/// Nothing where there is none.
const json::value* find(const json::object& object, std::span<const std::string> path) {
  const json::value* const member = object.if_contains(path.front());
  if (member == nullptr || path.size() == 1) return member;
  const json::object* const inner = member->if_object();
  return inner == nullptr ? nullptr : find(*inner, path.subspan(1));
}

/// Takes a value away, and what is left empty above it.
void erase(json::object& object, std::span<const std::string> path) {
  json::value* const member = object.if_contains(path.front());
  if (member == nullptr) return;
  if (path.size() > 1) {
    if (!member->is_object()) return;
    erase(member->get_object(), path.subspan(1));
    if (!member->get_object().empty()) return;
  }
  object.erase(path.front());
}

/// False if there is something else than an object on the way.
bool set(json::object& object, std::span<const std::string> path, json::value value) {
  if (path.size() == 1) {
    object[path.front()] = std::move(value);
    return true;
  }
  json::value& member = object[path.front()];
  if (member.is_null()) member = json::object();
  return member.is_object() && set(member.get_object(), path.subspan(1), std::move(value));
}

struct Column {
  std::size_t index = 0;
  std::string name;
  std::vector<std::string> path;
};

/// A table whose header was understood.
struct Table {
  char separator = ',';
  std::optional<std::size_t> file, asset_id;
  std::vector<Column> columns;  // Shorter paths first: a value comes before what is set in it.
  std::size_t n_columns = 0;
  std::vector<TextRecord> records;
};

/// What separates the names of the header: the first of these that makes a column of recordings.
char separator_of(std::string_view text) {
  const std::string_view header = text.substr(0, text.find_first_of("\r\n"));
  for (const char separator : {',', ';', '\t'}) {
    const auto table =
        formats::TextTable::parse(header, separator, formats::Quoting::csv, "header");
    if (table.ok() && (table->find("file") || table->find("asset_id"))) return separator;
  }
  return ',';
}

Result<void> add_column(Table& table, std::size_t index, std::string_view header, int line) {
  // Spaces around a point are nobody's intention, and no name of a member could keep them.
  Column column{index, "", path_of(header)};
  column.name = fmt::format("{}", fmt::join(column.path, "."));
  const std::string& name = column.name;
  std::optional<std::size_t>* const which = name == "file"       ? &table.file
                                            : name == "asset_id" ? &table.asset_id
                                                                 : nullptr;
  const bool is_twice =
      which != nullptr
          ? which->has_value()
          : std::ranges::any_of(table.columns, [&](const Column& c) { return c.name == name; });
  if (is_twice)
    return fail(ErrorCode::invalid_argument, "line {}: column '{}' is there twice", line, name);
  if (which != nullptr) {
    *which = index;
    return {};
  }
  const bool is_known =
      std::ranges::find(kRoots, column.path.front()) != kRoots.end() &&
      std::ranges::none_of(column.path, [](const std::string& part) { return part.empty(); });
  if (!is_known) {
    return fail(ErrorCode::invalid_argument,
                "line {}: there is no column '{}': besides file and asset_id all are called {}, or "
                "have a name in one of these, as tag_data.species",
                line, name, fmt::join(kRoots, ", "));
  }
  table.columns.push_back(std::move(column));
  return {};
}

Result<Table> parse(std::string_view text) {
  std::string without_hint;
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  if (text.starts_with("sep=")) {  // Excel's own hint; the line still counts.
    without_hint = "\n" + std::string(text.substr(std::min(text.find('\n') + 1, text.size())));
    text = without_hint;
  }
  Table table;
  table.separator = separator_of(trimmed(text));
  BALEEN_ASSIGN_OR_RETURN(table.records,
                          formats::split_records(text, table.separator, formats::Quoting::csv));
  if (table.records.empty())
    return fail(ErrorCode::invalid_argument, "the table is empty, without even a header");
  const TextRecord header = std::move(table.records.front());
  table.records.erase(table.records.begin());
  table.n_columns = header.fields.size();
  for (std::size_t i = 0; i < header.fields.size(); ++i)
    BALEEN_RETURN_IF_ERROR(add_column(table, i, trimmed(header.fields[i]), header.line));
  if (!table.file && !table.asset_id) {
    return fail(ErrorCode::invalid_argument,
                "line {}: no column 'file' or 'asset_id' says which recording a row is about",
                header.line);
  }
  std::ranges::stable_sort(table.columns, {}, [](const Column& c) { return c.path.size(); });
  return table;
}

std::string_view field(const TextRecord& record, std::optional<std::size_t> column) {
  return column && *column < record.fields.size() ? trimmed(record.fields[*column])
                                                  : std::string_view();
}

/// Null for a recording that is not in the collection.
Result<const store::NamedMember*> member_of(const Table& table,
                                            const TextRecord& record,
                                            const store::MemberNames& names) {
  if (record.fields.size() > table.n_columns) {
    return fail(ErrorCode::invalid_argument, "line {}: {} fields, but the header has {}",
                record.line, record.fields.size(), table.n_columns);
  }
  const std::string_view asset_id = field(record, table.asset_id);
  const std::string_view file = field(record, table.file);
  if (asset_id.empty() && file.empty())
    return fail(ErrorCode::invalid_argument, "line {}: it names no recording", record.line);
  const auto found = names.find(asset_id.empty() ? file : asset_id);
  if (found.size() > 1) {
    return fail(ErrorCode::invalid_argument,
                "line {}, column file: {} recordings are called '{}'; fill in their asset_id",
                record.line, found.size(), file);
  }
  return found.empty() ? nullptr : found.front();
}

/// What a row does to the metadata of its recording; @return the cells that changed: {name: value, or null if gone}.
Result<json::object> apply(const Table& table, const TextRecord& record, json::object& metadata) {
  json::object changes;
  for (const Column& column : table.columns) {
    const std::string_view cell = field(record, column.index);
    const json::value* const now = find(metadata, column.path);
    if (cell.empty()) {
      // The cell of an object that has columns of its own is empty, too.
      if (now == nullptr || is_flattened(*now)) continue;
      if (now->is_object() && now->get_object().empty() && column.path.size() == 1) continue;
      erase(metadata, column.path);
      changes[column.name] = nullptr;
      continue;
    }
    json::value value = value_of(cell, table.separator);
    if (now != nullptr && core::to_canonical_json(*now) == core::to_canonical_json(value)) continue;
    if (!set(metadata, column.path, value)) {
      return fail(ErrorCode::invalid_argument,
                  "line {}, column {}: a value above it is no object, so nothing can be in it",
                  record.line, column.name);
    }
    changes[column.name] = std::move(value);
  }
  return changes;
}

struct Outcome {
  std::int64_t n_changed = 0, n_unchanged = 0;
  json::array unknown, changes;
};

Result<void> apply_all(const Table& table,
                       const store::MemberNames& names,
                       store::Database& database,
                       Outcome& outcome) {
  const std::int64_t now_us = core::system_clock().now_us();
  std::map<std::string, int> lines;
  for (const TextRecord& record : table.records) {
    BALEEN_ASSIGN_OR_RETURN(const store::NamedMember* const member,
                            member_of(table, record, names));
    if (member == nullptr) {
      const std::string_view file = field(record, table.file);
      outcome.unknown.push_back(json::string(file.empty() ? field(record, table.asset_id) : file));
      continue;
    }
    const auto [line, is_new] = lines.emplace(member->asset_id, record.line);
    if (!is_new) {
      return fail(ErrorCode::invalid_argument, "line {}: '{}' was already in line {}", record.line,
                  core::valid_utf8(member->filename), line->second);
    }
    BALEEN_ASSIGN_OR_RETURN(const store::AudioMetadata before,
                            store::find_metadata(database, member->asset_id));
    json::object metadata = before.to_json();
    BALEEN_ASSIGN_OR_RETURN(json::object changes, apply(table, record, metadata));
    if (changes.empty()) {
      ++outcome.n_unchanged;
      continue;
    }
    ++outcome.n_changed;
    BALEEN_ASSIGN_OR_RETURN(const auto after, store::AudioMetadata::from_json(metadata));
    BALEEN_RETURN_IF_ERROR(store::set_metadata(database, member->asset_id, after, now_us));
    if (outcome.changes.size() < kChangesToldMax) {
      outcome.changes.push_back(json::object{{"file", core::valid_utf8(member->filename)},
                                             {"asset_id", member->asset_id},
                                             {"values", std::move(changes)}});
    }
  }
  return {};
}

}  // namespace

Result<json::object> write_metadata_table(const store::DataRoot&,
                                          store::Database& database,
                                          const json::object& request) {
  BALEEN_ASSIGN_OR_RETURN(
      auto members, store::list_members(database, core::get_string(request, "collection_id")));
  std::ranges::stable_sort(members, {}, [](const auto& member) { return member.filename; });
  std::set<std::string> names;
  std::vector<json::object> rows;
  json::array items;
  for (const store::CollectionMember& member : members) {
    const json::object metadata = member.metadata.to_json();
    json::object cells;
    for (const auto& part : metadata) flatten(std::string(part.key()), part.value(), cells);
    rows.push_back(metadata);
    for (const auto& cell : cells) names.insert(std::string(cell.key()));
    items.push_back(json::object{{"file", core::valid_utf8(member.filename)},
                                 {"asset_id", member.asset_id},
                                 {"metadata", metadata}});
  }
  std::string text;
  std::vector<std::string> fields = {"file", "asset_id"};
  fields.insert(fields.end(), names.begin(), names.end());
  formats::append_record(fields, ',', formats::Quoting::csv, text);
  for (std::size_t i = 0; i < members.size(); ++i) {
    fields = {members[i].filename, members[i].asset_id};
    for (const std::string& name : names) {
      // Where an object has a cell of its own, what is in it stands in the columns of others, too: an empty cell would
      // take it away.
      const json::value* const value = find(rows[i], path_of(name));
      fields.push_back(value == nullptr || is_flattened(*value) ? std::string() : cell_of(*value));
    }
    formats::append_record(fields, ',', formats::Quoting::csv, text);
  }
  return json::object{{"text", std::move(text)}, {"items", std::move(items)}};
}

Result<json::object> read_metadata_table(const store::DataRoot&,
                                         store::Database& database,
                                         const json::object& request) {
  BALEEN_ASSIGN_OR_RETURN(const Table table, parse(core::get_string(request, "text")));
  BALEEN_ASSIGN_OR_RETURN(
      const store::MemberNames names,
      store::MemberNames::of_collection(database, core::get_string(request, "collection_id")));
  Outcome outcome;
  BALEEN_RETURN_IF_ERROR(database.transaction(
      "IMPORT_METADATA", [&] { return apply_all(table, names, database, outcome); }));
  return json::object{{"changed", outcome.n_changed},
                      {"unchanged", outcome.n_unchanged},
                      {"unknown", std::move(outcome.unknown)},
                      {"changes", std::move(outcome.changes)}};
}

}  // namespace baleen
