#pragma once

// What a process does to the files below one folder, call by call: recorded, made to fail, or cut off by SIGKILL. The
// wrappers in system_calls.cc and memory.cc stand in this program, so the dynamic linker takes them before the C
// library's, for liblmdb, libhdf5 and libstdc++ as well.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace daybook::crash {

// One line of a log. `path` and `data` follow it there.
enum class What : std::uint8_t { make, make_folder, write, resize, sync, sync_folder, rename, unlink, mark };

struct EntryHeader {
  What what = What::mark;
  bool forced = false;      // write: durable when it returned (O_DSYNC)
  std::uint16_t path = 0;   // bytes of path …
  std::uint16_t other = 0;  // … and of the path it is renamed to
  std::uint32_t data = 0;   // bytes of data
  std::uint64_t file = 0;   // inode number
  std::uint64_t at = 0;     // write: offset; resize: size
};

struct Entry : EntryHeader {
  std::string_view name, new_name;  // relative to the folder
  std::span<const std::byte> bytes;
};

// What the writer tells beside its calls: in the log among them, so that it is known what was promised when.
enum class Promise : std::uint8_t {
  base,          // all before it was there at the start, on the disk; n: seed, thread: how many large steps
  created,       // Journal::create or open has returned
  resumed,       // thread, events of its script that were found in a journal opened anew: durable
  acknowledged,  // thread, n, sequence: an append has returned
  sync_begun,    // sync() was called …
  synced,        // thread: … and has returned
  committed,     // sequence: statistics() says so
  finishing,     // finish() was called …
  finished,      // … and has returned
  writing,       // materialize() was called
  written,       // … and has returned
};

struct Mark {
  Promise promise = Promise::base;
  std::uint32_t thread = 0;
  std::uint64_t n = 0;
  std::uint64_t sequence = 0;
};

// A log in memory that a forked child fills and its parent reads after the child's death.
class Log {
 public:
  Log();
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;
  ~Log();
  void clear();
  [[nodiscard]] std::vector<Entry> entries() const;
  void save(const std::filesystem::path& file) const;
  void load(const std::filesystem::path& file);
  void add(const EntryHeader& header, std::string_view name = {}, std::string_view new_name = {},
           std::span<const std::byte> bytes = {});

 private:
  struct Memory;
  Memory* memory_;
};

// Kinds of calls that can fail, or be the last.
enum class Call : std::uint8_t {
  none,
  any,
  open,
  read,
  write,
  resize,
  sync,
  rename,
  make_folder,
  unlink,
  map,
  allocate
};

struct Fault {
  Call call = Call::none;
  std::uint64_t nth = 1;  // from when it was armed, counted from 1
  // stuck: it does not return until disarm().
  enum class Effect : std::uint8_t { error, short_transfer, kill_before, kill_after, stuck } effect = Effect::error;
  int error = 0;
  bool lasting = false;  // all later ones, too, until disarm()
};

// From here on calls on files below `folder` are followed. What is in the folder now is the base.
// `base` says what the checks need to know.
void watch(const std::filesystem::path& folder, Log* log, const Mark& base = {});
void note(const Mark& mark);
void arm(const Fault& fault);
void disarm();
// While it lives this thread's calls are nobody's business: the laboratory's own.
class Unwatched {
 public:
  Unwatched();
  Unwatched(const Unwatched&) = delete;
  Unwatched& operator=(const Unwatched&) = delete;
  ~Unwatched();

 private:
  bool before_;
};
// Calls of the armed kind so far, and whether the fault was met.
std::uint64_t calls_passed();
bool fault_met();
// Kills at the nth pass of a crash point of this name.
void kill_at(std::string_view point, std::uint64_t nth);
void plant(std::string_view bug);
// Names of the crash points that were passed, with how often: for finding out what there is.
void count_points(bool on);
std::vector<std::pair<std::string, std::uint64_t>> points_passed();

}  // namespace daybook::crash
