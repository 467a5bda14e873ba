#pragma once

#include <filesystem>
#include <functional>
#include <optional>
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
  // What to do when the layout fails before anything is written: a transform throws, nodes get into each other's way, a
  // filter is missing. At the end of a run its file must not be lost for it: use_default writes what ARTIQ writes.
  enum class OnLayoutFailure : std::uint8_t { fail, use_default } on_layout_failure = OnLayoutFailure::fail;
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
  std::optional<std::string> no_file;  // why there is none: the layout wants it so; what stood there is untouched
  std::string layout;                  // the name of the one that the file has
  std::optional<std::string> layout_failure;  // why it is the default layout instead (use_default)
  Sequence up_to = 0;
  bool complete = false;         // the run has ended and all of it is in the file
  std::uint64_t datasets = 0;    // objects written for datasets and archived values
  std::uint64_t bytes = 0;       // size of the file
  std::vector<Refusal> refused;  // everything else was written
  std::vector<Refusal> notes;    // in the file, but not as the layout says
  // materialize_run(): why the journal does not know of the file; empty if it does.
  std::string not_recorded;
};

// The plan that materialize() would execute: the default one, without what `only` and `exclude` keep out, edited by the
// layout, settled. Replays nothing and writes nothing. Borrows from the reader's snapshot.
// InvalidError: `at` is no point of this run; a transform failed (its name is in the message).
[[nodiscard]] Plan make_plan(const Reader& reader, const MaterializeOptions& options = {});

// Replay, plan, transform, write to a temporary file beside `file`, sync, rename into place, sync the directory. The
// old file or the new one is there at any time, never a part of one; on an exception the old one, and no litter.
// One value that cannot be stored does not cost the others: it is in the report.
// The file names journal, event, layout (name, digest, text) in root attributes daybook_….
// StorageError (no room, no such folder), CorruptError (journal), InvalidError (options, layout).
// HDF5 is not thread-safe: one call at a time in a process, and no other HDF5 use beside it unless the library was
// built thread-safe.
[[nodiscard]] MaterializeReport materialize(const Reader& reader, const std::filesystem::path& file,
                                            const MaterializeOptions& options = {});

// The same, then a `materialized` event in the journal that says so, unless it is being written, or cannot be: that is
// no failure, the file is there.
[[nodiscard]] MaterializeReport materialize_run(Reader reader, const std::filesystem::path& file,
                                                const MaterializeOptions& options = {});

}  // namespace daybook
