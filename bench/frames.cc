// Table "frames": camera pictures of 2 MB (1024 × 1024 counts of 16 bits), one after the other under one key, until all are
// on the disk. Seconds per picture.

#include <random>

#include "harness.h"
#include "store.h"

namespace bench {
namespace {

constexpr std::uint64_t rows = 1024, pixels = rows * rows;

const std::vector<std::uint16_t>& picture() {
  static const auto made = [] {
    std::mt19937_64 random(1);
    std::poisson_distribution<int> dark(100);
    std::vector<std::uint16_t> counts(pixels);
    for (auto& count : counts) count = static_cast<std::uint16_t>(dark(random));
    return counts;
  }();
  return made;
}

}  // namespace

void add_frames() {
  const std::uint64_t frames = sized(400, 100, 2);  // below what Daybook's retention keeps
  for (const auto& kind : store_kinds()) {
    if (kind.durability == Durability::power && kind.name != "file") continue;
    if (kind.durability == Durability::kill && kind.name == "lmdb") continue;
    add("frames/2MB/" + kind.label(), [&kind, frames](benchmark::State&) {
      const auto& counts = picture();
      const Folder folder;
      const auto store = kind.make(folder.path());
      const Stopwatch watch;
      for (std::uint64_t i = 0; i < frames; ++i) store->frame("camera", counts, rows);
      store->finish();
      return watch.seconds() / static_cast<double>(frames);
    });
  }
}

}  // namespace bench
