#include "audio/libav_functions.h"

#include <dlfcn.h>

#include <initializer_list>
#include <string>

#include "audio/libav.h"

namespace baleen::audio {
namespace {

// A cover picture is a packet, too; no packet or frame of sane audio comes near this.
constexpr std::size_t kAllocationBytesMax = 128U << 20;

/// Holds the libraries for the life of the process: decoders have threads and tables of their own.
class Libraries {
 public:
  Libraries() {
    open("libavutil.so." AV_STRINGIFY(LIBAVUTIL_VERSION_MAJOR));
#define BALEEN_RESOLVE(name) resolve(functions_.name, #name);
    BALEEN_LIBAVUTIL_FUNCTIONS(BALEEN_RESOLVE)
    open("libavcodec.so." AV_STRINGIFY(LIBAVCODEC_VERSION_MAJOR));
    BALEEN_LIBAVCODEC_FUNCTIONS(BALEEN_RESOLVE)
    open("libavformat.so." AV_STRINGIFY(LIBAVFORMAT_VERSION_MAJOR));
    BALEEN_LIBAVFORMAT_FUNCTIONS(BALEEN_RESOLVE)
#undef BALEEN_RESOLVE
    if (!problem_.empty()) return;
    functions_.av_log_set_callback(&capture_log);
    functions_.av_max_alloc(kAllocationBytesMax);
  }

  [[nodiscard]] const LibavFunctions& functions() const { return functions_; }
  /// What dlopen or dlsym said first, or "".
  [[nodiscard]] const std::string& problem() const { return problem_; }

 private:
  void open(const char* name) {
    if (!problem_.empty()) return;
    library_ = ::dlopen(name, RTLD_NOW | RTLD_LOCAL);
    if (library_ == nullptr) problem_ = ::dlerror();
  }

  template <typename Function>
  void resolve(Function& function, const char* name) {
    if (!problem_.empty()) return;
    function = reinterpret_cast<Function>(::dlsym(library_, name));
    if (function == nullptr) problem_ = ::dlerror();
  }

  LibavFunctions functions_;
  std::string problem_;
  void* library_ = nullptr;  // The one that names are looked up in at the moment.
};

const Libraries& libraries() {
  static const Libraries loaded;
  return loaded;
}

}  // namespace

Result<void> load_libav() {
  const std::string& problem = libraries().problem();
  if (problem.empty()) return {};
  return fail(ErrorCode::not_supported,
              "FFmpeg's libraries cannot be loaded ({}); `scripts/setup` installs them", problem);
}

const LibavFunctions& libav() { return libraries().functions(); }

}  // namespace baleen::audio
