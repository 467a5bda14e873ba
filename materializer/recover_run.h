#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "daybook/journal/recover.h"
#include "daybook/materializer/materialize.h"
#include "daybook/materializer/results_file.h"

namespace daybook {

// How recover_run() found a run.
enum class RunCondition : std::uint8_t { live, crashed, finished_without_file, finished };
// What it came to.
enum class Recovered : std::uint8_t {
  left_alone,     // live: somebody is writing it
  nothing_to_do,  // the file is there, or none is wanted
  whole,          // the file was made, and is what a replay gives
  in_part,        // the file was made, and something is not as it should be: see below
  nothing,        // `error` says why
};
enum class RecoverFault : std::uint8_t { none, damaged, unsupported, busy, storage, other };

struct RecoverReport {
  std::filesystem::path journal;
  std::optional<RunInfo> info;  // empty if it could not be read
  std::optional<SalvageNote> salvaged;
  RunCondition before = RunCondition::finished;
  Recovered outcome = Recovered::nothing;
  Sequence last = 0;       // newest event of the run, now
  Sequence recovered = 0;  // so many events were still in the intake
  Nanoseconds until = 0;   // the newest event's time; 0 if there is none
  bool complete = false;   // the run had ended
  std::filesystem::path file;
  bool replaced = false;                      // an older file of the same run was there
  std::string instead;                        // why the file is not where it belongs
  std::string remark;                         // whatever else is worth saying
  std::optional<std::string> no_file;         // why there is none, and no fault
  std::optional<std::string> layout_failure;  // why the file has the default layout
  std::vector<Refusal> refused;               // what HDF5 cannot hold: it stays in the journal
  std::vector<std::string> differences;       // between file and replay
  std::string not_compared;                   // why
  RecoverFault fault = RecoverFault::none;
  std::string error;
};

struct RecoverOptions {
  bool dry_run = false;  // changes nothing: the report says what would be done
  std::function<void(std::uint64_t done, std::uint64_t total)> progress;
};

// The morning after: brings one journal to a clean state if its writer died, makes the run's file if it is missing or
// older than the journal, in the run's own layout where that works (else in the default one), opens the file again and
// compares it with a replay. Does nothing to a live run, nothing twice, nothing if a `materialized` event says that the run's
// own code wrote its file, or wanted none (find_own_file()), or that a file elsewhere holds the same (find_file_elsewhere()),
// and never replaces a file that is not this journal's own, or that holds more than it. Other processes that do the same wait for their turn.
// Does not throw for what is wrong with the journal, the file or the disk: that is in the report.
// HDF5: as materialize().
[[nodiscard]] RecoverReport recover_run(const std::filesystem::path& journal, const TransformRegistry& registry,
                                        const RecoverOptions& options = {});

}  // namespace daybook
