#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <memory>

#include "daybook/materializer/run_file.h"
#include "tools/choice.h"
#include "tools/commands.h"
#include "tools/progress.h"
#include "tools/replay_run.h"
#include "tools/signals.h"

namespace daybook {
namespace {

constexpr double most_seconds = 86400;

struct Options {
  std::string journal, output;
  CheckpointRunOptions checkpoint;
  double timeout = 2;
  PluginChoice plugins;
  bool json = false;
};

int checkpoint(const Options& options) {
  now_reading(options.journal);
  CheckpointRunOptions how = options.checkpoint;
  how.file = options.output;
  how.timeout = std::chrono::milliseconds(static_cast<std::int64_t>(options.timeout * 1000));
  Progress progress("materializing");
  how.progress = [&](std::uint64_t done, std::uint64_t total) { progress.update(done, total); };
  const CheckpointRunReport report = checkpoint_run(options.journal, options.plugins.registry(), how);
  progress.clear();

  JsonObject first;
  first.boolean("live", report.live)
      .text("name", how.name)
      .json("checkpoint", report.checkpoint ? fmt::format("{}", *report.checkpoint) : "null");
  if (!report.not_answered.empty()) first.text("not_answered", report.not_answered);
  const Replayed told = describe_file(options.journal, report.made, {.json = options.json}, std::move(first));
  fmt::print("{}", told.out);
  std::fflush(stdout);
  const std::string journal = printable(options.journal);
  if (!report.live)
    fmt::print(stderr, "daybook: {}: nobody is writing it: the file is as of its newest event\n", journal);
  if (!report.not_answered.empty())
    fmt::print(stderr, "daybook: {}: the file is as of what had been committed, since {}\n", journal,
               printable(report.not_answered));
  fmt::print(stderr, "{}", told.err);
  return told.whole ? 0 : 1;
}

}  // namespace

void add_checkpoint(CLI::App& program, Command& chosen) {
  const auto options = std::make_shared<Options>();
  CLI::App& command = *program.add_subcommand("checkpoint", "Make the HDF5 file of a running experiment now.");
  command.add_option("RUN.daybook", options->journal, "The run's journal.")->required();
  command.add_option("--name", options->checkpoint.name, "What the checkpoint is to be called.")->capture_default_str();
  command.add_option("-o,--output", options->output, "The file to make or to replace; else the run's own.")
      ->type_name("OUT.h5");
  command
      .add_option("--timeout", options->timeout,
                  "How long to wait for the run's checkpoint; then the file is as of what was committed.")
      ->type_name("SECONDS")
      ->capture_default_str()
      ->check(CLI::Range(0.0, most_seconds));
  command.add_flag("--json", options->json, "Print what was done as a JSON object instead of the file's path.");
  options->plugins.PluginChoice::add_to(command);
  command.footer(
      "Asks the run for a checkpoint, and makes the file of that state in the run's own layout. The run is not "
      "paused,\n"
      "and who has the old file open is not disturbed: the new one replaces it whole. A run that does not answer (not\n"
      "every writer does) gets a file of what it had committed, at most 20 ms old; one that nobody writes gets the "
      "file\n"
      "that replay --run-layout makes.\n"
      "Exit code: 0 the file is there and lacks nothing, 1 something is not in it as it should be, 2 wrong usage.\n"
      "\n"
      "Examples:\n"
      "  daybook checkpoint 000000108-RabiScan.daybook\n"
      "  daybook checkpoint 000000108-RabiScan.daybook --name before-lunch -o lunch.h5");
  command.callback([options, &chosen] { chosen = [options] { return checkpoint(*options); }; });
}

}  // namespace daybook
