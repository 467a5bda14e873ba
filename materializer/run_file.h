#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "daybook/materializer/materialize.h"

namespace daybook {

struct RunFileOptions {
  std::filesystem::path file;  // empty: where the run's file belongs (results_file())
  // `layout` and `on_layout_failure` are the run's to say and ignored here.
  MaterializeOptions materialize;
  bool record = false;  // tell the journal, as materialize_run() does
};

// Makes a run's file in the layout that its journal brings along, else in the default one (the report says why), and
// replaces whatever stands at its place, as the end of a run does; except that without `file` what the run's own code wrote
// stays, and where that wanted none there will be none (find_own_file()): then MaterializeReport::no_file says so. Takes a RecoveryTurn: recover_run() in other processes
// waits, and then finds nothing to do. Also of a run that is live; its writer appends the `materialized` event by itself.
// Errors as Reader and materialize().
[[nodiscard]] MaterializeReport make_run_file(const std::filesystem::path& journal, const TransformRegistry& registry,
                                              const RunFileOptions& options = {});

struct CheckpointRunOptions {
  std::string name = "checkpoint";                                        // a later one of the same name takes it over
  std::filesystem::path file;                                             // as RunFileOptions::file
  std::chrono::milliseconds timeout{2000};                                // how long to wait for the writer
  std::function<void(std::uint64_t done, std::uint64_t total)> progress;  // of making the file
};

struct CheckpointRunReport {
  bool live = false;                   // somebody wrote it when it was asked for
  std::optional<Sequence> checkpoint;  // the writer made one: this event
  std::string not_answered;            // why it did not, of a live run: the file is then as of what had been committed
  MaterializeReport made;
};

// Has a live run's file made now, without disturbing the run: asks its writer for a checkpoint (request_checkpoint()) and
// makes the file of that state. Of a run that nobody writes, or that has ended meanwhile, it makes the file as of the newest
// event, and tells the journal. Errors as make_run_file(); InvalidError for a name that cannot be asked for.
[[nodiscard]] CheckpointRunReport checkpoint_run(const std::filesystem::path& journal,
                                                 const TransformRegistry& registry,
                                                 const CheckpointRunOptions& options = {});

}  // namespace daybook
