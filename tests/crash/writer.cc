#include "crash/writer.h"

#include <exception>
#include <map>
#include <mutex>
#include <random>
#include <thread>
#include <vector>

#include "crash/script.h"
#include "daybook/journal/reader.h"
#include "daybook/journal/store.h"
#include "daybook/materializer/materialize.h"

namespace daybook::crash {

namespace {

Mark mark(Promise promise, std::uint32_t thread = 0, std::uint64_t n = 0, std::uint64_t sequence = 0) {
  return {promise, thread, n, sequence};
}

void follow_script(Journal& journal, const Work& work, std::uint32_t thread, std::uint64_t first,
                   const Report& report) {
  Script script(work.seed, thread, work.large);
  while (script.at() < first) script.next();
  std::mt19937_64 random(mixed(work.seed, 1000 + thread + first));
  for (std::uint64_t i = 0; i < work.steps; ++i) {
    const auto n = script.at();
    const auto sequence = journal.append(script.next());
    report(mark(Promise::acknowledged, thread, n, sequence));
    if (random() % 1000 < work.syncs) {
      report(mark(Promise::sync_begun, thread));
      journal.sync();
      report(mark(Promise::synced, thread));
    }
    if (random() % 16 == 0) report(mark(Promise::committed, thread, 0, journal.statistics().committed));
    if (thread == 0 && random() % 1000 < work.files) {
      report(mark(Promise::writing));
      static_cast<void>(materialize(Reader(work.journal()), work.file()));
      report(mark(Promise::written));
    }
  }
}

}  // namespace

std::map<std::uint32_t, std::uint64_t> count_steps(const std::filesystem::path& journal) {
  std::map<std::uint32_t, std::uint64_t> counts;
  const Reader reader(journal);
  reader.events(1, reader.last(), [&](const Event& event) {
    if (const auto thread = thread_of(event)) ++counts[*thread];
    return true;
  });
  return counts;
}

Journal open_or_create(const Work& work, const Report& report) {
  JournalOptions options;
  options.intake_bytes = std::uint64_t{64} << 10;
  options.commit_interval = work.interval;
  if (work.map_bytes != 0) detail::Store::first_map_bytes = work.map_bytes;
  if (!std::filesystem::exists(work.journal())) {
    RunInfo info;
    info.rid = static_cast<std::int64_t>(work.seed % 1000);
    info.class_name = "Crashes";
    auto journal = Journal::create(work.journal(), info, options);
    report(mark(Promise::created));
    return journal;
  }
  auto journal = Journal::open(work.journal(), options);
  report(mark(Promise::created));
  return journal;
}

void do_work(const Work& work, const Report& report) {
  std::map<std::uint32_t, std::uint64_t> counts;
  if (std::filesystem::exists(work.journal())) counts = count_steps(work.journal());
  auto journal = open_or_create(work, report);
  for (const auto& [thread, count] : counts)
    report(mark(Promise::resumed, thread, count, journal.statistics().committed));
  std::exception_ptr failure;
  std::mutex failing;
  const auto guarded = [&](std::uint32_t thread) {
    try {
      follow_script(journal, work, thread, counts[thread], report);
    } catch (...) {
      const std::lock_guard guard(failing);
      failure = std::current_exception();
    }
  };
  for (std::uint32_t i = 0; i < work.threads; ++i) counts[i];
  std::vector<std::thread> threads;
  for (std::uint32_t i = 1; i < work.threads; ++i) threads.emplace_back(guarded, i);
  guarded(0);
  for (auto& thread : threads) thread.join();
  if (failure != nullptr) std::rethrow_exception(failure);
  if (work.finish) {
    report(mark(Promise::finishing));
    journal.finish();
    report(mark(Promise::finished));
  }
}

void make_file(const Work& work, const Report& report) {
  report(mark(Promise::writing));
  static_cast<void>(materialize_run(Reader(work.journal()), work.file()));
  report(mark(Promise::written));
}

}  // namespace daybook::crash
