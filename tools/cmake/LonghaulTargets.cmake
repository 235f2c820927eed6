# The three ways a target is made here: a layer, a test, a benchmark.

add_library(longhaul_warnings INTERFACE)
target_compile_options(longhaul_warnings INTERFACE
  $<$<COMPILE_LANGUAGE:CXX>:-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion -Wno-missing-field-initializers
                            -Wnon-virtual-dtor -Woverloaded-virtual>
  # False alarms of g++ 12 on std::string (GCC bug 105651).
  $<$<AND:$<COMPILE_LANGUAGE:CXX>,$<CXX_COMPILER_ID:GNU>>:-Wno-restrict>)
if(LONGHAUL_SANITIZE)
  target_compile_options(longhaul_warnings INTERFACE
    $<$<COMPILE_LANGUAGE:CXX>:-fsanitize=${LONGHAUL_SANITIZE} -fno-omit-frame-pointer>)
  target_link_options(longhaul_warnings INTERFACE -fsanitize=${LONGHAUL_SANITIZE})
endif()
# Law 1: the compiler contracts a product and a sum only where the source says fma.
target_compile_options(longhaul_warnings INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-ffp-contract=off>)

# longhaul_add_layer(<name> HEADERS ... SOURCES ... [PUBLIC ...] [PRIVATE ...] COMPONENT plan|train)
# Sources are relative to src/<name>, headers to include/longhaul/<name>.
function(longhaul_add_layer name)
  cmake_parse_arguments(ARG "" "COMPONENT" "HEADERS;SOURCES;PUBLIC;PRIVATE" ${ARGN})
  add_library(longhaul_${name} STATIC)
  add_library(longhaul::${name} ALIAS longhaul_${name})
  list(TRANSFORM ARG_HEADERS PREPEND ${PROJECT_SOURCE_DIR}/include/longhaul/${name}/)
  list(TRANSFORM ARG_SOURCES PREPEND ${PROJECT_SOURCE_DIR}/src/${name}/)
  target_sources(longhaul_${name}
    PRIVATE ${ARG_SOURCES}
    PUBLIC FILE_SET HEADERS BASE_DIRS ${PROJECT_SOURCE_DIR}/include FILES ${ARG_HEADERS})
  target_link_libraries(longhaul_${name}
    PUBLIC ${ARG_PUBLIC} PRIVATE ${ARG_PRIVATE} $<BUILD_INTERFACE:longhaul_warnings>)
  target_compile_features(longhaul_${name} PUBLIC cxx_std_20)
  set_target_properties(longhaul_${name} PROPERTIES
    EXPORT_NAME ${name} POSITION_INDEPENDENT_CODE ON
    CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON
    VERIFY_INTERFACE_HEADER_SETS ON)
  install(TARGETS longhaul_${name} EXPORT longhaul-${ARG_COMPONENT}-targets FILE_SET HEADERS)
endfunction()

# longhaul_add_test(<layer>/<header>) builds tests/<layer>/<header>_test.cpp. Tests run in the root
# of the checkout and name its files from there, so that objects of one checkout serve another.
function(longhaul_add_test path)
  cmake_parse_arguments(ARG "" "" "LIBS;LABELS;SOURCES" ${ARGN})
  if(NOT ARG_LABELS)
    set(ARG_LABELS unit)
  endif()
  string(REPLACE "/" "_" target test_${path})
  add_executable(${target} ${PROJECT_SOURCE_DIR}/tests/${path}_test.cpp ${ARG_SOURCES})
  target_compile_features(${target} PRIVATE cxx_std_20)
  target_link_libraries(${target} PRIVATE ${ARG_LIBS} GTest::gmock GTest::gtest_main longhaul_warnings)
  target_include_directories(${target} PRIVATE ${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/tests)
  target_compile_definitions(${target} PRIVATE
    LONGHAUL_TEST_DATA="tests/data" LONGHAUL_SOURCE_DIR=".")
  if(LONGHAUL_SANITIZE)  # compiles in half the time; what runs long is in the layers
    target_compile_options(${target} PRIVATE $<$<COMPILE_LANGUAGE:CXX>:-O0>)
  endif()
  include(GoogleTest)
  gtest_discover_tests(${target} DISCOVERY_TIMEOUT 60 WORKING_DIRECTORY ${PROJECT_SOURCE_DIR}
    PROPERTIES LABELS "${ARG_LABELS}")
endfunction()

# longhaul_add_benchmark(<layer>/<thing>) builds benchmarks/<layer>/<thing>_bench.cpp; its smoke
# run is a test, so that it cannot rot.
function(longhaul_add_benchmark path)
  cmake_parse_arguments(ARG "" "" "LIBS" ${ARGN})
  string(REPLACE "/" "_" target bench_${path})
  add_executable(${target} ${PROJECT_SOURCE_DIR}/benchmarks/${path}_bench.cpp)
  target_link_libraries(${target} PRIVATE ${ARG_LIBS} benchmark::benchmark_main longhaul_warnings)
  target_include_directories(${target} PRIVATE ${PROJECT_SOURCE_DIR})
  if(LONGHAUL_BUILD_TESTS)
    add_test(NAME ${target} COMMAND ${target} --benchmark_min_time=0.01)
    set_tests_properties(${target} PROPERTIES LABELS bench-smoke)
  endif()
endfunction()

# longhaul_add_fuzzer(<name>) builds tests/fuzz/<name>_fuzz.cpp: with clang a libFuzzer program,
# otherwise a program that replays files. The inputs in tests/fuzz/corpus/<name> are a test.
function(longhaul_add_fuzzer name)
  cmake_parse_arguments(ARG "" "" "LIBS" ${ARGN})
  add_executable(fuzz_${name} ${PROJECT_SOURCE_DIR}/tests/fuzz/${name}_fuzz.cpp)
  target_link_libraries(fuzz_${name} PRIVATE ${ARG_LIBS} longhaul_warnings)
  if(LONGHAUL_SANITIZE MATCHES fuzzer)
    target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
  else()
    target_sources(fuzz_${name} PRIVATE ${PROJECT_SOURCE_DIR}/tests/fuzz/replay_main.cpp)
  endif()
  add_dependencies(fuzzers fuzz_${name})
  add_test(NAME fuzz.${name}
    COMMAND fuzz_${name} -runs=0 ${PROJECT_SOURCE_DIR}/tests/fuzz/corpus/${name})
  set_tests_properties(fuzz.${name} PROPERTIES LABELS unit)
endfunction()
