// Memory that runs out: the nth allocation of the process fails when the recorder says so. The sanitizers have their own.

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

#include <cerrno>
#include <cstddef>

#include "crash/watching.h"

// The C library's own, under the names it offers for just this.
extern "C" {
void* __libc_malloc(std::size_t bytes) noexcept;
void* __libc_calloc(std::size_t count, std::size_t bytes) noexcept;
void* __libc_realloc(void* old, std::size_t bytes) noexcept;
}

namespace {

bool refuses() {
  const auto verdict = daybook::crash::detail::ask_for_memory();
  if (verdict.error != 0) errno = ENOMEM;
  return verdict.error != 0;
}

}  // namespace

extern "C" {

__attribute__((visibility("default"))) void* malloc(std::size_t bytes) noexcept {
  return refuses() ? nullptr : __libc_malloc(bytes);
}

__attribute__((visibility("default"))) void* calloc(std::size_t count, std::size_t bytes) noexcept {
  return refuses() ? nullptr : __libc_calloc(count, bytes);
}

__attribute__((visibility("default"))) void* realloc(void* old, std::size_t bytes) noexcept {
  return refuses() ? nullptr : __libc_realloc(old, bytes);
}

}  // extern "C"

#endif
