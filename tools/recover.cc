#include "daybook/materializer/recover_run.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <set>

#include "tools/choice.h"
#include "tools/commands.h"
#include "tools/deaths.h"
#include "tools/journal_walk.h"
#include "tools/json_text.h"
#include "tools/progress.h"
#include "tools/recover_text.h"
#include "tools/signals.h"
#include "tools/workers.h"

namespace daybook {
namespace {

namespace fs = std::filesystem;

constexpr int exit_some = 3;
constexpr std::size_t most_processes = 256;

struct Options {
  std::vector<std::string> named;
  PluginChoice plugins;
  std::size_t processes = 1;
  bool dry_run = false, json = false;
};

class Recoverer {
 public:
  explicit Recoverer(const Options& options) : options_(options) {}

  int run() {
    const TransformRegistry registry = options_.plugins.registry();
    // Before any worker is there; in the parent no library that a damaged journal can end is used.
    Workers workers(options_.processes, [this, &registry](const Message& task, const auto& tell) {
      const RecoverReport report = recover_run(task[0], registry, {.dry_run = options_.dry_run, .progress = {}});
      tell({std::to_string(static_cast<int>(report.outcome)), std::to_string(report.recovered),
            options_.json ? recover_json(report, options_.dry_run) : recover_line(report, options_.dry_run),
            recover_remarks(report)});
    });
    find();
    Progress progress(fmt::format("recovering {} runs", tasks_.size()));
    progress_ = &progress;
    const Interruptible interruptible;
    std::vector<bool> told(tasks_.size());
    const bool all = workers.run(tasks_,
                                 {.told =
                                      [&](std::size_t task, const Message& message) {
                                        told[task] = true;
                                        count(static_cast<Recovered>(std::stoi(message[0])), std::stoull(message[1]));
                                        print(message[2], message[3]);
                                      },
                                  .done = [&](std::size_t) { progress.update(++done_, tasks_.size()); },
                                  .died =
                                      [&](std::size_t task, int status) {
                                        if (told[task]) return;
                                        fail(tasks_[task][0], death_text(status), ended_by_damage(status));
                                      }},
                                 &Interruptible::interrupted);
    progress.clear();
    progress_ = nullptr;
    summarize_all();
    if (all) return exit_code();
    fmt::print(stderr, "daybook: interrupted: what was recovered stays so; run the command again for the rest\n");
    return 128 + Interruptible::signal();
  }

 private:
  void find() {
    std::set<fs::path> known;  // a run that is named twice is one run
    for (const std::string& named : options_.named)
      for (const FoundJournal& found : find_journals(named)) {
        std::error_code error;
        const fs::path canonical = fs::canonical(found.path, error);
        if (!error && !known.insert(canonical).second) continue;
        if (found.error.empty())
          tasks_.push_back({found.path.native()});
        else
          fail(found.path.native(), found.error, false);
      }
  }

  void fail(const std::string& journal, const std::string& why, bool damaged) {
    RecoverReport report;
    report.journal = journal;
    report.fault = damaged ? RecoverFault::damaged : RecoverFault::other;
    report.error = why;
    count(report.outcome, 0);
    print(options_.json ? recover_json(report, options_.dry_run) : recover_line(report, options_.dry_run), "");
  }

  void count(Recovered outcome, std::uint64_t events) {
    ++outcomes_[static_cast<std::size_t>(outcome)];
    events_ += events;
  }

  void print(const std::string& line, const std::string& remarks) {
    if (progress_ != nullptr) progress_->clear();
    fmt::print("{}\n", line);
    std::fflush(stdout);
    fmt::print(stderr, "{}", remarks);
  }

  [[nodiscard]] std::size_t number(Recovered outcome) const { return outcomes_[static_cast<std::size_t>(outcome)]; }

  void summarize_all() const {
    std::size_t runs = 0;
    for (const std::size_t n : outcomes_) runs += n;
    if (runs == 0) {
      fmt::print(stderr, "no journals below {}\n", printable(fmt::format("{}", fmt::join(options_.named, ", "))));
      return;
    }
    std::string text = fmt::format("{} {}: {} {}recovered", runs, runs == 1 ? "run" : "runs", number(Recovered::whole),
                                   options_.dry_run ? "would be " : "");
    if (events_ > 0) text += fmt::format(" ({} {} from intakes)", events_, events_ == 1 ? "event" : "events");
    const auto add = [&](Recovered outcome, const char* what) {
      if (number(outcome) > 0) text += fmt::format(", {} {}", number(outcome), what);
    };
    add(Recovered::in_part, "in part (reasons above)");
    add(Recovered::nothing_to_do, "with nothing to do");
    add(Recovered::left_alone, "live, left alone");
    add(Recovered::nothing, "failed (reasons above)");
    const bool lost = number(Recovered::in_part) + number(Recovered::nothing) > 0;
    fmt::print(stderr, "{}{}\n", text, lost ? "" : "; lost: nothing");
  }

  [[nodiscard]] int exit_code() const {
    if (number(Recovered::in_part) + number(Recovered::nothing) == 0) return 0;
    return number(Recovered::whole) + number(Recovered::in_part) > 0 ? exit_some : 1;
  }

  const Options& options_;
  std::vector<Message> tasks_;
  std::size_t outcomes_[5] = {};
  std::size_t done_ = 0;
  std::uint64_t events_ = 0;
  Progress* progress_ = nullptr;
};

}  // namespace

void add_recover(CLI::App& program, Command& chosen) {
  const auto options = std::make_shared<Options>();
  CLI::App& command = *program.add_subcommand("recover", "After a crash: bring every run back, with its HDF5 file.");
  command.add_option("DIR|RUN", options->named, "Runs, or folders with runs in and below them; else this folder.");
  command.add_flag("--dry-run", options->dry_run, "Change nothing: say what would be done.");
  command.add_flag("--json", options->json, "Print a JSON object a run.");
  command.add_option("-j,--jobs", options->processes, "So many runs at once, each in a process of its own.")
      ->type_name("N")
      ->check(CLI::Range(std::size_t{1}, most_processes));
  options->plugins.PluginChoice::add_to(command);
  command.footer(
      "Brings the journals of dead writers to a clean state and makes each run's file where it is missing or older "
      "than\n"
      "the journal; then opens it again and compares it with the journal. A live run is left alone, and so is a file\n"
      "that is not the run's own: the run's file is then called …-recovered.h5. Doing it again changes nothing.\n"
      "Exit code: 0 all is there, 3 some of it, 1 nothing came back, 2 wrong usage.\n"
      "\n"
      "Examples:\n"
      "  daybook recover\n"
      "  daybook recover --dry-run results\n"
      "  daybook recover --json results | jq -r 'select(.error) | .path'");
  command.callback([options, &chosen] {
    if (options->named.empty()) options->named.emplace_back(".");
    chosen = [options] { return Recoverer(*options).run(); };
  });
}

}  // namespace daybook
