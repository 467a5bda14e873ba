#include "crash/scenarios.h"

#include <array>
#include <cstring>
#include <functional>
#include <random>
#include <stdexcept>

#include "crash/disk.h"
#include "crash/script.h"
#include "crash/writer.h"
#include "daybook/journal/reader.h"
#include "daybook/journal/recover.h"
#include "daybook/materializer/materialize.h"

namespace daybook::crash {

namespace {

constexpr unsigned usual_large = 30;

Work work_in(const std::filesystem::path& folder, std::uint64_t seed) {
  Work work;
  work.folder = folder;
  work.seed = seed;
  work.threads = 2;
  work.steps = 30;
  work.large = usual_large;
  work.syncs = 60;
  work.map_bytes = std::uint64_t{16} << 20;
  return work;
}

void record(const Work& work, Log& log, const std::function<void()>& act) {
  const auto ending = in_child([&] {
    watch(work.folder, &log, {Promise::base, work.large, work.seed, 0});
    act();
  });
  if (!ending.good) throw std::runtime_error("the process to be recorded failed: " + ending.trouble);
}

void record_work(const Work& work, Log& log) {
  record(work, log, [&] { do_work(work, note); });
}

// Records `work`, cuts the power somewhere in its second half, leaves what a disk had then in the folder `name`, and
// begins `log` with what had been promised.
std::filesystem::path crashed(const Workshop& workshop, Work work, const std::string& name, Log& log) {
  Log before;
  record_work(work, before);
  const auto entries = before.entries();
  std::mt19937_64 random(mixed(work.seed, 77));
  const auto cut = entries.size() - random() % (entries.size() / 2);
  Disk disk("");
  for (std::size_t i = 0; i < cut; ++i) {
    disk.apply(entries[i]);
    if (entries[i].what != What::mark) continue;
    Mark mark;
    std::memcpy(&mark, entries[i].bytes.data(), sizeof mark);
    if (mark.promise == Promise::base) {
      disk.settle();
    } else {
      log.add(entries[i], {}, {}, entries[i].bytes);
    }
  }
  auto folder = workshop.empty(name);
  disk.build_image(folder, random);
  return folder;
}

void create(const Workshop& workshop, std::uint64_t seed, Log& log) {
  auto work = work_in(workshop.empty("disk"), seed);
  work.steps = 0;
  record_work(work, log);
}

void first_commits(const Workshop& workshop, std::uint64_t seed, Log& log) {
  record_work(work_in(workshop.empty("disk"), seed), log);
}

// No commit comes to the help of sync().
void many_syncs(const Workshop& workshop, std::uint64_t seed, Log& log) {
  auto work = work_in(workshop.empty("disk"), seed);
  work.syncs = 400;
  work.large = 0;
  work.interval = std::chrono::seconds(3);
  record_work(work, log);
}

void laps(const Workshop& workshop, std::uint64_t seed, Log& log) {
  auto work = work_in(workshop.empty("disk"), seed);
  work.steps = 350;
  work.large = 0;
  work.syncs = 20;
  record_work(work, log);
}

void large_records(const Workshop& workshop, std::uint64_t seed, Log& log) {
  auto work = work_in(workshop.empty("disk"), seed);
  work.steps = 12;
  work.large = 400;
  record_work(work, log);
}

void growth(const Workshop& workshop, std::uint64_t seed, Log& log) {
  auto work = work_in(workshop.empty("disk"), seed);
  work.steps = 30;
  work.large = 200;
  work.map_bytes = std::uint64_t{128} << 10;
  record_work(work, log);
}

void finish(const Workshop& workshop, std::uint64_t seed, Log& log) {
  auto work = work_in(workshop.empty("disk"), seed);
  work.steps = 8;
  work.finish = true;
  record_work(work, log);
}

void reopen(const Workshop& workshop, std::uint64_t seed, Log& log) {
  auto work = work_in(workshop.path() / "disk", seed);
  work.folder = crashed(
      workshop,
      [&] {
        auto first = work;
        first.folder = workshop.empty("before");
        return first;
      }(),
      "disk", log);
  work.finish = seed % 2 == 0;
  record_work(work, log);
}

void recovery(const Workshop& workshop, std::uint64_t seed, Log& log) {
  auto work = work_in(workshop.empty("before"), seed);
  work.interval = std::chrono::milliseconds(40);  // leaves something to recover
  work.folder = crashed(workshop, work, "disk", log);
  record(work, log, [&] {
    if (std::filesystem::exists(work.journal())) recover(work.journal());
  });
}

// A file is made of a finished run where an older one stands.
void new_file(const Workshop& workshop, std::uint64_t seed, Log& log) {
  auto work = work_in(workshop.empty("disk"), seed);
  work.finish = true;
  Log before;
  record_work(work, before);
  for (const auto& entry : before.entries()) {
    if (entry.what != What::mark) continue;
    Mark mark;
    std::memcpy(&mark, entry.bytes.data(), sizeof mark);
    if (mark.promise != Promise::base) log.add(entry, {}, {}, entry.bytes);
  }
  const auto made = in_child([&] {
    MaterializeOptions options;
    options.at = AtSequence{1 + seed % 20};
    static_cast<void>(materialize(Reader(work.journal()), work.file(), options));
  });
  if (!made.good) throw std::runtime_error("no old file: " + made.trouble);
  record(work, log, [&] { make_file(work, note); });
}

constexpr std::array<Scenario, 10> all{{{"create", create},
                                        {"first", first_commits},
                                        {"sync", many_syncs},
                                        {"lap", laps},
                                        {"direct", large_records},
                                        {"growth", growth},
                                        {"finish", finish},
                                        {"reopen", reopen},
                                        {"recovery", recovery},
                                        {"file", new_file}}};

}  // namespace

std::span<const Scenario> scenarios() { return all; }

}  // namespace daybook::crash
