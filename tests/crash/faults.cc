// Faults: each call of a story fails once, in turn, and then everything is well again (or all calls from it on, until the
// first complaint). The story's process must say clearly what failed, go on or refuse as promised, and end with everything
// in the journal that it had acknowledged.

#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <new>
#include <span>
#include <stdexcept>
#include <system_error>

#include "crash/lab.h"
#include "crash/ledger.h"
#include "crash/process.h"
#include "crash/script.h"
#include "crash/wire.h"
#include "crash/writer.h"
#include "daybook/journal/error.h"
#include "daybook/journal/reader.h"
#include "daybook/journal/recover.h"
#include "daybook/materializer/compare.h"
#include "daybook/materializer/materialize.h"

namespace daybook::crash {

namespace {

constexpr unsigned large = 60;
constexpr std::uint64_t steps = 30;
constexpr int most_complaints = 4;

struct Kind {
  const char* name;
  Call call;
  Fault::Effect effect;
  int error;
  bool lasting;
};
using enum Fault::Effect;
constexpr std::array<Kind, 23> kinds{{{"open-EMFILE", Call::open, error, EMFILE, false},
                                      {"open-EACCES", Call::open, error, EACCES, false},
                                      {"open-EINTR", Call::open, error, EINTR, false},
                                      {"read-EIO", Call::read, error, EIO, false},
                                      {"read-EINTR", Call::read, error, EINTR, false},
                                      {"read-short", Call::read, short_transfer, 0, false},
                                      {"write-EIO", Call::write, error, EIO, false},
                                      {"write-ENOSPC", Call::write, error, ENOSPC, false},
                                      {"write-ENOSPC-lasting", Call::write, error, ENOSPC, true},
                                      {"write-EINTR", Call::write, error, EINTR, false},
                                      {"write-short", Call::write, short_transfer, 0, false},
                                      {"resize-ENOSPC", Call::resize, error, ENOSPC, false},
                                      {"resize-EINTR", Call::resize, error, EINTR, false},
                                      {"sync-EIO", Call::sync, error, EIO, false},
                                      {"sync-ENOSPC", Call::sync, error, ENOSPC, false},
                                      {"rename-EIO", Call::rename, error, EIO, false},
                                      {"folder-ENOSPC", Call::make_folder, error, ENOSPC, false},
                                      {"unlink-EIO", Call::unlink, error, EIO, false},
                                      {"map-ENOMEM", Call::map, error, ENOMEM, false},
                                      {"any-EROFS-lasting", Call::any, error, EROFS, true},
                                      {"allocate-ENOMEM", Call::allocate, error, ENOMEM, false},
                                      {"allocate-ENOMEM-lasting", Call::allocate, error, ENOMEM, true},
                                      {"file-size", Call::none, error, EFBIG, true}}};

// The fault, from the story's side.
class Weather {
 public:
  Weather(const Kind& kind, std::uint64_t nth) : kind_(kind), nth_(nth) {}

  void begin() const {
    if (kind_.call == Call::none) {
      std::signal(SIGXFSZ, SIG_IGN);
      limit(nth_ * 4096);
      return;
    }
    Fault fault;
    fault.call = kind_.call;
    fault.nth = nth_;
    fault.effect = kind_.effect;
    fault.error = kind_.error;
    fault.lasting = kind_.lasting;
    arm(fault);
  }

  // Somebody made room, changed the disk, ended other programs.
  void clear() {
    complained_ = true;
    disarm();
    if (kind_.call == Call::none) limit(RLIM_INFINITY);
  }

  [[nodiscard]] bool met() const { return complained_ || fault_met(); }

  // One line, naming a file of ours and the system's own words.
  void check(const std::string& message, const std::string& folder) const {
    if (message.find('\n') != std::string::npos) throw Violation{"a message of several lines: " + message};
    if (message.find(folder) == std::string::npos) throw Violation{"a message that names no file: " + message};
    const auto words = std::generic_category().message(kind_.error);
    if (kind_.error != 0 && kind_.call != Call::allocate && message.find(words) == std::string::npos &&
        message.find(kind_.call == Call::none ? "No space left" : "earlier write failed") == std::string::npos) {
      throw Violation{"a message without \"" + words + "\": " + message};
    }
  }

 private:
  static void limit(rlim_t bytes) {
    struct rlimit now {};
    ::getrlimit(RLIMIT_FSIZE, &now);
    now.rlim_cur = std::min(bytes, now.rlim_max);
    ::setrlimit(RLIMIT_FSIZE, &now);
  }
  const Kind& kind_;
  const std::uint64_t nth_;
  bool complained_ = false;
};

enum class Complaint : std::uint8_t { none, full, other };

// Runs `act`; what it throws must be one of Daybook's errors, or that memory is out.
template <class Act>
Complaint attempt(Weather& weather, const Work& work, const Act& act) {
  try {
    act();
    return Complaint::none;
  } catch (const FullError& e) {
    weather.clear();
    weather.check(e.what(), work.folder.string());
    return Complaint::full;
  } catch (const Error& e) {
    weather.clear();
    weather.check(e.what(), work.folder.string());
    return Complaint::other;
  } catch (const std::bad_alloc&) {
    weather.clear();
    return Complaint::full;
  }
}

// `act`, again until it works.
template <class Act>
void insist(Weather& weather, const Work& work, const char* doing, const Act& act) {
  for (int i = 0; attempt(weather, work, act) != Complaint::none; ++i) {
    if (i == most_complaints) throw Violation{std::string(doing) + " goes on failing"};
  }
}

// A writer that goes on after each complaint: with the same journal after a full disk, with a newly opened one otherwise.
class Stubborn {
 public:
  Stubborn(const Work& work, Weather& weather, const Report& report)
      : work_(work), weather_(weather), report_(report), script_(work.seed, 0, work.large) {}

  void run() {
    open();
    for (std::uint64_t i = 0; i < work_.steps; ++i) {
      if (done_ == i) step();
      if (i % 10 == 9) sync();
    }
    end();
  }

 private:
  void open() {
    journal_.reset();
    insist(weather_, work_, "opening", [&] { journal_.emplace(open_or_create(work_, report_)); });
    insist(weather_, work_, "counting", [&] {
      const auto counts = count_steps(work_.journal());
      done_ = counts.contains(0) ? counts.at(0) : 0;
    });
    report_({Promise::resumed, 0, done_, journal_->statistics().committed});
  }

  void step() {
    {
      const Unwatched ours;
      while (script_.at() <= done_) event_ = &script_.next();
    }
    for (int i = 0; done_ < script_.at(); ++i) {
      if (i == most_complaints) throw Violation{"appending goes on failing"};
      Sequence sequence = 0;
      const auto complaint = attempt(weather_, work_, [&] { sequence = journal_->append(*event_); });
      if (complaint == Complaint::none) {
        report_({Promise::acknowledged, 0, done_, sequence});
        ++done_;
      } else if (complaint == Complaint::other) {
        open();
      }
    }
  }

  void sync() {
    for (int i = 0;; ++i) {
      if (i == most_complaints) throw Violation{"sync() goes on failing"};
      const auto complaint = attempt(weather_, work_, [&] { journal_->sync(); });
      if (complaint == Complaint::none) return;
      // Nobody knows what is on the disk: nothing more may be taken.
      bool taken = true;
      try {
        journal_->set("t9.refused", 1);
      } catch (const StorageError&) {
        taken = false;
      }
      if (taken) throw Violation{"an append was taken after a failed sync"};
      open();
    }
  }

  void end() {
    for (int i = 0;; ++i) {
      if (i == most_complaints) throw Violation{"finish() goes on failing"};
      report_({Promise::finishing});
      if (attempt(weather_, work_, [&] { journal_->finish(); }) == Complaint::none) break;
      journal_.reset();
      bool ended = false;
      insist(weather_, work_, "reading", [&] {
        recover(work_.journal());
        ended = Reader(work_.journal()).status().phase == Phase::finished;
      });
      if (ended) break;
      open();
    }
    report_({Promise::finished});
  }

  const Work& work_;
  Weather& weather_;
  const Report& report_;
  Script script_;
  const Event* event_ = nullptr;
  std::uint64_t done_ = 0;
  std::optional<Journal> journal_;
};

void read_everything(const Work& work, Weather& weather) {
  insist(weather, work, "reading", [&] { static_cast<void>(count_steps(work.journal())); });
}

void write_file(const Work& work, Weather& weather, const Report& report) {
  std::optional<std::uintmax_t> size;
  if (std::filesystem::exists(work.file())) size = std::filesystem::file_size(work.file());
  insist(weather, work, "making the file", [&] {
    try {
      make_file(work, report);
    } catch (...) {
      disarm();
      const bool there = std::filesystem::exists(work.file());
      if (there != size.has_value() || (there && std::filesystem::file_size(work.file()) != *size)) {
        // The rename was the last thing but for syncing its folder: then it is the new one, whole.
        if (!compare(Reader(work.journal()), work.file()).empty()) throw Violation{"a failure left a part of a file"};
      }
      throw;
    }
  });
}

struct Story {
  const char* name;
  // Without faults: what is there before.
  void (*before)(const Work& work);
  void (*tell)(const Work& work, Weather& weather, const Report& report);
};

void silent(const Mark& /*mark*/) {}

void nothing(const Work& /*work*/) {}
void dead_writer(const Work& work) {
  auto lazy = work;
  lazy.steps = steps / 2;
  lazy.interval = std::chrono::hours(1);
  auto journal = open_or_create(lazy, silent);
  Script script(work.seed, 0, work.large);
  for (std::uint64_t i = 0; i < lazy.steps; ++i) journal.append(script.next());
  ::kill(::getpid(), SIGKILL);
}
void finished_run(const Work& work) {
  auto all = work;
  all.finish = true;
  do_work(all, silent);
  MaterializeOptions options;
  options.at = AtSequence{5};
  static_cast<void>(materialize(Reader(work.journal()), work.file(), options));
}

constexpr std::array<Story, 3> stories{
    {{"write", nothing,
      [](const Work& work, Weather& weather, const Report& report) { Stubborn(work, weather, report).run(); }},
     {"recover", dead_writer,
      [](const Work& work, Weather& weather, const Report& report) {
        insist(weather, work, "recovering", [&] { recover(work.journal()); });
        read_everything(work, weather);
        Stubborn(work, weather, report).run();
      }},
     {"file", finished_run,
      [](const Work& work, Weather& weather, const Report& report) { write_file(work, weather, report); }}}};

// Returns whether the fault was met: if not, the story is over before its nth call.
bool tell(const Workshop& workshop, const Story& story, const Kind& kind, std::uint64_t nth, std::uint64_t seed,
          Tally& tally) {
  Work work;
  work.folder = workshop.empty("run");
  work.seed = seed;
  work.steps = steps;
  work.large = large;
  work.map_bytes = std::uint64_t{256} << 10;
  const auto before = in_child([&] { story.before(work); });
  if (!before.good && !before.killed) throw std::runtime_error("no beginning: " + before.trouble);
  Wire wire;
  Child child([&] {
    const auto report = wire.report();
    // The C library ends a process in which it finds no memory for a thread's first thread_local: so that is done.
    auto warm = work;
    warm.folder = workshop.empty("warm");
    warm.steps = 1;
    do_work(warm, silent);
    Weather weather(kind, nth);
    watch(work.folder, nullptr);
    weather.begin();
    story.tell(work, weather, report);
    const bool met = weather.met();
    disarm();
    report({Promise::base, 0, met ? 1U : 0U, 0});
  });
  Ledger ledger;
  bool met = false;
  for (const auto& mark : wire.read_all()) {
    met = met || (mark.promise == Promise::base && mark.n == 1);
    ledger.add(mark);
  }
  const auto ending = child.wait();
  if (!ending.good) throw Violation{ending.trouble};
  const auto checked = in_child([&] {
    if (std::string_view(story.name) == "file") {
      for (const auto& one : std::filesystem::directory_iterator(work.folder)) {
        const auto name = one.path().filename().string();
        // What cannot be removed stays until a later process makes the file.
        const bool stuck = kind.call == Call::unlink || kind.error == EROFS;
        if (name != "run.daybook" && name != "out.h5" && !stuck) throw Violation{"litter: " + name};
      }
      const Reader reader(work.journal());
      if (const auto wrong = compare(reader, work.file()); !wrong.empty()) throw Violation{wrong.front()};
      return;
    }
    const auto found = check_journal(work.journal(), ledger, Crash::kill, seed, large);
    if (found.events != steps + 2) throw Violation{"it holds " + std::to_string(found.events) + " events"};
  });
  if (!checked.good) throw Violation{checked.trouble};
  tally.events += ledger.acknowledged_events;
  return met;
}

}  // namespace

Tally run_faults(const Order& order) {
  Tally tally;
  const Workshop workshop;
  ::setenv("TMPDIR", workshop.path().c_str(), 1);
  // A short run looks at all of the first calls and at fewer and fewer of the later ones.
  const bool short_run = order.count != 0;
  for (const auto& story : stories) {
    for (const auto& kind : kinds) {
      if (!order.only.empty() && order.only != std::string(story.name) + "/" + kind.name) continue;
      // HDF5 1.10 does not survive an allocation that fails inside it.
      if (std::string_view(story.name) == "file" && kind.call == Call::allocate) continue;
      std::uint64_t violations = 0;
      bool met = true;
      for (std::uint64_t n = order.nth.value_or(1); met && violations < 3;
           n += short_run ? 1 + n * 20 / std::max<std::uint64_t>(order.count, 1) : 1) {
        ++tally.runs;
        try {
          met = tell(workshop, story, kind, n, order.seed, tally);
        } catch (const Violation& e) {
          ++violations;
          std::printf(
              "VIOLATION when %s failed as %s, call %llu: %s\n  again: crash_lab faults --seed %llu --only %s/%s "
              "--nth %llu\n",
              story.name, kind.name, static_cast<unsigned long long>(n), e.what.c_str(),
              static_cast<unsigned long long>(order.seed), story.name, kind.name, static_cast<unsigned long long>(n));
        }
        if (order.nth) break;
        if (kind.call == Call::none && n > 100) break;
      }
      tally.violations += violations;
    }
  }
  return tally;
}

}  // namespace daybook::crash
