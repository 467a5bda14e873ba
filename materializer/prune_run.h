#pragma once

#include <filesystem>
#include <string>

#include "daybook/materializer/layout.h"
#include "daybook/materializer/materialize.h"

namespace daybook {

struct PruneOptions {
  Nanoseconds ended_before = 0;  // runs that ended later are kept
  bool dry_run = false;          // removes nothing: the report says what would be
};

struct PruneReport {
  std::filesystem::path journal, file;  // the file that holds what the journal says
  std::uint64_t bytes = 0;              // on disk
  bool removed = false;
  bool expected = true;  // kept as one would expect: live, or not old enough; false: somebody should see why
  bool damaged = false;
  std::string kept;  // why
};

// Removes one journal for good if its run has ended before the given time, every byte of it is sound, it is no salvaged
// one, it holds nothing that its file does not, and its results file (choose_results()) is there now, holds the whole run
// and equals a replay, object by object; or a file elsewhere does (find_file_elsewhere()). A run whose own code wrote its
// file, or wanted none, is kept for good: no comparison can tell what of the journal is in such a file. All of that is looked at right before, while nobody can write the journal.
// What goes with the journal is the history: how the values came to be.
// Does not throw for what is wrong with journal, file or disk: that is why it is kept.
[[nodiscard]] PruneReport prune_run(const std::filesystem::path& journal, const TransformRegistry& registry,
                                    const PruneOptions& options);

}  // namespace daybook
