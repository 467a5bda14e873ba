// Journal → HDF5 file, file synced and in place. bench/h5py_shapes.py writes the same final values with h5py.

#include <benchmark/benchmark.h>

#include <filesystem>
#include <random>
#include <vector>

#include "daybook/journal/journal.h"
#include "daybook/journal/reader.h"
#include "daybook/materializer/materialize.h"

namespace {

using namespace daybook;
namespace fs = std::filesystem;

template <class Fill>
void materialized(benchmark::State& state, const Fill& fill) {
  const fs::path folder = "daybook-bench";
  fs::remove_all(folder);
  fs::create_directories(folder);
  {
    RunInfo info;
    info.rid = 1;
    info.class_name = "Bench";
    auto journal = Journal::create(folder / "run.daybook", info);
    fill(journal);
    journal.finish();
  }
  const Reader reader(folder / "run.daybook");
  std::uint64_t bytes = 0;
  for (auto _ : state) bytes = materialize(reader, folder / "run.h5").bytes;
  state.counters["file_bytes"] = static_cast<double>(bytes);
}

// Each list set once, as when the experiment set the whole list.
void lists_100x10000(benchmark::State& state) {
  materialized(state, [](Journal& journal) {
    std::mt19937_64 random(1);
    std::normal_distribution<double> normal;
    std::vector<double> items(10'000);
    for (int i = 0; i < 100; ++i) {
      for (auto& item : items) item = normal(random);
      journal.set("list." + std::to_string(i), Value::list_of(std::span<const double>(items)));
    }
  });
}
BENCHMARK(lists_100x10000)->UseRealTime()->Unit(benchmark::kMillisecond);

// The same lists built by appending: a million events.
void lists_100x10000_appended(benchmark::State& state) {
  materialized(state, [](Journal& journal) {
    for (int i = 0; i < 100; ++i) {
      const auto key = "list." + std::to_string(i);
      journal.set(key, Value::list({}));
      for (int item = 0; item < 10'000; ++item) journal.append(key, 0.5 * item);
    }
  });
}
BENCHMARK(lists_100x10000_appended)->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace
