#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>

#include "daybook/journal/journal.h"

namespace daybook {

struct CompactOptions {
  // Superseded payload to keep, oldest dropped first, as JournalOptions::history_bytes; 0 drops all history. What the
  // newest state or a checkpoint's needs stays in any case.
  std::uint64_t history_bytes = unlimited_history;
  // Called now and then with the number of events copied.
  std::function<void(Sequence done, Sequence total)> progress;
};

struct CompactReport {
  std::uint64_t bytes_before = 0, bytes_after = 0;  // size of data.mdb
  Sequence events = 0;
  Sequence elided = 0;              // of them without their value now …
  Sequence dropped = 0;             // … and of those, the ones that had it until now
  std::uint64_t dropped_bytes = 0;  // of their values
};

// Writes a journal anew, without the room that LMDB keeps for later, and with less history if asked for: the same run,
// sequence numbers and records. The new one is made aside, read back and compared, synced, and exchanged with the old
// one in one step, so that a kill or a power cut at any moment leaves one of the two, whole. Readers that have the old
// one open keep it until they close. Needs room for both.
// The journal of a crashed run is recovered first. BusyError: it is being written, or a Reader of this process has it
// open. InvalidError: its folder holds files that are not Daybook's. CorruptError: damaged (the original is left as it
// is). UnsupportedError, StorageError as recover().
CompactReport compact(const std::filesystem::path& journal, const CompactOptions& options = {});

}  // namespace daybook
