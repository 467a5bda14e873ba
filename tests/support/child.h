#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <exception>
#include <functional>
#include <iostream>
#include <stdexcept>

namespace daybook::test {

// Runs `work` in a forked child and returns how it ended (see waitpid). The child leaves by SIGKILL when `work` returns:
// no destructor, no flush, no farewell; by exit status 99 when it throws.
inline int in_killed_child(const std::function<void()>& work) {
  const auto child = ::fork();
  if (child < 0) throw std::runtime_error("fork failed");
  if (child == 0) {
    try {
      work();
    } catch (const std::exception& e) {
      std::cerr << "child: " << e.what() << std::endl;
      ::_exit(99);
    }
    ::kill(::getpid(), SIGKILL);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return status;
}

inline bool was_killed(int status) { return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL; }

}  // namespace daybook::test
