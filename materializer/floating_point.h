#pragma once

#include <cfenv>

namespace daybook::detail {

// Puts the thread's floating-point environment back when it goes. Loading a library that was built with -ffast-math (some
// HDF5 filters are) makes denormal numbers zero in the thread that loads it: values would change.
class FloatingPointKeeper {
 public:
  FloatingPointKeeper() { std::fegetenv(&before_); }
  FloatingPointKeeper(const FloatingPointKeeper&) = delete;
  FloatingPointKeeper& operator=(const FloatingPointKeeper&) = delete;
  ~FloatingPointKeeper() { std::fesetenv(&before_); }

 private:
  std::fenv_t before_{};
};

}  // namespace daybook::detail
