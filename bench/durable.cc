// Table "durable": setting a scalar so that it survives a power cut before the next one is set. Seconds per event.

#include "harness.h"
#include "store.h"

namespace bench {

void add_durable() {
  const std::uint64_t events = sized(2000, 500, 5);
  for (const auto& kind : store_kinds()) {
    if (kind.durability != Durability::power) continue;
    add("durable/set/" + kind.label(), [&kind, events](benchmark::State&) {
      const Folder folder;
      const auto store = kind.make(folder.path());
      store->set("scalar", 0);
      const Stopwatch watch;
      for (std::uint64_t i = 0; i < events; ++i) store->set("scalar", static_cast<double>(i));
      return watch.seconds() / static_cast<double>(events);
    });
  }
}

}  // namespace bench
