#pragma once

// What a writer promised up to some point, kept outside its process, and the comparison of a journal with it.

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

#include "crash/recorder.h"

namespace daybook::crash {

class Ledger {
 public:
  void add(const Mark& mark);

  bool exists = false;     // create() or open() has returned
  bool finishing = false;  // finish() was called
  bool finished = false;
  bool writing = false;  // an HDF5 file
  bool written = false;
  std::uint64_t durable = 0;                         // newest event promised to survive a power cut
  std::uint64_t acknowledged_events = 0;             // by all threads, in all
  std::map<std::uint32_t, std::uint64_t> by_thread;  // acknowledged steps

 private:
  std::uint64_t newest_ = 0;
  std::map<std::uint32_t, std::uint64_t> syncing_;
};

enum class Crash : std::uint8_t { kill, power_cut };

struct Found {
  bool there = false;
  std::uint64_t events = 0;
  bool ended = false;
};

// Opens what a crash has left and compares it with the ledger: recovered as promised, nothing that was never appended,
// no gaps, values of the script, recovery twice changes nothing, verify finds nothing. Throws Violation.
struct Violation {
  std::string what;
};
Found check_journal(const std::filesystem::path& journal, const Ledger& ledger, Crash crash, std::uint64_t seed,
                    unsigned large);
// The journal can be gone on with, or made if it is not there.
void check_usable(const std::filesystem::path& journal, const Found& found);

}  // namespace daybook::crash
