# What every target of Daybook is compiled with. Interface targets, so that a project that includes this one keeps its own.
add_library(daybook_compile INTERFACE)
target_compile_features(daybook_compile INTERFACE cxx_std_20)
target_compile_options(daybook_compile INTERFACE -Wall -Wextra -Wpedantic -Wconversion -Werror -fvisibility=hidden)

set(DAYBOOK_SANITIZE "" CACHE STRING "address (with undefined) or thread")
if(DAYBOOK_SANITIZE)
  # gcc 12 sees uninitialized members in its own <regex> and <functional> once the sanitizers have been at them.
  add_compile_options(-Wno-maybe-uninitialized)
endif()
if(DAYBOOK_SANITIZE STREQUAL "address")
  add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=address,undefined)
elseif(DAYBOOK_SANITIZE STREQUAL "thread")
  add_compile_options(-fsanitize=thread)
  add_link_options(-fsanitize=thread)
elseif(DAYBOOK_SANITIZE)
  message(FATAL_ERROR "DAYBOOK_SANITIZE=${DAYBOOK_SANITIZE}: choose address or thread")
endif()

# Fuzzing wants clang, and everything compiled with its counters: the preset "fuzz", see ./dev fuzz.
if(DAYBOOK_BUILD_FUZZ)
  if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    message(FATAL_ERROR "DAYBOOK_BUILD_FUZZ needs clang: cmake --preset fuzz")
  endif()
  # gcc's warnings are the ones that are kept clean; clang has others.
  target_compile_options(daybook_compile INTERFACE -Wno-error)
  add_compile_options(-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=address,undefined)
endif()

if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE RelWithDebInfo CACHE STRING "" FORCE)
endif()
# Line numbers are enough for a backtrace, and half the size and time of full debug information.
string(REPLACE "-g" "-g1" CMAKE_CXX_FLAGS_RELWITHDEBINFO "${CMAKE_CXX_FLAGS_RELWITHDEBINFO}")
find_program(CCACHE ccache)
if(CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
endif()
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
