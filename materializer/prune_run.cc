#include "daybook/materializer/prune_run.h"

#include <fmt/format.h>

#include "daybook/journal/error.h"
#include "daybook/journal/recover.h"
#include "daybook/journal/verify.h"
#include "daybook/materializer/compare.h"
#include "daybook/materializer/results_file.h"

namespace daybook {
namespace {

namespace fs = std::filesystem;

class Judge {
 public:
  Judge(const fs::path& journal, const TransformRegistry& registry, const PruneOptions& options, PruneReport& report)
      : journal_(journal), registry_(registry), options_(options), report_(report) {}

  // True if nothing speaks against removing it.
  bool may_go() { return has_ended_long_ago() && is_sound() && file_holds_it(); }

  // What costs little to know, before anything is locked.
  bool has_ended_long_ago() {
    const Summary summary = summarize(journal_);
    report_.bytes = summary.disk_bytes;
    if (summary.live && !locked_) return keep("live", true);
    if (summary.salvaged) return keep("salvaged: it is what is left of a damaged run", false);
    if (fs::exists(journal_ / "intake")) return keep("crashed: run 'daybook recover' first", false);
    if (summary.phase != Phase::finished)
      return keep("crashed: it never says that the run has ended, so it is for you to remove by hand", false);
    const Reader reader(journal_);
    const Nanoseconds end = reader.event(reader.last_of_run()).time;
    if (end >= options_.ended_before) return keep("not old enough", true);
    return true;
  }

  void locked() { locked_ = true; }

 private:
  bool keep(std::string why, bool expected) {
    report_.kept = std::move(why);
    report_.expected = expected;
    return false;
  }

  bool is_sound() {
    const Verification found = verify(journal_);
    if (found.damage.empty()) return true;
    report_.damaged = true;
    return keep(fmt::format("damaged: {}", found.damage.front().what), false);
  }

  // Of an event that this version does not know nobody can say whether the file has its share.
  bool knows_all_events(const Reader& reader) {
    bool unknown = false;
    reader.events(1, reader.last(), [&](const Event& event) {
      unknown = std::holds_alternative<Unknown>(event.body);
      return !unknown;
    });
    return !unknown || keep("holds events of a later version of Daybook", false);
  }

  bool file_holds_it() {
    const Reader reader(journal_);
    if (!knows_all_events(reader)) return false;
    MaterializeOptions options;
    options.layout = run_layout(reader.info(), registry_);
    options.at = AtSequence{reader.last_of_run()};
    if (const auto own = find_own_file(reader))
      return keep(own->file.empty()
                      ? std::string("the run's own code made no file: the journal is all there is")
                      : fmt::format("the run's own code wrote {}: what of the journal is in it cannot be told",
                                    own->file.string()),
                  true);
    ResultsPlace place = choose_results(
        journal_, reader.info(), [&](const fs::path& file) { return results_state(reader, file, options.layout); });
    if (place.state == ResultsState::missing || place.state == ResultsState::older)
      if (const auto elsewhere = find_file_elsewhere(reader, options.layout))
        place = {.file = *elsewhere, .state = ResultsState::current, .instead = {}};
    switch (place.state) {
      case ResultsState::current:
        break;
      case ResultsState::missing:
        return keep(fmt::format("there is no {}: run 'daybook recover' first", place.file.string()), false);
      case ResultsState::newer:
        return keep(fmt::format("{} holds events that this journal does not", place.file.string()), false);
      default:
        return keep(fmt::format("{} is older than the journal: run 'daybook recover' first", place.file.string()),
                    false);
    }
    std::vector<Refusal> refused;
    const std::vector<std::string> differences = compare(reader, place.file, options, &refused);
    if (!differences.empty())
      return keep(fmt::format("{} does not hold what the journal says: {}{}", place.file.string(), differences.front(),
                              differences.size() > 1 ? fmt::format(" (and {} more)", differences.size() - 1) : ""),
                  false);
    if (!refused.empty())
      return keep(fmt::format("{} values are in the journal alone, since HDF5 cannot hold them: {} is one",
                              refused.size(), refused.front().key),
                  false);
    report_.file = place.file;
    return true;
  }

  const fs::path& journal_;
  const TransformRegistry& registry_;
  const PruneOptions& options_;
  PruneReport& report_;
  bool locked_ = false;
};

}  // namespace

PruneReport prune_run(const fs::path& journal, const TransformRegistry& registry, const PruneOptions& options) {
  PruneReport report;
  report.journal = journal;
  try {
    Judge judge(journal, registry, options, report);
    if (!judge.has_ended_long_ago()) return report;
    if (options.dry_run) {
      report.removed = judge.may_go();
      return report;
    }
    report.removed = remove_journal(journal, [&] {
      judge.locked();
      return judge.may_go();
    });
  } catch (const BusyError&) {
    report.kept = "live";
  } catch (const Error& e) {
    report.damaged = dynamic_cast<const CorruptError*>(&e) != nullptr;
    report.expected = false;
    report.kept = e.what();
  } catch (const std::exception& e) {
    report.expected = false;
    report.kept = e.what();
  }
  return report;
}

}  // namespace daybook
