#include <fmt/format.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <iterator>
#include <memory>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "daybook/journal/error.h"
#include "daybook/journal/reader.h"
#include "tools/commands.h"
#include "tools/event_text.h"
#include "tools/journal_walk.h"
#include "tools/json_object.h"
#include "tools/moment.h"
#include "tools/print.h"

namespace daybook {
namespace {

namespace fs = std::filesystem;

struct Options {
  std::vector<std::string> folders;
  bool json = false;
};

const char* state_name(const Summary& summary) {
  if (summary.live) return "live";
  return summary.phase == Phase::finished ? "finished" : "crashed";  // its writer is gone, and the run never ended
}

void print_row(std::string_view rid, std::string_view name, std::string_view start, std::string_view state,
               std::string_view events, std::string_view size, std::string_view path) {
  fmt::print("{:>9}  {:<24}  {:<19}  {:<8}  {:>9}  {:>8}  {}\n", rid, name, start, state, events, size, path);
}

void print_summary(const Summary& summary, bool json) {
  const RunInfo& info = summary.info;
  const Nanoseconds start = to_nanoseconds(info.start_time);
  if (json) {
    JsonObject object;
    object.text("path", summary.path.native())
        .number("rid", info.rid)
        .text("class", info.class_name)
        .text("start", utc_time(start))
        .text("state", state_name(summary))
        .number("events", summary.last)
        .number("bytes", summary.disk_bytes)
        .text("uuid", to_string(info.uuid));
    if (summary.salvaged) object.text("salvaged_from", summary.salvaged->source).number("lost", summary.salvaged->lost);
    fmt::print("{}\n", object.str());
  } else {
    print_row(fmt::format("{}", info.rid), printable(info.class_name), local_time(start, 0), state_name(summary),
              fmt::format("{}", summary.last), human_bytes(summary.disk_bytes),
              printable(summary.path.native()) + (summary.salvaged ? "  " + salvage_text(*summary.salvaged) : ""));
  }
}

void print_error(const fs::path& path, const char* state, std::string error, bool json) {
  // The library names the path as well; once in a line is enough.
  if (const std::string prefix = path.native() + ": "; error.starts_with(prefix)) error.erase(0, prefix.size());
  if (json)
    fmt::print("{}\n", JsonObject().text("path", path.native()).text("state", state).text("error", error).str());
  else
    print_row("?", "?", "?", state, "?", "?", fmt::format("{}: {}", printable(path.native()), printable(error)));
}

// False if there was an error to show.
bool print_journal(const FoundJournal& found, bool json) {
  const char* state = "unreadable";
  std::string error = found.error;
  if (error.empty()) {
    try {
      print_summary(summarize(found.path), json);
      return true;
    } catch (const CorruptError& e) {
      state = "damaged";
      error = e.what();
    } catch (const UnsupportedError& e) {
      state = "foreign";
      error = e.what();
    } catch (const std::exception& e) {
      error = e.what();
    }
  }
  print_error(found.path, state, std::move(error), json);
  return false;
}

// Where a child is in the list: seen by its parent when it dies.
struct Position {
  std::atomic<std::size_t> at{0};
  std::atomic<bool> all_well{true};
};

class SharedPosition {
 public:
  SharedPosition() {
    void* const memory = mmap(nullptr, sizeof(Position), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) throw_errno("listing journals", errno);
    position_ = new (memory) Position;
  }
  ~SharedPosition() { munmap(position_, sizeof(Position)); }
  SharedPosition(const SharedPosition&) = delete;
  SharedPosition& operator=(const SharedPosition&) = delete;
  Position* operator->() const { return position_; }

 private:
  Position* position_;
};

[[noreturn]] void list_in_child(const std::vector<FoundJournal>& found, std::size_t first, bool json,
                                const SharedPosition& position) {
  for (const int signal : {SIGBUS, SIGSEGV, SIGABRT}) ::signal(signal, SIG_DFL);  // the parent says it in its list
  int code = 0;
  try {
    for (std::size_t i = first; i < found.size(); ++i) {
      position->at = i;
      if (!print_journal(found[i], json)) position->all_well = false;
    }
    if (std::fflush(stdout) != 0)
      throw StorageError(fmt::format("writing to standard output: {}", std::strerror(errno)));
  } catch (const std::exception& e) {
    fmt::print(stderr, "daybook: {}\n", printable(e.what()));
    code = 1;
  }
  _exit(code);
}

// A badly damaged journal can end the process that reads it (see explain_crashes), but must not end the listing: the
// journals are read in a child, and after its death in another one, from the next journal on.
bool list(const std::vector<FoundJournal>& found, bool json) {
  const SharedPosition position;
  for (std::size_t first = 0; first < found.size();) {
    std::fflush(stdout);
    const pid_t child = fork();
    if (child < 0) throw_errno("listing journals", errno);
    if (child == 0) {
      std::setvbuf(stdout, nullptr, _IOLBF, 0);  // rows that were printed outlive the child
      list_in_child(found, first, json, position);
    }
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    if (WIFEXITED(status)) return WEXITSTATUS(status) == 0 && position->all_well;
    if (WTERMSIG(status) == SIGPIPE) return raise(SIGPIPE) == 0;  // nobody reads the list any more
    const FoundJournal& culprit = found[position->at];
    print_error(culprit.path, "damaged", fmt::format("cannot be read: run 'daybook verify {}'", culprit.path.native()),
                json);
    position->all_well = false;
    first = position->at + 1;
  }
  return position->all_well;
}

int ls(const Options& options) {
  std::vector<FoundJournal> found;
  for (const std::string& folder : options.folders) {
    std::vector<FoundJournal> here = find_journals(folder);
    found.insert(found.end(), std::make_move_iterator(here.begin()), std::make_move_iterator(here.end()));
  }
  if (!options.json && !found.empty() && isatty(STDOUT_FILENO) == 1)
    print_row("rid", "class", "start", "state", "events", "size", "journal");
  const bool all_well = list(found, options.json);
  if (found.empty()) fmt::print(stderr, "no journals below {}\n", fmt::join(options.folders, ", "));
  return all_well ? 0 : 1;
}

}  // namespace

void add_ls(CLI::App& program, Command& chosen) {
  const auto options = std::make_shared<Options>();
  CLI::App& command = *program.add_subcommand("ls", "List the journals below a folder.");
  command.add_option("DIR", options->folders, "Where to look, and in all folders below; else here.");
  command.add_flag("--json", options->json, "Print a JSON object a line.");
  command.footer(
      "One line a journal: rid, class, start (local time), state, events, size on disk, path. State is live (being\n"
      "written), finished or crashed; damaged, foreign and unreadable ones are shown with the reason, and the exit "
      "code\n"
      "is 1. Changes nothing.\n"
      "\n"
      "Examples:\n"
      "  daybook ls\n"
      "  daybook ls results/2025-06-15\n"
      "  daybook ls --json results | jq -r 'select(.state == \"crashed\") .path'");
  command.callback([options, &chosen] {
    if (options->folders.empty()) options->folders.emplace_back(".");
    chosen = [options] { return ls(*options); };
  });
}

}  // namespace daybook
