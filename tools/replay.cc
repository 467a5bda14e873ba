#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>

#include "daybook/journal/reader.h"
#include "tools/choice.h"
#include "tools/commands.h"
#include "tools/journal_walk.h"
#include "tools/progress.h"
#include "tools/replay_many.h"
#include "tools/signals.h"

namespace daybook {
namespace {

constexpr std::size_t most_processes = 256;

struct Options {
  ManyRuns runs;
  std::string output, out_dir;
  Choice choice;
  bool run_layout = false;
};

int replay_one(const Options& options) {
  const std::string& journal = options.runs.named.front();
  now_reading(journal);
  MaterializeOptions materialize_options = options.choice.materialize_options();
  std::filesystem::path output(options.output);
  if (output.empty() && !options.run_layout) output = beside(journal, file_name(Reader(journal).info()));
  Progress progress("materializing");
  materialize_options.progress = [&](std::uint64_t done, std::uint64_t total) { progress.update(done, total); };
  const Replayed replayed = replay_run(journal, output, materialize_options, options.runs.style);
  progress.clear();
  fmt::print("{}", replayed.out);
  std::fflush(stdout);
  fmt::print(stderr, "{}", replayed.err);
  return replayed.whole ? 0 : 1;
}

int replay(Options& options) {
  if (options.run_layout)
    options.runs.style.run_layout = std::make_shared<const TransformRegistry>(options.choice.registry());
  const std::vector<std::string>& named = options.runs.named;
  const bool one = named.size() == 1 && options.out_dir.empty();
  if (!options.output.empty() || (one && !is_folder_of_journals(named.front()))) return replay_one(options);
  options.runs.out_dir = options.out_dir;
  return replay_many(options.runs, options.choice.materialize_options());
}

}  // namespace

void add_replay(CLI::App& program, Command& chosen) {
  const auto options = std::make_shared<Options>();
  CLI::App& command = *program.add_subcommand("replay", "Make the HDF5 file of a run, or of many.");
  command
      .add_option("RUN.daybook", options->runs.named,
                  "The run's journal; it may still be written. Of a folder: every run in it and below.")
      ->required();
  command
      .add_option("-o,--output", options->output,
                  "The file to make or to replace, of one run; else {rid}-{Class}.h5 beside the journal.")
      ->type_name("OUT.h5");
  command
      .add_option("--out-dir", options->out_dir,
                  "Put the files into this folder, in folders below it as the journals are below theirs.")
      ->type_name("DIR")
      ->excludes("--output");
  command
      .add_option("-j,--jobs", options->runs.processes, "Of many runs so many at once, each in a process of its own.")
      ->type_name("N")
      ->check(CLI::Range(std::size_t{1}, most_processes));
  options->choice.add_to(command);
  command
      .add_flag(
          "--run-layout", options->run_layout,
          "In the layout that the run brought along, or as ARTIQ lays it out if that fails, and where the run said "
          "if there is no -o: as at the end of the run. Who recovers runs meanwhile waits.")
      ->excludes("--layout");
  command.add_flag("--json", options->runs.style.json,
                   "Print what was done as a JSON object instead of the file's path.");
  const auto record = [&](const char* name, ReplayStyle::Record wish, const char* help) {
    return command.add_flag_callback(
        name, [options, wish] { options->runs.style.record = wish; }, help);
  };
  record("--record", ReplayStyle::Record::always,
         "Write into the journal which file was made of it and how (an event \"materialized\"), however large it is; "
         "otherwise one of up to 256 MiB, after it was verified.")
      ->excludes(record("--no-record", ReplayStyle::Record::never, "Leave the journal as it is."));
  command.footer(
      "A dataset that HDF5 cannot hold, or that is not stored as the layout says, is named on standard error; all "
      "others are in the file, and the exit code is 1.\n"
      "Of many runs one that fails stops no other: the reasons stand at the end, and the exit code is 1.\n"
      "\n"
      "Examples:\n"
      "  daybook replay 000000108-RabiScan.daybook\n"
      "  daybook replay 000000108-RabiScan.daybook -o early.h5 --at 2025-06-15T14:30\n"
      "  daybook replay 000000108-RabiScan.daybook -o rabi.h5 --only 'rabi.*' --exclude '*.debug'\n"
      "  daybook replay 000000108-RabiScan.daybook --run-layout --json\n"
      "  daybook replay results/ --layout lab.toml --out-dir new/ -j 4");
  command.callback([options, &chosen] {
    if (!options->output.empty() && options->runs.named.size() > 1)
      throw CLI::ValidationError("--output", "is for one run: with several use --out-dir");
    chosen = [options] { return replay(*options); };
  });
}

}  // namespace daybook
