#include "tools/replay_many.h"

#include <fmt/format.h>

#include <charconv>
#include <cstdio>
#include <map>
#include <set>

#include "daybook/journal/error.h"
#include "daybook/materializer/output_file.h"
#include "tools/deaths.h"
#include "tools/journal_walk.h"
#include "tools/json_object.h"
#include "tools/progress.h"
#include "tools/signals.h"
#include "tools/workers.h"

namespace daybook {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t parts = 1000;  // of a run, for the progress bar

struct Run {
  fs::path journal, below;
  std::string name = {};  // of its file
  fs::path output = {};
  std::string failure = {};  // why there is no file
  std::uint64_t progress = 0;
  bool reported = false;  // what became of it was said
};

// In a worker process.
class RunWork {
 public:
  RunWork(MaterializeOptions options, const ReplayStyle& style) : options_(std::move(options)), style_(style) {}

  void operator()(const Message& task, const std::function<void(const Message&)>& tell) {
    try {
      if (task.size() == 1) {
        tell({"name", file_name(summarize(task[0]).info)});
        return;
      }
      std::uint64_t last = 0;
      options_.progress = [&](std::uint64_t done, std::uint64_t total) {
        const std::uint64_t now =
            total == 0 ? 0
                       : static_cast<std::uint64_t>(static_cast<double>(parts) * static_cast<double>(done) /
                                                    static_cast<double>(total));
        if (now != last) tell({"progress", std::to_string(last = now)});
      };
      const Replayed replayed = replay_run(task[0], task[1], options_, style_);
      tell({"replayed", replayed.out, replayed.err, replayed.file ? "file" : "", replayed.whole ? "whole" : ""});
    } catch (const std::exception& e) {
      tell({"failed", e.what()});
    }
  }

 private:
  MaterializeOptions options_;
  ReplayStyle style_;
};

std::string what_ended(const fs::path& journal, int status) {
  return ended_by_damage(status) ? fmt::format("{}: run 'daybook verify {}'", death_text(status), journal.native())
                                 : death_text(status);
}

// Folders that were made for files, and are taken away again if none came.
class NewFolders {
 public:
  ~NewFolders() {
    std::error_code ignored;  // not empty: as it should be
    for (auto folder = made_.rbegin(); folder != made_.rend(); ++folder) fs::remove(*folder, ignored);
  }
  NewFolders() = default;
  NewFolders(const NewFolders&) = delete;
  NewFolders& operator=(const NewFolders&) = delete;

  void make(const fs::path& folder) {
    std::error_code error;
    if (folder.empty() || fs::is_directory(folder, error)) return;
    make(folder.parent_path());
    if (fs::create_directory(folder, error)) made_.push_back(folder);
    if (error) throw_errno(fmt::format("make folder {}", folder.string()), error.value());
  }

 private:
  std::vector<fs::path> made_;
};

class Replayer {
 public:
  Replayer(const ManyRuns& what, const MaterializeOptions& options)
      : what_(what), workers_(what.processes, RunWork(options, what.style)) {}

  int replay() {
    find();
    if (runs_.empty()) {
      fmt::print(stderr, "daybook: no journals below {}\n", printable(fmt::format("{}", fmt::join(what_.named, ", "))));
      return 1;
    }
    Progress progress(fmt::format("materializing {} runs", runs_.size()));
    progress_ = &progress;
    const Interruptible interruptible;
    NewFolders folders;
    bool went_on = find_names();
    if (went_on) {
      place(folders);
      went_on = write();
    }
    progress.clear();
    summarize_all();
    if (went_on) return failed_ == 0 && parts_missing_ == 0 ? 0 : 1;
    fmt::print(stderr, "daybook: interrupted: {} of {} runs were not replayed\n",
               runs_.size() - files_ - without_ - failed_, runs_.size());
    return 128 + Interruptible::signal();
  }

 private:
  void find() {
    std::set<fs::path> known;  // a run that is named twice is one run
    for (const std::string& named : what_.named)
      for (FoundJournal& found : find_journals(named)) {
        std::error_code error;
        const fs::path canonical = fs::canonical(found.path, error);
        if (!error && !known.insert(canonical).second) continue;
        runs_.push_back({.journal = std::move(found.path), .below = std::move(found.below)});
        if (!found.error.empty()) fail(runs_.back(), found.error);
      }
  }

  void fail(Run& run, std::string reason) {
    // The library names the path as well; once in a line is enough.
    if (const std::string prefix = run.journal.native() + ": "; reason.starts_with(prefix))
      reason.erase(0, prefix.size());
    run.failure = std::move(reason);
    run.reported = true;
    ++failed_;
    if (what_.style.json) {
      progress_shown_away();
      fmt::print("{}\n", JsonObject().text("journal", run.journal.native()).text("error", run.failure).str());
      std::fflush(stdout);
    }
  }

  void progress_shown_away() {
    if (progress_ != nullptr) progress_->clear();
  }

  // Runs `tasks`, of which task i is for runs_[of[i]].
  bool work(const std::vector<Message>& tasks, const std::vector<std::size_t>& of,
            const std::function<void(Run&, const Message&)>& told) {
    std::vector<std::size_t> unfinished;
    const bool all = workers_.run(tasks,
                                  {.told =
                                       [&](std::size_t task, const Message& message) {
                                         Run& run = runs_[of[task]];
                                         if (message[0] == "failed")
                                           fail(run, message[1]);
                                         else
                                           told(run, message);
                                       },
                                   .done = [&](std::size_t task) { runs_[of[task]].progress = parts; },
                                   .died =
                                       [&](std::size_t task, int status) {
                                         Run& run = runs_[of[task]];
                                         clean_up(run);
                                         fail(run, what_ended(run.journal, status));
                                       }},
                                  &Interruptible::interrupted, &unfinished);
    for (const std::size_t task : unfinished) clean_up(runs_[of[task]]);
    return all;
  }

  static void clean_up(const Run& run) {
    if (!run.output.empty()) detail::remove_leftovers(run.output);
  }

  // What each run's file is called is in its journal. Read by workers: a damaged one can end its reader.
  bool find_names() {
    std::vector<Message> tasks;
    std::vector<std::size_t> of;
    for (std::size_t i = 0; i < runs_.size(); ++i) {
      if (!runs_[i].failure.empty()) continue;
      tasks.push_back({runs_[i].journal.native()});
      of.push_back(i);
    }
    return work(tasks, of, [](Run& run, const Message& message) { run.name = message[1]; });
  }

  // Before anything is written: of two runs with one place the first has it.
  void place(NewFolders& folders) {
    std::map<fs::path, const Run*> taken;
    for (Run& run : runs_) {
      if (!run.failure.empty()) continue;
      try {
        fs::path output = what_.out_dir.empty() ? beside(run.journal, run.name) : what_.out_dir / run.below / run.name;
        const auto [other, fresh] = taken.try_emplace(fs::weakly_canonical(output), &run);
        if (!fresh) {
          fail(run,
               fmt::format("its file would be {}, which is that of {}: give them folders of their own with --out-dir, "
                           "or -o for each",
                           output.native(), other->second->journal.native()));
          continue;
        }
        if (!what_.out_dir.empty()) folders.make(output.parent_path());
        run.output = std::move(output);
      } catch (const std::exception& e) {
        fail(run, e.what());
      }
    }
  }

  bool write() {
    std::vector<Message> tasks;
    std::vector<std::size_t> of;
    for (std::size_t i = 0; i < runs_.size(); ++i) {
      runs_[i].progress = runs_[i].failure.empty() ? 0 : parts;
      if (!runs_[i].failure.empty()) continue;
      tasks.push_back({runs_[i].journal.native(), runs_[i].output.native()});
      of.push_back(i);
    }
    return work(tasks, of, [&](Run& run, const Message& message) {
      if (message[0] == "progress") {
        const std::uint64_t before = run.progress;
        std::from_chars(message[1].data(), message[1].data() + message[1].size(), run.progress);
        done_parts_ += run.progress - std::min(before, run.progress);
        progress_->update(done_parts_, parts * runs_.size());
      } else {
        report(message);
        run.reported = true;
        done_parts_ += parts - std::min(parts, run.progress);
        progress_->update(done_parts_, parts * runs_.size());
      }
    });
  }

  void report(const Message& message) {
    progress_->clear();
    fmt::print("{}", message[1]);
    std::fflush(stdout);
    fmt::print(stderr, "{}", message[2]);
    ++(message[3].empty() ? without_ : files_);
    if (message[4].empty()) ++parts_missing_;
  }

  void summarize_all() const {
    for (const Run& run : runs_)
      if (!run.failure.empty())
        fmt::print(stderr, "daybook: {}: {}\n", printable(run.journal.native()), printable(run.failure));
    std::string text = fmt::format("{} {}", files_, files_ == 1 ? "file" : "files");
    if (parts_missing_ > 0) text += fmt::format(" ({} without some datasets)", parts_missing_);
    if (without_ > 0) text += fmt::format(", {} {} to have no file", without_, without_ == 1 ? "run is" : "runs are");
    fmt::print(stderr, "{}, {} failed\n", text, failed_);
  }

  const ManyRuns& what_;
  Workers workers_;
  std::vector<Run> runs_;
  Progress* progress_ = nullptr;
  std::uint64_t done_parts_ = 0;
  std::size_t files_ = 0, without_ = 0, failed_ = 0, parts_missing_ = 0;
};

}  // namespace

int replay_many(const ManyRuns& runs, const MaterializeOptions& options) { return Replayer(runs, options).replay(); }

}  // namespace daybook
