#include "daybook/materializer/run_file.h"

#include <fmt/format.h>

#include "daybook/journal/checkpoint_request.h"
#include "daybook/journal/error.h"
#include "daybook/journal/materialized.h"
#include "daybook/journal/recover.h"
#include "daybook/materializer/results_file.h"

namespace daybook {
namespace {

namespace fs = std::filesystem;

// Why the run's own place is not ours to write to.
std::optional<std::string> not_ours(const Reader& reader) {
  const auto own = find_own_file(reader);
  if (!own) return std::nullopt;
  return own->file.empty() ? "the run's own code made none"
                           : fmt::format("the run's own code wrote {}, which stays as it is", own->file.string());
}

// With the turn held: what `reader` shows is then no older than any file that others made.
MaterializeReport make(Reader reader, const TransformRegistry& registry, const RunFileOptions& options) {
  MaterializeOptions how = options.materialize;
  how.layout = run_layout(reader.info(), registry);
  how.on_layout_failure = MaterializeOptions::OnLayoutFailure::use_default;
  fs::path file = options.file;
  if (file.empty()) {
    MaterializeReport report;
    report.no_file = not_ours(reader);
    if (report.no_file) {
      report.layout = own_code_layout;
      report.up_to = reader.last_of_run();
      report.complete = reader.is_complete(report.up_to);
      return report;
    }
    file = results_file(reader.path(), reader.info());
  }
  return options.record ? materialize_run(std::move(reader), file, how) : materialize(reader, file, how);
}

// Asks; what speaks against it costs only the exact state.
void ask(const fs::path& journal, const CheckpointRunOptions& options, CheckpointRunReport& report) {
  try {
    report.checkpoint = request_checkpoint(journal, options.name, options.timeout);
    if (!report.checkpoint)
      report.not_answered = fmt::format("its writer made no checkpoint within {} ms", options.timeout.count());
  } catch (const StorageError& e) {
    report.not_answered = e.what();
  }
}

}  // namespace

MaterializeReport make_run_file(const fs::path& journal, const TransformRegistry& registry,
                                const RunFileOptions& options) {
  const RecoveryTurn turn(journal);
  return make(Reader(journal), registry, options);
}

CheckpointRunReport checkpoint_run(const fs::path& journal, const TransformRegistry& registry,
                                   const CheckpointRunOptions& options) {
  CheckpointRunReport report;
  report.live = summarize(journal).live;
  if (report.live) ask(journal, options, report);

  const RecoveryTurn turn(journal);
  Reader reader(journal);
  RunFileOptions how;
  how.file = options.file;
  how.materialize.progress = options.progress;
  // While we waited for our turn the run may have ended and its file been made: an earlier state must not replace that.
  const bool live = reader.status().live;
  how.record = !live;
  if (live && report.checkpoint) how.materialize.at = AtSequence{*report.checkpoint};
  report.made = make(std::move(reader), registry, how);
  return report;
}

}  // namespace daybook
