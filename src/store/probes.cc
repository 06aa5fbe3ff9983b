#include "store/probes.h"

#include "core/clock.h"
#include "store/collections.h"

namespace baleen::store {
namespace {

constexpr std::string_view kColumns =
    "SELECT probe_id, collection_id, encoding_id, label, document_json, made_by, created_at_us "
    "FROM linear_probes WHERE ";

Result<LinearProbe> from_row(const Row& row) {
  BALEEN_ASSIGN_OR_RETURN(json::object document,
                          core::parse_json_object(row.text(4), "document_json"));
  return LinearProbe{row.integer(0),      row.text(1), row.text(2),   row.text(3),
                     std::move(document), row.text(5), row.integer(6)};
}

}  // namespace

json::object LinearProbe::to_json() const {
  json::object object{{"probe_id", probe_id},
                      {"collection_id", collection_id},
                      {"label", label},
                      {"encoding_id", encoding_id},
                      {"created_at", core::rfc3339(created_at_us)},
                      {"made_by", made_by}};
  for (const json::key_value_pair& member : document) {
    if (member.key() != "model") object[member.key()] = member.value();
  }
  return object;
}

Result<std::int64_t> insert_probe(Database& database, const LinearProbe& probe) {
  BALEEN_ASSIGN_OR_RETURN(const auto collection, find_collection(database, probe.collection_id));
  if (!collection)
    return fail(ErrorCode::not_found, "there is no collection '{}'", probe.collection_id);
  BALEEN_RETURN_IF_ERROR(
      database.execute("INSERT INTO linear_probes (collection_id, encoding_id, label, "
                       "document_json, made_by, created_at_us) VALUES ($1, $2, $3, $4, $5, $6)",
                       probe.collection_id, probe.encoding_id, probe.label,
                       core::to_json(probe.document), probe.made_by, probe.created_at_us));
  return database.last_insert_id();
}

Result<std::optional<LinearProbe>> find_probe(Database& database, std::int64_t probe_id) {
  BALEEN_ASSIGN_OR_RETURN(const auto rows,
                          database.query(std::string(kColumns) + "probe_id = $1", probe_id));
  if (rows.empty()) return std::optional<LinearProbe>();
  BALEEN_ASSIGN_OR_RETURN(LinearProbe probe, from_row(rows.front()));
  return std::optional(std::move(probe));
}

Result<std::vector<LinearProbe>> list_probes(Database& database, std::string_view collection_id) {
  BALEEN_ASSIGN_OR_RETURN(
      const auto rows,
      database.query(std::string(kColumns) + "collection_id = $1 ORDER BY probe_id DESC LIMIT 500",
                     collection_id));
  std::vector<LinearProbe> probes;
  for (const Row& row : rows) {
    BALEEN_ASSIGN_OR_RETURN(LinearProbe probe, from_row(row));
    probes.push_back(std::move(probe));
  }
  return probes;
}

}  // namespace baleen::store
