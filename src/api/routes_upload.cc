// Uploads by tus 1.0.0 (https://tus.io), so that a client may go on where a connection broke.

#include <algorithm>
#include <charconv>

#include "api/ascii.h"
#include "api/response_head.h"
#include "api/service.h"
#include "core/base64.h"
#include "ops/settings.h"

namespace baleen::api {
namespace {

constexpr std::string_view kVersion = "1.0.0";
constexpr std::string_view kExtensions =
    "creation,creation-with-upload,termination,expiration,checksum";
constexpr std::string_view kAddress = "/v1/ingest/upload";
constexpr std::string_view kPieceType = "application/offset+octet-stream";

/// A header that is a number of bytes; nothing where it is absent.
Result<std::optional<std::int64_t>> bytes_header(const Request& request, std::string_view name) {
  const std::string_view text = request.header(name);
  if (text.empty()) return std::optional<std::int64_t>();
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number < 0)
    return fail(ErrorCode::invalid_argument, "{} is not a number of bytes: '{}'", name, text);
  return std::optional<std::int64_t>(number);
}

Result<std::int64_t> needed_bytes_header(const Request& request, std::string_view name) {
  BALEEN_ASSIGN_OR_RETURN(const std::optional<std::int64_t> bytes, bytes_header(request, name));
  if (!bytes) return fail(ErrorCode::invalid_argument, "the header {} is missing", name);
  return *bytes;
}

Result<void> check_version(const Request& request) {
  const std::string_view version = request.header("Tus-Resumable");
  if (version.empty() || version == kVersion) return {};  // curl need not know of tus.
  return fail(ErrorCode::version_unsupported, "tus {} is spoken here, not '{}'", kVersion, version);
}

/// "filename dGFsay5tcDM=,recipe c3Npcw==" as a map.
Result<std::map<std::string, std::string>> parse_metadata(std::string_view text) {
  std::map<std::string, std::string> values;
  while (!trim(text).empty()) {
    const std::size_t comma = std::min(text.find(','), text.size());
    const std::string_view pair = trim(text.substr(0, comma));
    text.remove_prefix(std::min(comma + 1, text.size()));
    const std::size_t blank = std::min(pair.find(' '), pair.size());
    const std::string key(pair.substr(0, blank));
    const auto value = core::from_base64(trim(pair.substr(blank)));
    if (key.empty() || !value)
      return fail(ErrorCode::invalid_argument,
                  "Upload-Metadata is `key BASE64,key BASE64,…`; '{}' is not like that", pair);
    if (core::valid_utf8(*value) != *value)
      return fail(ErrorCode::invalid_argument, "Upload-Metadata: '{}' is not UTF-8", key);
    if (!values.emplace(key, *value).second)
      return fail(ErrorCode::invalid_argument, "Upload-Metadata has '{}' twice", key);
  }
  return values;
}

Result<engine::UploadRequest> parse_creation(const Request& request) {
  for (const char* name : {"Upload-Defer-Length", "Upload-Concat"}) {
    if (!request.header(name).empty())
      return fail(ErrorCode::invalid_argument,
                  "{} is not supported: send Upload-Length with the size of the whole file", name);
  }
  engine::UploadRequest made;
  BALEEN_ASSIGN_OR_RETURN(made.bytes, needed_bytes_header(request, "Upload-Length"));
  made.upload_metadata = std::string(request.header("Upload-Metadata"));
  BALEEN_ASSIGN_OR_RETURN(auto values, parse_metadata(made.upload_metadata));
  const Principal& who = request.principal;
  made.token_id = who.token_id;
  made.filename = values["filename"];
  made.recipe = values["recipe"].empty() ? "ssis" : values["recipe"];
  made.owner_entity_id = values["owner_entity_id"];
  if (made.owner_entity_id.empty()) made.owner_entity_id = who.owner.empty() ? "local" : who.owner;
  if (!who.owner.empty() && made.owner_entity_id != who.owner)
    return fail(ErrorCode::forbidden, "this token may not submit for the owner '{}'",
                made.owner_entity_id);
  if (const std::string& text = values["priority"]; !text.empty()) {
    BALEEN_ASSIGN_OR_RETURN(const json::value number,
                            core::parse_json(text, "Upload-Metadata: priority"));
    if (!number.is_int64())
      return fail(ErrorCode::invalid_argument, "Upload-Metadata: priority is no number: '{}'",
                  text);
    BALEEN_ASSIGN_OR_RETURN(made.priority, priority_of({{"priority", number}}));
  }
  for (const auto& [name, object] :
       {std::pair{"metadata", &made.metadata}, std::pair{"params", &made.params}}) {
    const std::string& text = values[name];
    if (text.empty()) continue;
    BALEEN_ASSIGN_OR_RETURN(json::value value,
                            core::parse_json(text, std::string("Upload-Metadata: ") + name));
    if (!value.is_object())
      return fail(ErrorCode::invalid_argument, "Upload-Metadata: {} must be a JSON object", name);
    *object = std::move(value.as_object());
  }
  made.collection = values["collection"];
  return made;
}

/// "sha256 BASE64" as hex; "" where the header is absent.
Result<std::string> parse_checksum(std::string_view header) {
  if (header.empty()) return std::string();
  constexpr std::string_view kAlgorithm = "sha256 ";
  const auto digest = header.starts_with(kAlgorithm)
                          ? core::from_base64(trim(header.substr(kAlgorithm.size())))
                          : std::nullopt;
  if (!digest || digest->size() != 32)
    return fail(ErrorCode::invalid_argument,
                "Upload-Checksum is `sha256 ` and the base64 of 32 bytes, not '{}'", header);
  std::string hex;
  for (const char byte : *digest) hex += fmt::format("{:02x}", static_cast<unsigned char>(byte));
  return hex;
}

/// Whether a body comes with the request, and if so that it is one of ours and not too long.
Result<bool> has_piece(const Request& request, std::int64_t bytes_left) {
  BALEEN_ASSIGN_OR_RETURN(const auto announced, bytes_header(request, "Content-Length"));
  const bool is_chunked = !request.header("Transfer-Encoding").empty();
  if (!is_chunked && announced.value_or(0) == 0) return false;
  if (!equals_ignoring_case(request.header("Content-Type"), kPieceType))
    return fail(ErrorCode::media_type_unsupported, "a piece of an upload is {}, not '{}'",
                kPieceType, request.header("Content-Type"));
  if (announced && *announced > bytes_left)
    return fail(ErrorCode::too_large, "the upload lacks {} bytes, and these are {}", bytes_left,
                *announced);
  return true;
}

void describe(const engine::Upload& upload, Response& response) {
  response.set_header("Upload-Offset", std::to_string(upload.offset_bytes));
  response.set_header("Upload-Expires", http_date(upload.expires_at_us / 1'000'000));
  if (upload.state != "complete") return;
  response.set_header("Baleen-Run-Id", upload.run_id);
  response.set_header("Baleen-Asset-Id", upload.asset_id);
}

Response created(const engine::Upload& upload, bool has_piece) {
  Response response = Response::empty(201);
  response.set_header("Location", std::string(kAddress) + "/" + upload.upload_id);
  describe(upload, response);
  if (!has_piece)
    std::erase_if(response.headers,
                  [](const auto& header) { return header.first == "Upload-Offset"; });
  return response;
}

/// Takes a piece: the body of a PATCH, or of the POST that creates the upload.
class PieceSink final : public BodySink {
 public:
  PieceSink(ConnectionPool& connections, engine::UploadWriter writer, bool is_creation)
      : connections_(connections), writer_(std::move(writer)), is_creation_(is_creation) {}

  Result<void> write(std::span<const std::byte> bytes) override {
    Result<void> written = writer_->write(bytes);
    if (written.ok() || written.error().code != ErrorCode::media_type_unsupported) return written;
    BALEEN_ASSIGN_OR_RETURN(const ConnectionPool::Lease database, connections_.take());
    BALEEN_RETURN_IF_ERROR(writer_->refuse(*database, written.error()));
    return written;
  }
  Result<Response> finish() override {
    BALEEN_ASSIGN_OR_RETURN(const ConnectionPool::Lease database, connections_.take());
    BALEEN_ASSIGN_OR_RETURN(const engine::Upload upload, writer_->finish(*database));
    writer_.reset();  // The next piece may come as soon as the client has the answer.
    if (is_creation_) return created(upload, true);
    Response response = Response::empty();
    describe(upload, response);
    return response;
  }
  void abandon() override { writer_.reset(); }

 private:
  ConnectionPool& connections_;
  std::optional<engine::UploadWriter> writer_;
  const bool is_creation_;
};

/// Has its answer already; a body that comes nevertheless is of no use.
class AnsweredSink final : public BodySink {
 public:
  explicit AnsweredSink(Response response) : response_(std::move(response)) {}
  Result<void> write(std::span<const std::byte> /*unused*/) override { return {}; }
  Result<Response> finish() override { return std::move(response_); }
  void abandon() override {}

 private:
  Response response_;
};

}  // namespace

Result<void> Service::read_upload_settings(store::Database& database) {
  ops::SettingStore settings(database);
  engine::UploadOptions options;
  BALEEN_ASSIGN_OR_RETURN(options.bytes_max, settings.get("uploads.bytes_max"));
  BALEEN_ASSIGN_OR_RETURN(options.open_max, settings.get("uploads.open_max"));
  BALEEN_ASSIGN_OR_RETURN(options.free_bytes_min, settings.get("disk.free_bytes_min"));
  BALEEN_ASSIGN_OR_RETURN(const std::int64_t hours, settings.get("uploads.expire_hours"));
  options.lifetime_s = 3600.0 * static_cast<double>(hours);
  uploads_.set_options(options);
  return {};
}

Result<std::unique_ptr<BodySink>> Service::begin_upload(const Request& request) {
  BALEEN_RETURN_IF_ERROR(check_version(request));
  BALEEN_ASSIGN_OR_RETURN(engine::UploadRequest wanted, parse_creation(request));
  BALEEN_ASSIGN_OR_RETURN(const bool with_piece, has_piece(request, wanted.bytes));
  BALEEN_ASSIGN_OR_RETURN(const std::string checksum,
                          parse_checksum(request.header("Upload-Checksum")));
  BALEEN_ASSIGN_OR_RETURN(const ConnectionPool::Lease database, connections_.take());
  BALEEN_RETURN_IF_ERROR(read_upload_settings(*database));
  const std::string fingerprint = std::to_string(wanted.bytes) + " " + wanted.upload_metadata;
  BALEEN_ASSIGN_OR_RETURN(Idempotency::Turn turn,
                          idempotency_.begin(*database, request, fingerprint));
  if (turn.replay) {
    // How far it has come since is what the client needs, not how far it had come.
    const std::string location(turn.replay->header("Location"));
    const std::string upload_id = location.substr(std::min(kAddress.size() + 1, location.size()));
    const Result<engine::Upload> upload =
        uploads_.find(*database, upload_id, request.principal.owner);
    if (upload.ok()) describe(*upload, *turn.replay);
    return std::unique_ptr<BodySink>(std::make_unique<AnsweredSink>(*std::move(turn.replay)));
  }
  BALEEN_ASSIGN_OR_RETURN(const engine::Upload upload, uploads_.create(*database, wanted));
  Response response = created(upload, false);
  BALEEN_RETURN_IF_ERROR(turn.keep(*database, response));
  if (!with_piece)
    return std::unique_ptr<BodySink>(std::make_unique<AnsweredSink>(std::move(response)));
  BALEEN_ASSIGN_OR_RETURN(engine::UploadWriter writer,
                          uploads_.open(*database, upload.upload_id, "", 0));
  if (!checksum.empty()) writer.expect_sha256(checksum);
  return std::unique_ptr<BodySink>(
      std::make_unique<PieceSink>(connections_, std::move(writer), true));
}

Result<std::unique_ptr<BodySink>> Service::resume_upload(const Request& request) {
  BALEEN_RETURN_IF_ERROR(check_version(request));
  const std::string& upload_id = request.parameters.at("upload_id");
  const std::string& owner = request.principal.owner;
  BALEEN_ASSIGN_OR_RETURN(const ConnectionPool::Lease database, connections_.take());
  BALEEN_RETURN_IF_ERROR(read_upload_settings(*database));
  // Whose it is comes first: of others' uploads nothing is told.
  BALEEN_ASSIGN_OR_RETURN(const engine::Upload upload, uploads_.find(*database, upload_id, owner));
  if (!equals_ignoring_case(request.header("Content-Type"), kPieceType))
    return fail(ErrorCode::media_type_unsupported, "a piece of an upload is {}, not '{}'",
                kPieceType, request.header("Content-Type"));
  BALEEN_ASSIGN_OR_RETURN(const std::int64_t offset, needed_bytes_header(request, "Upload-Offset"));
  BALEEN_ASSIGN_OR_RETURN(const std::string checksum,
                          parse_checksum(request.header("Upload-Checksum")));
  BALEEN_ASSIGN_OR_RETURN(engine::UploadWriter writer,
                          uploads_.open(*database, upload_id, owner, offset));
  BALEEN_RETURN_IF_ERROR(has_piece(request, upload.bytes - offset));
  if (!checksum.empty()) writer.expect_sha256(checksum);
  return std::unique_ptr<BodySink>(
      std::make_unique<PieceSink>(connections_, std::move(writer), false));
}

void Service::add_upload_routes(std::vector<Route>& routes) {
  const auto add = [&](std::string method, bool is_about_one, Scope scope,
                       std::string operation_id) -> Route& {
    Route& route = routes.emplace_back();
    route.method = std::move(method);
    route.pattern = std::string(kAddress) + (is_about_one ? "/{upload_id}" : "");
    route.scope = scope;
    route.operation_id = std::move(operation_id);
    route.headers = {{"Tus-Resumable", std::string(kVersion)},
                     {"Tus-Version", std::string(kVersion)}};
    return route;
  };
  add("OPTIONS", false, Scope::open, "getUploadOptions").handler =
      with_database([this](const Request&, store::Database& database) -> Result<Response> {
        BALEEN_RETURN_IF_ERROR(read_upload_settings(database));
        Response response = Response::empty();
        response.set_header("Tus-Extension", std::string(kExtensions));
        response.set_header("Tus-Checksum-Algorithm", "sha256");
        response.set_header("Tus-Max-Size", std::to_string(uploads_.options().bytes_max));
        return response;
      });
  add("POST", false, Scope::submit, "createUpload").sink = [this](const Request& request) {
    return begin_upload(request);
  };
  add("PATCH", true, Scope::submit, "sendUpload").sink = [this](const Request& request) {
    return resume_upload(request);
  };
  add("GET", true, Scope::submit, "getUpload").handler =
      with_database([this](const Request& request, store::Database& database) -> Result<Response> {
        BALEEN_ASSIGN_OR_RETURN(
            const engine::Upload upload,
            uploads_.find(database, request.parameters.at("upload_id"), request.principal.owner));
        return Response::of_json(upload.to_json());
      });
  add("HEAD", true, Scope::submit, "getUploadOffset").handler =
      with_database([this](const Request& request, store::Database& database) -> Result<Response> {
        BALEEN_RETURN_IF_ERROR(check_version(request));
        BALEEN_ASSIGN_OR_RETURN(
            const engine::Upload upload,
            uploads_.find(database, request.parameters.at("upload_id"), request.principal.owner));
        if (upload.state == "failed") return *upload.error;
        Response response = Response::empty(200);
        describe(upload, response);
        response.set_header("Upload-Length", std::to_string(upload.bytes));
        const std::string metadata = core::get_string(upload.request, "upload_metadata");
        if (!metadata.empty()) response.set_header("Upload-Metadata", metadata);
        return response;
      });
  add("DELETE", true, Scope::submit, "deleteUpload").handler =
      with_database([this](const Request& request, store::Database& database) -> Result<Response> {
        BALEEN_RETURN_IF_ERROR(check_version(request));
        BALEEN_RETURN_IF_ERROR(
            uploads_.remove(database, request.parameters.at("upload_id"), request.principal.owner));
        return Response::empty();
      });
}

}  // namespace baleen::api
