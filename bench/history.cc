// Table "history": what must not depend on how much has been superseded. A run of 10 MB and one of 10 GB (quick: 1 GB) hold
// the same: one picture of 2 MB and a hundred scalars, of which the picture was set again and again, or (a second pair of
// runs) the scalars, of which LMDB has many on a page.
//   set_10_6_times, set_once   one key, then its file
//   checkpoint                 checkpoint() and sync() while the run goes on
//   file                       opening the journal, and the file as of that checkpoint
//   open_after_kill            after kill -9, with 20 000 events in the intake only and nothing of the journal in memory: until a
//                              Reader has it open, recovered
//   file_after_kill            the same, until the run's file is there

#include <fcntl.h>
#include <unistd.h>

#include <map>
#include <memory>
#include <utility>

#include "daybook/journal/error.h"
#include "file.h"
#include "task.h"

namespace bench {
namespace {

using namespace daybook;

double after_sets(benchmark::State& state, std::uint64_t sets) {
  return materialized(state, {}, [sets](Journal& journal) {
    for (std::uint64_t i = 0; i < sets; ++i) journal.set("key", static_cast<double>(i));
  });
}

// The next who reads the file reads the disk.
void forget(const std::filesystem::path& file) {
  const int descriptor = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  require(descriptor >= 0 && ::fdatasync(descriptor) == 0, "sync " + file.string());
  ::posix_fadvise(descriptor, 0, 0, POSIX_FADV_DONTNEED);
  ::close(descriptor);
}

struct Size {
  std::string history;  // of "pictures" or "scalars"
  std::uint64_t megabytes;
};

// Made when the first row wants it, and kept until main() removes everything: making 10 GB takes longer than the rest.
const std::filesystem::path& run_of(const Size& size) {
  static std::map<std::pair<std::string, std::uint64_t>, std::unique_ptr<Folder>> made;
  static std::map<std::pair<std::string, std::uint64_t>, std::filesystem::path> runs;
  const std::pair key(size.history, size.megabytes);
  auto& folder = made[key];
  if (!folder) {
    auto fresh = std::make_unique<Folder>();
    run_task("write_" + size.history, fresh->path(), size.megabytes);
    folder = std::move(fresh);
    runs[key] = *folder / "run.daybook";
  }
  return runs[key];
}

double checkpoint(const Size& size) {
  JournalOptions options;
  options.history_bytes = unlimited_history;
  auto journal = Journal::open(run_of(size), options);
  journal.set("scalar.0", 1.0);
  const Stopwatch watch;
  journal.checkpoint("now");
  journal.sync();
  return watch.seconds();
}

double file(benchmark::State& state, const Size& size) {
  const auto& run = run_of(size);
  checkpoint(size);  // a new one: what came after an older one depends on the order of the rows
  const Folder folder;
  MaterializeOptions options;
  options.at = AtCheckpoint{"now"};
  const Stopwatch watch;
  const auto report = materialize(Reader(run), folder / "run.h5", options);
  const double seconds = watch.seconds();
  state.counters["file_bytes"] = static_cast<double>(report.bytes);
  return seconds;
}

double after_kill(const Size& size, bool with_file) {
  const auto& run = run_of(size);
  run_task("crash", run.parent_path(), sized(20'000ULL, 20'000ULL, 100ULL));
  forget(run / "data.mdb");
  const Folder folder;
  const Stopwatch watch;
  const Reader reader(run);
  if (with_file) require(materialize(reader, folder / "run.h5").refused.empty(), "a dataset was refused");
  return watch.seconds();
}

}  // namespace

void add_history() {
  const auto sets = sized(1'000'000ULL, 1'000'000ULL, 1000ULL);
  add("history/set_10_6_times/daybook", [sets](benchmark::State& state) { return after_sets(state, sets); });
  add("history/set_once/daybook", [](benchmark::State& state) { return after_sets(state, 1); });
  for (const bool large : {false, true}) {
    const auto megabytes = large ? sized(10'000ULL, 1'000ULL, 20ULL) : 10ULL;
    const std::string name = large ? "large" : "10MB";
    for (const std::string history : {"pictures", "scalars"}) {
      const Size size{history, megabytes};
      const auto end = "_of_" + history + "/" + name;
      add("history/checkpoint" + end, [size](benchmark::State&) { return checkpoint(size); });
      add("history/file" + end, [size](benchmark::State& state) { return file(state, size); });
      add("history/open_after_kill" + end, [size](benchmark::State&) { return after_kill(size, false); });
      add("history/file_after_kill" + end, [size](benchmark::State&) { return after_kill(size, true); });
    }
  }
}

}  // namespace bench
