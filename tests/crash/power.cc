// Power cuts: a writer's calls are recorded, disks that a power cut could leave are built from the record, and each is
// opened, recovered and compared with what was promised by then.

#include <sys/mman.h>

#include <cstdio>
#include <cstring>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "crash/disk.h"
#include "crash/lab.h"
#include "crash/ledger.h"
#include "crash/process.h"
#include "crash/scenarios.h"
#include "crash/script.h"

namespace daybook::crash {

namespace {

constexpr std::uint64_t usual_images = 3000;
constexpr std::uint64_t images_of_a_log = 100;

Mark mark_of(const Entry& entry) {
  Mark mark;
  std::memcpy(&mark, entry.bytes.data(), sizeof mark);
  return mark;
}

// What the child that checks images tells, also when it dies.
struct Progress {
  std::uint64_t image, cut, events;
};

class Images {
 public:
  Images(const Workshop& workshop, const Log& log, std::uint64_t count, std::string lie)
      : workshop_(workshop), entries_(log.entries()), count_(count), lie_(std::move(lie)) {
    while (base_ < entries_.size() &&
           (entries_[base_].what != What::mark || mark_of(entries_[base_]).promise != Promise::base))
      ++base_;
    if (base_ == entries_.size()) throw std::runtime_error("the log has no beginning");
    seed_ = mark_of(entries_[base_]).n;
    large_ = mark_of(entries_[base_]).thread;
    Disk disk("");
    std::size_t i = 0;
    for (; i <= base_; ++i) disk.apply(entries_[i]);
    old_file_ = disk.contents("out.h5");
    for (; i < entries_.size(); ++i) disk.apply(entries_[i]);
    new_file_ = disk.contents("out.h5");
  }

  // Checks images from `first` to before `end`. Throws Violation.
  void check(std::uint64_t first, std::uint64_t end, Progress& progress) const {
    Disk disk(lie_);
    Ledger ledger;
    std::size_t done = 0;
    for (auto image = first; image < end; ++image) {
      const auto cut = base_ + 1 + image * (entries_.size() - base_) / count_;
      progress.image = image;
      progress.cut = cut;
      for (; done < cut; ++done) {
        disk.apply(entries_[done]);
        if (done == base_) disk.settle();
        if (entries_[done].what == What::mark) ledger.add(mark_of(entries_[done]));
      }
      check_one(disk, ledger, image, progress);
    }
  }

  [[nodiscard]] std::uint64_t count() const { return count_; }

 private:
  void check_one(const Disk& disk, const Ledger& ledger, std::uint64_t image, Progress& progress) const {
    const auto folder = workshop_.empty("image");
    std::mt19937_64 random(mixed(seed_, image));
    disk.build_image(folder, random);
    check_file(folder / "out.h5", ledger);
    const auto found = check_journal(folder / "run.daybook", ledger, Crash::power_cut, seed_, large_);
    progress.events += found.events;
    if (random() % 4 == 0) check_usable(folder / "run.daybook", found);
  }

  void check_file(const std::filesystem::path& file, const Ledger& ledger) const {
    for (const auto& one : std::filesystem::directory_iterator(file.parent_path())) {
      const auto name = one.path().filename();
      if (name.extension() == ".h5" && name != "out.h5") throw Violation{"half a file is called " + name.string()};
    }
    std::vector<std::byte> bytes;
    const bool there = std::filesystem::exists(file);
    if (there) {
      bytes.resize(std::filesystem::file_size(file));
      std::FILE* in = std::fopen(file.c_str(), "rb");
      if (in == nullptr || std::fread(bytes.data(), 1, bytes.size(), in) != bytes.size())
        throw std::runtime_error("cannot read " + file.string());
      std::fclose(in);
    }
    const bool is_old = there ? old_file_ == bytes : !old_file_;
    const bool is_new = there ? new_file_ == bytes : !new_file_;
    if (ledger.written && !is_new) throw Violation{"lost: the file that had been written"};
    if (!is_old && !is_new) throw Violation{"out.h5 is neither the old file nor the new one"};
  }

  const Workshop& workshop_;
  const std::vector<Entry> entries_;
  const std::uint64_t count_;
  const std::string lie_;
  std::size_t base_ = 0;
  std::uint64_t seed_ = 0;
  unsigned large_ = 0;
  std::optional<std::vector<std::byte>> old_file_, new_file_;
};

// Checks all images of a log, in a child that may die of one. Returns false at the first violation, and tells it.
bool check_log(const Workshop& workshop, const Log& log, const Order& order, std::string_view name, std::uint64_t seed,
               std::uint64_t count, Tally& tally) {
  void* shared = ::mmap(nullptr, sizeof(Progress), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) throw std::runtime_error("no memory");
  auto& progress = *static_cast<Progress*>(shared);
  const bool laps_ignored = order.planted == "lap";
  const Images images(workshop, log, count, laps_ignored ? "" : order.planted);
  const auto first = order.nth.value_or(0);
  const auto end = order.nth ? *order.nth + 1 : count;
  const auto ending = in_child(
      [&] {
        if (laps_ignored) plant("lap");
        images.check(first, end, progress);
        ++progress.image;
      },
      5 * patience);
  tally.runs += progress.image - first + (ending.good ? 0 : 1);
  tally.events += progress.events;
  if (!ending.good) {
    ++tally.violations;
    auto kept = order.log;
    if (kept.empty() && order.planted.empty()) {
      kept = std::filesystem::current_path() / ("power-" + std::string(name) + "-" + std::to_string(seed) + ".log");
      log.save(kept);
    }
    std::printf("VIOLATION after a power cut (scenario %s, seed %llu, entry %llu): %s\n", std::string(name).c_str(),
                static_cast<unsigned long long>(seed), static_cast<unsigned long long>(progress.cut),
                ending.trouble.c_str());
    if (order.planted.empty()) {
      std::printf("  again: crash_lab power --log %s --count %llu --nth %llu\n", kept.c_str(),
                  static_cast<unsigned long long>(count), static_cast<unsigned long long>(progress.image));
    }
  }
  ::munmap(shared, sizeof(Progress));
  return ending.good;
}

}  // namespace

Tally run_power_cuts(const Order& order) {
  Tally tally;
  const Workshop workshop;
  Log log;
  if (!order.log.empty()) {
    log.load(order.log);
    check_log(workshop, log, order, "of the log", 0, order.count == 0 ? images_of_a_log : order.count, tally);
    return tally;
  }
  const auto wanted = order.count == 0 ? usual_images : order.count;
  const std::uint64_t most_violations = order.planted.empty() ? 5 : 1;
  for (auto seed = order.seed; tally.runs < wanted && tally.violations < most_violations; ++seed) {
    for (const auto& scenario : scenarios()) {
      if (!order.only.empty() && order.only != scenario.name) continue;
      if (tally.violations == most_violations) break;
      log.clear();
      scenario.record(workshop, seed, log);
      check_log(workshop, log, order, scenario.name, seed, images_of_a_log, tally);
    }
  }
  return tally;
}

}  // namespace daybook::crash
