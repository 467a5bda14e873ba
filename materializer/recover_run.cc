#include "daybook/materializer/recover_run.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>

#include "daybook/journal/error.h"
#include "daybook/journal/recover.h"
#include "daybook/materializer/compare.h"

namespace daybook {
namespace {

namespace fs = std::filesystem;

// Between looking at a place and putting a file there nobody else who recovers may do so: two runs can have one name. A
// folder that cannot be locked (some shares) is none that two of them meet in.
class FolderTurn {
 public:
  explicit FolderTurn(const fs::path& folder)
      : descriptor_(::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
    while (descriptor_ >= 0 && ::flock(descriptor_, LOCK_EX) != 0 && errno == EINTR) {
    }
  }
  FolderTurn(const FolderTurn&) = delete;
  FolderTurn& operator=(const FolderTurn&) = delete;
  ~FolderTurn() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }

 private:
  int descriptor_;
};

class Run {
 public:
  Run(const fs::path& journal, const TransformRegistry& registry, const RecoverOptions& options, RecoverReport& report)
      : journal_(journal), registry_(registry), options_(options), report_(report) {}

  void recover() {
    std::optional<RecoveryTurn> turn;
    if (!options_.dry_run) turn.emplace(journal_);
    const Summary summary = summarize(journal_);
    report_.info = summary.info;
    report_.salvaged = summary.salvaged;
    report_.last = summary.last;
    const bool unclean = has_intake();
    report_.before = summary.live                                  ? RunCondition::live
                     : summary.phase != Phase::finished || unclean ? RunCondition::crashed
                                                                   : RunCondition::finished;
    if (summary.live) {
      report_.outcome = Recovered::left_alone;
      return;
    }
    if (unclean && options_.dry_run) return foresee(summary);
    if (unclean && !clean()) return;

    Reader reader(journal_);
    const Sequence last = reader.last_of_run();
    report_.last = last;
    if (last == 0) return nothing_recorded();
    report_.until = reader.event(last).time;
    report_.complete = reader.is_complete(last);
    make_file(std::move(reader));
  }

 private:
  [[nodiscard]] bool has_intake() const {
    std::error_code error;
    return fs::exists(journal_ / "intake", error);
  }

  // False if somebody writes it now.
  bool clean() {
    const Recovery recovery = daybook::recover(journal_);
    report_.recovered = recovery.last - recovery.committed;
    if (recovery.needed || !has_intake()) return true;
    report_.before = RunCondition::live;
    report_.outcome = Recovered::left_alone;
    return false;
  }

  void nothing_recorded() {
    report_.no_file = "its writer died before anything was recorded";
    report_.outcome = report_.recovered > 0 ? Recovered::whole : Recovered::nothing_to_do;
  }

  // Of a journal that must be recovered before its events can be read, when nothing may change.
  void foresee(const Summary& summary) {
    if (summary.last == 0) return nothing_recorded();
    const ResultsPlace place = choose_results(journal_, summary.info, [&](const fs::path& file) {
      return results_state(summary.info, summary.last, false, file);
    });
    take(place);
    report_.outcome = Recovered::whole;
  }

  void take(const ResultsPlace& place) {
    report_.file = place.file;
    report_.instead = place.instead;
    report_.replaced = place.state == ResultsState::older;
    if (report_.before == RunCondition::finished && place.state != ResultsState::current)
      report_.before = RunCondition::finished_without_file;
  }

  void make_file(Reader reader) {
    MaterializeOptions options;
    options.layout = run_layout(*report_.info, registry_);
    options.on_layout_failure = MaterializeOptions::OnLayoutFailure::use_default;
    options.progress = options_.progress;
    if (const auto own = find_own_file(reader)) return settled(own->file);
    std::optional<FolderTurn> folder;
    const ResultsPlace place = choose_results(journal_, *report_.info, [&](const fs::path& file) {
      if (!folder && !options_.dry_run) folder.emplace(file.parent_path());
      return results_state(reader, file, options.layout);
    });
    take(place);
    if (place.state == ResultsState::current || place.state == ResultsState::newer) {
      if (place.state == ResultsState::newer)
        report_.remark = "the file holds events that this journal does not: it is an older copy, so the file stays";
      report_.outcome = report_.recovered > 0 ? Recovered::whole : Recovered::nothing_to_do;
      return;
    }
    if (const auto elsewhere = find_file_elsewhere(reader, options.layout)) return settled(*elsewhere);
    if (options_.dry_run) {
      report_.outcome = Recovered::whole;
      return;
    }
    const MaterializeReport made = materialize_run(std::move(reader), place.file, options);
    if (made.no_file) {
      settled({});
      report_.no_file = made.no_file;
      return;
    }
    report_.layout_failure = made.layout_failure;
    report_.refused = made.refused;
    if (!made.not_recorded.empty())
      report_.remark = fmt::format("the journal does not know of the file: {}", made.not_recorded);
    compare_file(made, options);
    const bool as_wanted = report_.differences.empty() && report_.not_compared.empty() && report_.refused.empty() &&
                           !report_.layout_failure;
    report_.outcome = as_wanted ? Recovered::whole : Recovered::in_part;
  }

  // The journal's newest events say where the run's file is, or that none is wanted.
  void settled(const fs::path& file) {
    if (file.empty()) report_.no_file = "the run's own code made none";
    report_.file = file;
    report_.instead.clear();
    report_.replaced = false;
    if (report_.before == RunCondition::finished_without_file) report_.before = RunCondition::finished;
    report_.outcome = report_.recovered > 0 ? Recovered::whole : Recovered::nothing_to_do;
  }

  void compare_file(const MaterializeReport& made, MaterializeOptions options) {
    if (made.layout_failure) options.layout = Layout();
    options.on_layout_failure = MaterializeOptions::OnLayoutFailure::fail;
    options.at = AtSequence{made.up_to};
    options.progress = nullptr;
    try {
      report_.differences = compare(Reader(journal_), made.file, options);
    } catch (const CorruptError&) {
      throw;
    } catch (const Error& e) {
      report_.not_compared = e.what();
    }
  }

  const fs::path& journal_;
  const TransformRegistry& registry_;
  const RecoverOptions& options_;
  RecoverReport& report_;
};

}  // namespace

RecoverReport recover_run(const fs::path& journal, const TransformRegistry& registry, const RecoverOptions& options) {
  RecoverReport report;
  report.journal = journal;
  const auto fail = [&](RecoverFault fault, const std::exception& e) {
    report.outcome = Recovered::nothing;
    report.fault = fault;
    report.error = e.what();
  };
  try {
    Run(journal, registry, options, report).recover();
  } catch (const CorruptError& e) {
    fail(RecoverFault::damaged, e);
  } catch (const UnsupportedError& e) {
    fail(RecoverFault::unsupported, e);
  } catch (const BusyError& e) {
    fail(RecoverFault::busy, e);
  } catch (const StorageError& e) {
    fail(RecoverFault::storage, e);
  } catch (const std::exception& e) {
    fail(RecoverFault::other, e);
  }
  return report;
}

}  // namespace daybook
