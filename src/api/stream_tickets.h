#pragma once

/// With which right an event stream was opened. A stream lives for hours and a token may be revoked any minute:
/// so the right is looked at again, once for all streams of a token.

#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "api/server.h"

namespace baleen::api {

struct StreamTicket {
  Request request;  ///< Which opened the first stream; asks again for all of them.
  Scope scope = Scope::admin;
};

/// Of the network thread; the tickets themselves are immutable.
class StreamTickets {
 public:
  /// The ticket of this token and scope; null for open routes, which need no right.
  std::shared_ptr<const StreamTicket> issue(const Request& request, Scope scope);
  /// Those that streams hold.
  std::vector<std::shared_ptr<const StreamTicket>> in_use();
  /// The next stream of this token gets a new ticket.
  void forget(const StreamTicket& ticket);

 private:
  using Key = std::tuple<std::string, std::string, Scope>;  ///< Token, session, scope.
  static Key key_of(const Principal& principal, Scope scope);
  std::map<Key, std::weak_ptr<const StreamTicket>> tickets_;
};

/// Whether the right is gone. A database that fails is no reason to think so.
[[nodiscard]] bool is_refused(const AuthenticateFn& authenticate, const StreamTicket& ticket);

}  // namespace baleen::api
