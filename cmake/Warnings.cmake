# Warnings and sanitizers, as one interface target that every room links privately.
add_library(baleen_warnings INTERFACE)
target_compile_options(baleen_warnings INTERFACE
  -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wno-sign-conversion)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # GCC 12 reports both inside std::string and std::variant at -O2 and above, wrongly (GCC bug 105651).
  target_compile_options(baleen_warnings INTERFACE -Wno-restrict -Wno-maybe-uninitialized)
endif()
if(BALEEN_WERROR)
  target_compile_options(baleen_warnings INTERFACE -Werror)
endif()

add_library(baleen_sanitize INTERFACE)
set(BALEEN_PATIENCE 1)  # How many times longer than usual a test may take.
if(BALEEN_SANITIZE)
  set(BALEEN_PATIENCE 6)
  string(REPLACE ";" "," _sanitizers "${BALEEN_SANITIZE}")
  # What a sanitizer finds ends the program, so that a test cannot pass over it; the library's own checks too.
  target_compile_options(baleen_sanitize INTERFACE
    -fsanitize=${_sanitizers} -fno-sanitize-recover=all -fno-omit-frame-pointer $<IF:$<CXX_COMPILER_ID:GNU>,-g1,-g>)
  target_compile_definitions(baleen_sanitize INTERFACE _GLIBCXX_ASSERTIONS)
  target_link_options(baleen_sanitize INTERFACE -fsanitize=${_sanitizers})
endif()

# Counters are written to a file that is mapped, so that processes count that are killed or leave by _exit.
set(baleen_coverage_flags "")
if(BALEEN_COVERAGE)
  set(baleen_coverage_flags -fprofile-instr-generate -fcoverage-mapping "SHELL:-mllvm -runtime-counter-relocation")
  target_link_options(baleen_sanitize INTERFACE -fprofile-instr-generate)
endif()
