// Failures that need a disk which misbehaves, one by one as docs/failures.md has them: what is said, and what is left.

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <initializer_list>

#include "crash/lab.h"
#include "crash/ledger.h"
#include "crash/process.h"
#include "crash/recorder.h"
#include "daybook/journal/error.h"
#include "daybook/journal/journal.h"
#include "daybook/journal/reader.h"
#include "daybook/journal/recover.h"
#include "daybook/journal/salvage.h"
#include "daybook/journal/verify.h"

namespace daybook::crash {

namespace {

namespace fs = std::filesystem;

constexpr int many = 1'000'000;

RunInfo info() {
  RunInfo info;
  info.rid = 3;
  info.class_name = "Fails";
  return info;
}

void require(bool good, const std::string& what) {
  if (!good) throw Violation{what};
}

Fault failing(Call call, int error, std::uint64_t nth = 1, bool lasting = false) {
  Fault fault;
  fault.call = call;
  fault.error = error;
  fault.nth = nth;
  fault.lasting = lasting;
  return fault;
}

// Whether `act` threw; it must be a StorageError that says all of this.
template <class Act>
bool complains(const Act& act, std::initializer_list<const char*> words) {
  try {
    act();
    return false;
  } catch (const StorageError& e) {
    const std::string message = e.what();
    for (const char* word : words)
      if (message.find(word) == std::string::npos)
        throw Violation{"a message without \"" + std::string(word) + "\": " + message};
    return true;
  }
}

// Appends until it is refused; returns how many were taken.
int append_until_refused(Journal& journal, std::initializer_list<const char*> words) {
  for (int taken = 0; taken < many; ++taken)
    if (complains([&] { journal.set("x", taken); }, words)) return taken;
  throw Violation{"nothing was refused"};
}

// All that was taken is there, once, and the run can be gone on with.
void check_rest(const fs::path& run, int taken) {
  recover(run);
  {
    const Reader reader(run);
    require(reader.last() == static_cast<Sequence>(taken) + 1,
            std::to_string(taken) + " were taken, " + std::to_string(reader.last() - 1) + " are there");
    require(std::get<Set>(reader.event(reader.last()).body).value == Value(taken - 1), "the last value is another one");
  }
  require(Journal::open(run).set("x", taken) == static_cast<Sequence>(taken) + 2, "it cannot be gone on with");
  require(verify(run).damage.empty(), "verify finds damage");
}

void failed_sync(const fs::path& run) {
  {
    JournalOptions options;
    options.commit_interval = std::chrono::hours(1);
    auto journal = Journal::create(run, info(), options);
    journal.set("x", 0);
    journal.sync();
    journal.set("x", 1);
    arm(failing(Call::sync, EIO));
    require(complains([&] { journal.sync(); }, {"run.daybook/intake", "Input/output error", "open the journal anew"}),
            "the failed sync is not told");
    disarm();
    require(complains([&] { journal.set("x", 2); }, {"run.daybook", "Input/output error", "open the journal anew"}),
            "an append is taken after a failed sync");
    require(complains([&] { journal.sync(); }, {"run.daybook", "open the journal anew"}),
            "a second sync says that all is well");
  }
  check_rest(run, 2);
}

void failed_commit(const fs::path& run) {
  int taken = 0;
  {
    JournalOptions options;
    options.commit_interval = std::chrono::milliseconds(1);
    auto journal = Journal::create(run, info(), options);
    arm(failing(Call::sync, EIO));
    taken = append_until_refused(journal, {"run.daybook", "Input/output error", "open the journal anew"});
    disarm();
    require(complains([&] { journal.finish(); }, {"run.daybook", "open the journal anew"}),
            "finish() says that all is well");
  }
  check_rest(run, taken);
}

// A disk that answers no more: a hanging controller, a frozen virtual machine's storage.
void stuck_disk(const fs::path& run) {
  int taken = 0;
  {
    JournalOptions options;
    options.commit_interval = std::chrono::milliseconds(1);
    options.intake_bytes = std::uint64_t{64} << 10;
    options.full_timeout = std::chrono::milliseconds(50);
    auto journal = Journal::create(run, info(), options);
    auto fault = failing(Call::write, 0);
    fault.effect = Fault::Effect::stuck;
    arm(fault);
    taken = append_until_refused(journal, {"run.daybook", "its intake has been full for 50 ms", "is the disk stuck?"});
    disarm();
    journal.set("x", taken++);  // it moves again, and so does the journal
  }
  check_rest(run, taken);
}

void unreadable_disk(const fs::path& run) {
  constexpr int events = 200;
  {
    auto journal = Journal::create(run, info());
    for (int i = 0; i < events; ++i) journal.set("x", i);
  }
  // One sector, and all of the disk from some moment on.
  for (const bool lasting : {false, true}) {
    bool met = true;
    for (std::uint64_t nth = 1; met; ++nth) {
      arm(failing(Call::read, EIO, nth, lasting));
      const bool told = complains([&] { require(!verify(run).damage.empty() || !fault_met(), "verify finds nothing"); },
                                  {"data.mdb", "Input/output error", "dmesg"});
      met = fault_met();
      disarm();
      require(told == met, "verify passes over what it cannot read");
    }
  }
  // Salvage goes around what cannot be read: a spot that can be read the second time costs nothing, and nothing that is
  // lost goes unnamed.
  const auto salvaged = run.parent_path() / "salvaged.daybook";
  for (const bool lasting : {false, true}) {
    bool met = true;
    for (std::uint64_t nth = 1; met; nth += lasting ? 7 : 1) {
      arm(failing(Call::read, EIO, nth, lasting));
      std::string complaint;
      Salvage found;
      try {
        found = salvage(run, salvaged);
      } catch (const Error& e) {
        complaint = e.what();
      }
      met = fault_met();
      disarm();
      require(complaint.find("changed while it was read") == std::string::npos,
              "salvage takes a bad disk for a writer");
      // It reads what it has made, too, and has to believe that.
      const bool own = complaint.find(salvaged.filename().string()) != std::string::npos;
      if (!lasting && !own)
        require(complaint.empty() && found.events == events + 1, "salvage gives up at one bad read: " + complaint);
      if (complaint.empty() && found.events != 0) {
        require(found.events + found.lost == found.last, "salvage does not say what is lost");
        require(verify(salvaged).damage.empty(), "salvage makes a damaged journal");
        require(found.lost == 0 || found.unreadable != 0, "salvage does not say that the disk is bad");
      }
      fs::remove_all(salvaged);
    }
  }
  check_rest(run, events);
}

struct Case {
  const char* name;
  void (*show)(const fs::path& run);
};
constexpr std::array<Case, 4> cases{{{"failed_sync", failed_sync},
                                     {"failed_commit", failed_commit},
                                     {"stuck_disk", stuck_disk},
                                     {"unreadable_disk", unreadable_disk}}};

}  // namespace

Tally run_failures(const Order& order) {
  Tally tally;
  const Workshop workshop;
  for (const auto& one : cases) {
    if (!order.only.empty() && order.only != one.name) continue;
    ++tally.runs;
    const auto folder = workshop.empty("run");
    const auto ending = in_child([&] {
      watch(folder, nullptr);
      one.show(folder / "run.daybook");
    });
    if (ending.good) continue;
    ++tally.violations;
    std::printf("VIOLATION: %s: %s\n  again: crash_lab failures --only %s\n", one.name, ending.trouble.c_str(),
                one.name);
  }
  return tally;
}

}  // namespace daybook::crash
