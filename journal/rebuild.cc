#include "daybook/journal/rebuild.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <set>
#include <utility>

#include "daybook/journal/codec.h"
#include "daybook/journal/commit.h"
#include "daybook/journal/encoder.h"
#include "daybook/journal/error.h"
#include "daybook/journal/files.h"
#include "daybook/journal/version.h"

namespace daybook::detail {
namespace {

namespace fs = std::filesystem;

// Commits in transactions of this size at most, as LMDB holds each in memory.
constexpr std::uint64_t batch_bytes = std::uint64_t{8} << 20;
constexpr std::size_t batch_detours = std::size_t{1} << 16;

fs::path without_slash(const fs::path& dir) { return dir.has_filename() ? dir : dir.parent_path(); }

fs::path folder_of(const fs::path& path) {
  const auto parent = path.parent_path();
  return parent.empty() ? fs::path(".") : parent;
}

// Removes what was made when nothing comes of it.
class Aside {
 public:
  explicit Aside(const fs::path& target) : path_(aside_name(target)) {
    std::error_code error;
    if (!fs::create_directory(path_, error)) throw_errno("making folder '" + path_.string() + "'", error.value());
  }
  Aside(const Aside&) = delete;
  Aside& operator=(const Aside&) = delete;
  ~Aside() {
    std::error_code ignored;
    if (!published_) fs::remove_all(path_, ignored);
  }
  [[nodiscard]] const fs::path& path() const { return path_; }
  void publish(const fs::path& target) {
    sync_directory(path_);
    rename_new(path_, target);
    published_ = true;
    sync_directory(folder_of(target));
  }

 private:
  fs::path path_;
  bool published_ = false;
};

// The record that stands for the events from `first` to `last`.
void add_lost(Commit& commit, Encoder& encoder, const Uuid& uuid, Sequence first, Sequence last, Nanoseconds time,
              std::int64_t monotonic) {
  const Event event{.body = Lost{last}, .key = {}, .storage = nullptr};
  encoder.encode(event);
  encoder.event().setTime(time);
  encoder.event().setMonotonic(monotonic);
  RecordHeader header{};
  header.magic = record_magic;
  header.message_words = static_cast<std::uint32_t>(encoder.message().size() / 8);
  std::memcpy(header.uuid, uuid.data(), uuid.size());
  header.sequence = first;
  header.checksum = record_checksum(header, encoder.message(), 0);
  commit.add(header, encoder.message(), {}, nullptr);
}

}  // namespace

void Rebuild::check_target(const fs::path& journal) {
  const auto path = without_slash(journal);
  const auto folder = folder_of(path);
  if (!fs::is_directory(folder))
    throw StorageError("cannot make journal '" + path.string() + "': there is no folder '" + folder.string() + "'");
  if (fs::exists(fs::symlink_status(path)))
    throw InvalidError("'" + path.string() + "' exists already: choose another name or move it away");
  if (const auto network = network_file_system(folder); !network.empty())
    throw StorageError("'" + folder.string() + "' is on a network share (" + network +
                       "), where LMDB cannot keep a journal safe: salvage to a local disk");
}

void Rebuild::make(const fs::path& journal, const std::vector<Hints>& hints, Salvage& salvage) {
  const auto path = without_slash(journal);
  SalvageNote note;
  note.source = fs::absolute(source_).lexically_normal().string();
  note.time =
      std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
  note.lost = salvage.lost;
  note.made = salvage.info_made;
  note.daybook_version = version;
  remove_abandoned(path);
  Aside aside(path);
  {
    const auto store = Store::create(aside.path(), salvage.info, state_, {}, &note);
    write_events(*store, salvage);
    if (salvage.others.empty())
      for (const auto& one : hints)
        for (const auto& [head_key, sequence] : one.heads) gaps_.know(head_key, sequence);
    gaps_.finish();
    write_detours(*store);
  }
  aside.publish(path);
  report(hints, salvage);
}

void Rebuild::write_events(Store& store, Salvage& salvage) {
  std::vector<std::byte> bytes;
  Encoder encoder;
  Retention retention(store, unlimited_history);
  Nanoseconds time = 0;
  std::int64_t monotonic = 0;
  std::size_t next = 0;
  bool ended = false;
  std::set<std::size_t> gone;  // of records_
  const auto times_of = [&](const RecordView& record) {
    with_message(record, [&](wire::Event::Reader event) {
      time = event.getTime();
      monotonic = event.getMonotonic();
    });
  };
  while (state_.last < salvage.last) {
    StoredState state = state_;
    const auto from = next;
    const auto times = std::pair(time, monotonic);
    try {
      Commit commit(store, retention);
      std::uint64_t size = 0;
      while (state.last < salvage.last && size < batch_bytes) {
        const auto* found = next < records_.size() ? &records_[next] : nullptr;
        std::optional<RecordView> record;
        if (found != nullptr) {
          const auto& file = *files_[found->file];
          const auto unreadable = file.unreadable();
          record = file.record_at(found->offset, bytes);
          if (!record || record->header.checksum != found->checksum) {
            if (file.unreadable() == unreadable)
              throw StorageError("salvaging '" + source_.string() + "': it changed while it was read: try again");
            // The disk could read it a moment ago, and cannot now: it is lost.
            gone.insert(next++);
            continue;
          }
        }
        if (found == nullptr || found->sequence != state.last + 1) {
          const auto last = found == nullptr ? salvage.last : found->sequence - 1;
          if (state.last == 0 && record) times_of(*record);
          add_lost(commit, encoder, salvage.info.uuid, state.last + 1, last, time, monotonic);
          gaps_.lose(state.last + 1, last);
          state.last = last;
          if (!record) continue;
        }
        commit.add(*record);
        times_of(*record);
        state.last = found->sequence;
        size += record->bytes.size();
        ++next;
      }
      ended = ended || commit.run_ended();
      state.phase = ended ? Phase::finished : Phase::crashed;
      commit.commit(state);
      // Only now: a batch that did not fit into the map is written again.
      Sequence passed = state_.last;
      for (auto i = from; i < next; ++i) {
        if (gone.contains(i)) continue;
        if (const auto record = files_[records_[i].file]->record_at(records_[i].offset, bytes)) gaps_.pass(*record);
        if (records_[i].sequence > passed + 1) salvage.ranges.push_back({passed + 1, records_[i].sequence - 1});
        passed = records_[i].sequence;
      }
      if (passed < state.last) salvage.ranges.push_back({passed + 1, state.last});
      state_ = state;
    } catch (const MapFull&) {
      next = from;
      std::tie(time, monotonic) = times;
      store.grow();
    }
  }
  salvage.phase = state_.phase;
}

void Rebuild::write_detours(Store& store) {
  auto next = gaps_.detours().begin();
  const auto end = gaps_.detours().end();
  while (next != end) {
    const auto from = next;
    try {
      auto transaction = store.begin_write();
      for (std::size_t count = 0; next != end && count < batch_detours; ++next, ++count)
        write_detour(transaction, store.databases(), next->first, next->second);
      transaction.commit();
    } catch (const MapFull&) {
      next = from;
      store.grow();
    }
  }
}

void Rebuild::report(const std::vector<Hints>& hints, Salvage& salvage) {
  // Numbers whose key is known cannot have been another's.
  std::set<Sequence> placed;
  for (const auto& [name, line] : gaps_.lines()) placed.insert(line.lost.begin(), line.lost.end());
  Sequence nameless = 0;  // the last lost event that may be of any key
  for (auto range = salvage.ranges.rbegin(); range != salvage.ranges.rend() && nameless == 0; ++range)
    for (auto sequence = range->last; sequence >= range->first && nameless == 0; --sequence)
      if (!placed.contains(sequence)) nameless = sequence;
  // An index that is intact and reaches to the end tells of every key what its newest event was.
  const detail::Hints* index = nullptr;
  for (const auto& one : hints)
    if (one.current && one.state->last == salvage.last) index = &one;
  for (const auto& [name, line] : gaps_.lines()) {
    LostOfKey key;
    key.uncertain = nameless > line.newest;
    if (index != nullptr) {
      const auto head = index->heads.find(name);
      const bool known =
          head != index->heads.end() &&
          (head->second == line.newest || std::binary_search(line.lost.begin(), line.lost.end(), head->second));
      if (known) key.uncertain = false;
    }
    if (line.lost.empty() && line.idle == 0 && !line.metadata_lost && !key.uncertain) continue;
    key.what = static_cast<LostOfKey::What>(line.chain);
    key.key = line.key;
    key.attribute = line.attribute;
    key.lost = line.lost;
    key.newest = line.newest;
    key.shown = line.shown;
    key.idle = line.idle;
    key.metadata_lost = line.metadata_lost;
    salvage.keys.push_back(std::move(key));
  }
}

}  // namespace daybook::detail
