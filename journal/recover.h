#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
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
// Before anything is written LMDB's list of free pages is checked, as a damaged one would make LMDB overwrite what is
// intact: CorruptError then, and nothing has changed (Journal::open() does the same).
// Throws CorruptError, UnsupportedError (not a journal, newer format), StorageError (no room, read-only).
Recovery recover(const std::filesystem::path& dir);

// Among those who recover a journal, make its file or remove it, the one whose turn it is: the others wait in the
// constructor. Writers and readers do not ask for it. Where a journal lies on read-only media, nobody waits: nothing can
// be changed there.
class RecoveryTurn {
 public:
  explicit RecoveryTurn(const std::filesystem::path& dir);  // StorageError; UnsupportedError: no journal
  RecoveryTurn(const RecoveryTurn&) = delete;
  RecoveryTurn& operator=(const RecoveryTurn&) = delete;
  ~RecoveryTurn();

 private:
  int descriptor_ = -1;
};

// Removes a journal for good, if `approve` says so once nobody can write it any more: it is renamed aside first, so that
// a half-removed one is never taken for a journal. False, and nothing has changed, if `approve` returned false.
// BusyError: it is being written. UnsupportedError: no journal. StorageError.
bool remove_journal(const std::filesystem::path& dir, const std::function<bool()>& approve);

}  // namespace daybook
