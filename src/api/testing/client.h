#pragma once

/// A small blocking HTTP client for tests: it can send what no decent client would.

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>

#include "api/http.h"

namespace baleen::api::testing {

struct Reply {
  int status = 0;  ///< 0: the connection ended instead.
  Headers headers;
  std::string body;

  [[nodiscard]] std::string header(std::string_view name) const {
    return std::string(find_header(headers, name));
  }
  /// The code of a problem document.
  [[nodiscard]] std::string code() const {
    const Result<json::value> document = core::parse_json(body, "problem");
    if (!document.ok() || !document->is_object()) return "no problem document: " + body;
    return core::get_string(document->as_object(), "code");
  }
};

class Client {
 public:
  explicit Client(int port, int receive_buffer_bytes = 0) {
    fd_ = ::socket(AF_INET, SOCK_STREAM, 0);
    if (receive_buffer_bytes > 0) {  // Before connect: it decides on the window.
      ::setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &receive_buffer_bytes, sizeof receive_buffer_bytes);
    }
    const timeval patience{20, 0};  // A test that waits longer has failed.
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    ::setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    is_connected_ = ::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  }
  ~Client() { close(); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  [[nodiscard]] bool is_connected() const { return is_connected_; }
  void close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }
  void half_close() { ::shutdown(fd_, SHUT_WR); }
  /// Ends the connection with a reset, as a client that crashed.
  void reset() {
    const linger at_once{1, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close();
  }

  /// False if the server has closed the connection.
  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(n));
    }
    return true;
  }
  bool send_request(std::string_view method,
                    std::string_view target,
                    std::string_view headers = "",
                    std::string_view body = "") {
    std::string text(method);
    text.append(" ").append(target).append(" HTTP/1.1\r\nHost: localhost\r\n").append(headers);
    if (!body.empty()) text += "Content-Length: " + std::to_string(body.size()) + "\r\n";
    return send(text.append("\r\n").append(body));
  }
  /// Sends and reads the reply.
  Reply ask(std::string_view method,
            std::string_view target,
            std::string_view headers = "",
            std::string_view body = "") {
    send_request(method, target, headers, body);
    return read_reply(method == "HEAD");
  }

  /// Up to and including the mark; all there is if the connection ends first.
  std::string read_until(std::string_view mark) {
    std::size_t at = 0;
    while ((at = buffer_.find(mark)) == std::string::npos) {
      if (!fill()) return std::exchange(buffer_, "");
    }
    std::string text = buffer_.substr(0, at + mark.size());
    buffer_.erase(0, text.size());
    return text;
  }
  std::string read_bytes(std::size_t n) {
    while (buffer_.size() < n && fill()) {
    }
    std::string text = buffer_.substr(0, n);
    buffer_.erase(0, text.size());
    return text;
  }
  /// Whether the server ends the connection, with nothing more to say.
  bool is_ended() { return buffer_.empty() && !fill(); }

  Reply read_head() {
    Reply reply;
    std::string head = read_until("\r\n\r\n");
    if (head.size() < 12) return reply;
    reply.status = std::atoi(head.c_str() + 9);
    std::size_t at = head.find("\r\n") + 2;
    while (at + 2 < head.size()) {
      const std::size_t end = head.find("\r\n", at);
      const std::size_t colon = head.find(": ", at);
      reply.headers.emplace_back(head.substr(at, colon - at),
                                 head.substr(colon + 2, end - colon - 2));
      at = end + 2;
    }
    return reply;
  }
  Reply read_reply(bool is_head = false) {
    Reply reply = read_head();
    const std::string length = reply.header("Content-Length");
    if (!is_head && !length.empty()) reply.body = read_bytes(std::stoul(length));
    return reply;
  }

 private:
  bool fill() {
    char bytes[65536];
    const ssize_t n = ::recv(fd_, bytes, sizeof bytes, 0);
    if (n > 0) buffer_.append(bytes, static_cast<std::size_t>(n));
    return n > 0;
  }

  int fd_ = -1;
  bool is_connected_ = false;
  std::string buffer_;
};

}  // namespace baleen::api::testing
