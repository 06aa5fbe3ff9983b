#include "formats/h5_sink.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>

namespace baleen::formats::h5 {

/// The callbacks of HDF5's virtual file layer, for one sink each.
struct SinkDriver {
  struct Access {  // What an access list carries; HDF5 copies it byte by byte.
    Sink* sink = nullptr;
  };
  struct File {
    H5FD_t base;  // Must come first.
    Sink* sink = nullptr;
    haddr_t end_of_allocation = 0;
    haddr_t end_of_file = 0;
  };

  static File* of(H5FD_t* file) { return reinterpret_cast<File*>(file); }
  static const File* of(const H5FD_t* file) { return reinterpret_cast<const File*>(file); }

  static H5FD_t* open(const char* /*name*/, unsigned /*flags*/, hid_t list, haddr_t /*maxaddr*/) {
    const auto* access = static_cast<const Access*>(H5Pget_driver_info(list));
    if (access == nullptr) return nullptr;
    auto* file = new (std::nothrow) File{};
    if (file == nullptr) return nullptr;
    file->sink = access->sink;
    return &file->base;
  }
  static herr_t close(H5FD_t* file) {
    delete of(file);
    return 0;
  }
  /// Every file is its own: a sink belongs to one writer.
  static int compare(const H5FD_t* a, const H5FD_t* b) { return a == b ? 0 : a < b ? -1 : 1; }
  static herr_t query(const H5FD_t* /*file*/, unsigned long* flags) {
    *flags = H5FD_FEAT_AGGREGATE_METADATA | H5FD_FEAT_ACCUMULATE_METADATA | H5FD_FEAT_DATA_SIEVE |
             H5FD_FEAT_AGGREGATE_SMALLDATA | H5FD_FEAT_DEFAULT_VFD_COMPATIBLE;
    return 0;
  }
  static haddr_t get_end_of_allocation(const H5FD_t* file, H5FD_mem_t /*type*/) {
    return of(file)->end_of_allocation;
  }
  static herr_t set_end_of_allocation(H5FD_t* file, H5FD_mem_t /*type*/, haddr_t address) {
    of(file)->end_of_allocation = address;
    return 0;
  }
  static haddr_t get_end_of_file(const H5FD_t* file, H5FD_mem_t /*type*/) {
    return of(file)->end_of_file;
  }
  static herr_t read(H5FD_t* file,
                     H5FD_mem_t /*type*/,
                     hid_t /*transfer*/,
                     haddr_t address,
                     std::size_t size,
                     void* buffer) {
    auto* out = static_cast<char*>(buffer);
    while (size > 0) {
      const ssize_t n =
          ::pread(of(file)->sink->file_.get(), out, size, static_cast<off_t>(address));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return -1;
      if (n == 0) break;  // Behind the end there are zeros.
      out += n;
      address += static_cast<haddr_t>(n);
      size -= static_cast<std::size_t>(n);
    }
    std::memset(out, 0, size);
    return 0;
  }
  static herr_t write(H5FD_t* file,
                      H5FD_mem_t /*type*/,
                      hid_t /*transfer*/,
                      haddr_t address,
                      std::size_t size,
                      const void* buffer) {
    of(file)->end_of_file = std::max<haddr_t>(of(file)->end_of_file, address + size);
    Sink& sink = *of(file)->sink;
    if (sink.first_error_.has_value()) return 0;
    const std::span bytes(static_cast<const std::byte*>(buffer), size);
    auto result = core::write_all_at(sink.file_, bytes, static_cast<std::int64_t>(address));
    if (!result.ok()) sink.first_error_ = std::move(result).error();
    return 0;
  }
  static herr_t truncate(H5FD_t* file, hid_t /*transfer*/, hbool_t /*closing*/) {
    File& self = *of(file);
    if (self.end_of_allocation == self.end_of_file) return 0;
    self.end_of_file = self.end_of_allocation;
    if (self.sink->first_error_.has_value()) return 0;
    if (::ftruncate(self.sink->file_.get(), static_cast<off_t>(self.end_of_file)) != 0)
      self.sink->first_error_ = core::errno_error(errno, "truncate");
    return 0;
  }

  static hid_t id() {
    static const hid_t driver = [] {
      H5FD_class_t callbacks{};
      callbacks.name = "baleen_sink";
      callbacks.maxaddr = (haddr_t{1} << 62) - 1;
      callbacks.fc_degree = H5F_CLOSE_STRONG;
      callbacks.fapl_size = sizeof(Access);
      callbacks.open = open;
      callbacks.close = close;
      callbacks.cmp = compare;
      callbacks.query = query;
      callbacks.get_eoa = get_end_of_allocation;
      callbacks.set_eoa = set_end_of_allocation;
      callbacks.get_eof = get_end_of_file;
      callbacks.read = read;
      callbacks.write = write;
      callbacks.truncate = truncate;
      const H5FD_mem_t by_kind[] = H5FD_FLMAP_DICHOTOMY;
      std::copy(std::begin(by_kind), std::end(by_kind), std::begin(callbacks.fl_map));
      return H5FDregister(&callbacks);
    }();
    return driver;
  }
};

Result<void> Sink::open(const std::filesystem::path& path) {
  first_error_.reset();
  BALEEN_ASSIGN_OR_RETURN(file_, core::create_file(path));  // Readable too: HDF5 reads back.
  return {};
}

bool Sink::attach_to(hid_t access_list) {
  const SinkDriver::Access access{this};
  return SinkDriver::id() >= 0 && H5Pset_driver(access_list, SinkDriver::id(), &access) >= 0;
}

Result<void> Sink::check() const {
  if (first_error_.has_value()) return Error(*first_error_);
  return {};
}

Result<void> Sink::sync() { return core::sync_file(file_); }

}  // namespace baleen::formats::h5
