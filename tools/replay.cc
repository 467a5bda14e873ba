#include "daybook/materializer/replay.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>
#include <vector>

#include "daybook/journal/journal.h"
#include "daybook/materializer/materialize.h"
#include "tools/choice.h"
#include "tools/commands.h"
#include "tools/json_object.h"
#include "tools/progress.h"
#include "tools/signals.h"

namespace daybook {
namespace {

namespace fs = std::filesystem;

struct Options {
  std::string journal, output;
  Choice choice;
  bool json = false;
};

fs::path default_output(const Reader& reader) {
  // Canonical, since "." has no name and no folder to be seen in it.
  const fs::path folder = fs::canonical(reader.path()).parent_path();
  fs::path name = journal_name(reader.info().rid, reader.info().class_name);
  name.replace_extension(".h5");
  const fs::path near = fs::proximate(folder / name);
  return near.native().starts_with("..") ? folder / name : near;
}

const char* group_name(Group group) { return group == Group::datasets ? "datasets" : "archive"; }

std::string report_json(const MaterializeReport& report) {
  std::vector<std::string> refused;
  for (const Refusal& refusal : report.refused)
    refused.push_back(JsonObject()
                          .text("group", group_name(refusal.group))
                          .text("key", refusal.key)
                          .text("reason", refusal.reason)
                          .str());
  return JsonObject()
      .text("file", report.file.native())
      .number("sequence", report.up_to)
      .boolean("complete", report.complete)
      .number("datasets", report.datasets)
      .number("bytes", report.bytes)
      .json("refused", json_array(refused))
      .str();
}

int replay_run(const Options& options) {
  now_reading(options.journal);
  const Reader reader(options.journal);
  const fs::path output = options.output.empty() ? default_output(reader) : fs::path(options.output);
  Progress progress("materializing");
  MaterializeOptions materialize_options = options.choice.materialize_options();
  materialize_options.progress = [&](std::uint64_t done, std::uint64_t total) { progress.update(done, total); };
  const MaterializeReport report = materialize(reader, output, materialize_options);

  if (options.json)
    fmt::print("{}\n", report_json(report));
  else
    fmt::print("{}\n", report.file.native());
  std::fflush(stdout);
  for (const Refusal& refusal : report.refused)
    fmt::print(stderr, "daybook: {}: {}/{} is not in the file: {}\n", report.file.native(), group_name(refusal.group),
               printable(refusal.key), printable(refusal.reason));
  if (reader.unrecovered())
    fmt::print(stderr,
               "daybook: {}: the journal could not be recovered here (read-only?): the newest events may be missing\n",
               options.journal);
  fmt::print(stderr, "{}: {} datasets, {} bytes, {} event {}\n", report.file.native(), report.datasets, report.bytes,
             report.complete ? "the whole run up to" : "the run as of", report.up_to);
  return report.refused.empty() ? 0 : 1;
}

}  // namespace

void add_replay(CLI::App& program, Command& chosen) {
  const auto options = std::make_shared<Options>();
  CLI::App& command = *program.add_subcommand("replay", "Make the HDF5 file of a run.");
  command.add_option("RUN.daybook", options->journal, "The run's journal; it may still be written.")->required();
  command
      .add_option("-o,--output", options->output,
                  "The file to make or to replace; else {rid}-{Class}.h5 beside the journal.")
      ->type_name("OUT.h5");
  options->choice.add_to(command);
  command.add_flag("--json", options->json, "Print what was done as a JSON object instead of the file's path.");
  command.footer(
      "A dataset that HDF5 cannot hold is named on standard error; all others are in the file, and the exit code is "
      "1.\n"
      "\n"
      "Examples:\n"
      "  daybook replay 000000108-RabiScan.daybook\n"
      "  daybook replay 000000108-RabiScan.daybook -o early.h5 --at 2025-06-15T14:30\n"
      "  daybook replay 000000108-RabiScan.daybook -o rabi.h5 --only 'rabi.*' --exclude '*.debug'");
  command.callback([options, &chosen] { chosen = [options] { return replay_run(*options); }; });
}

}  // namespace daybook
