#pragma once

/// A file on its way out, a piece at a time.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "api/file_response.h"
#include "api/http.h"
#include "core/file.h"

namespace baleen::api {

/// open() and read() wait for the disk: on the pool.
class FileSender {
 public:
  FileSender(const FileBody& file, const Headers& request)
      : file_(file), plan_(plan_file(request, file)), left_(plan_.end - plan_.begin) {}

  /// Opens the file, if anything of it is to be sent, and reads the first piece if it `is_wanted` (not for
  /// HEAD). FILE_NOT_FOUND, IO_ERROR, or ARTIFACT_CORRUPT where the file has another size than was said.
  [[nodiscard]] Result<std::string_view> open(bool is_wanted);
  /// The next piece, valid until the one after it; never empty.
  [[nodiscard]] Result<std::string_view> read();

  /// Sets status and headers; the body too where the file is not sent (304, 416).
  void describe(std::string_view trace_id, Response& response) const;
  [[nodiscard]] std::int64_t bytes_to_send() const { return plan_.end - plan_.begin; }
  [[nodiscard]] std::int64_t bytes_left() const { return left_; }

 private:
  FileBody file_;
  FilePlan plan_;
  std::int64_t left_;
  core::Fd fd_;
  std::unique_ptr<char[]> piece_;
};

}  // namespace baleen::api
