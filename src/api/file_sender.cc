#include "api/file_sender.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace baleen::api {
namespace {

constexpr std::int64_t kPieceBytes = 128 << 10;

}  // namespace

Result<std::string_view> FileSender::open(bool is_wanted) {
  if (plan_.status == 304 || plan_.status == 416) return std::string_view();
  BALEEN_ASSIGN_OR_RETURN(fd_, core::open_read(file_.path));
  struct stat status {};
  if (::fstat(fd_.get(), &status) != 0) return core::errno_error(errno, "stat a file to send");
  if (!S_ISREG(status.st_mode) || status.st_size != file_.bytes) {
    return fail(ErrorCode::artifact_corrupt, "{}: {} bytes expected, and the file has {}",
                file_.path.filename().string(), file_.bytes, status.st_size);
  }
  if (!is_wanted || left_ == 0) return std::string_view();
  piece_ = std::make_unique<char[]>(static_cast<std::size_t>(std::min(left_, kPieceBytes)));
  return read();
}

Result<std::string_view> FileSender::read() {
  const auto wanted = static_cast<std::size_t>(std::min(left_, kPieceBytes));
  ssize_t n = 0;
  do {
    n = ::pread(fd_.get(), piece_.get(), wanted, plan_.end - left_);
  } while (n < 0 && errno == EINTR);
  if (n < 0) return core::errno_error(errno, "read " + file_.path.filename().string());
  if (n == 0) {
    return fail(ErrorCode::artifact_corrupt, "{} was cut short", file_.path.filename().string());
  }
  left_ -= n;
  return std::string_view(piece_.get(), static_cast<std::size_t>(n));
}

void FileSender::describe(std::string_view trace_id, Response& response) const {
  if (plan_.status == 416) {
    response = problem(fail(ErrorCode::invalid_argument,
                            "the range lies outside of the file, which has {} bytes", file_.bytes),
                       trace_id, 416);
  } else if (plan_.status != 200) {
    response.status = plan_.status;  // Else the handler's.
    if (plan_.status == 304) response.body = std::string();
  }
  set_file_headers(plan_, file_, response);
}

}  // namespace baleen::api
