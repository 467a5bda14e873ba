#pragma once

#include <filesystem>

#include "daybook/journal/event.h"

namespace daybook {

// LMDB has no checksums of its own and no bounds on what a damaged file makes it read: it can end the process with
// SIGBUS, SIGSEGV or SIGABRT. From here on each of them prints one line, naming the journal that is being read, and
// exits with 1.
void explain_crashes();
// Which journal is being read, and how far that got. Cheap.
void now_reading(const std::filesystem::path& journal);
void read_up_to(Sequence sequence);

// While one lives, SIGINT, SIGTERM and SIGHUP interrupt a blocking call and are remembered, and SIGPIPE is ignored.
// One at a time.
class Interruptible {
 public:
  Interruptible();
  ~Interruptible();
  Interruptible(const Interruptible&) = delete;
  Interruptible& operator=(const Interruptible&) = delete;

  static bool interrupted() { return signal() != 0; }
  static int signal();  // 0: none
};

}  // namespace daybook
