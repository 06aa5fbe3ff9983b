# baleen_room(NAME SRCS … HDRS … TESTS … BENCHES … DEPS room… LIBS target… PUBLIC_LIBS target…)
#
# One room: a static library baleen_NAME whose headers are included as "room/file.h". DEPS are
# rooms (the arrows of ARCHITECTURE.md); LIBS are third-party targets and stay private to the room.
# Every test becomes the ctest NAME.<file>, labelled NAME.
function(baleen_room name)
  cmake_parse_arguments(ROOM "" "" "SRCS;HDRS;TESTS;BENCHES;DEPS;LIBS;PUBLIC_LIBS;TEST_LIBS" ${ARGN})
  string(REPLACE "/" "_" target "baleen_${name}")
  string(REPLACE "/" "." dotted "${name}")

  add_library(${target} STATIC ${ROOM_SRCS})
  target_sources(${target} PUBLIC FILE_SET HEADERS BASE_DIRS ${PROJECT_SOURCE_DIR}/src
                           FILES ${ROOM_HDRS})
  target_include_directories(${target} PUBLIC ${PROJECT_SOURCE_DIR}/src)
  set(dep_targets ${ROOM_DEPS})
  list(TRANSFORM dep_targets REPLACE "/" "_")
  list(TRANSFORM dep_targets PREPEND baleen_)
  target_link_libraries(${target} PUBLIC ${dep_targets} ${ROOM_PUBLIC_LIBS} baleen_sanitize
                                  PRIVATE ${ROOM_LIBS} baleen_warnings)
  if(name MATCHES "^(core|store|engine)$")
    target_compile_options(${target} PRIVATE ${baleen_coverage_flags})
  endif()

  if(BALEEN_TESTS)
    foreach(test_source ${ROOM_TESTS})
      get_filename_component(stem ${test_source} NAME_WE)
      set(test_target test_${target}_${stem})
      add_executable(${test_target} ${test_source})
      target_link_libraries(${test_target} PRIVATE ${target} ${ROOM_TEST_LIBS} baleen_warnings
                                                   GTest::gmock GTest::gtest_main)
      target_compile_definitions(${test_target} PRIVATE
        BALEEN_SOURCE_DIR="${PROJECT_SOURCE_DIR}" BALEEN_BINARY_DIR="${PROJECT_BINARY_DIR}")
      add_test(NAME ${dotted}.${stem} COMMAND ${test_target})
      math(EXPR timeout "300 * ${BALEEN_PATIENCE}")
      set_tests_properties(${dotted}.${stem} PROPERTIES LABELS ${dotted} TIMEOUT ${timeout}
        SKIP_REGULAR_EXPRESSION "no test was run")
    endforeach()
  endif()
  if(BALEEN_BENCH)
    foreach(bench_source ${ROOM_BENCHES})
      get_filename_component(stem ${bench_source} NAME_WE)
      add_executable(bench_${stem} ${bench_source})
      target_link_libraries(bench_${stem} PRIVATE ${target} ${ROOM_TEST_LIBS} benchmark::benchmark_main)
    endforeach()
  endif()
endfunction()
