// Table "memory": peak resident size (counter peak_bytes) of a process that writes, reads or materializes 10 MB and 10 GB
// (quick: 1 GB): a journal of camera frames, one array, and one of which an element was changed.

#include "harness.h"
#include "task.h"

namespace bench {
namespace {

double measure(benchmark::State& state, const std::string& made_by, const std::string& then, std::uint64_t megabytes) {
  const Folder folder;
  const Stopwatch watch;
  auto peak = run_task(made_by, folder.path(), megabytes);
  if (!then.empty()) peak = run_task(then, folder.path(), 0);
  state.counters["peak_bytes"] = static_cast<double>(peak);
  return watch.seconds();
}

}  // namespace

void add_memory() {
  for (const bool large : {false, true}) {
    const auto megabytes = large ? sized(10'000ULL, 1'000ULL, 20ULL) : 10ULL;
    const std::string size = large ? "large" : "10MB";
    const auto row = [&](const std::string& work, const std::string& made_by, const std::string& then) {
      add("memory/" + work + "/" + size,
          [=](benchmark::State& state) { return measure(state, made_by, then, megabytes); });
    };
    row("write_journal", "write_pictures", "");
    row("read_journal", "write_pictures", "read");
    row("materialize_journal", "write_pictures", "materialize");
    row("write_array", "write_array", "");
    row("materialize_array", "write_array", "materialize");
    row("materialize_mutated_array", "mutate_array", "materialize");
  }
}

}  // namespace bench
