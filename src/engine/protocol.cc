#include "engine/protocol.h"

#include <sys/socket.h>

#include <array>
#include <cerrno>

namespace baleen::engine {

Result<void> send_message(const core::Fd& socket, const json::object& message) {
  const std::string line = core::to_json(message) + "\n";
  std::size_t sent = 0;
  while (sent < line.size()) {
    const ssize_t size = ::send(socket.get(), line.data() + sent, line.size() - sent, MSG_NOSIGNAL);
    if (size < 0) {
      if (errno == EINTR) continue;
      return core::errno_error(errno, "send");
    }
    sent += static_cast<std::size_t>(size);
  }
  return {};
}

Result<bool> MessageReader::read_available(const core::Fd& socket,
                                           std::vector<json::object>& messages) {
  std::array<char, 65536> block{};
  BALEEN_ASSIGN_OR_RETURN(const std::size_t size,
                          core::read_some(socket, std::as_writable_bytes(std::span(block))));
  if (size == 0) return false;
  buffer_.append(block.data(), size);
  std::size_t begin = 0;
  for (std::size_t end = buffer_.find('\n'); end != std::string::npos;
       end = buffer_.find('\n', begin)) {
    BALEEN_ASSIGN_OR_RETURN(
        json::value value,
        core::parse_json(std::string_view(buffer_).substr(begin, end - begin), "message"));
    if (!value.is_object()) return fail(ErrorCode::worker_error, "a message is not an object");
    messages.push_back(std::move(value.get_object()));
    begin = end + 1;
  }
  buffer_.erase(0, begin);
  if (buffer_.size() > kMessageBytesMax)
    return fail(ErrorCode::worker_error, "a message is too long");
  return true;
}

json::object error_message(const Error& error) {
  const std::string_view name = error.name();
  return {{"type", "error"},
          {"code", json::string_view(name.data(), name.size())},
          {"message", error.message}};
}

Error error_from_message(const json::object& message) {
  const auto code = core::parse_error_code(core::get_string(message, "code"));
  return {code.value_or(ErrorCode::internal), core::get_string(message, "message")};
}

}  // namespace baleen::engine
