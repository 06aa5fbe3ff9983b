#pragma once

/// The file under an HDF5 file that is being written. HDF5 cannot close a file that it failed to write (a full
/// disk): it keeps the descriptor, the memory, and crashes at exit. So its writes go through a driver of
/// ours, which remembers the first failure, drops all later writes, and lets HDF5 believe that they
/// succeeded. Internal to the room.

#include <hdf5.h>

#include <filesystem>
#include <optional>

#include "core/file.h"
#include "core/result.h"

namespace baleen::formats::h5 {

/// Must outlive the HDF5 file that is written through it, and stay where it is.
class Sink {
 public:
  Sink() = default;
  Sink(const Sink&) = delete;
  Sink& operator=(const Sink&) = delete;

  /// Creates or truncates the file.
  [[nodiscard]] Result<void> open(const std::filesystem::path& path);
  /// Makes a file access list use this sink.
  [[nodiscard]] bool attach_to(hid_t access_list);
  /// The first failed write, if any. HDF5's own results tell nothing about that.
  [[nodiscard]] Result<void> check() const;
  /// fsync; to be called after H5Fclose and `check`.
  [[nodiscard]] Result<void> sync();
  void close() { file_.reset(); }

 private:
  friend struct SinkDriver;
  core::Fd file_;
  std::optional<Error> first_error_;
};

}  // namespace baleen::formats::h5
