#include "daybook/journal/compact.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <string>

#include "tools/commands.h"
#include "tools/json_object.h"
#include "tools/print.h"
#include "tools/progress.h"
#include "tools/signals.h"

namespace daybook {
namespace {

struct Options {
  std::string journal;
  std::uint64_t history_bytes = unlimited_history;
  bool drop_history = false, json = false;
};

int compact_run(const Options& options) {
  now_reading(options.journal);
  CompactReport report;
  {
    Progress progress("compacting");
    CompactOptions compact_options;
    compact_options.history_bytes = options.drop_history ? 0 : options.history_bytes;
    compact_options.progress = [&](Sequence done, Sequence total) { progress.update(done, total); };
    report = compact(options.journal, compact_options);
  }
  if (options.json) {
    fmt::print("{}\n", JsonObject()
                           .text("journal", options.journal)
                           .number("bytes_before", report.bytes_before)
                           .number("bytes_after", report.bytes_after)
                           .number("events", report.events)
                           .number("elided", report.elided)
                           .number("dropped", report.dropped)
                           .number("dropped_bytes", report.dropped_bytes)
                           .str());
    return 0;
  }
  fmt::print("{}: {} before, {} now\n", options.journal, human_bytes(report.bytes_before),
             human_bytes(report.bytes_after));
  std::fflush(stdout);
  if (report.dropped != 0)
    fmt::print(stderr, "{}: {} of superseded values dropped, of {} events\n", options.journal,
               human_bytes(report.dropped_bytes), report.dropped);
  return 0;
}

}  // namespace

void add_compact(CLI::App& program, Command& chosen) {
  const auto options = std::make_shared<Options>();
  CLI::App& command = *program.add_subcommand("compact", "Write a journal anew, smaller, if wanted with less history.");
  command.add_option("RUN.daybook", options->journal, "The run's journal; nobody may be writing it.")->required();
  auto* history = command
                      .add_option("--history-bytes", options->history_bytes,
                                  "Drop the oldest superseded values until so much is left of them (K, M, G: 1024s).")
                      ->transform(CLI::AsSizeValue(false))
                      ->type_name("BYTES");
  command.add_flag("--drop-history", options->drop_history, "Drop every superseded value: --history-bytes 0.")
      ->excludes(history);
  command.add_flag("--json", options->json, "Print what was done as a JSON object.");
  command.footer(
      "Every event stays, and so does every value that the newest state or a checkpoint needs. The new journal is "
      "written beside\n"
      "the old one, compared with it, and then takes its place in one step; there must be room for both.\n"
      "\n"
      "Examples:\n"
      "  daybook compact 000000108-RabiScan.daybook\n"
      "  daybook compact 000000108-RabiScan.daybook --history-bytes 100M");
  command.callback([options, &chosen] { chosen = [options] { return compact_run(*options); }; });
}

}  // namespace daybook
