#pragma once

// LMDB. Its error codes become exceptions here and nowhere else.

#include <lmdb.h>

#include <array>
#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "daybook/journal/recover.h"

namespace daybook::detail {

// Throws for an LMDB return code other than 0: StorageError, CorruptError or UnsupportedError, naming the journal.
void check_lmdb(int code, std::string_view doing, const std::filesystem::path& journal);

class ReadTransaction;
class WriteTransaction;

// What the `run` database says of the journal's state.
struct StoredState {
  Phase phase = Phase::running;
  Sequence last = 0;
  std::uint64_t intake_position = 0;
  std::uint64_t intake_id = 0;
  std::uint64_t superseded = 0;  // bytes: see retention.h
};

// Transactions pass it; a change of the map's size closes it, waits until all have left, and opens it again. Not a
// std::shared_mutex because a snapshot may end on another thread than it began on.
class Gate {
 public:
  class Pass {
   public:
    explicit Pass(Gate& gate) : gate_(&gate) { gate.enter(); }
    Pass(Pass&& other) noexcept : gate_(std::exchange(other.gate_, nullptr)) {}
    Pass& operator=(Pass&& other) noexcept {
      std::swap(gate_, other.gate_);
      return *this;
    }
    ~Pass() {
      if (gate_ != nullptr) gate_->leave();
    }

   private:
    Gate* gate_;
  };
  void run_alone(const std::function<void()>& change);

 private:
  void enter();
  void leave();
  std::mutex mutex_;
  std::condition_variable changed_;
  std::uint64_t inside_ = 0;
  bool closed_ = false;
};

// The environment of one journal. LMDB wants one per file and process, so readers and the writer of one journal in one
// process share it: open() returns the one that is there. Thread-safe. LMDB must not be used across a fork(): in the
// child every use throws InvalidError, destructors leave the parent's alone, and open() makes the child an own one.
class Store : public std::enable_shared_from_this<Store> {
 public:
  enum class Access { read, write };

  // Makes data.mdb in an existing folder, with all databases, what the run's says and the record of event 1, in one
  // commit. For a copy of a journal that record comes later, with the others; `salvage`: of what is left of one.
  static std::shared_ptr<Store> create(const std::filesystem::path& journal, const RunInfo& info,
                                       const StoredState& state, std::span<const std::byte> first_record = {},
                                       const SalvageNote* salvage = nullptr);
  // UnsupportedError for what is no journal or of a newer format, saying what it is; CorruptError for a damaged file.
  // BusyError for write access while this process has it open for reading only.
  static std::shared_ptr<Store> open(const std::filesystem::path& journal, Access access);
  // A snapshot only to hold: while it is there, no writer uses its pages, nor those of later ones, for something else.
  // LMDB looks at no page for it but the two meta pages, so it may be asked of a suspect file whose meta pages have
  // been seen to make sense. Nothing can be read through it.
  static ReadTransaction hold(const std::filesystem::path& journal);
  // The folder has been renamed: for messages and for sharing.
  void moved(const std::filesystem::path& journal);
  // Frees the slots of readers whose process died, which would hold back the reuse of pages for ever.
  void forget_dead_readers();
  // The processes of this machine whose slots those are. Changes nothing.
  [[nodiscard]] std::vector<int> dead_readers() const;
  [[nodiscard]] Access access() const { return access_; }
  ~Store();
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  [[nodiscard]] ReadTransaction begin_read();
  [[nodiscard]] WriteTransaction begin_write();
  // Twice the map, for when it is full. Waits until no transaction of this process is active.
  void grow();
  [[nodiscard]] std::uint64_t map_bytes() const;

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  // One handle a database; opened with the environment.
  struct Databases {
    MDB_dbi run = 0, events = 0, heads = 0, checkpoints = 0;
    // Of retention; 0 (no named database has this number) where a reader finds a journal that was never written with
    // it.
    MDB_dbi payloads = 0, superseded = 0;
    MDB_dbi detours = 0;  // 0: not there
  };
  [[nodiscard]] const Databases& databases() const { return databases_; }

  // The map a new environment starts with: address space, not memory or disk. Tests lower it to see it grow.
  static std::uint64_t first_map_bytes;

 private:
  friend class ReadTransaction;
  friend class WriteTransaction;
  Store(std::filesystem::path path, Access access);
  static std::shared_ptr<Store> share(const std::filesystem::path& journal, Access access);
  void open_environment(bool create);
  // `fill` is given to make the databases and say what goes into them.
  void open_databases(const std::function<void(WriteTransaction&)>& fill);

  [[nodiscard]] bool is_ours() const;
  void require_ours() const;

  std::filesystem::path path_;
  Access access_;
  std::uint64_t fork_generation_;
  MDB_env* environment_ = nullptr;
  Databases databases_;
  Gate gate_;
};

// A snapshot. Not thread-bound.
class ReadTransaction {
 public:
  explicit ReadTransaction(std::shared_ptr<Store> store);
  ReadTransaction(ReadTransaction&& other) noexcept;
  ReadTransaction& operator=(ReadTransaction&&) noexcept = delete;
  ~ReadTransaction();

  [[nodiscard]] std::optional<std::span<const std::byte>> find(MDB_dbi database, std::span<const std::byte> key) const;
  [[nodiscard]] std::optional<std::span<const std::byte>> find(MDB_dbi database, std::string_view key) const;
  // The value of the last entry before `key`.
  [[nodiscard]] std::optional<std::span<const std::byte>> find_before(MDB_dbi database,
                                                                      std::span<const std::byte> key) const;
  [[nodiscard]] std::uint64_t entries(MDB_dbi database) const;
  [[nodiscard]] MDB_txn* handle() const;
  [[nodiscard]] const std::filesystem::path& path() const { return store_->path(); }
  [[nodiscard]] const Store::Databases& databases() const { return store_->databases(); }

 private:
  std::shared_ptr<Store> store_;
  Gate::Pass pass_;
  MDB_txn* transaction_ = nullptr;
};

// Belongs to its thread. The destructor abandons.
class WriteTransaction {
 public:
  explicit WriteTransaction(Store& store);
  WriteTransaction(WriteTransaction&& other) noexcept;
  WriteTransaction& operator=(WriteTransaction&&) noexcept = delete;
  ~WriteTransaction();

  void put(MDB_dbi database, std::span<const std::byte> key, std::span<const std::byte> value);
  struct Entry {
    std::span<const std::byte> key, value;
  };
  // In the order of their keys, each one once.
  void put_sorted(MDB_dbi database, std::span<const Entry> entries);
  // Behind all keys that are there.
  void append(MDB_dbi database, std::span<const std::byte> key, std::span<const std::byte> value);
  // The same for a value that is then written to where LMDB will have it.
  [[nodiscard]] std::span<std::byte> append(MDB_dbi database, std::span<const std::byte> key, std::size_t size);
  // Views live until the next change.
  [[nodiscard]] std::optional<std::span<const std::byte>> find(MDB_dbi database, std::span<const std::byte> key) const;
  // The first entry at or behind `key`.
  [[nodiscard]] std::optional<Entry> find_from(MDB_dbi database, std::span<const std::byte> key) const;
  void erase(MDB_dbi database, std::span<const std::byte> key);  // of an entry that is there
  // Durable when it returns.
  void commit();
  [[nodiscard]] MDB_txn* handle() const { return transaction_; }

 private:
  void put(MDB_dbi database, std::span<const std::byte> key, MDB_val& value, unsigned flags);
  void put_last(MDB_dbi database, std::span<const std::byte> key, MDB_val& value, unsigned flags);
  void stop_appending(MDB_dbi database);
  Store& store_;
  Gate::Pass pass_;
  MDB_txn* transaction_ = nullptr;
  // Stays at the end of the database that is being appended to; goes with the transaction.
  MDB_cursor* end_ = nullptr;
  MDB_dbi appended_ = 0;
};

// Thrown by WriteTransaction when the map is full: nothing is lost, grow() and do it again.
struct MapFull {};

// walk(database): every entry in key order from `first` on; `visit` returns false to stop.
void walk(const ReadTransaction& transaction, MDB_dbi database, std::span<const std::byte> first,
          const std::function<bool(std::span<const std::byte> key, std::span<const std::byte> value)>& visit);

// The `run` database.
StoredState read_state(const ReadTransaction& transaction);
RunInfo read_info(const ReadTransaction& transaction);
std::optional<SalvageNote> read_salvage(const ReadTransaction& transaction);
void write_state(WriteTransaction& transaction, const Store::Databases& databases, const StoredState& state);
void write_salvage(WriteTransaction& transaction, const Store::Databases& databases, const SalvageNote& note);
void write_info(WriteTransaction& transaction, const Store::Databases& databases, const RunInfo& info);
void check_format(const ReadTransaction& transaction);

// Where a reader that comes to an event of a chain goes on, if not as its record says: see schema/FORMAT.md, "Salvage".
struct Detour {
  Sequence instead = 0;   // the event itself, or the newest one before whose value can be proven; 0: none
  Sequence previous = 0;  // the event before `instead` on its chain that can be; 0: none
};
std::optional<Detour> find_detour(const ReadTransaction& transaction, Sequence sequence);
void write_detour(WriteTransaction& transaction, const Store::Databases& databases, Sequence sequence,
                  const Detour& detour);

// 8 bytes, big-endian: the key of an event.
std::array<std::byte, 8> event_key(Sequence sequence);
Sequence sequence_of(std::span<const std::byte> key);

inline std::span<const std::byte> as_key(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

}  // namespace daybook::detail
