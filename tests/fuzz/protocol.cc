// What an executor says to its supervisor: a hostile one can say anything, cut into any pieces.
//
// The first two bytes choose the pieces; the rest is the stream.
#include "engine/protocol.h"

#include <sys/socket.h>

#include <vector>

#include "engine/supervisor.h"
#include "fuzz/input.h"

using namespace baleen;

namespace {

struct Heard {
  std::vector<json::object> messages;
  bool is_refused = false;
};

/// The stream in pieces of `piece_bytes`.
Heard hear(std::string_view stream, std::size_t piece_bytes) {
  int ends[2];
  BALEEN_CHECK(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
  const core::Fd mine(ends[0]), theirs(ends[1]);
  Heard heard;
  engine::MessageReader reader;
  while (!stream.empty() && !heard.is_refused) {
    const std::string_view piece = stream.substr(0, piece_bytes);
    stream.remove_prefix(piece.size());
    BALEEN_CHECK(::send(theirs.get(), piece.data(), piece.size(), MSG_NOSIGNAL) ==
                 static_cast<ssize_t>(piece.size()));
    const Result<bool> is_open = reader.read_available(mine, heard.messages);
    BALEEN_CHECK(
        fuzz::is_value_or(is_open, {ErrorCode::invalid_argument, ErrorCode::worker_error}));
    heard.is_refused = !is_open.ok();
    BALEEN_CHECK(heard.is_refused || *is_open);
  }
  return heard;
}

engine::StageRequest make_request() {
  engine::StageRequest request;
  for (const char* type : {"a", "b"}) request.outputs.emplace_back().type = type;
  return request;
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  const std::size_t piece_bytes = 1 + input.number<std::uint16_t>() % 4096;
  const std::string_view stream = input.rest().substr(0, 32 << 10);
  const Heard in_pieces = hear(stream, piece_bytes);
  const Heard at_once = hear(stream, stream.size());
  BALEEN_CHECK(in_pieces.is_refused == at_once.is_refused);
  BALEEN_CHECK(in_pieces.messages == at_once.messages);
  static const engine::StageRequest request = make_request();
  for (const json::object& message : at_once.messages) {
    const Error error = engine::error_from_message(message);
    const json::object again = engine::error_message(error);
    BALEEN_CHECK(engine::error_from_message(again).code == error.code);
    BALEEN_CHECK(engine::error_from_message(again).message == error.message);
    const Result<engine::AttemptResult> result = engine::parse_attempt_result(message, request);
    BALEEN_CHECK(fuzz::is_value_or(result, {ErrorCode::worker_error}));
    if (!result.ok()) continue;
    BALEEN_CHECK(result->files.size() <= request.outputs.size());
    for (const engine::PublishedFile& file : result->files) (void)request.output(file.type);
  }
  return 0;
}
