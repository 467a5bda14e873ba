// What an append costs the caller, and what a whole short run costs. Counters p50_ns, p99_ns: latency of single appends.

#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <vector>

#include "daybook/journal/journal.h"
#include "daybook/journal/reader.h"
#include "daybook/materializer/materialize.h"

namespace {

using namespace daybook;
using Clock = std::chrono::steady_clock;
namespace fs = std::filesystem;

// In the working directory, whose disk is what is measured.
fs::path scratch() {
  const fs::path folder = "daybook-bench";
  fs::remove_all(folder);
  fs::create_directories(folder);
  return folder;
}

RunInfo run_info() {
  RunInfo info;
  info.rid = 1;
  info.class_name = "Bench";
  return info;
}

// One scalar a call, as fast as it goes: with its commits, which the full intake makes the caller wait for.
template <class Call>
void sustained(benchmark::State& state, const Call& call) {
  const auto events = static_cast<std::size_t>(state.range(0));
  std::vector<std::int64_t> latency(events);
  for (auto _ : state) {
    const auto folder = scratch();
    auto journal = Journal::create(folder / "run.daybook", run_info());
    journal.set("list", Value::list({}));
    journal.set("scalar", 0.0);
    const auto begin = Clock::now();
    auto before = begin;
    for (std::size_t i = 0; i < events; ++i) {
      call(journal, static_cast<double>(i));
      const auto now = Clock::now();
      latency[i] = (now - before).count();
      before = now;
    }
    journal.finish();  // all of it synced
    state.SetIterationTime(std::chrono::duration<double>(Clock::now() - begin).count());
    state.counters["bytes_per_event"] =
        static_cast<double>(fs::file_size(folder / "run.daybook" / "data.mdb")) / static_cast<double>(events);
  }
  std::sort(latency.begin(), latency.end());
  state.counters["p50_ns"] = static_cast<double>(latency[events / 2]);
  state.counters["p99_ns"] = static_cast<double>(latency[events * 99 / 100]);
  state.counters["p999_ns"] = static_cast<double>(latency[events / 1000 * 999]);
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()) * state.range(0));
}

void set_scalar(benchmark::State& state) {
  sustained(state, [](Journal& journal, double value) { journal.set("scalar", value); });
}
void append_scalar(benchmark::State& state) {
  sustained(state, [](Journal& journal, double value) { journal.append("list", Value(value)); });
}
BENCHMARK(set_scalar)->Arg(50'000)->Arg(1'000'000)->UseManualTime()->Unit(benchmark::kMillisecond);
BENCHMARK(append_scalar)->Arg(50'000)->Arg(1'000'000)->UseManualTime()->Unit(benchmark::kMillisecond);

void append_and_sync(benchmark::State& state) {
  const auto folder = scratch();
  auto journal = Journal::create(folder / "run.daybook", run_info());
  for (auto _ : state) {
    journal.set("scalar", 1.0);
    journal.sync();
  }
  journal.finish();
}
BENCHMARK(append_and_sync)->UseRealTime()->Unit(benchmark::kMicrosecond);

// create … finish … the HDF5 file in place: a lab's one-second run with a single result.
void short_run(benchmark::State& state) {
  const auto folder = scratch();
  std::uint64_t bytes = 0;
  for (auto _ : state) {
    const auto run = folder / "run.daybook";
    auto journal = Journal::create(run, run_info());
    journal.stage("run", 1.0);
    journal.set("result", 1.5);
    journal.finish();
    const auto report = materialize(Reader(run), folder / "run.h5");
    bytes = report.bytes;
    state.PauseTiming();
    for (const auto& entry : fs::directory_iterator(run)) bytes += entry.file_size();
    fs::remove_all(run);
    state.ResumeTiming();
  }
  state.counters["bytes_left"] = static_cast<double>(bytes);
}
BENCHMARK(short_run)->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace
