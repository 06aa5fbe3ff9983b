#pragma once

/// How a supervisor and its executors talk: JSON objects, one a line, over a socket pair.
///
///   → {"op":"run", …StageRequest}           ← {"type":"progress","fraction":0.4}
///   → {"op":"probe","path":"…"}             ← {"type":"result", …} or {"type":"error","code":…,"message":…}
///   → {"op":"render","kind":"…","path":"…","params":{…},"output":"…"}        ← likewise
///
/// The executor exits when the supervisor's end is closed.

#include <string>
#include <vector>

#include "core/file.h"
#include "core/json.h"

namespace baleen::engine {

/// A line longer than this is a broken peer.
inline constexpr std::size_t kMessageBytesMax = std::size_t{16} << 20U;

[[nodiscard]] Result<void> send_message(const core::Fd& socket, const json::object& message);

/// Collects bytes into messages.
class MessageReader {
 public:
  /// Reads what is there once; appends whole messages. False at the end of the stream.
  [[nodiscard]] Result<bool> read_available(const core::Fd& socket,
                                            std::vector<json::object>& messages);

 private:
  std::string buffer_;
};

[[nodiscard]] json::object error_message(const Error& error);
[[nodiscard]] Error error_from_message(const json::object& message);

}  // namespace baleen::engine
