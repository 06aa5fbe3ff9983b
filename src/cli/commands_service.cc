// Commands about the service: serve, up, tokens, pause, resume.

#include <fmt/format.h>
#include <sys/stat.h>

#include <condition_variable>
#include <cstdio>
#include <thread>

#include "cli/commands.h"
#include "cli/stop.h"
#include "cli/text.h"
#include "cli/work_off.h"
#include "core/file.h"
#include "engine/ingest.h"
#include "ops/tokens.h"

namespace baleen::cli {
namespace {

constexpr double kStopGraceS = 5;
constexpr double kDayS = 86'400;

std::filesystem::path admin_token_file(const Session& session) {
  return session.root.path / "admin-token";
}

/// The first start makes a token for its admin: shown once, and kept in a file that only this user can read. Nothing
/// if there are tokens already.
Result<std::optional<std::string>> make_first_token(Session& session) {
  ops::TokenStore tokens(session.database);
  BALEEN_ASSIGN_OR_RETURN(const auto known, tokens.list());
  if (!known.empty()) return std::optional<std::string>();
  BALEEN_ASSIGN_OR_RETURN(ops::NewToken made,
                          tokens.add("first start", ops::TokenScope::admin, "", 0));
  const mode_t old_mask = ::umask(0077);
  const Result<void> written =
      core::write_file_atomic(admin_token_file(session), made.secret + "\n");
  ::umask(old_mask);
  BALEEN_RETURN_IF_ERROR(written);
  return std::optional<std::string>(std::move(made.secret));
}

Result<std::unique_ptr<RunningService>> start_service(Session& session,
                                                      const Program& program,
                                                      const ServeOptions& serve) {
  BALEEN_ASSIGN_OR_RETURN(const std::optional<std::string> token, make_first_token(session));
  BALEEN_ASSIGN_OR_RETURN(std::unique_ptr<RunningService> service, program.serve(serve, session));
  const bool is_any = serve.bind == "0.0.0.0" || serve.bind == "::";
  std::string host = is_any ? "127.0.0.1" : serve.bind;
  if (host.find(':') != std::string::npos) host = "[" + host + "]";  // IPv6
  const std::string address = fmt::format("http://{}:{}", host, service->port());
  std::fprintf(stderr, "baleen serves on %s; stop with Ctrl-C\n", address.c_str());
  if (token) {
    std::fprintf(stderr,
                 "\n  Open this in a browser, shown this once: %s/#token=%s\n"
                 "  The admin token in it is also in %s;\n"
                 "  `baleen tokens` makes and revokes others.\n\n",
                 address.c_str(), token->c_str(), admin_token_file(session).c_str());
  }
  return service;
}

std::string time_or(const std::optional<std::int64_t>& time_us, const char* otherwise) {
  return time_us ? core::rfc3339(*time_us) : otherwise;
}

}  // namespace

Result<int> serve_command(const GlobalOptions& options,
                          const Program& program,
                          const ServeOptions& serve) {
  BALEEN_ASSIGN_OR_RETURN(const std::unique_ptr<Session> session,
                          Session::open_for_work(options, program));
  handle_stop_signals();
  BALEEN_ASSIGN_OR_RETURN(const std::unique_ptr<RunningService> service,
                          start_service(*session, program, serve));
  wait_for_stop();
  service->stop(kStopGraceS);
  return 0;
}

Result<int> up_command(const GlobalOptions& options,
                       const Program& program,
                       const ServeOptions& serve,
                       const WorkerOptions& worker) {
  BALEEN_ASSIGN_OR_RETURN(const std::unique_ptr<Session> session,
                          Session::open_for_work(options, program));
  handle_stop_signals();
  BALEEN_RETURN_IF_ERROR(engine::sweep_incoming(session->root));
  BALEEN_ASSIGN_OR_RETURN(const std::unique_ptr<RunningService> service,
                          start_service(*session, program, serve));
  const Result<json::object> summary = work_until_stopped(*session, worker);
  service->stop(kStopGraceS);
  if (!summary.ok()) return summary.error();
  return 0;
}

// ---- tokens -----------------------------------------------------------------------------------

Result<int> token_add_command(const GlobalOptions& options,
                              const Program& program,
                              const TokenOptions& token) {
  BALEEN_ASSIGN_OR_RETURN(const std::unique_ptr<Session> session,
                          Session::open(options, program, true));
  const auto scope = ops::parse_token_scope(token.scope);
  if (!scope)
    return fail(ErrorCode::invalid_argument, "scope is read, submit, operate or admin, not '{}'",
                token.scope);
  BALEEN_ASSIGN_OR_RETURN(
      const ops::NewToken made,
      ops::TokenStore(session->database)
          .add(token.name, *scope, token.is_for_all_owners ? "" : token.owner, token.days * kDayS));
  if (options.is_json) {
    json::object object = made.token.to_json();
    object["secret"] = made.secret;
    print_json(object);
  } else {
    std::printf("%s\n", made.secret.c_str());
    std::fprintf(stderr, "token %s for '%s'; it is shown this once\n", made.token.token_id.c_str(),
                 printable(made.token.name).c_str());
  }
  return 0;
}

Result<int> token_list_command(const GlobalOptions& options, const Program& program) {
  BALEEN_ASSIGN_OR_RETURN(const std::unique_ptr<Session> session,
                          Session::open(options, program, false));
  BALEEN_ASSIGN_OR_RETURN(const auto tokens, ops::TokenStore(session->database).list());
  if (options.is_json) {
    json::array list;
    for (const ops::Token& token : tokens) list.push_back(token.to_json());
    print_json(list);
    return 0;
  }
  Table table({"token", "name", "scope", "owner", "expires", "last used", "state"});
  for (const ops::Token& token : tokens) {
    table.add({token.token_id, printable(token.name, 40), std::string(ops::to_string(token.scope)),
               token.owner_entity_id.empty() ? "(all)" : printable(token.owner_entity_id, 40),
               time_or(token.expires_at_us, "never"), time_or(token.last_used_at_us, "never"),
               token.revoked_at_us ? "revoked" : "valid"});
  }
  if (table.is_empty()) {
    std::printf("No tokens yet; `baleen tokens add NAME` makes one.\n");
  } else {
    std::printf("%s", table.to_string().c_str());
  }
  return 0;
}

Result<int> token_revoke_command(const GlobalOptions& options,
                                 const Program& program,
                                 const TokenOptions& token) {
  BALEEN_ASSIGN_OR_RETURN(const std::unique_ptr<Session> session,
                          Session::open(options, program, false));
  BALEEN_RETURN_IF_ERROR(ops::TokenStore(session->database).revoke(token.token_id));
  if (options.is_json) {
    print_json(json::object{{"token_id", token.token_id}, {"revoked", true}});
  } else {
    std::printf("token %s is revoked\n", token.token_id.c_str());
  }
  return 0;
}

// ---- pauses -----------------------------------------------------------------------------------

Result<int> pause_command(const GlobalOptions& options,
                          const Program& program,
                          const std::string& recipe,
                          const std::string& stage,
                          bool is_pause) {
  BALEEN_ASSIGN_OR_RETURN(const std::unique_ptr<Session> session,
                          Session::open(options, program, false));
  if (!recipe.empty()) BALEEN_RETURN_IF_ERROR(session->find_recipe(recipe));
  BALEEN_ASSIGN_OR_RETURN(const bool has_changed, is_pause ? session->queue.pause(recipe, stage)
                                                           : session->queue.resume(recipe, stage));
  if (options.is_json) {
    print_json(json::object{{"recipe", recipe}, {"stage", stage}, {"changed", has_changed}});
    return 0;
  }
  const std::string what = recipe.empty() && stage.empty()
                               ? "everything"
                               : fmt::format("recipe {}, stage {}", recipe.empty() ? "any" : recipe,
                                             stage.empty() ? "any" : stage);
  std::printf("%s: %s%s\n", what.c_str(), is_pause ? "paused" : "resumed",
              has_changed ? "" : " (it was so already)");
  return 0;
}

}  // namespace baleen::cli
