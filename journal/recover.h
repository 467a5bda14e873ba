#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "daybook/journal/event.h"

namespace daybook {

enum class Phase : std::uint8_t { running = 0, finished = 1, crashed = 2 };  // the numbers reach the disk

// What a journal that `daybook salvage` made tells of itself.
struct SalvageNote {
  std::string source;    // what it was made from
  Nanoseconds time = 0;  // when
  Sequence lost = 0;     // how many events are missing
  bool made = false;     // the run's description was lost, too: RunInfo is made of what the rest tells
  std::string daybook_version;
};

struct Recovery {
  bool needed = false;     // a writer had died without closing
  Sequence committed = 0;  // newest event that was in LMDB
  Sequence last = 0;       // newest event now: committed + what the intake still held
};

// Brings the journal of a dead writer to a clean state: intact intake records newer than the last commit are
// committed, torn ones dropped, the intake removed, the run marked crashed. Repeating it changes nothing. A journal
// that is being written, or was closed, is left alone (needed = false).
// Throws CorruptError, UnsupportedError (not a journal, newer format), StorageError (no room, read-only).
Recovery recover(const std::filesystem::path& dir);

}  // namespace daybook
