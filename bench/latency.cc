// Table "latency": how long single calls take, in a stream that never pauses and in one that leaves the processor 20 µs
// after each. Counters q…: quantiles in nanoseconds, of which the picture is made; they include reading the clock, which
// the work "nothing" shows alone.

#include <algorithm>
#include <array>
#include <vector>

#include "harness.h"
#include "store.h"

namespace bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::array<std::pair<const char*, double>, 9> quantiles{{{"q10", 0.1},
                                                                   {"q50", 0.5},
                                                                   {"q90", 0.9},
                                                                   {"q99", 0.99},
                                                                   {"q99.9", 0.999},
                                                                   {"q99.99", 0.9999},
                                                                   {"q99.999", 0.99999},
                                                                   {"q00", 0.0},
                                                                   {"q100", 1.0}}};

template <class Call>
double distribution(benchmark::State& state, std::uint64_t calls, std::chrono::nanoseconds pause, const Call& call) {
  std::vector<std::int64_t> taken(calls);
  for (std::uint64_t i = 0; i < calls; ++i) {
    const auto begin = Clock::now();
    call(i);
    const auto end = Clock::now();
    taken[i] = (end - begin).count();
    while (pause.count() != 0 && Clock::now() - end < pause) {
    }
  }
  std::sort(taken.begin(), taken.end());
  for (const auto& [name, quantile] : quantiles)
    state.counters[name] =
        static_cast<double>(taken[static_cast<std::size_t>(quantile * static_cast<double>(calls - 1))]);
  return static_cast<double>(taken[calls / 2]) * 1e-9;
}

}  // namespace

void add_latency() {
  const std::uint64_t calls = sized(1'000'000, 200'000, 100);
  constexpr std::chrono::microseconds pause{20};
  add("latency/stream/nothing",
      [calls](benchmark::State& state) { return distribution(state, calls, {}, [](std::uint64_t) {}); });
  for (const auto& kind : store_kinds()) {
    const bool few = kind.name == "hdf5" || kind.name == "sqlite";
    if (kind.durability != Durability::kill) continue;
    for (const bool paced : {false, true}) {
      const auto enough = few || paced ? std::max<std::uint64_t>(calls / 20, 100) : calls;
      add(std::string("latency/") + (paced ? "paced/" : "stream/") + kind.label(),
          [&kind, enough, paced, pause](benchmark::State& state) {
            const Folder folder;
            const auto store = kind.make(folder.path());
            return distribution(state, enough, paced ? pause : std::chrono::nanoseconds(0),
                                [&](std::uint64_t i) { store->append("list", static_cast<double>(i)); });
          });
    }
  }
}

}  // namespace bench
