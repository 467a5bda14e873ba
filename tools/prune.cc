#include "daybook/materializer/prune_run.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <chrono>
#include <memory>

#include "daybook/journal/error.h"
#include "tools/choice.h"
#include "tools/commands.h"
#include "tools/deaths.h"
#include "tools/journal_walk.h"
#include "tools/json_object.h"
#include "tools/recover_text.h"
#include "tools/signals.h"
#include "tools/workers.h"

namespace daybook {
namespace {

struct Options {
  std::vector<std::string> folders;
  std::string older_than;
  PluginChoice plugins;
  bool materialized = false, dry_run = false, json = false;
};

// "30d": 30 days. InvalidError.
std::chrono::nanoseconds parse_age(const std::string& text) {
  constexpr const char* wanted =
      "an age is a whole number and a unit: 30d (days), 12h (hours), 6w (weeks), 90m (minutes), 5s (seconds)";
  std::uint32_t number = 0;
  const auto [unit, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || unit + 1 != text.data() + text.size())
    throw InvalidError(fmt::format("'{}': {}", text, wanted));
  std::chrono::seconds one{1};
  switch (*unit) {
    case 's':
      break;
    case 'm':
      one = std::chrono::minutes(1);
      break;
    case 'h':
      one = std::chrono::hours(1);
      break;
    case 'd':
      one = std::chrono::days(1);
      break;
    case 'w':
      one = std::chrono::weeks(1);
      break;
    default:
      throw InvalidError(fmt::format("'{}': {}", text, wanted));
  }
  constexpr std::chrono::seconds most = std::chrono::years(200);  // nanoseconds end not far behind
  if (number > most / one) throw InvalidError(fmt::format("'{}' is longer ago than anything", text));
  return one * number;
}

std::string report_line(const PruneReport& report, bool dry_run) {
  const std::string journal = printable(report.journal.native());
  if (report.removed)
    return fmt::format("{}: {}: {} holds it", journal, dry_run ? "would be deleted" : "deleted",
                       printable(report.file.native()));
  return fmt::format("{}: kept: {}{}", journal, printable(report.kept),
                     report.damaged ? ": " + salvage_hint(report.journal.native()) : "");
}

std::string report_json(const PruneReport& report, bool dry_run) {
  JsonObject object;
  object.text("path", report.journal.native()).boolean("deleted", report.removed).boolean("dry_run", dry_run);
  if (report.removed)
    object.text("file", report.file.native());
  else
    object.text("kept", report.kept).boolean("damaged", report.damaged).boolean("expected", report.expected);
  return object.number("bytes", report.bytes).str();
}

class Pruner {
 public:
  explicit Pruner(const Options& options) : options_(options) {}

  int run() {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    const PruneOptions prune{.ended_before = std::chrono::nanoseconds(now - parse_age(options_.older_than)).count(),
                             .dry_run = options_.dry_run};
    const TransformRegistry registry = options_.plugins.registry();
    Workers workers(1, [&](const Message& task, const auto& tell) {
      const PruneReport report = prune_run(task[0], registry, prune);
      tell({options_.json ? report_json(report, options_.dry_run) : report_line(report, options_.dry_run),
            report.removed ? "removed" : "", report.expected ? "expected" : "", std::to_string(report.bytes)});
    });
    std::vector<Message> tasks;
    for (const std::string& folder : options_.folders)
      for (const FoundJournal& found : find_journals(folder)) {
        if (found.error.empty())
          tasks.push_back({found.path.native()});
        else
          keep(found.path.native(), found.error, false);
      }
    const Interruptible interruptible;
    const bool all =
        workers.run(tasks,
                    {.told = [this](std::size_t, const Message& message) { count(message); },
                     .done = [](std::size_t) {},
                     .died = [&](std::size_t task,
                                 int status) { keep(tasks[task][0], death_text(status), ended_by_damage(status)); }},
                    &Interruptible::interrupted);
    fmt::print(stderr, "{} {}deleted ({} bytes), {} kept{}\n", deleted_, options_.dry_run ? "would be " : "", bytes_,
               kept_, unexpected_ > 0 ? fmt::format(", {} of them for reasons to look at", unexpected_) : "");
    if (!all) return 128 + Interruptible::signal();
    return unexpected_ == 0 ? 0 : 1;
  }

 private:
  void keep(const std::string& journal, const std::string& why, bool damaged) {
    PruneReport report;
    report.journal = journal;
    report.kept = why;
    report.damaged = damaged;
    count({options_.json ? report_json(report, options_.dry_run) : report_line(report, options_.dry_run), "", "", "0"});
  }

  void count(const Message& message) {
    fmt::print("{}\n", message[0]);
    std::fflush(stdout);
    const bool removed = !message[1].empty();
    ++(removed ? deleted_ : kept_);
    if (removed) bytes_ += std::stoull(message[3]);
    if (!removed && message[2].empty()) ++unexpected_;
  }

  const Options& options_;
  std::size_t deleted_ = 0, kept_ = 0, unexpected_ = 0;
  std::uint64_t bytes_ = 0;
};

}  // namespace

void add_prune(CLI::App& program, Command& chosen) {
  const auto options = std::make_shared<Options>();
  CLI::App& command = *program.add_subcommand("prune", "Delete old journals whose HDF5 file holds all they say.");
  command.add_option("DIR", options->folders, "Where to look, and in all folders below.")->required();
  command.add_option("--older-than", options->older_than, "Only runs that ended so long ago: 30d, 12h, 6w.")
      ->type_name("AGE")
      ->required()
      ->check([](const std::string& text) -> std::string {
        try {
          static_cast<void>(parse_age(text));
          return {};
        } catch (const InvalidError& e) {
          return e.what();
        }
      });
  command.add_flag("--materialized", options->materialized,
                   "Only runs whose file is there and holds the same. Must be given.");
  command.add_flag("--dry-run", options->dry_run, "Delete nothing: say what would be.");
  command.add_flag("--json", options->json, "Print a JSON object a run.");
  options->plugins.PluginChoice::add_to(command);
  command.footer(
      "Right before a journal is deleted it is verified, and its file is compared with a replay of it, object by "
      "object.\n"
      "Live, crashed, damaged and salvaged runs are kept, and so is what holds values that HDF5 cannot. What goes for\n"
      "good is the history: how the values came to be, and earlier moments (--at).\n"
      "Exit code: 0 done, 1 something old was kept for a reason that somebody should look at, 2 wrong usage.\n"
      "\n"
      "Examples:\n"
      "  daybook prune results --older-than 30d --materialized --dry-run\n"
      "  daybook prune results --older-than 30d --materialized");
  command.callback([options, &chosen] {
    if (!options->materialized)
      throw CLI::ValidationError(
          "--materialized",
          "must be given: journals are deleted only once their HDF5 file was compared with them, "
          "and the command line shall say so");
    chosen = [options] { return Pruner(*options).run(); };
  });
}

}  // namespace daybook
