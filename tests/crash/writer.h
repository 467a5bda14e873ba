#pragma once

// The writer that gets killed: threads that follow their scripts, with a tiny intake and a tiny map, so that laps,
// waiting and growing happen all the time. It reports after each call that has returned.

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>

#include "crash/recorder.h"
#include "daybook/journal/journal.h"

namespace daybook::crash {

struct Work {
  std::filesystem::path folder;  // the journal is run.daybook in it, the file out.h5
  std::uint64_t seed = 0;
  std::uint32_t threads = 1;
  std::uint64_t steps = 100;    // of each thread
  unsigned large = 0;           // steps of a thousand that are too large for the intake
  unsigned syncs = 0;           // of a thousand
  unsigned files = 0;           // steps of a thousand of the first thread after which out.h5 is made
  std::uint64_t map_bytes = 0;  // of a new journal's; 0: the usual
  std::chrono::milliseconds interval{1};
  bool finish = false;

  [[nodiscard]] std::filesystem::path journal() const { return folder / "run.daybook"; }
  [[nodiscard]] std::filesystem::path file() const { return folder / "out.h5"; }
};

// Thread-safe.
using Report = std::function<void(const Mark&)>;

// Makes the journal, or opens the one that is there and goes on where each thread's script stopped.
void do_work(const Work& work, const Report& report);
// The HDF5 file of what is there, by the way that records it in the journal when nobody writes.
void make_file(const Work& work, const Report& report);
Journal open_or_create(const Work& work, const Report& report);
std::map<std::uint32_t, std::uint64_t> count_steps(const std::filesystem::path& journal);

}  // namespace daybook::crash
