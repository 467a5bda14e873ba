#pragma once

// What every table shares: a folder of its own, a clock that starts on a quiet disk, and registration.

#include <benchmark/benchmark.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include "daybook/journal/event.h"

namespace bench {

// Quick: sizes a tenth or less, for an answer within minutes.
bool quick();
// All sizes as small as they can be: whether everything runs at all.
bool smoke();
void choose_size(std::string_view size);  // "full", "quick" or "smoke"
template <class T>
T sized(T full, T quickly, T smallest) {
  return smoke() ? smallest : quick() ? quickly : full;
}

void require(bool good, const std::string& what);

// An empty folder below the working directory, which the program's main() has made for this run; gone with the object.
class Folder {
 public:
  Folder();
  ~Folder();
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  std::filesystem::path operator/(std::string_view name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

// Begins once everything that others have written is on the disk.
class Stopwatch {
 public:
  Stopwatch();
  [[nodiscard]] double seconds() const;

 private:
  std::chrono::steady_clock::time_point begin_;
};

// A benchmark of one iteration that measures itself: `measure` returns seconds. What it throws costs its row only.
// Name: TABLE/WORK/WHO, as bench/report.py looks for it.
void add(const std::string& name, std::function<double(benchmark::State&)> measure);

daybook::RunInfo run_info();

// Tables; each in the file of its name.
void add_events();
void add_latency();
void add_durable();
void add_frames();
void add_growth();
void add_arrays();
void add_scalars();
void add_lists();
void add_history();
void add_memory();

}  // namespace bench
