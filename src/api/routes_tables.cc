// Tables of other programs: annotations that come in, exports that go out, metadata as CSV in both directions.

#include "api/service.h"
#include "core/clock.h"
#include "store/annotations.h"

namespace baleen::api {
namespace {

constexpr std::int64_t kTableBytesMax = std::int64_t{64} << 20;

/// MEDIA_TYPE_UNSUPPORTED for what is no text.
Result<void> check_text(const Request& request) {
  const std::string_view type = request.header("Content-Type");
  if (type.starts_with("text/")) return {};
  return fail(ErrorCode::media_type_unsupported,
              "the table must be text/csv or text/plain, not '{}'", type);
}

Result<bool> flag_of(const Request& request, const std::string& name) {
  const std::string text = request.query_or(name, "false");
  if (text == "true" || text == "1") return true;
  if (text == "false" || text == "0") return false;
  return fail(ErrorCode::invalid_argument, "{} is true or false, not '{}'", name, text);
}

/// A table to be kept as a file.
Response download(const json::object& table) {
  Response response = Response::of_text(core::get_string(table, "text"),
                                        core::get_string(table, "media_type", "text/csv"));
  std::string name;
  for (const char letter : core::get_string(table, "filename")) {
    const bool is_plain = letter > ' ' && letter < 0x7f && letter != '"' && letter != '\\';
    name += is_plain ? letter : '_';
  }
  response.set_header("Content-Disposition", "attachment; filename=\"" + name + "\"");
  return response;
}

Error not_offered(std::string_view what) {
  return fail(ErrorCode::not_supported, "this service offers no {}", what);
}

}  // namespace

void Service::add_table_routes(std::vector<Route>& routes) {
  const auto add = [&](std::string method, std::string pattern, Scope scope,
                       std::string operation_id, DatabaseHandler handler) {
    routes.push_back({std::move(method), std::move(pattern), scope, std::move(operation_id),
                      with_database(std::move(handler))});
  };
  add_annotation_routes(routes);

  add("GET", "/v1/collections/{collection_id}/export", Scope::read, "exportCollection",
      [this](const Request& request, store::Database& database) -> Result<Response> {
        const std::string& id = request.parameters.at("collection_id");
        BALEEN_RETURN_IF_ERROR(check_collection_access(database, request.principal, id));
        BALEEN_RETURN_IF_ERROR(
            check_query(request, {"format", "what", "clustering_id", "with_noise", "asset_id"}));
        if (!context_.export_table) return not_offered("export");
        BALEEN_ASSIGN_OR_RETURN(const bool is_with_noise, flag_of(request, "with_noise"));
        json::object wanted{{"collection_id", id}, {"with_noise", is_with_noise}};
        for (const char* const name : {"format", "what", "clustering_id", "asset_id"}) {
          const std::string value = request.query_or(name, "");
          if (!value.empty()) wanted[name] = value;
        }
        BALEEN_ASSIGN_OR_RETURN(const json::object table, context_.export_table(database, wanted));
        return download(table);
      });
  add("GET", "/v1/collections/{collection_id}/metadata", Scope::read, "getCollectionMetadata",
      [this](const Request& request, store::Database& database) -> Result<Response> {
        const std::string& id = request.parameters.at("collection_id");
        BALEEN_RETURN_IF_ERROR(check_collection_access(database, request.principal, id));
        if (!context_.write_metadata) return not_offered("tables of metadata");
        BALEEN_ASSIGN_OR_RETURN(json::object table,
                                context_.write_metadata(database, {{"collection_id", id}}));
        table["filename"] = "metadata.csv";
        table["media_type"] = "text/csv; charset=utf-8";
        return download(table);
      });
  add("PUT", "/v1/collections/{collection_id}/metadata", Scope::submit, "setCollectionMetadata",
      [this](const Request& request, store::Database& database) -> Result<Response> {
        const std::string& id = request.parameters.at("collection_id");
        BALEEN_RETURN_IF_ERROR(check_collection_access(database, request.principal, id));
        BALEEN_RETURN_IF_ERROR(check_text(request));
        if (!context_.read_metadata) return not_offered("tables of metadata");
        BALEEN_ASSIGN_OR_RETURN(
            const json::object answer,
            context_.read_metadata(database, {{"collection_id", id}, {"text", request.body}}));
        return Response::of_json(answer);
      });
  routes.back().body_bytes_max = kTableBytesMax;
}

void Service::add_annotation_routes(std::vector<Route>& routes) {
  const auto add = [&](std::string method, std::string pattern, Scope scope,
                       std::string operation_id, DatabaseHandler handler) {
    routes.push_back({std::move(method), std::move(pattern), scope, std::move(operation_id),
                      with_database(std::move(handler))});
  };
  add("GET", "/v1/collections/{collection_id}/annotations", Scope::read, "listAnnotationImports",
      [](const Request& request, store::Database& database) -> Result<Response> {
        const std::string& id = request.parameters.at("collection_id");
        BALEEN_RETURN_IF_ERROR(check_collection_access(database, request.principal, id));
        BALEEN_ASSIGN_OR_RETURN(const auto imports, store::list_annotation_imports(database, id));
        json::array items;
        for (const store::AnnotationImport& import : imports) items.push_back(import.to_json());
        return Response::of_json(json::object{{"items", std::move(items)}});
      });
  add("POST", "/v1/collections/{collection_id}/annotations", Scope::submit, "importAnnotations",
      [this](const Request& request, store::Database& database) -> Result<Response> {
        const std::string& id = request.parameters.at("collection_id");
        BALEEN_RETURN_IF_ERROR(check_collection_access(database, request.principal, id));
        BALEEN_RETURN_IF_ERROR(
            check_query(request, {"format", "filename", "recording", "skip_unknown"}));
        BALEEN_RETURN_IF_ERROR(check_text(request));
        if (!context_.import_annotations) return not_offered("import");
        BALEEN_ASSIGN_OR_RETURN(const bool is_unknown_skipped, flag_of(request, "skip_unknown"));
        BALEEN_ASSIGN_OR_RETURN(const std::string author,
                                name_of_principal(database, request.principal));
        const json::object wanted{{"collection_id", id},
                                  {"format", request.query_or("format", "auto")},
                                  {"filename", request.query_or("filename", "table")},
                                  {"recording", request.query_or("recording", "")},
                                  {"skip_unknown", is_unknown_skipped},
                                  {"made_by", author},
                                  {"text", request.body}};
        BALEEN_ASSIGN_OR_RETURN(const json::object answer,
                                context_.import_annotations(database, wanted));
        return Response::of_json(answer, core::get_bool(answer, "reused") ? 200 : 201);
      });
  routes.back().body_bytes_max = kTableBytesMax;
  add("DELETE", "/v1/collections/{collection_id}/annotations/{import_id}", Scope::submit,
      "withdrawAnnotations",
      [](const Request& request, store::Database& database) -> Result<Response> {
        const std::string& id = request.parameters.at("collection_id");
        BALEEN_RETURN_IF_ERROR(check_collection_access(database, request.principal, id));
        BALEEN_ASSIGN_OR_RETURN(const std::int64_t import_id,
                                number_of(request.parameters.at("import_id"), "import_id"));
        BALEEN_RETURN_IF_ERROR(
            store::withdraw_annotations(database, id, import_id, core::system_clock().now_us()));
        return Response::empty();
      });
  add("GET", "/v1/assets/{asset_id}/annotations", Scope::read, "listAnnotations",
      [](const Request& request, store::Database& database) -> Result<Response> {
        const std::string& id = request.parameters.at("asset_id");
        BALEEN_RETURN_IF_ERROR(check_asset_access(database, request.principal, id));
        BALEEN_ASSIGN_OR_RETURN(const auto annotations, store::annotations_of_asset(database, id));
        json::array items;
        for (const store::StoredAnnotation& annotation : annotations)
          items.push_back(annotation.to_json());
        return Response::of_json(json::object{{"items", std::move(items)}});
      });
}

}  // namespace baleen::api
