#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <map>
#include <memory>

#include "tools/choice.h"
#include "tools/commands.h"
#include "tools/deaths.h"
#include "tools/doctor_checks.h"
#include "tools/journal_walk.h"
#include "tools/json_object.h"
#include "tools/recover_text.h"
#include "tools/signals.h"
#include "tools/workers.h"

namespace daybook {
namespace {

namespace fs = std::filesystem;

struct Options {
  std::vector<std::string> folders;
  PluginChoice plugins;
  bool json = false;
};

// As a worker tells it: the bytes to come, then five texts a finding.
Message as_message(const std::vector<Finding>& found, std::uint64_t bytes_to_come) {
  Message message{std::to_string(bytes_to_come)};
  for (const Finding& finding : found)
    message.insert(message.end(), {std::to_string(static_cast<int>(finding.severity)), finding.kind, finding.path,
                                   finding.what, finding.to_type});
  return message;
}

class Doctor {
 public:
  explicit Doctor(const Options& options) : options_(options) {}

  int run() {
    const TransformRegistry registry = options_.plugins.registry();
    Workers workers(1, [&registry](const Message& task, const auto& tell) {
      std::uint64_t bytes_to_come = 0;
      std::vector<Finding> found;
      try {
        found = examine_journal(task[0], registry, bytes_to_come);
      } catch (const std::exception& e) {
        found = {{Severity::error, "unreadable", task[0], e.what(), ""}};
      }
      tell(as_message(found, bytes_to_come));
    });
    std::vector<Message> tasks;
    for (const std::string& folder : options_.folders)
      for (const FoundJournal& found : find_journals(folder)) {
        if (!found.error.empty()) {
          print({Severity::error, "unreadable", found.path.native(), found.error, ""});
          continue;
        }
        tasks.push_back({found.path.native()});
        bytes_to_come_.try_emplace(found.path.parent_path().empty() ? fs::path(".") : found.path.parent_path());
      }
    const Interruptible interruptible;
    const bool all =
        workers.run(tasks,
                    {.told = [&](std::size_t task, const Message& message) { take(tasks[task][0], message); },
                     .done = [](std::size_t) {},
                     .died =
                         [&](std::size_t task, int status) {
                           const std::string& journal = tasks[task][0];
                           const bool damaged = ended_by_damage(status);
                           print({Severity::error, damaged ? "damaged" : "unreadable", journal, death_text(status),
                                  damaged ? salvage_hint(journal) : ""});
                         }},
                    &Interruptible::interrupted);
    if (!all) return 128 + Interruptible::signal();
    examine_folders();
    fmt::print(stderr, "{} {}, {} {}\n", tasks.size(), tasks.size() == 1 ? "journal" : "journals", findings_,
               findings_ == 1 ? "finding" : "findings");
    return findings_ == 0 ? 0 : 1;
  }

 private:
  void take(const std::string& journal, const Message& message) {
    const fs::path folder = fs::path(journal).parent_path();
    bytes_to_come_[folder.empty() ? fs::path(".") : folder] += std::stoull(message[0]);
    for (std::size_t i = 1; i + 4 < message.size(); i += 5)
      print({static_cast<Severity>(std::stoi(message[i])), message[i + 1], message[i + 2], message[i + 3],
             message[i + 4]});
  }

  // Folders with journals, and what was named; of those on one file system the needs add up.
  void examine_folders() {
    for (const std::string& folder : options_.folders) {
      if (!is_folder_of_journals(folder)) continue;
      bytes_to_come_.try_emplace(folder);
      for (const Finding& finding : find_leftovers(folder)) print(finding);
    }
    std::map<std::uint64_t, std::pair<fs::path, std::uint64_t>> by_device;
    for (const auto& [folder, bytes] : bytes_to_come_) {
      auto& [first, sum] = by_device.try_emplace(device_of(folder), folder, 0).first->second;
      sum += bytes;
    }
    for (const auto& [device, place] : by_device)
      for (const Finding& finding : examine_folder(place.first, place.second)) print(finding);
  }

  void print(const Finding& finding) {
    ++findings_;
    const auto severity = severity_name(finding.severity);
    if (options_.json) {
      fmt::print("{}\n", JsonObject()
                             .text("severity", severity)
                             .text("kind", finding.kind)
                             .text("path", finding.path)
                             .text("what", finding.what)
                             .text("to_type", finding.to_type)
                             .str());
    } else {
      fmt::print("{}: {}: {}{}\n", severity, printable(finding.path), printable(finding.what),
                 finding.to_type.empty() ? "" : ": " + finding.to_type);
    }
    std::fflush(stdout);
  }

  const Options& options_;
  std::map<fs::path, std::uint64_t> bytes_to_come_;
  std::size_t findings_ = 0;
};

}  // namespace

void add_doctor(CLI::App& program, Command& chosen) {
  const auto options = std::make_shared<Options>();
  CLI::App& command = *program.add_subcommand("doctor", "Look for what is wrong, or will be, with journals and disks.");
  command.add_option("DIR", options->folders, "Where to look, and in all folders below; else this folder.");
  command.add_flag("--json", options->json, "Print a JSON object a finding.");
  options->plugins.PluginChoice::add_to(command);
  command.footer(
      "A line a finding, with what to type: crashed runs, runs without file, damaged journals and those of a newer\n"
      "version, permissions, network shares, too little room, half-made files of dead processes, dead readers, "
      "clocks.\n"
      "Changes nothing. Does not read every record: 'daybook verify RUN' does.\n"
      "Exit code: 0 healthy, 1 there are findings, 2 wrong usage.\n"
      "\n"
      "Examples:\n"
      "  daybook doctor results\n"
      "  daybook doctor --json results | jq -r 'select(.severity == \"error\") | .path'");
  command.callback([options, &chosen] {
    if (options->folders.empty()) options->folders.emplace_back(".");
    chosen = [options] { return Doctor(*options).run(); };
  });
}

}  // namespace daybook
