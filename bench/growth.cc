// Table "growth": what one event costs as the work grows. Seconds per event until all are on the disk, but "journal":
// 50 000 calls on a journal that holds so much already, without waiting for the disk. "threads": of one event in all, by
// so many threads at once.

#include <thread>
#include <vector>

#include "daybook/journal/journal.h"
#include "harness.h"
#include "store.h"

namespace bench {
namespace {

using namespace daybook;

double by_events(std::uint64_t events) {
  const Folder folder;
  auto journal = Journal::create(folder / "run.daybook", run_info());
  const Stopwatch watch;
  for (std::uint64_t i = 0; i < events; ++i) journal.set("scalar", static_cast<double>(i));
  journal.finish();
  return watch.seconds() / static_cast<double>(events);
}

double by_keys(std::uint64_t keys, std::uint64_t events) {
  std::vector<std::string> names;
  for (std::uint64_t i = 0; i < keys; ++i)
    names.push_back("group" + std::to_string(i % 97) + ".key" + std::to_string(i));
  const Folder folder;
  auto journal = Journal::create(folder / "run.daybook", run_info());
  for (const auto& name : names) journal.set(name, 0.0);
  journal.sync();
  const Stopwatch watch;
  for (std::uint64_t i = 0; i < events; ++i) journal.set(names[i * 7919 % keys], static_cast<double>(i));
  journal.finish();
  return watch.seconds() / static_cast<double>(events);
}

double by_threads(unsigned threads, std::uint64_t events) {
  const Folder folder;
  auto journal = Journal::create(folder / "run.daybook", run_info());
  const Stopwatch watch;
  std::vector<std::thread> all;
  for (unsigned t = 0; t < threads; ++t)
    all.emplace_back([&journal, t, mine = events / threads] {
      const auto key = "scalar." + std::to_string(t);
      for (std::uint64_t i = 0; i < mine; ++i) journal.set(key, static_cast<double>(i));
    });
  for (auto& thread : all) thread.join();
  journal.finish();
  return watch.seconds() / static_cast<double>(events);
}

double by_journal(std::uint64_t megabytes, std::uint64_t events) {
  const std::vector<double> megabyte(131'072, 1.5);
  const Folder folder;
  JournalOptions options;
  options.history_bytes = unlimited_history;
  auto journal = Journal::create(folder / "run.daybook", run_info(), options);
  for (std::uint64_t i = 0; i < megabytes; ++i)
    journal.set("filling", Value::array(megabyte.data(), {megabyte.size()}));
  journal.close();
  journal = Journal::open(folder / "run.daybook", options);
  const Stopwatch watch;
  for (std::uint64_t i = 0; i < events; ++i) journal.set("scalar", static_cast<double>(i));
  return watch.seconds() / static_cast<double>(events);
}

}  // namespace

void add_growth() {
  for (std::uint64_t events = 1000; events <= sized(10'000'000ULL, 1'000'000ULL, 1000ULL); events *= 10)
    add("growth/events/" + std::to_string(events), [events](benchmark::State&) { return by_events(events); });
  for (std::uint64_t keys = 10; keys <= sized(100'000ULL, 100'000ULL, 10ULL); keys *= 10)
    add("growth/keys/" + std::to_string(keys),
        [keys](benchmark::State&) { return by_keys(keys, sized(500'000ULL, 200'000ULL, 100ULL)); });
  for (const unsigned threads : {1U, 2U, 4U, 8U})
    add("growth/threads/" + std::to_string(threads),
        [threads](benchmark::State&) { return by_threads(threads, sized(1'000'000ULL, 400'000ULL, 80ULL)); });
  for (std::uint64_t megabytes = 10; megabytes <= sized(10'000ULL, 1'000ULL, 10ULL); megabytes *= 10)
    add("growth/journal/" + std::to_string(megabytes) + "MB",
        [megabytes](benchmark::State&) { return by_journal(megabytes, sized(50'000ULL, 50'000ULL, 100ULL)); });
}

}  // namespace bench
