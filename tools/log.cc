#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <memory>
#include <vector>

#include "daybook/journal/reader.h"
#include "daybook/materializer/plan.h"
#include "tools/commands.h"
#include "tools/event_text.h"
#include "tools/json_text.h"
#include "tools/moment.h"
#include "tools/signals.h"

namespace daybook {
namespace {

struct Options {
  std::string journal;
  std::vector<std::string> keys;
  Sequence from = 1, to = 0;  // to 0: the newest
  bool json = false, values = false;
};

int log(const Options& options) {
  now_reading(options.journal);
  const Reader reader(options.journal);
  const Sequence to = options.to == 0 ? reader.last() : std::min(options.to, reader.last());
  std::uint64_t unknown = 0;
  if (options.from <= to) {
    reader.events(options.from, to, [&](const Event& event) {
      read_up_to(event.sequence);
      if (std::holds_alternative<Unknown>(event.body)) {
        ++unknown;
        return true;
      }
      if (!options.keys.empty() && (event.key.empty() || !matches_any(options.keys, std::string(event.key))))
        return true;
      if (options.json) {
        fmt::print("{}\n", event_json(event, options.values));
      } else {
        fmt::print("{:>8}  {}  {:<13}", event.sequence, local_time(event.time), kind_name(event.body));
        if (concerns_a_key(event.body)) fmt::print("  {}", printable(event.key));
        const std::string what = event_text(event);
        fmt::print("{}{}\n", what.empty() ? "" : "  ", what);
      }
      return std::ferror(stdout) == 0;
    });
  }
  std::fflush(stdout);
  if (unknown != 0)
    fmt::print(stderr, "{}: {} events of kinds that a later version of Daybook added are left out\n", options.journal,
               unknown);
  if (reader.unrecovered())
    fmt::print(stderr, "{}: the journal could not be recovered here (read-only?): the newest events may be missing\n",
               options.journal);
  return 0;
}

}  // namespace

void add_log(CLI::App& program, Command& chosen) {
  const auto options = std::make_shared<Options>();
  CLI::App& command = *program.add_subcommand("log", "Print the events of a run, one a line.");
  command.add_option("RUN.daybook", options->journal, "The run's journal; it may still be written.")->required();
  command
      .add_option("--key", options->keys,
                  "Only events of datasets whose key matches (may be repeated; * also matches /).")
      ->type_name("GLOB")
      ->allow_extra_args(false);
  command.add_option("--from", options->from, "The first event to print.")->type_name("SEQ");
  command.add_option("--to", options->to, "The last event to print.")->type_name("SEQ");
  command.add_flag("--json", options->json, "Print a JSON object a line.");
  command
      .add_flag("--values", options->values,
                "With --json: whole values, however long; else those of up to 16 elements.")
      ->needs("--json");
  command.footer(
      "A line: sequence number, local time, kind of event, key, what. In JSON, NaN and infinities are the strings "
      "\"NaN\",\n"
      "\"Infinity\" and \"-Infinity\", complex numbers [re, im], and bytes that are no text {\"base64\": …}.\n"
      "\n"
      "Examples:\n"
      "  daybook log 000000108-RabiScan.daybook | tail\n"
      "  daybook log 000000108-RabiScan.daybook --key 'rabi.*' --from 100 --to 200\n"
      "  daybook log 000000108-RabiScan.daybook --json | jq -r .kind | sort | uniq -c");
  command.callback([options, &chosen] { chosen = [options] { return log(*options); }; });
}

}  // namespace daybook
