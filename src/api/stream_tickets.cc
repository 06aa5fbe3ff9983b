#include "api/stream_tickets.h"

#include <exception>
#include <utility>

#include "api/exchange.h"
#include "core/log.h"

namespace baleen::api {

StreamTickets::Key StreamTickets::key_of(const Principal& principal, Scope scope) {
  return {principal.token_id, principal.session_id, scope};
}

std::shared_ptr<const StreamTicket> StreamTickets::issue(const Request& request, Scope scope) {
  if (scope == Scope::open) return nullptr;
  std::weak_ptr<const StreamTicket>& known = tickets_[key_of(request.principal, scope)];
  std::shared_ptr<const StreamTicket> ticket = known.lock();
  if (ticket == nullptr) {
    ticket = std::make_shared<const StreamTicket>(StreamTicket{request, scope});
    known = ticket;
  }
  return ticket;
}

std::vector<std::shared_ptr<const StreamTicket>> StreamTickets::in_use() {
  std::vector<std::shared_ptr<const StreamTicket>> held;
  for (auto entry = tickets_.begin(); entry != tickets_.end();) {
    if (auto ticket = entry->second.lock()) {
      held.push_back(std::move(ticket));
      ++entry;
    } else {
      entry = tickets_.erase(entry);
    }
  }
  return held;
}

void StreamTickets::forget(const StreamTicket& ticket) {
  const auto known = tickets_.find(key_of(ticket.request.principal, ticket.scope));
  if (known != tickets_.end() && known->second.lock().get() == &ticket) tickets_.erase(known);
}

bool is_refused(const AuthenticateFn& authenticate, const StreamTicket& ticket) {
  try {
    const Result<void> allowed = check_scope(authenticate(ticket.request), ticket.scope);
    return !allowed.ok() && (allowed.error().code == ErrorCode::unauthorized ||
                             allowed.error().code == ErrorCode::forbidden);
  } catch (const std::exception& error) {
    core::log(core::LogLevel::error, "a stream's right", {{"error", error.what()}});
    return false;
  }
}

}  // namespace baleen::api
