# Warnings and sanitizers, as one interface target that every room links privately.
add_library(baleen_warnings INTERFACE)
target_compile_options(baleen_warnings INTERFACE
  -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wno-sign-conversion)
if(BALEEN_WERROR)
  target_compile_options(baleen_warnings INTERFACE -Werror)
endif()

add_library(baleen_sanitize INTERFACE)
if(BALEEN_SANITIZE)
  string(REPLACE ";" "," _sanitizers "${BALEEN_SANITIZE}")
  target_compile_options(baleen_sanitize INTERFACE -fsanitize=${_sanitizers} -fno-omit-frame-pointer -g)
  target_link_options(baleen_sanitize INTERFACE -fsanitize=${_sanitizers})
endif()
