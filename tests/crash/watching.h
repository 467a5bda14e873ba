#pragma once

// Between the wrappers (system_calls.cc, memory.cc) and the recorder. Nothing here allocates: it is called from anywhere.

#include <sys/types.h>

#include <cstddef>
#include <cstdint>

#include "crash/recorder.h"

namespace daybook::crash::detail {

// What is to become of a call.
struct Verdict {
  int error = 0;  // not 0: fail with it
  bool cut_short = false;
  bool kill_after = false;
};

struct Watched {
  std::uint64_t file = 0;  // inode number
  bool forced = false;     // O_DSYNC or O_SYNC
  bool folder = false;
  bool exists = false;
};

// One call at a time is let through, so that the log's order is the order of events. A wrapper's inner calls pass.
class Turn {
 public:
  Turn();
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;
  ~Turn();
  [[nodiscard]] bool watching() const { return watching_; }
  Verdict ask(Call call);
  // Mapped files are compared with what the log knows of them.
  void look_at_maps();
  void add(const EntryHeader& header, const char* name = "", const char* new_name = "", const void* data = nullptr);

 private:
  bool watching_ = false;
};

// `path` below the folder as a relative one; nullptr if it is somewhere else.
const char* below(const char* path);
const char* below(int folder, const char* path, char* room, std::size_t size);
Watched& watched(int descriptor);
void mapped(void* at, std::size_t bytes, std::uint64_t file, std::uint64_t offset);
void unmapped(const void* at, std::size_t bytes);
Verdict ask_for_memory();

}  // namespace daybook::crash::detail
