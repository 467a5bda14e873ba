#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "daybook/journal/reader.h"
#include "daybook/materializer/layout.h"

namespace daybook {

struct MaterializeOptions {
  At at = Now{};
  Layout layout;                  // default: what ARTIQ writes
  std::vector<std::string> only;  // globs on keys; empty: all
  std::vector<std::string> exclude;
  unsigned threads = 0;  // that compress; 0: one a core. The file is the same whatever their number
  // Called now and then with bytes done and expected; throw from it to give up (the old file stays).
  std::function<void(std::uint64_t done, std::uint64_t total)> progress;
};

// One dataset, archived value or attribute that is not in the file, and why.
struct Refusal {
  Group group = Group::datasets;
  std::string key;
  std::string reason;
};

struct MaterializeReport {
  std::filesystem::path file;
  Sequence up_to = 0;
  bool complete = false;         // the run has ended and all of it is in the file
  std::uint64_t datasets = 0;    // objects written for datasets and archived values
  std::uint64_t bytes = 0;       // size of the file
  std::vector<Refusal> refused;  // everything else was written
  std::vector<Refusal> notes;    // in the file, but not as the layout says: storage that HDF5 cannot give it
};

// The plan that materialize() would execute: the default one, without what `only` and `exclude` keep out, edited by the
// layout, settled. Replays nothing and writes nothing. Borrows from the reader's snapshot.
// InvalidError: `at` is no point of this run; a transform failed (its name is in the message).
[[nodiscard]] Plan make_plan(const Reader& reader, const MaterializeOptions& options = {});

// Replay, plan, transform, write to a temporary file beside `file`, sync, rename into place, sync the directory. The
// old file or the new one is there at any time, never a part of one; on an exception the old one, and no litter.
// One value that cannot be stored does not cost the others: it is in the report.
// StorageError (no room, no such folder), CorruptError (journal), InvalidError (options, layout).
// HDF5 is not thread-safe: one call at a time in a process, and no other HDF5 use beside it unless the library was
// built thread-safe.
[[nodiscard]] MaterializeReport materialize(const Reader& reader, const std::filesystem::path& file,
                                            const MaterializeOptions& options = {});

}  // namespace daybook
