#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "daybook/journal/dataset.h"
#include "daybook/journal/event.h"

namespace daybook {

inline constexpr std::uint64_t unlimited_history = ~std::uint64_t{0};

struct JournalOptions {
  // Bytes of the ring file in front of LMDB. It bounds what may wait for a commit, and so how long a burst is absorbed
  // at memory speed; records above a quarter of it go straight to LMDB. At least 64 KiB, rounded up to whole pages.
  std::uint64_t intake_bytes = std::uint64_t{16} << 20;
  // A durable LMDB commit follows an append at the latest this much later: what a power cut can cost. What a sync() has
  // made durable meanwhile may take ten times as long to get to LMDB, and so to readers.
  std::chrono::milliseconds commit_interval{20};
  // How long a call may wait for a full intake while commits make no progress, before it throws StorageError.
  std::chrono::milliseconds full_timeout{30000};
  // History is kept until newer values have superseded so many bytes of it; then the oldest superseded values are
  // dropped, while their events stay (Value::elided()). What the newest state or a checkpoint's needs is neither
  // counted nor ever dropped, nor are values below 2 KiB. `unlimited_history` keeps everything.
  std::uint64_t history_bytes = std::uint64_t{1} << 30;
};

struct JournalStatistics {
  Sequence last = 0;       // newest event appended
  Sequence committed = 0;  // newest event that is in LMDB, synced
  std::uint64_t commits = 0;
  std::uint64_t superseded = 0;        // bytes of history as of `committed` that could be dropped: see history_bytes
  std::uint64_t waits = 0;             // appends that had to wait for a full intake …
  std::chrono::nanoseconds waited{0};  // … and for how long in all
};

// What a journal holds under a key, without its value: enough to resolve an index.
struct Outline {
  Form form = Form::scalar;
  Type type;                // scalar, array, null
  Shape shape;              // array, objects
  std::uint64_t items = 0;  // list
};

// The write side of one run's journal: the directory `{rid:09}-{Class}.daybook` (schema/FORMAT.md).
//
// Promise: once an append has returned, its event survives a kill of this process. A power cut can cost the events of
// the last commit_interval; sync() returns when everything before it would survive that, too.
//
// Any thread may call anything at any time, except that the object must not be moved or destroyed under a call.
// One writer per journal and machine: the lock dies with the process. In a child after fork() every call throws
// InvalidError and the destructor does nothing; the parent is not disturbed.
//
// Every append throws, and records nothing: InvalidError if the event breaks a rule (FORMAT.md, "Rules for events"), or
// the journal is closed; StorageError if the disk is full or failed (a full disk: calls work again once there is room;
// a failed sync: only after the journal was opened anew).
class Journal {
 public:
  // Makes the directory aside, syncs it and renames it to `dir`. InvalidError if `dir` exists, StorageError on a
  // network share (LMDB must not sit there) or when the disk refuses.
  static Journal create(const std::filesystem::path& dir, const RunInfo& info, const JournalOptions& options = {});
  // Goes on with an existing journal: brings it to a clean state first (see recover() in recover.h).
  // BusyError while another writer, or a Reader of this process, has it open.
  static Journal open(const std::filesystem::path& dir, const JournalOptions& options = {});

  Journal(Journal&&) noexcept;
  Journal& operator=(Journal&&) noexcept;
  ~Journal();  // close(), but silent: a run without finish() is later shown as crashed, with every event in it

  // For a dataset that gets many events: what it is like is found once, and not by each call. Throws as an append does.
  Dataset dataset(std::string_view key);

  Sequence set(std::string_view key, const Value& value, const SetOptions& options = {});
  Sequence mutate(std::string_view key, const Region& region, const Value& value);
  Sequence mutate_item(std::string_view key, std::uint64_t index, const Value& value);
  Sequence replace(std::string_view key, const Value& value);
  Sequence append(std::string_view key, const Value& item);
  Sequence remove(std::string_view key);
  // The same for a single number.
  template <Number T>
  Sequence set(std::string_view key, T number) {
    return change(key, detail::number_set(detail::PlainNumber::of(number), detail::flags_of(false, false, true)));
  }
  template <Number T>
  Sequence set(std::string_view key, T number, const SetOptions& options) {
    if (!options.metadata.empty() || !options.storage.empty()) return set(key, Value(number), options);
    const auto flags = detail::flags_of(options.broadcast, options.persist, options.archive);
    return change(key, detail::number_set(detail::PlainNumber::of(number), flags));
  }
  template <Number T>
  Sequence append(std::string_view key, T item) {
    return change(key, detail::number_append(detail::PlainNumber::of(item)));
  }
  template <Number T>
  Sequence mutate_item(std::string_view key, std::uint64_t index, T number) {
    return change(key, detail::number_mutate_item(index, detail::PlainNumber::of(number)));
  }
  template <Number T>
  Sequence replace(std::string_view key, T number) {
    return change(key, detail::number_replace(detail::PlainNumber::of(number)));
  }
  Sequence set_attribute(std::string_view key, std::string_view name, Value value);
  Sequence remove_attribute(std::string_view key, std::string_view name);
  Sequence archive(std::string_view key, Value value);
  Sequence checkpoint(std::string_view name);  // a later one of the same name takes the name over
  Sequence stage(std::string_view stage, double run_time = 0);
  // Any event. Fields marked "filled by the journal" are ignored. A time earlier than the newest event's is raised to it.
  Sequence append(const Event& event);

  // As of the newest event. Empty if there is no such dataset.
  [[nodiscard]] std::optional<Outline> outline(std::string_view key) const;

  void sync();
  // Everything appended before is durable in LMDB when it returns: every Reader that opens or refreshes now sees it, in any
  // process. Costs a commit of its own where sync() costs one fdatasync. Errors as sync(): what the attempt to commit
  // failed with; on a full disk it can be called again.
  void commit();
  // An append whose record takes at most so many bytes goes into the intake now without waiting for a commit; a larger one
  // may have to wait. A record takes the value's bytes and some hundred more (names, metadata and options count, too).
  // A hint: other threads fill the intake meanwhile. Takes no lock.
  [[nodiscard]] std::uint64_t free_intake_bytes() const;
  // Appends runEnded, commits and closes. The journal is then finished: two files, no intake.
  void finish(std::string_view how = "ok");
  // Commits everything and closes without ending the run. Idempotent.
  void close();

  [[nodiscard]] const std::filesystem::path& path() const;
  [[nodiscard]] const RunInfo& info() const;
  [[nodiscard]] JournalStatistics statistics() const;

 private:
  explicit Journal(std::unique_ptr<detail::Writer> writer);
  Sequence change(std::string_view key, const detail::NumberChange& change);
  std::unique_ptr<detail::Writer> writer_;
};

// `{rid:09}-{Class}.daybook`, a name without folder whatever the class is called: `/`, NUL and control characters become
// `_`, and a name above 200 bytes ends with a hash of it instead.
std::string journal_name(std::int64_t rid, std::string_view class_name);

}  // namespace daybook
