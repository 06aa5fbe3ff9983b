# Third-party libraries: Debian packages, and two pinned downloads under .deps/ (see scripts/setup).
find_package(PkgConfig REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(Boost 1.81 REQUIRED COMPONENTS headers json)  # headers: Asio and Beast
find_package(SQLite3 REQUIRED)
find_package(OpenSSL REQUIRED COMPONENTS Crypto)
find_package(CLI11 REQUIRED)
find_package(Python3 REQUIRED COMPONENTS Interpreter)  # Code generation and repository checks.
find_package(Threads REQUIRED)
find_package(HDF5 REQUIRED COMPONENTS C)
pkg_check_modules(LIBAV REQUIRED IMPORTED_TARGET libavformat libavcodec libavutil)
pkg_check_modules(HWY REQUIRED IMPORTED_TARGET libhwy)
pkg_check_modules(LIBDEFLATE REQUIRED IMPORTED_TARGET libdeflate)
pkg_check_modules(SECCOMP REQUIRED IMPORTED_TARGET libseccomp)
pkg_check_modules(MINIZIP REQUIRED IMPORTED_TARGET minizip)
pkg_check_modules(TOMLPLUSPLUS REQUIRED IMPORTED_TARGET tomlplusplus)
if(BALEEN_TESTS)
  find_package(GTest REQUIRED)
endif()
if(BALEEN_BENCH)
  find_package(benchmark REQUIRED)
endif()

# ONNX Runtime: the shared library of a pinned npm package and the headers of a Debian 13 package, both
# put under .deps/ by scripts/fetch_onnxruntime; else the system's libonnxruntime-dev.
option(BALEEN_WITH_ML "Run ONNX models" ON)
if(BALEEN_WITH_ML)
  set(ONNXRUNTIME_ROOT ${PROJECT_SOURCE_DIR}/.deps/onnxruntime CACHE PATH "include/ and lib/ of ONNX Runtime")
  find_path(ONNXRUNTIME_INCLUDE_DIR onnxruntime_c_api.h
    HINTS ${ONNXRUNTIME_ROOT}/include PATH_SUFFIXES onnxruntime onnxruntime/core/session)
  find_library(ONNXRUNTIME_LIBRARY NAMES onnxruntime libonnxruntime.so.1 HINTS ${ONNXRUNTIME_ROOT}/lib)
  if(NOT ONNXRUNTIME_INCLUDE_DIR OR NOT ONNXRUNTIME_LIBRARY)
    message(FATAL_ERROR "ONNX Runtime not found: run scripts/fetch_onnxruntime, or set BALEEN_WITH_ML=OFF")
  endif()
  # As an imported shared library its directory enters the run path of what links it.
  add_library(onnxruntime::onnxruntime SHARED IMPORTED)
  set_target_properties(onnxruntime::onnxruntime PROPERTIES
    IMPORTED_LOCATION ${ONNXRUNTIME_LIBRARY} IMPORTED_SONAME libonnxruntime.so.1
    INTERFACE_INCLUDE_DIRECTORIES ${ONNXRUNTIME_INCLUDE_DIR})
endif()

# The web page needs Node at build time only.
option(BALEEN_WITH_WEB "Build the web page into the program" ON)
if(BALEEN_WITH_WEB)
  find_program(NODE_EXECUTABLE node)
  find_program(NPM_EXECUTABLE npm)
  if(NOT NODE_EXECUTABLE OR NOT NPM_EXECUTABLE)
    message(FATAL_ERROR "node and npm not found: run scripts/setup, or set BALEEN_WITH_WEB=OFF")
  endif()
endif()
