// Table "events": what one event costs. Work: setting a scalar, appending a double to a list, changing one element of an
// array of 125 000 doubles, and the events of a recorded ndscan experiment again and again.
//   burst: 50 000 calls (an experiment's seconds), without waiting for the disk: each has survived a kill when it returned
//   sustained: a million, until all of them are on the disk and can be read
// Seconds per event. Counter bytes_per_event: what is left on the disk.

#include <array>

#include "harness.h"
#include "store.h"

namespace bench {
namespace {

namespace fs = std::filesystem;

std::uint64_t bytes_below(const fs::path& folder) {
  std::uint64_t bytes = 0;
  for (const auto& entry : fs::recursive_directory_iterator(folder))
    if (entry.is_regular_file()) bytes += entry.file_size();
  return bytes;
}

constexpr std::size_t array_elements = 125'000;

struct Work {
  const char* name;
  void (*begin)(Store&);
  void (*call)(Store&, std::uint64_t i);
};

const std::array<Work, 4> works{{
    {"set", [](Store&) {}, [](Store& store, std::uint64_t i) { store.set("scalar", static_cast<double>(i)); }},
    {"append", [](Store&) {}, [](Store& store, std::uint64_t i) { store.append("list", static_cast<double>(i)); }},
    {"mutate", [](Store& store) { store.declare("array", std::vector<double>(array_elements)); },
     [](Store& store, std::uint64_t i) { store.mutate("array", i * 7919 % array_elements, static_cast<double>(i)); }},
    {"mix", [](Store&) {},
     [](Store& store, std::uint64_t i) {
       const auto& events = recorded_events();
       store.event(events[i % events.size()]);
     }},
}};

// Events that are enough for a steady mean, at what one costs there.
std::uint64_t enough(const StoreKind& kind, std::uint64_t events) {
  if (kind.name == "hdf5") return std::min<std::uint64_t>(events, sized(20'000, 5'000, 20));
  if (kind.name == "sqlite") return std::min<std::uint64_t>(events, sized(200'000, 50'000, 100));
  return events;
}

double measure(benchmark::State& state, const StoreKind& kind, const Work& work, std::uint64_t events, bool finish) {
  if (std::string_view(work.name) == "mix") static_cast<void>(recorded_events());  // decoded before the clock starts
  const Folder folder;
  auto store = kind.make(folder.path());
  work.begin(*store);
  const Stopwatch watch;
  for (std::uint64_t i = 0; i < events; ++i) work.call(*store, i);
  if (finish) store->finish();
  const double seconds = watch.seconds();
  store.reset();
  state.counters["bytes_per_event"] = static_cast<double>(bytes_below(folder.path())) / static_cast<double>(events);
  state.counters["events"] = static_cast<double>(events);
  return seconds / static_cast<double>(events);
}

}  // namespace

void add_events() {
  const std::uint64_t burst = sized(50'000, 50'000, 200), sustained = sized(1'000'000, 500'000, 500);
  for (const auto& work : works) {
    for (const auto& kind : store_kinds()) {
      if (kind.durability == Durability::power || (!kind.records && std::string_view(work.name) == "mix")) continue;
      const auto tail = std::string(work.name) + "/" + kind.label();
      if (kind.durability == Durability::kill)
        add("events/burst/" + tail, [&kind, &work, burst](benchmark::State& state) {
          return measure(state, kind, work, enough(kind, burst), false);
        });
      add("events/sustained/" + tail, [&kind, &work, sustained](benchmark::State& state) {
        return measure(state, kind, work, enough(kind, sustained), true);
      });
    }
  }
}

}  // namespace bench
