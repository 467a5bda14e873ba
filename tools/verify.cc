#include "daybook/journal/verify.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <vector>

#include "daybook/materializer/compare.h"
#include "tools/choice.h"
#include "tools/commands.h"
#include "tools/event_text.h"
#include "tools/json_object.h"
#include "tools/progress.h"
#include "tools/recover_text.h"
#include "tools/signals.h"

namespace daybook {
namespace {

struct Options {
  std::string journal, file;
  Choice choice;
  bool json = false;
};

std::string damage_text(const std::string& journal, const Damage& damage) {
  // Most say themselves of which event they are.
  if (damage.sequence == 0 || damage.what.starts_with(fmt::format("event {}", damage.sequence)))
    return fmt::format("{}: {}", journal, printable(damage.what));
  return fmt::format("{}: event {}: {}", journal, damage.sequence, printable(damage.what));
}

void print_json(const Options& options, const Verification& found, const std::vector<std::string>& differences,
                bool compared) {
  std::vector<std::string> damage, different;
  for (const Damage& one : found.damage) {
    JsonObject object;
    if (one.sequence != 0) object.number("sequence", one.sequence);
    damage.push_back(object.text("what", one.what).str());
  }
  JsonObject object;
  object.text("journal", options.journal)
      .boolean("sound", found.damage.empty() && differences.empty())
      .number("events", found.events)
      .number("last", found.last)
      .number("elided", found.elided)
      .number("unknown_kinds", found.unknown_kinds)
      .number("lost", found.lost)
      .text("salvaged_from", found.salvaged ? found.salvaged->source : "")
      .text("intake", found.intake)
      .json("damage", json_array(damage));
  if (compared) {
    for (const std::string& difference : differences) {
      std::string text;
      append_json_string(text, difference);
      different.push_back(std::move(text));
    }
    object.text("file", options.file).json("differences", json_array(different));
  }
  fmt::print("{}\n", object.str());
}

int verify_run(const Options& options) {
  Verification found;
  {
    Progress progress("verifying");
    found = verify(options.journal, [&](Sequence done, Sequence total) { progress.update(done, total); });
  }
  std::vector<std::string> differences;
  const bool compared = !options.file.empty() && found.damage.empty();  // LMDB must not be let loose on a damaged file
  if (compared) {
    now_reading(options.journal);
    const Reader reader(options.journal);
    Progress progress("comparing");
    MaterializeOptions compare_options = options.choice.materialize_options();
    compare_options.progress = [&](std::uint64_t done, std::uint64_t total) { progress.update(done, total); };
    differences = compare(reader, options.file, compare_options);
  }

  if (options.json) {
    print_json(options, found, differences, compared);
  } else {
    for (const Damage& damage : found.damage) fmt::print("{}\n", damage_text(options.journal, damage));
    for (const std::string& difference : differences) fmt::print("{}: {}\n", options.file, printable(difference));
  }
  std::fflush(stdout);
  if (found.unknown_kinds != 0)
    fmt::print(stderr, "{}: {} events of kinds that a later version of Daybook added\n", options.journal,
               found.unknown_kinds);
  if (found.elided != 0)
    fmt::print(stderr, "{}: {} events keep their record without its payload, which retention has dropped\n",
               options.journal, found.elided);
  if (!found.intake.empty()) fmt::print(stderr, "{}: intake: {}\n", options.journal, printable(found.intake));
  if (!options.file.empty() && !compared)
    fmt::print(stderr, "{}: not compared, since the journal is damaged\n", options.file);
  if (found.salvaged) fmt::print(stderr, "{}: {}\n", options.journal, salvage_text(*found.salvaged));
  const bool sound = found.damage.empty();
  fmt::print(stderr, "{}: {} of {} events are intact{}\n", options.journal, found.events, found.last,
             sound ? "" : ": the journal is damaged; " + salvage_hint(options.journal));
  if (compared)
    fmt::print(stderr, "{}: {}\n", options.file,
               differences.empty() ? "holds what the journal says" : fmt::format("{} differences", differences.size()));
  return sound && differences.empty() ? 0 : 1;
}

}  // namespace

void add_verify(CLI::App& program, Command& chosen) {
  const auto options = std::make_shared<Options>();
  CLI::App& command = *program.add_subcommand("verify", "Check every record of a journal, and a file against it.");
  command.add_option("RUN.daybook", options->journal, "The run's journal.")->required();
  command.add_option("FILE.h5", options->file, "A file made of it: it is compared with what a replay gives.");
  options->choice.add_to(command);
  command.add_flag("--json", options->json, "Print the findings as a JSON object.");
  command.footer(
      "Changes nothing. Each damage is a line that names the journal and the event's sequence number; then the exit "
      "code is 1.\n"
      "For a file that was made with --at, --only, --exclude, --layout or --plugin give the same here.\n"
      "\n"
      "Examples:\n"
      "  daybook verify 000000108-RabiScan.daybook\n"
      "  daybook verify 000000108-RabiScan.daybook 000000108-RabiScan.h5");
  command.callback([options, &chosen] { chosen = [options] { return verify_run(*options); }; });
}

}  // namespace daybook
