#pragma once

/// HDF5's C API behind owning handles and Result. Internal to the room: only .cc files include it.

#include <hdf5.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>

#include "core/result.h"
#include "formats/h5_sink.h"

namespace baleen::formats::h5 {

/// One HDF5 identifier of any kind, released when the object dies.
class Id {
 public:
  Id() = default;
  explicit Id(hid_t id) : id_(id) {}
  ~Id() { reset(); }
  Id(Id&& other) noexcept : id_(std::exchange(other.id_, H5I_INVALID_HID)) {}
  Id& operator=(Id&& other) noexcept {
    if (this != &other) {
      reset();
      id_ = std::exchange(other.id_, H5I_INVALID_HID);
    }
    return *this;
  }
  [[nodiscard]] hid_t get() const { return id_; }
  [[nodiscard]] bool is_valid() const { return id_ >= 0; }
  void reset() {
    if (id_ >= 0) H5Idec_ref(id_);
    id_ = H5I_INVALID_HID;
  }
  hid_t release() { return std::exchange(id_, H5I_INVALID_HID); }

 private:
  hid_t id_ = H5I_INVALID_HID;
};

/// Switches HDF5's printing of errors off for this thread (Debian builds the library thread-safe, with
/// one error stack per thread). To be called first by every public function of the room.
void be_quiet();

/// The innermost message of HDF5's error stack as an Error. To be called right after the failed call.
[[nodiscard]] Error last_error(std::string_view what, ErrorCode code);

/// A new file on an open sink, in the format of HDF5 1.8, without times or a growing metadata cache.
[[nodiscard]] Result<Id> create_file(Sink& sink);
/// ARTIFACT_CORRUPT if it is no whole HDF5 file.
[[nodiscard]] Result<Id> open_file(const std::filesystem::path& path);

/// UTF-8 text of variable length, as h5py writes and reads `str`.
[[nodiscard]] Result<void> write_attribute(hid_t object,
                                           const std::string& name,
                                           const std::string& value);
[[nodiscard]] Result<void> write_attribute(hid_t object, const std::string& name, double value);
/// Accepts text of fixed and of variable length.
[[nodiscard]] Result<std::string> read_text_attribute(hid_t object, const std::string& name);
[[nodiscard]] Result<double> read_double_attribute(hid_t object, const std::string& name);

}  // namespace baleen::formats::h5
