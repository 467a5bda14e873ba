#include "crash/ledger.h"

#include <algorithm>
#include <vector>

#include "crash/script.h"
#include "daybook/journal/error.h"
#include "daybook/journal/journal.h"
#include "daybook/journal/reader.h"
#include "daybook/journal/recover.h"
#include "daybook/journal/verify.h"

namespace daybook::crash {

void Ledger::add(const Mark& mark) {
  switch (mark.promise) {
    case Promise::base:
      break;
    case Promise::created:
      exists = true;
      break;
    case Promise::resumed:
      by_thread[mark.thread] = mark.n;
      newest_ = mark.sequence;
      durable = std::max(durable, mark.sequence);
      break;
    case Promise::acknowledged:
      by_thread[mark.thread] = mark.n + 1;
      ++acknowledged_events;
      newest_ = std::max(newest_, mark.sequence);
      break;
    case Promise::sync_begun:
      syncing_[mark.thread] = newest_;
      break;
    case Promise::synced:
      durable = std::max(durable, syncing_[mark.thread]);
      break;
    case Promise::committed:
      durable = std::max(durable, mark.sequence);
      break;
    case Promise::finishing:
      finishing = true;
      break;
    case Promise::finished:
      finished = true;
      durable = std::max(durable, newest_ + 1);
      break;
    case Promise::writing:
      writing = true;
      written = false;
      break;
    case Promise::written:
      written = true;
      break;
  }
}

namespace {

[[noreturn]] void violated(const std::string& what) { throw Violation{what}; }

// The events of each thread are its script's, in order; returns how many it has.
std::map<std::uint32_t, std::uint64_t> compare_events(const Reader& reader, std::uint64_t seed, unsigned large,
                                                      Found& found) {
  std::map<std::uint32_t, Script> scripts;
  Sequence expected = 1;
  reader.events(1, reader.last(), [&](const Event& event) {
    const auto where = "event " + std::to_string(event.sequence);
    if (event.sequence != expected++) violated(where + " follows a gap");
    const auto thread = thread_of(event);
    if (!thread) {
      const bool first = std::holds_alternative<RunStarted>(event.body);
      if (first != (event.sequence == 1)) violated(where + ": the run starts in the middle, or not at all");
      if (std::holds_alternative<RunEnded>(event.body)) {
        found.ended = true;
      } else if (!first && !std::holds_alternative<Materialized>(event.body)) {
        violated(where + " is nobody's");
      }
      return true;
    }
    auto& script = scripts.try_emplace(*thread, seed, *thread, large).first->second;
    const auto step = script.at();
    if (const auto wrong = difference(script.next(), event); !wrong.empty()) {
      violated(where + ", step " + std::to_string(step) + " of thread " + std::to_string(*thread) + ": " + wrong);
    }
    return true;
  });
  if (expected != reader.last() + 1) violated("events end at " + std::to_string(expected - 1));
  std::map<std::uint32_t, std::uint64_t> counts;
  for (const auto& [thread, script] : scripts) counts[thread] = script.at();
  return counts;
}

void compare_counts(const std::map<std::uint32_t, std::uint64_t>& counts, const Ledger& ledger, Crash crash) {
  for (const auto& [thread, acknowledged] : ledger.by_thread) {
    const auto found = counts.find(thread);
    const auto recovered = found == counts.end() ? 0 : found->second;
    if (crash == Crash::kill && recovered < acknowledged) {
      violated("lost: thread " + std::to_string(thread) + " had " + std::to_string(acknowledged) +
               " appends acknowledged, " + std::to_string(recovered) + " were recovered");
    }
  }
  for (const auto& [thread, recovered] : counts) {
    const auto known = ledger.by_thread.find(thread);
    const auto acknowledged = known == ledger.by_thread.end() ? 0 : known->second;
    if (recovered > acknowledged + 1) {
      violated("invented: thread " + std::to_string(thread) + " had " + std::to_string(acknowledged) +
               " appends acknowledged and one under way, " + std::to_string(recovered) + " were recovered");
    }
  }
}

Found examine(const std::filesystem::path& journal, const Ledger& ledger, Crash crash, std::uint64_t seed,
              unsigned large) {
  Found found;
  found.there = true;
  const auto first = recover(journal);
  const auto second = recover(journal);
  if (second.needed) violated("it had to be recovered twice");
  if (first.needed && first.last < first.committed) violated("recovery went back");
  const Reader reader(journal);
  found.events = reader.last();
  if (first.needed && first.last != reader.last()) violated("recovery and reader disagree on the last event");
  if (reader.unrecovered()) violated("it was left unrecovered");
  const auto counts = compare_events(reader, seed, large, found);
  if (reader.last() < ledger.durable) {
    violated("lost: event " + std::to_string(ledger.durable) + " was promised, the last one there is " +
             std::to_string(reader.last()));
  }
  compare_counts(counts, ledger, crash);
  if (found.ended && !ledger.finishing) violated("the run has ended by itself");
  if (ledger.finished && !found.ended) violated("lost: the run's end");
  if (found.ended != (reader.status().phase == Phase::finished)) violated("phase and events disagree on the run's end");
  const auto verification = verify(journal);
  if (!verification.damage.empty()) violated("verify: " + verification.damage.front().what);
  if (verification.events != reader.last()) {
    violated("verify counts " + std::to_string(verification.events) + " of " + std::to_string(reader.last()));
  }
  if (std::filesystem::exists(journal / "intake")) violated("an intake is left");
  return found;
}

}  // namespace

Found check_journal(const std::filesystem::path& journal, const Ledger& ledger, Crash crash, std::uint64_t seed,
                    unsigned large) {
  if (!std::filesystem::exists(journal)) {
    if (ledger.exists) violated("lost: the journal is not there");
    return {};
  }
  try {
    return examine(journal, ledger, crash, seed, large);
  } catch (const std::exception& e) {
    violated(std::string("it does not open: ") + e.what());
  }
}

void check_usable(const std::filesystem::path& journal, const Found& found) {
  if (found.ended) return;
  try {
    JournalOptions options;
    options.intake_bytes = std::uint64_t{64} << 10;
    RunInfo info;
    info.class_name = "Again";
    const Sequence before = found.there ? found.events : 1;
    {
      auto again = found.there ? Journal::open(journal, options) : Journal::create(journal, info, options);
      const auto sequence = again.set("again", 1);
      if (sequence != before + 1) violated("gone on with at event " + std::to_string(sequence));
      again.finish();
    }
    const Reader reader(journal);
    if (reader.last() != before + 2 || reader.status().phase != Phase::finished) violated("going on with it got lost");
    // Nothing of a crash may be left but what a later start removes: no half journal, and no half file under its name.
    for (const auto& one : std::filesystem::directory_iterator(journal)) {
      const auto name = one.path().filename().string();
      if (name != "data.mdb" && name != "lock.mdb" && !name.ends_with(".part")) violated("litter: " + name);
    }
  } catch (const std::exception& e) {
    violated(std::string("it cannot be gone on with: ") + e.what());
  }
}

}  // namespace daybook::crash
