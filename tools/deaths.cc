#include "tools/deaths.h"

#include <fmt/format.h>
#include <sys/wait.h>

#include <csignal>
#include <cstring>

namespace daybook {

bool ended_by_damage(int status) {
  if (!WIFSIGNALED(status)) return false;
  const int signal = WTERMSIG(status);
  return signal == SIGBUS || signal == SIGSEGV || signal == SIGABRT;
}

std::string death_text(int status) {
  if (!WIFSIGNALED(status)) return fmt::format("its process ended with code {}", WEXITSTATUS(status));
  const int signal = WTERMSIG(status);
  if (ended_by_damage(status)) return fmt::format("its process ended by signal {}: the journal may be damaged", signal);
  return fmt::format("its process was ended by signal {} ({}){}", signal, strsignal(signal),
                     signal == SIGKILL ? ": was there too little memory?" : "");
}

}  // namespace daybook
