#include "daybook/journal/salvage.h"

#include <xxhash.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstring>
#include <map>
#include <memory>
#include <tuple>
#include <unordered_set>
#include <utility>

#include "daybook/journal/codec.h"
#include "daybook/journal/error.h"
#include "daybook/journal/rebuild.h"
#include "daybook/journal/remains.h"

namespace daybook {
namespace {

namespace fs = std::filesystem;
using detail::Found;
using detail::Remains;

std::vector<fs::path> files_of(const fs::path& damaged) {
  std::error_code error;
  const auto status = fs::status(damaged, error);
  if (!fs::exists(status)) throw StorageError("salvaging '" + damaged.string() + "': there is no such file or folder");
  if (!fs::is_directory(status)) return {damaged};
  std::vector<fs::path> files;
  for (fs::directory_iterator entry(damaged, error), end; !error && entry != end; entry.increment(error)) {
    std::error_code ignored;
    if (entry->is_regular_file(ignored) && entry->path().filename() != "lock.mdb") files.push_back(entry->path());
  }
  if (error) throw StorageError("salvaging '" + damaged.string() + "': " + error.message());
  std::sort(files.begin(), files.end());
  return files;
}

// Everything that was found, of all runs.
class Collection {
 public:
  explicit Collection(const fs::path& damaged) {
    for (const auto& file : files_of(damaged)) {
      files.push_back(std::make_unique<Remains>(file));
      total += files.back()->size();
    }
  }

  void collect(const std::function<void(std::uint64_t, std::uint64_t)>& progress) {
    std::uint64_t before = 0;
    for (std::uint32_t file = 0; file < files.size(); ++file) {
      files[file]->scan([&](const detail::RecordView& record, std::uint64_t offset) { add(record, offset, file); },
                        [&](std::uint64_t done) {
                          if (progress) progress(before + done, total);
                        });
      before += files[file]->size();
    }
    for (auto& [uuid, found] : runs) std::sort(found.begin(), found.end());
    for (const auto& file : files) hints.push_back(detail::find_hints(*file));
  }

  std::vector<std::unique_ptr<Remains>> files;
  std::vector<detail::Hints> hints;  // of each file
  std::map<Uuid, std::vector<Found>> runs;
  std::uint64_t total = 0;

 private:
  void add(const detail::RecordView& record, std::uint64_t offset, std::uint32_t file) {
    Found found{.sequence = record.header.sequence, .checksum = record.header.checksum, .offset = offset, .file = file};
    bool lost = false;
    try {
      detail::with_message(record, [&](wire::Event::Reader event) {
        found.time = event.getTime();
        found.ends_run = event.isRunEnded();
        found.may_follow_end = event.isMaterialized();
        found.part = event.isPart();
        found.elided = record.is_elided();
        found.message = XXH3_64bits(record.message.data(), record.message.size());
        lost = event.isLost();
        static_cast<void>(detail::chain_of(event));
      });
    } catch (const CorruptError&) {
      return;  // its checksum is right, but it never was an event
    }
    if (lost) return;  // of a journal that was itself salvaged: it stands for what is not there
    Uuid uuid;
    std::copy(std::begin(record.header.uuid), std::end(record.header.uuid), uuid.begin());
    auto& of_run = runs[uuid];
    // Copies of a page often stand one behind the other.
    if (!of_run.empty() && of_run.back().sequence == found.sequence && of_run.back().checksum == found.checksum) return;
    of_run.push_back(found);
  }
};

// The ring's frame before a record says where in the run of appended bytes it stands.
std::optional<std::uint64_t> frame_of(const Remains& remains, const Found& found) {
  if (!remains.ring()) return std::nullopt;
  const auto& ring = *remains.ring();
  std::uint64_t position = 0;
  if (found.offset < detail::intake_header_bytes) return std::nullopt;
  const auto place = (found.offset - detail::intake_header_bytes + ring.capacity - sizeof position) % ring.capacity;
  if (!remains.read(detail::intake_header_bytes + place, std::as_writable_bytes(std::span(&position, 1))) ||
      position % ring.capacity != place)
    return std::nullopt;
  return position;
}

// A writer whose last events were lost with the power gives their numbers out again: of several records with one number
// there is that which the index of data.mdb names, then that which recovery would take, then the latest.
class Judge {
 public:
  explicit Judge(const Collection& collection) : collection_(collection) {
    for (const auto& hints : collection.hints)
      if (hints.indexed) state_ = hints.state, indexed_ = hints.indexed;
  }

  std::vector<Found> choose(const std::vector<Found>& all) {
    std::vector<Found> chosen;
    bool ended = false;
    for (auto next = all.begin(); next != all.end();) {
      const auto first = next;
      while (next != all.end() && next->sequence == first->sequence) ++next;
      const bool several =
          std::any_of(first, next, [&](const Found& found) { return found.checksum != first->checksum; });
      auto best = !several
                      ? *first
                      : *std::max_element(first, next, [&](const auto& a, const auto& b) { return rank(a) < rank(b); });
      if (several) best = with_its_value(best, first, next);
      // Times never decrease, and a run ends once: what breaks this was given up when its numbers were given out again.
      if ((!chosen.empty() && best.time < chosen.back().time) || (ended && !best.may_follow_end)) continue;
      ended = ended || best.ends_run;
      chosen.push_back(best);
      if (best.part && !best.elided) parts_.insert(best.sequence);
    }
    return chosen;
  }

 private:
  using Rank = std::tuple<bool, bool, Nanoseconds, std::uint64_t>;
  Rank rank(const Found& found) {
    if (indexed_) {
      index_ = indexed_();
      indexed_ = nullptr;
    }
    const auto known = index_.find(found.sequence);
    return {known != index_.end() && known->second == found.checksum, is_waiting(found), found.time, found.offset};
  }

  using Candidate = std::vector<Found>::const_iterator;
  // Pages that retention has set free may still hold an event as it was before its value was dropped: no measurement is
  // given up that is there. But the value of a long one is there only if all its parts are.
  [[nodiscard]] Found with_its_value(const Found& best, Candidate first, Candidate last) const {
    const auto find = [&](bool elided) {
      return std::find_if(first, last, [&](const Found& found) {
        return found.elided == elided && found.time == best.time && found.message == best.message;
      });
    };
    const auto whole = find(false), elided = find(true);
    if (elided == last) return best;
    return whole != last && has_parts(*whole) ? *whole : *elided;
  }

  [[nodiscard]] bool has_parts(const Found& found) const {
    std::vector<std::byte> bytes;
    const auto record = collection_.files[found.file]->record_at(found.offset, bytes);
    if (!record) return false;
    bool all = true;
    detail::with_message(*record, [&](wire::Event::Reader event) {
      for (const auto part : event.getParts()) all = all && parts_.contains(part);
    });
    return all;
  }

  // In the intake, at a place that was not committed yet.
  [[nodiscard]] bool is_waiting(const Found& found) const {
    const auto& remains = *collection_.files[found.file];
    const auto position = frame_of(remains, found);
    return position && (!state_ || (remains.ring()->id == state_->intake_id && *position >= state_->intake_position));
  }

  const Collection& collection_;
  std::optional<detail::Hints::State> state_;
  std::function<std::map<Sequence, std::uint64_t>()> indexed_;
  std::map<Sequence, std::uint64_t> index_;
  std::unordered_set<Sequence> parts_;  // chosen and whole
};

Uuid choose_run(const Collection& collection, const fs::path& damaged, const SalvageOptions& options,
                Salvage& salvage) {
  const auto distinct = [](const std::vector<Found>& found) {
    std::uint64_t count = 0;
    for (std::size_t i = 0; i < found.size(); ++i) count += i == 0 || found[i].sequence != found[i - 1].sequence;
    return count;
  };
  Uuid chosen{};
  std::uint64_t most = 0;
  for (const auto& [uuid, found] : collection.runs) {
    const auto count = distinct(found);
    if (count > most) most = count, chosen = uuid;
    salvage.others.push_back({uuid, count});
  }
  if (options.uuid) {
    if (!collection.runs.contains(*options.uuid))
      throw InvalidError("salvaging '" + damaged.string() + "': nothing of the run " + to_string(*options.uuid) +
                         " is in it");
    chosen = *options.uuid;
  }
  std::erase_if(salvage.others, [&](const auto& run) { return run.uuid == chosen; });
  return chosen;
}

// `{rid:09}-{Class}.daybook`, as journal_name() makes it.
void read_name(const fs::path& path, RunInfo& info) {
  for (auto at = path.lexically_normal(); at.has_relative_path(); at = at.parent_path()) {
    const auto name = at.filename().string();
    const auto dash = name.find('-', 1);
    if (!name.ends_with(".daybook") || dash == std::string::npos) continue;
    std::int64_t rid = 0;
    const auto parsed = std::from_chars(name.data(), name.data() + dash, rid);
    if (parsed.ec != std::errc() || parsed.ptr != name.data() + dash) continue;
    info.rid = rid;
    info.class_name = name.substr(dash + 1, name.size() - dash - 1 - std::string_view(".daybook").size());
    return;
  }
}

// From event 1, else from the run database, else from what the rest tells.
RunInfo find_info(const Collection& collection, const std::vector<Found>& chosen, const Uuid& uuid,
                  const fs::path& damaged, bool& made) {
  std::vector<std::byte> bytes;
  RunInfo info;
  std::optional<RunInfo> said;
  Nanoseconds time = 0;
  if (const auto record = collection.files[chosen.front().file]->record_at(chosen.front().offset, bytes))
    detail::with_message(*record, [&](wire::Event::Reader event) {
      time = event.getTime();
      if (event.isRunStarted()) said = detail::read_run_info(event.getRunStarted());
    });
  if (said && said->uuid == uuid) return *said;
  for (const auto& hints : collection.hints)
    for (const auto& hint : hints.infos)
      if (hint.uuid == uuid) return hint;
  made = true;
  info.uuid = uuid;
  read_name(damaged, info);
  info.start_time = static_cast<double>(time) / 1e9;
  return info;
}

}  // namespace

Salvage salvage(const fs::path& damaged, const fs::path& journal, const SalvageOptions& options) {
  detail::Rebuild::check_target(journal);
  Collection collection(damaged);
  collection.collect(options.progress);
  Salvage salvage;
  const auto uuid = choose_run(collection, damaged, options, salvage);
  for (const auto& file : collection.files) salvage.unreadable += file->unreadable();
  if (collection.runs.empty()) return salvage;
  const auto chosen = Judge(collection).choose(collection.runs[uuid]);
  if (chosen.empty()) return salvage;
  salvage.info = find_info(collection, chosen, uuid, damaged, salvage.info_made);
  salvage.events = chosen.size();
  salvage.last = chosen.back().sequence;
  const bool of_one_run = salvage.others.empty();
  for (const auto& hints : collection.hints)
    if (of_one_run) salvage.last = std::max(salvage.last, hints.state ? hints.state->last : hints.furthest);
  salvage.lost = salvage.last - salvage.events;
  detail::Rebuild(collection.files, chosen, damaged).make(journal, collection.hints, salvage);
  return salvage;
}

}  // namespace daybook
