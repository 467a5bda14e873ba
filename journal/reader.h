#pragma once

#include <array>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "daybook/journal/event.h"
#include "daybook/journal/recover.h"

namespace daybook {

// A point in a run's history: the newest event, a sequence number, a wall-clock time, or a checkpoint's name.
struct Now {};
struct AtSequence {
  Sequence sequence;
};
struct AtTime {
  Nanoseconds time;
};
struct AtCheckpoint {
  std::string name;
};
using At = std::variant<Now, AtSequence, AtTime, AtCheckpoint>;

enum class Group : std::uint8_t { datasets = 0, archive = 1 };  // chains; the numbers reach the disk (attributes: 2)

// Where the value of one dataset as of some event is to be found; replay turns it into the value. Small: no payload.
struct DatasetState {
  Group group = Group::datasets;
  std::string key;
  Sequence base = 0;        // holds a whole value (set, replace, archived)
  Sequence head = 0;        // the newest event up to the point
  std::uint32_t depth = 0;  // events of the chain after base, up to head
  Sequence declared = 0;    // the `set` with metadata, options and flags that count; 0 if the key never had one
  Sequence born = 0;        // saved since then: datasets are written in this order (Python's dict order)
  Nanoseconds changed = 0;  // time of head
  bool saved = true;        // false: present in the run but not for the file (set with archive = false)
  bool described = true;    // false: what was declared has no metadata …
  bool has_options = true;  // … no storage options
};

// An attribute that setAttribute put beside a key.
struct AttributeState {
  std::string key, name;
  Sequence sequence = 0;
};

// A piece of a large value that stands in a record of its own.
struct UncheckedPart {
  std::span<const std::byte> bytes;
  std::function<void()> check;    // compares the checksum: CorruptError. Any thread may call it
  std::function<void()> release;  // gives back the memory of its pages; reading them again costs time, nothing else
};

struct ReaderStatus {
  Phase phase = Phase::running;
  bool live = false;  // a writer has it open at this moment
};

// A scalar of at most 8 bytes, in its type's byte order.
struct WholeNumber {
  Type type;
  std::array<std::byte, 8> bytes;  // what the type has no room for is 0
};

// A snapshot of one journal: it never changes, works while the writer runs, from any process, and costs no copy. What
// the writer appended within its commit interval is not in it yet; refresh() takes a newer one.
//
// Opening a journal whose writer died recovers it first (recover.h); if that cannot be done because the place is
// read-only, the snapshot holds what had been committed and unrecovered() is true.
//
// Events and values returned borrow from the snapshot: they die with it, and with refresh(). A Reader belongs to one
// thread at a time. A long-lived snapshot keeps a live journal from reusing space.
// What is read has had its record's checksum compared: CorruptError names file and sequence number. LMDB's own pages have no
// checksums, and LMDB trusts them: where those are damaged, reading may end the process (SIGBUS, SIGSEGV, SIGABRT). What
// may be damaged is safe to look at by verify() and salvage(), which do without LMDB, or in a process of its own, as the
// program `daybook` does it.
class Reader {
 public:
  // UnsupportedError: not a journal (says what it is), a newer format. CorruptError: damaged.
  explicit Reader(const std::filesystem::path& dir);
  Reader(Reader&&) noexcept;
  Reader& operator=(Reader&&) noexcept;
  ~Reader();

  [[nodiscard]] const std::filesystem::path& path() const;
  [[nodiscard]] const RunInfo& info() const;
  [[nodiscard]] ReaderStatus status() const;
  [[nodiscard]] bool unrecovered() const;
  [[nodiscard]] Sequence last() const;
  // This journal is what salvage could save of another one.
  [[nodiscard]] const std::optional<SalvageNote>& salvaged() const;
  // The newest event that says something of the run: last() without the `materialized` events at the end.
  [[nodiscard]] Sequence last_of_run() const;
  // The run has ended, and as of this event all of it is there.
  [[nodiscard]] bool is_complete(Sequence as_of) const;
  void refresh();

  // Now and a time after the end give last_of_run(), so that making a file of a run does not change its next one.
  // InvalidError: beyond last(), no such checkpoint, a time before the run.
  [[nodiscard]] Sequence resolve(const At& at) const;
  [[nodiscard]] std::vector<std::pair<std::string, Sequence>> checkpoints() const;  // in order of sequence

  // CorruptError if missing. One that salvage did not find is shown as `Lost`, numbered like the first of its range.
  [[nodiscard]] Event event(Sequence sequence) const;
  // The same, but what a large value (above 16 MiB) has in further records is not read yet: `parts` gets these, in their
  // order, and each has to be checked before the value's bytes that stand in it are used. They live as long as the event.
  [[nodiscard]] Event event(Sequence sequence, std::vector<UncheckedPart>& parts) const;
  // The number that an event gives its dataset as its whole value, where it is one of the common kinds whose message tells
  // it at a glance: a tenth of what event() costs. Empty for any other event.
  [[nodiscard]] std::optional<WholeNumber> number(Sequence sequence) const;
  // Events from..to in order; `visit` returns false to stop.
  void events(Sequence from, Sequence to, const std::function<bool(const Event&)>& visit) const;

  // The newest event of a dataset's chain up to `as_of`.
  [[nodiscard]] std::optional<Sequence> find_head(Group group, std::string_view key, Sequence as_of) const;
  // Empty if the key is not there at that point.
  [[nodiscard]] std::optional<DatasetState> find_state(Group group, std::string_view key, Sequence as_of) const;
  // Every dataset and archived value there at that point, datasets first, each in the order of `born`.
  [[nodiscard]] std::vector<DatasetState> states(Sequence as_of) const;
  // setAttribute's attributes of a dataset as of a point, removed ones left out.
  [[nodiscard]] std::vector<AttributeState> attributes(std::string_view key, Sequence as_of) const;
  // The events of a state's chain after base, up to head, oldest first, in bounded memory.
  void changes(const DatasetState& state, const std::function<void(const Event&)>& visit) const;
  // The same, but appends that differ in nothing but their items may come many at a time: `like` is one of them, `items`
  // the bytes of all, one after the other.
  using VisitItems = std::function<void(const Event& like, std::span<const std::byte> items)>;
  void changes(const DatasetState& state, const std::function<void(const Event&)>& visit,
               const VisitItems& items) const;
  // Where to look instead when retention has dropped a state's value: the oldest later event that still holds the
  // dataset's whole value, and the newest checkpoint up to the state's head at which the dataset was there (name,
  // sequence).
  [[nodiscard]] std::optional<Sequence> find_whole_after(const DatasetState& state) const;
  [[nodiscard]] std::optional<std::pair<std::string, Sequence>> find_checkpoint_before(const DatasetState& state) const;
  // Stages the run has gone through up to a point (StageChanged events are few: one chain).
  [[nodiscard]] std::vector<Event> stages(Sequence as_of) const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

// What `daybook ls` needs, in constant time. Does not recover and does not change anything.
struct Summary {
  std::filesystem::path path;
  RunInfo info;
  Phase phase = Phase::running;
  bool live = false;
  Sequence last = 0;
  std::uint64_t disk_bytes = 0;
  std::optional<SalvageNote> salvaged;
};
Summary summarize(const std::filesystem::path& dir);

// Processes that died while they read a live journal, and keep it from reusing space until its writer notices. Changes
// nothing.
std::vector<int> dead_readers(const std::filesystem::path& dir);

// True if `dir` looks like a journal (a directory with a data.mdb): for walking folders.
bool looks_like_journal(const std::filesystem::path& dir);

}  // namespace daybook
