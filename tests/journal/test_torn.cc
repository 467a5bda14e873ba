// Memory that changes while it is journaled (NumPy in another thread, a device's buffer): whatever was caught of it, the
// record is intact.

#include <atomic>
#include <catch2/catch.hpp>
#include <thread>
#include <vector>

#include "daybook/journal/journal.h"
#include "daybook/journal/reader.h"
#include "daybook/journal/verify.h"

using namespace daybook;

#if !defined(__SANITIZE_THREAD__)  // it is a data race, and on purpose
TEST_CASE("an array that another thread writes to is journaled as it was at some time, and intact") {
  JournalOptions options;
  options.intake_bytes = std::uint64_t{2} << 20;
  std::vector<std::uint64_t> numbers(std::size_t{80} << 10);  // 640 KiB: above a quarter of the intake
  std::atomic<bool> stop = false;
  std::thread scribbler([&] {
    for (std::uint64_t round = 1; !stop; ++round)
      for (auto& number : numbers) std::atomic_ref(number).store(round, std::memory_order_relaxed);
  });
  {
    auto journal = Journal::create("run.daybook", {}, options);
    for (std::uint64_t i = 0; i < 1000; ++i) {
      // Of some bytes, of many blocks, past the caches, and straight into LMDB.
      const std::uint64_t count = i % 20 == 0 ? numbers.size() : i % 3 == 0 ? 20'000 : i % 7 == 0 ? 40'000 : 100;
      journal.set("image", Value::array(numbers.data() + numbers.size() - count, {count}));
      if (i % 50 == 0) journal.replace("image", Value::list_of(std::span<const std::uint64_t>(numbers)));
    }
    stop = true;
    scribbler.join();
    journal.finish();
  }
  const auto found = verify("run.daybook");
  CHECK(found.damage.empty());
  CHECK(found.events == Reader("run.daybook").last());
}
#endif
