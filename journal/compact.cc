#include "daybook/journal/compact.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "daybook/journal/chains.h"
#include "daybook/journal/commit.h"
#include "daybook/journal/error.h"
#include "daybook/journal/payload.h"
#include "daybook/journal/reader.h"
#include "daybook/journal/recovery.h"
#include "daybook/journal/request_file.h"
#include "daybook/journal/survey.h"
#include "daybook/journal/verify.h"

namespace daybook {

namespace {

namespace fs = std::filesystem;
using detail::ReadTransaction;
using detail::RecordView;
using detail::Store;
using Bytes = std::span<const std::byte>;

// One transaction's worth: LMDB holds a transaction's pages in memory until it commits.
constexpr std::uint64_t batch_bytes = std::uint64_t{32} << 20;

// The whole of the old folder goes in the end: nothing may be in it that is not the journal's.
void require_nothing_else(const fs::path& journal) {
  for (const auto& entry : fs::directory_iterator(journal)) {
    const auto name = entry.path().filename().string();
    if (name == "data.mdb" || name == "lock.mdb" || detail::is_request(name)) continue;
    throw InvalidError("compacting '" + journal.string() + "': '" + name +
                       "' in it is not a part of the journal: move it elsewhere first");
  }
}

// A database that a later version added cannot be carried over by who does not know what its entries refer to.
void require_known_databases(const ReadTransaction& transaction) {
  MDB_dbi names = 0;
  detail::check_lmdb(mdb_dbi_open(transaction.handle(), nullptr, 0, &names), "reading", transaction.path());
  constexpr std::array known{detail::run_db,         detail::events_db,   detail::heads_db,
                             detail::checkpoints_db, detail::payloads_db, detail::superseded_db};
  detail::walk(transaction, names, {}, [&](Bytes key, Bytes /*tree*/) {
    const std::string name(reinterpret_cast<const char*>(key.data()), key.size());
    if (std::find(known.begin(), known.end(), name) == known.end())
      throw UnsupportedError("compacting '" + transaction.path().string() + "': it holds a database '" + name +
                             "' of a later version of Daybook: use that version to compact it");
    return true;
  });
}

// The same permissions and owner, where the system lets us.
void take_after(const fs::path& to, const fs::path& from) {
  struct stat info {};
  if (::stat(from.c_str(), &info) != 0) throw_errno("looking at '" + from.string() + "'", errno);
  if (::chmod(to.c_str(), info.st_mode & 07777U) != 0)
    throw_errno("setting permissions of '" + to.string() + "'", errno);
  // Only root may give a file away, and for everybody else the owner is right already.
  if (::geteuid() == 0 && ::chown(to.c_str(), info.st_uid, info.st_gid) != 0)
    throw_errno("setting the owner of '" + to.string() + "'", errno);
}

class Copy {
 public:
  Copy(const ReadTransaction& from, Store& to, const detail::Dropping& dropping, const CompactOptions& options)
      : from_(from), to_(to), dropping_(dropping), options_(options), retention_(to, unlimited_history) {}

  void run(const detail::StoredState& old) {
    auto state = old;
    state.superseded = 0;
    Sequence next = 1;
    do {
      next = copy_batch(next, state);
      if (options_.progress) options_.progress(next - 1, old.last);
    } while (next <= old.last);
    copy_indexes();
  }

 private:
  // Returns the first event of the next batch.
  Sequence copy_batch(Sequence first, detail::StoredState& state) {
    while (true) {
      try {
        detail::Commit commit(to_, retention_);
        Sequence next = first;
        std::uint64_t bytes = 0;
        detail::walk(from_, from_.databases().events, detail::event_key(first), [&](Bytes key, Bytes stored) {
          const auto sequence = detail::sequence_of(key);
          if (sequence != next)
            throw CorruptError("'" + (from_.path() / "data.mdb").string() + "': events " + std::to_string(next) +
                               " to " + std::to_string(sequence - 1) + " are missing: run 'daybook verify'");
          bytes += copy(commit, detail::check_stored(from_, sequence, stored));
          ++next;
          return bytes < batch_bytes;
        });
        if (next <= state.last && bytes < batch_bytes)
          throw CorruptError("'" + (from_.path() / "data.mdb").string() + "': events " + std::to_string(next) + " to " +
                             std::to_string(state.last) + " are missing: run 'daybook verify'");
        commit.commit(state);
        return next;
      } catch (const detail::MapFull&) {
        to_.grow();
      }
    }
  }

  std::uint64_t copy(detail::Commit& commit, const RecordView& record) {
    const auto dropped = dropping_.records.find(record.header.sequence);
    if (dropped == dropping_.records.end()) {
      commit.add(record);
      return record.bytes.size();
    }
    const auto shorter = detail::elided_record(record, kept_of(record, dropped->second));
    commit.add(detail::trusted_record(shorter.data()));
    return shorter.size();
  }

  // The last `bytes` of an event's payload, which may begin in its parts.
  Bytes kept_of(const RecordView& record, std::uint64_t bytes) {
    kept_.clear();
    if (bytes == 0) return kept_;
    detail::read_message(from_, record, [&](detail::EventMessage event) {
      for (const auto part : event.getParts()) {
        const auto piece = detail::record_at(from_, part).payload;
        kept_.insert(kept_.end(), piece.begin(), piece.end());
        if (kept_.size() > bytes) kept_.erase(kept_.begin(), kept_.end() - static_cast<std::ptrdiff_t>(bytes));
      }
    });
    const auto own = record.bytes.subspan(sizeof(detail::RecordHeader) + record.message.size());
    kept_.insert(kept_.end(), own.begin(), own.end());
    return Bytes(kept_).last(bytes);
  }

  // As they are in the original: they may tell of events of kinds that a later version added.
  void copy_indexes() {
    const auto& old = from_.databases();
    const auto& now = to_.databases();
    while (true) {
      try {
        detail::WriteTransaction transaction(to_);
        for (const auto& [source, target] :
             {std::pair(old.heads, now.heads), std::pair(old.checkpoints, now.checkpoints)}) {
          detail::walk(from_, source, {}, [&, to = target](Bytes key, Bytes value) {
            transaction.put(to, key, value);
            return true;
          });
        }
        detail::walk(from_, old.run, {}, [&](Bytes key, Bytes value) {
          if (!std::ranges::equal(key, detail::as_key(detail::state_key))) transaction.put(now.run, key, value);
          return true;
        });
        transaction.commit();
        return;
      } catch (const detail::MapFull&) {
        to_.grow();
      }
    }
  }

  const ReadTransaction& from_;
  Store& to_;
  const detail::Dropping& dropping_;
  const CompactOptions& options_;
  detail::Retention retention_;
  std::vector<std::byte> kept_;
};

[[noreturn]] void differs(const fs::path& journal, const std::string& what) {
  throw CorruptError("compacting '" + journal.string() + "': the new journal is not what it should be (" + what +
                     "), so the old one stays: is the disk or the memory failing?");
}

// Every record of the new journal is that of the old one, or has lost what it was to lose.
void compare_records(const ReadTransaction& old, const ReadTransaction& now, const detail::Dropping& dropping) {
  detail::walk(old, old.databases().events, {}, [&](Bytes key, Bytes stored) {
    const auto copy = now.find(now.databases().events, key);
    const auto sequence = detail::sequence_of(key);
    if (!copy) differs(old.path(), "event " + std::to_string(sequence) + " is missing");
    if (std::ranges::equal(stored, *copy)) return true;
    const auto record = detail::check_stored(now, sequence, *copy);
    const bool as_wanted = record.is_elided() && dropping.records.contains(sequence) &&
                           std::ranges::equal(record.message, detail::peek(old, sequence, stored).message);
    if (!as_wanted) differs(old.path(), "event " + std::to_string(sequence) + " is another");
    return true;
  });
}

// The newest state and those of the checkpoints are made of the same events, and none of these has lost its value.
void compare_states(const Reader& old, const Reader& now, const detail::Dropping& dropping) {
  auto points = old.checkpoints();
  if (points != now.checkpoints()) differs(old.path(), "checkpoints");
  points.emplace_back("", old.last());
  const auto told = [](const DatasetState& s) {
    return std::tie(s.group, s.key, s.base, s.head, s.depth, s.declared, s.born, s.changed, s.saved);
  };
  for (const auto& [name, as_of] : points) {
    const auto states = now.states(as_of);
    if (!std::ranges::equal(old.states(as_of), states,
                            [&](const auto& a, const auto& b) { return told(a) == told(b); }))
      differs(old.path(), "the state as of event " + std::to_string(as_of));
    for (const auto& state : states) {
      const auto chain = state.group == Group::datasets ? detail::Chain::dataset : detail::Chain::archive;
      const auto dropped = dropping.chains.find(detail::head_key(chain, state.key));
      if (dropped == dropping.chains.end()) continue;
      const auto first = std::lower_bound(dropped->second.begin(), dropped->second.end(), state.base);
      if (first != dropped->second.end() && *first <= state.head)
        differs(old.path(), "'" + state.key + "' as of event " + std::to_string(as_of) + " would be lost");
    }
  }
}

// What is at `aside` takes the place of `journal`, which is never without one of the two.
void exchange(const fs::path& aside, const fs::path& journal) {
  if (detail::exchange_names(aside, journal)) return detail::sync_directory(journal.parent_path());
  // A file system that cannot: the one file that counts replaces the other, which is one step as well.
  detail::replace_file(aside / "data.mdb", journal / "data.mdb");
  detail::remove_file(journal / "lock.mdb");
  detail::sync_directory(journal);
}

struct Litter {
  const fs::path& path;
  ~Litter() {
    std::error_code ignored;
    fs::remove_all(path, ignored);
  }
};

}  // namespace

CompactReport compact(const fs::path& dir, const CompactOptions& options) {
  std::error_code error;
  auto path = fs::canonical(dir, error);  // a link to a journal stays one
  if (error) path = dir;                  // is told of where it is opened
  CompactReport report;
  auto opened = detail::open_for_writing(path);
  if (opened.store->databases().detours != 0)
    throw InvalidError("compacting '" + path.string() +
                       "': it was salvaged, and a salvaged journal is kept as it is: nothing was changed");
  require_nothing_else(path);
  detail::remove_abandoned(path);
  report.bytes_before = fs::file_size(path / "data.mdb");
  report.events = opened.state.last;

  const auto aside = detail::aside_name(path);
  if (!fs::create_directory(aside, error)) throw_errno("making folder '" + aside.string() + "'", error.value());
  const Litter litter{aside};
  detail::Dropping dropping;
  {
    const auto from = opened.store->begin_read();
    require_known_databases(from);
    if (options.history_bytes != unlimited_history) dropping = detail::survey(from, options.history_bytes);
    const auto to = Store::create(aside, opened.info, opened.state);
    Copy(from, *to, dropping, options).run(opened.state);
    compare_records(from, to->begin_read(), dropping);
  }
  const auto verification = verify(aside);
  if (!verification.damage.empty()) differs(path, verification.damage.front().what);
  compare_states(Reader(path), Reader(aside), dropping);
  report.elided = verification.elided;
  report.dropped = dropping.records.size();
  report.dropped_bytes = dropping.bytes;
  report.bytes_after = fs::file_size(aside / "data.mdb");

  detail::remove_file(aside / "lock.mdb");  // its readers were ours
  take_after(aside / "data.mdb", path / "data.mdb");
  take_after(aside, path);
  detail::sync_file(detail::open_file(aside / "data.mdb", O_RDONLY).get(), aside / "data.mdb");
  detail::sync_directory(aside);
  opened.store.reset();
  exchange(aside, path);
  return report;  // the old one goes with the litter, then its lock
}

}  // namespace daybook
