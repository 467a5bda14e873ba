#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <memory>
#include <optional>
#include <thread>

#include "daybook/journal/checkpoint_request.h"
#include "daybook/journal/error.h"
#include "daybook/journal/journal.h"
#include "tools/choice.h"
#include "tools/commands.h"
#include "tools/lines.h"
#include "tools/progress.h"
#include "tools/signals.h"
#include "tools/trace.h"

namespace daybook {
namespace {

using Clock = std::chrono::steady_clock;

struct Options {
  std::string trace, journal;
  std::string results;
  LayoutChoice layout;
  bool realtime = false, ack = false;
  std::uint64_t history_bytes = JournalOptions().history_bytes;
};

// Waits as long as the experiment did; an interruption ends the wait.
class Pace {
 public:
  void wait_for(double t) {
    if (!start_) {
      start_ = Clock::now();
      first_ = t;
    }
    const auto due = *start_ + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(t - first_));
    constexpr auto patience = std::chrono::milliseconds(50);  // sleeping does not end at a signal
    for (auto now = Clock::now(); now < due && !Interruptible::interrupted(); now = Clock::now())
      std::this_thread::sleep_for(std::min<Clock::duration>(due - now, patience));
  }

 private:
  std::optional<Clock::time_point> start_;
  double first_ = 0;
};

// Writes past stdio: an acknowledgement must be out before the next line is journaled. False if nobody reads any more.
bool acknowledge(std::uint64_t n) {
  const std::string text = fmt::format("{}\n", n);
  std::string_view rest = text;
  while (!rest.empty()) {
    const ssize_t written = write(STDOUT_FILENO, rest.data(), rest.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0 && errno == EPIPE) return false;
    if (written < 0) throw StorageError(fmt::format("writing to standard output: {}", std::strerror(errno)));
    rest.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

class Ingest {
 public:
  explicit Ingest(const Options& options)
      : options_(options),
        layout_(options.layout.layouts.empty() ? "" : self_contained_text(options.layout.layout())),
        lines_(options.trace, &Interruptible::interrupted),
        decoder_(options.trace == "-" ? "(stdin)" : options.trace) {}

  int run() {
    Progress progress("ingesting");
    bool reader_gone = false;
    while (!reader_gone && !Interruptible::interrupted()) {
      const auto text = lines_.next();
      if (!text) break;
      const TraceLine& line = decoder_.decode(*text);
      if (options_.realtime) pace_.wait_for(line.t);
      if (Interruptible::interrupted()) break;  // during the wait: this call had not come yet
      perform(line);
      lines_done_ = line.n;
      if (options_.ack) reader_gone = !acknowledge(line.n);
      progress.update(lines_.bytes_read(), lines_.bytes_total());
    }
    answers_.reset();
    if (journal_) journal_->close();
    if (reader_gone) return 128 + SIGPIPE;
    if (Interruptible::interrupted()) {
      fmt::print(stderr, "daybook: interrupted after line {}{}\n", lines_done_,
                 journal_ ? ": " + journal_->path().string() + " holds what came before" : "");
      return 128 + Interruptible::signal();
    }
    if (!decoder_.has_begun())
      throw InvalidError(fmt::format("{}: the trace has no 'begin' line: there is no run in it", options_.trace));
    report();
    return 0;
  }

 private:
  void perform(const TraceLine& line) {
    try {
      if (line.run) {
        const std::string path =
            options_.journal.empty() ? journal_name(line.run->rid, line.run->class_name) : options_.journal;
        RunInfo info = *line.run;
        info.layout = layout_;
        info.results = options_.results;
        JournalOptions options;
        options.history_bytes = options_.history_bytes;
        journal_.emplace(Journal::create(path, info, options));
        answers_.emplace(*journal_);
      }
      for (const Event& event : line.events) journal_->append(event);
      if (decoder_.has_ended()) {
        answers_.reset();
        journal_->close();  // an acknowledged `end` is durable
      }
    } catch (Error& e) {
      e.add_context(decoder_.where());
      throw;
    }
  }

  void report() const {
    const std::string path = journal_->path().string();
    if (!options_.ack) fmt::print("{}\n", path);
    fmt::print(stderr, "{}: {} lines, {}\n", path, lines_done_,
               decoder_.has_ended() ? "the run has ended"
                                    : "the trace stops before the run's end, so the run stays unfinished");
  }

  const Options& options_;
  const std::string layout_;
  LineReader lines_;
  TraceDecoder decoder_;
  Pace pace_;
  std::optional<Journal> journal_;
  std::optional<CheckpointAnswers> answers_;  // to `daybook checkpoint`
  std::uint64_t lines_done_ = 0;
};

}  // namespace

void add_ingest(CLI::App& program, Command& chosen) {
  const auto options = std::make_shared<Options>();
  CLI::App& command = *program.add_subcommand("ingest", "Make a journal of a recorded trace of dataset calls.");
  command
      .add_option("TRACE.jsonl", options->trace,
                  "The trace: JSON lines, format artiq-dataset-trace; '-' reads standard input.")
      ->required();
  command
      .add_option("-o,--output", options->journal, "The journal to make; else {rid}-{Class}.daybook in this folder.")
      ->type_name("RUN.daybook");
  command
      .add_option("--results", options->results,
                  "Where the run's HDF5 file belongs, seen from the journal's folder: for 'daybook recover'. Else "
                  "{rid}-{Class}.h5 beside the journal.")
      ->type_name("FILE.h5");
  options->layout.add_to(command);
  command.add_flag("--realtime", options->realtime, "Keep the recorded pauses; else as fast as it goes.");
  command.add_flag("--ack", options->ack, "Print each line's number once what it did is in the journal.");
  command
      .add_option("--history-bytes", options->history_bytes,
                  "Keep so much superseded payload (1 GiB if not given); the newest state and checkpoints always stay.")
      ->transform(CLI::AsSizeValue(false))
      ->type_name("BYTES");
  command.footer(
      "Events get the times that were recorded. A malformed line ends it with an error; what came before is kept.\n"
      "Prints the journal's path (with --ack the line numbers instead).\n"
      "A dataset key that is no text is journaled under what str() makes of it, if no other key has that name.\n"
      "\n"
      "Examples:\n"
      "  daybook ingest RabiScan.jsonl -o RabiScan.daybook\n"
      "  daybook ingest --realtime --ack RabiScan.jsonl\n"
      "  zcat RabiScan.jsonl.gz | daybook ingest - -o RabiScan.daybook");
  command.callback([options, &chosen] {
    chosen = [options] {
      const Interruptible signals;
      return Ingest(*options).run();
    };
  });
}

}  // namespace daybook
