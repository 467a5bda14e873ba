#include "daybook/journal/store.h"

#include <signal.h>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cerrno>
#include <cstdlib>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <vector>

#include "daybook/journal/error.h"
#include "daybook/journal/files.h"
#include "daybook/journal/foreign.h"
#include "daybook/journal/record.h"

namespace daybook::detail {

namespace {

MDB_val value_of(std::span<const std::byte> bytes) {
  return {bytes.size(), const_cast<std::byte*>(bytes.data())};  // LMDB does not write through it
}

std::span<const std::byte> span_of(const MDB_val& value) {
  return {static_cast<const std::byte*>(value.mv_data), value.mv_size};
}

// Environments this process has open, by the identity of their file, so that every spelling of a path finds the same.
using Identity = std::pair<dev_t, ino_t>;
std::mutex stores_mutex;
std::map<Identity, std::weak_ptr<Store>> stores;

Identity identity(const std::filesystem::path& file) {
  struct stat info {};
  if (::stat(file.c_str(), &info) != 0) throw_errno("looking at '" + file.string() + "'", errno);
  return {info.st_dev, info.st_ino};
}

constexpr std::uint64_t least_map_bytes = std::uint64_t{1} << 20;

}  // namespace

std::uint64_t Store::first_map_bytes = std::uint64_t{64} << 30;

void check_lmdb(int code, std::string_view doing, const std::filesystem::path& journal) {
  if (code == MDB_SUCCESS) return;
  const std::string message = std::string(doing) + " '" + journal.string() + "'";
  switch (code) {
    case MDB_MAP_FULL:
      throw MapFull{};
    case MDB_INVALID:
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_BAD_TXN:
    case MDB_NOTFOUND:
      throw CorruptError(message + ": data.mdb is damaged (" + mdb_strerror(code) + "): run 'daybook verify'");
    case MDB_VERSION_MISMATCH:
      throw UnsupportedError(message + ": data.mdb is of another version of LMDB than this program's");
    case MDB_READERS_FULL:
      throw StorageError(message + ": too many processes read it at once");
    case MDB_PANIC:
      throw StorageError(message + ": an earlier write failed: open the journal anew");
    case EIO:
      // LMDB says EIO, too, when a write came out short because the disk was filling up. That is safe to take for what it
      // almost certainly is: the transaction is gone, and the next one writes all its pages again.
      throw_errno(message, is_nearly_full(journal) ? ENOSPC : EIO);
    default:
      if (code > 0) throw_errno(message, code);
      throw StorageError(message + ": " + mdb_strerror(code));
  }
}

void Gate::enter() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return !closed_; });
  ++inside_;
}

void Gate::leave() {
  const std::lock_guard lock(mutex_);
  --inside_;
  changed_.notify_all();
}

void Gate::run_alone(const std::function<void()>& change) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return !closed_; });
  closed_ = true;
  changed_.wait(lock, [this] { return inside_ == 0; });
  const auto reopen = [this] {
    closed_ = false;
    changed_.notify_all();
  };
  try {
    change();
  } catch (...) {
    reopen();
    throw;
  }
  reopen();
}

Store::Store(std::filesystem::path path, Access access)
    : path_(std::move(path)), access_(access), fork_generation_(fork_generation()) {}

Store::~Store() {
  // In a forked child closing would free the parent's reader slots in the shared lock file.
  if (environment_ != nullptr && is_ours()) mdb_env_close(environment_);
}

bool Store::is_ours() const { return fork_generation_ == fork_generation(); }

void Store::require_ours() const {
  if (!is_ours()) {
    throw InvalidError("journal '" + path_.string() +
                       "' was opened by the process this one was forked from: open it anew here");
  }
}

void Store::forget_dead_readers() {
  int dead = 0;
  check_lmdb(mdb_reader_check(environment_, &dead), "looking for dead readers of", path_);
}

std::vector<int> Store::dead_readers() const {
  std::vector<int> dead;
  // One line a reader, "PID THREAD TRANSACTION", below a headline; a line for all of them if there are none.
  const auto visit = [](const char* line, void* list) noexcept {
    const int pid = std::atoi(line);
    if (pid > 0 && ::kill(pid, 0) != 0 && errno == ESRCH) static_cast<std::vector<int>*>(list)->push_back(pid);
    return 0;
  };
  mdb_reader_list(environment_, visit, &dead);
  return dead;
}

std::shared_ptr<Store> Store::create(const std::filesystem::path& journal, const RunInfo& info,
                                     const StoredState& state, std::span<const std::byte> first_record,
                                     const SalvageNote* salvage) {
  std::shared_ptr<Store> store(new Store(journal, Access::write));
  store->open_environment(true);
  store->open_databases([&](WriteTransaction& transaction) {
    transaction.put(store->databases_.run, as_key(format_key), std::as_bytes(std::span(&format_version, 1)));
    write_info(transaction, store->databases_, info);
    write_state(transaction, store->databases_, state);
    if (!first_record.empty()) transaction.append(store->databases_.events, event_key(1), first_record);
    if (salvage == nullptr) return;
    check_lmdb(mdb_dbi_open(transaction.handle(), detours_db, MDB_CREATE, &store->databases_.detours), "opening",
               store->path_);
    write_salvage(transaction, store->databases_, *salvage);
  });
  const std::lock_guard guard(stores_mutex);
  std::erase_if(stores, [](const auto& entry) { return entry.second.expired(); });
  stores[identity(journal / "data.mdb")] = store;
  return store;
}

// The one that is there or a new one; its databases need not be open. With stores_mutex held.
std::shared_ptr<Store> Store::share(const std::filesystem::path& journal, Access access) {
  require_journal(journal);
  std::erase_if(stores, [](const auto& entry) { return entry.second.expired(); });
  while (true) {
    const auto file = identity(journal / "data.mdb");
    auto& known = stores[file];
    if (auto store = known.lock(); store && store->is_ours()) {
      if (access == Access::write && store->access_ == Access::read) {
        throw BusyError("'" + journal.string() +
                        "' is open for reading in this process: close its readers before writing");
      }
      return store;
    }
    std::shared_ptr<Store> store(new Store(journal, access));
    store->open_environment(false);
    // LMDB opens two files by their names. If the journal was exchanged for a compacted one between them, they do not
    // belong together.
    if (identity(journal / "data.mdb") != file) continue;
    known = store;
    return store;
  }
}

std::shared_ptr<Store> Store::open(const std::filesystem::path& journal, Access access) {
  const std::lock_guard guard(stores_mutex);
  auto store = share(journal, access);
  if (store->databases_.run == 0) {
    store->open_databases({});
    check_format(store->begin_read());
  }
  return store;
}

ReadTransaction Store::hold(const std::filesystem::path& journal) {
  const std::lock_guard guard(stores_mutex);
  return share(journal, Access::read)->begin_read();
}

void Store::moved(const std::filesystem::path& journal) { path_ = journal; }

void Store::open_environment(bool create) {
  std::uint64_t map = create ? first_map_bytes : 0;
  unsigned flags = MDB_NOTLS;
  if (access_ == Access::read) flags |= MDB_RDONLY;
  while (true) {
    check_lmdb(mdb_env_create(&environment_), "opening", path_);
    // Where LMDB meets what cannot be it prints a line and ends the process by SIGABRT. Telling is for whoever owns the
    // process, so it ends before the line is printed.
    mdb_env_set_assert(environment_, [](MDB_env* /*environment*/, const char* /*what*/) { std::abort(); });
    check_lmdb(mdb_env_set_maxdbs(environment_, 8), "opening", path_);
    // One slot a process or thread that reads: more than anyone has, at 64 bytes each.
    check_lmdb(mdb_env_set_maxreaders(environment_, 126), "opening", path_);
    if (map != 0) check_lmdb(mdb_env_set_mapsize(environment_, map), "opening", path_);
    const int code = mdb_env_open(environment_, path_.c_str(), flags, 0666);
    if (code == MDB_SUCCESS) break;
    mdb_env_close(environment_);
    environment_ = nullptr;
    if (code == ENOMEM && map > least_map_bytes) {
      map /= 2;  // the process may not have so much address space (ulimit -v): start smaller and grow
    } else if ((code == EACCES || code == EROFS) && access_ == Access::read && (flags & MDB_NOLOCK) == 0) {
      flags |= MDB_NOLOCK;  // a folder we may not write: nobody else writes there under our eyes either
    } else {
      check_lmdb(code, "opening", path_);
    }
  }
  if (access_ == Access::write) forget_dead_readers();
}

void Store::open_databases(const std::function<void(WriteTransaction&)>& fill) {
  const auto open_all = [&](MDB_txn* transaction, unsigned flags) {
    const auto open = [&](const char* name, MDB_dbi* database) {
      return mdb_dbi_open(transaction, name, flags, database);
    };
    int code = open(run_db, &databases_.run);
    if (code == MDB_SUCCESS) code = open(events_db, &databases_.events);
    if (code == MDB_SUCCESS) code = open(heads_db, &databases_.heads);
    if (code == MDB_SUCCESS) code = open(checkpoints_db, &databases_.checkpoints);
    if (code == MDB_SUCCESS) {
      code = open(payloads_db, &databases_.payloads);
      if (code == MDB_SUCCESS) code = open(superseded_db, &databases_.superseded);
      if (code == MDB_NOTFOUND) code = MDB_SUCCESS;  // from before there was retention
    }
    if (code == MDB_NOTFOUND) {
      throw UnsupportedError("'" + path_.string() + "' holds an LMDB file that is not a Daybook journal");
    }
    check_lmdb(code, "opening", path_);
  };
  if (fill) {
    WriteTransaction transaction(*this);
    open_all(transaction.handle(), MDB_CREATE);
    fill(transaction);
    transaction.commit();
    return;
  }
  // Handles are good for later transactions only if the one they were opened in was committed, also a reading one.
  MDB_txn* raw = nullptr;
  check_lmdb(mdb_txn_begin(environment_, nullptr, MDB_RDONLY, &raw), "opening", path_);
  std::unique_ptr<MDB_txn, decltype(&mdb_txn_abort)> transaction(raw, &mdb_txn_abort);
  open_all(raw, 0);
  if (const int code = mdb_dbi_open(raw, detours_db, 0, &databases_.detours); code != MDB_NOTFOUND)
    check_lmdb(code, "opening", path_);
  else
    databases_.detours = 0;
  check_lmdb(mdb_txn_commit(transaction.release()), "opening", path_);
  if (access_ == Access::read || databases_.superseded != 0) return;
  WriteTransaction making(*this);
  open_all(making.handle(), MDB_CREATE);
  making.commit();
}

ReadTransaction Store::begin_read() { return ReadTransaction(shared_from_this()); }
WriteTransaction Store::begin_write() { return WriteTransaction(*this); }

std::uint64_t Store::map_bytes() const {
  MDB_envinfo info{};
  check_lmdb(mdb_env_info(environment_, &info), "looking at", path_);
  return info.me_mapsize;
}

void Store::grow() {
  const auto bytes = map_bytes() * 2;
  gate_.run_alone([&] { check_lmdb(mdb_env_set_mapsize(environment_, bytes), "growing the map of", path_); });
}

ReadTransaction::ReadTransaction(std::shared_ptr<Store> store) : store_(std::move(store)), pass_(store_->gate_) {
  store_->require_ours();
  int code = mdb_txn_begin(store_->environment_, nullptr, MDB_RDONLY, &transaction_);
  if (code == MDB_MAP_RESIZED) {
    // The writer's process has let the file grow beyond our map: take over its size once our other snapshots ended.
    { const Gate::Pass leave(std::move(pass_)); }
    store_->gate_.run_alone(
        [&] { check_lmdb(mdb_env_set_mapsize(store_->environment_, 0), "growing the map of", store_->path_); });
    pass_ = Gate::Pass(store_->gate_);
    code = mdb_txn_begin(store_->environment_, nullptr, MDB_RDONLY, &transaction_);
  }
  check_lmdb(code, "reading", store_->path_);
}

ReadTransaction::ReadTransaction(ReadTransaction&& other) noexcept
    : store_(std::move(other.store_)),
      pass_(std::move(other.pass_)),
      transaction_(std::exchange(other.transaction_, nullptr)) {}

ReadTransaction::~ReadTransaction() {
  if (transaction_ != nullptr && store_->is_ours()) mdb_txn_abort(transaction_);
}

std::optional<std::span<const std::byte>> ReadTransaction::find(MDB_dbi database,
                                                                std::span<const std::byte> key) const {
  store_->require_ours();
  auto wanted = value_of(key);
  MDB_val value{};
  const int code = mdb_get(transaction_, database, &wanted, &value);
  if (code == MDB_NOTFOUND) return std::nullopt;
  check_lmdb(code, "reading", path());
  return span_of(value);
}

std::optional<std::span<const std::byte>> ReadTransaction::find(MDB_dbi database, std::string_view key) const {
  return find(database, as_key(key));
}

std::optional<std::span<const std::byte>> ReadTransaction::find_before(MDB_dbi database,
                                                                       std::span<const std::byte> key) const {
  MDB_cursor* raw = nullptr;
  check_lmdb(mdb_cursor_open(handle(), database, &raw), "reading", path());
  const std::unique_ptr<MDB_cursor, decltype(&mdb_cursor_close)> cursor(raw, &mdb_cursor_close);
  auto wanted = value_of(key);
  MDB_val value{};
  int code = mdb_cursor_get(raw, &wanted, &value, MDB_SET_RANGE);
  code = mdb_cursor_get(raw, &wanted, &value, code == MDB_NOTFOUND ? MDB_LAST : MDB_PREV);
  if (code == MDB_NOTFOUND) return std::nullopt;
  check_lmdb(code, "reading", path());
  return span_of(value);
}

MDB_txn* ReadTransaction::handle() const {
  store_->require_ours();
  return transaction_;
}

std::uint64_t ReadTransaction::entries(MDB_dbi database) const {
  MDB_stat stat{};
  check_lmdb(mdb_stat(transaction_, database, &stat), "reading", path());
  return stat.ms_entries;
}

namespace {

// Gives back the memory of mapped pages that a long walk has passed, so that reading a journal from end to end does not
// make the process as large as the journal. What is looked at again comes back from the page cache.
class Passed {
 public:
  void add(std::span<const std::byte> value) {
    const auto begin = reinterpret_cast<std::uintptr_t>(value.data());
    lowest_ = std::min(lowest_, begin);
    highest_ = std::max(highest_, begin + value.size());
    bytes_ += value.size();
    if (bytes_ >= at_a_time) give_back();
  }

 private:
  static constexpr std::uint64_t at_a_time = std::uint64_t{16} << 20;

  void give_back() {
    const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
    const auto first = lowest_ / page * page;
    // Advice: nothing depends on its being taken.
    ::madvise(reinterpret_cast<void*>(first), highest_ - first, MADV_DONTNEED);
    *this = Passed();
  }

  std::uintptr_t lowest_ = ~std::uintptr_t{0};
  std::uintptr_t highest_ = 0;
  std::uint64_t bytes_ = 0;
};

}  // namespace

void walk(const ReadTransaction& transaction, MDB_dbi database, std::span<const std::byte> first,
          const std::function<bool(std::span<const std::byte>, std::span<const std::byte>)>& visit) {
  MDB_cursor* raw = nullptr;
  check_lmdb(mdb_cursor_open(transaction.handle(), database, &raw), "reading", transaction.path());
  const std::unique_ptr<MDB_cursor, decltype(&mdb_cursor_close)> cursor(raw, &mdb_cursor_close);
  auto key = value_of(first);
  MDB_val value{};
  Passed passed;
  int code = mdb_cursor_get(raw, &key, &value, first.empty() ? MDB_FIRST : MDB_SET_RANGE);
  for (; code == MDB_SUCCESS; code = mdb_cursor_get(raw, &key, &value, MDB_NEXT)) {
    passed.add(span_of(value));
    if (!visit(span_of(key), span_of(value))) return;
  }
  if (code != MDB_NOTFOUND) check_lmdb(code, "reading", transaction.path());
}

WriteTransaction::WriteTransaction(Store& store) : store_(store), pass_(store.gate_) {
  store.require_ours();
  check_lmdb(mdb_txn_begin(store.environment_, nullptr, 0, &transaction_), "writing", store.path_);
}

WriteTransaction::WriteTransaction(WriteTransaction&& other) noexcept
    : store_(other.store_), pass_(std::move(other.pass_)), transaction_(std::exchange(other.transaction_, nullptr)) {}

WriteTransaction::~WriteTransaction() {
  if (transaction_ != nullptr) mdb_txn_abort(transaction_);
}

void WriteTransaction::put(MDB_dbi database, std::span<const std::byte> key, MDB_val& value, unsigned flags) {
  auto wanted = value_of(key);
  check_lmdb(mdb_put(transaction_, database, &wanted, &value, flags), "writing", store_.path());
}

void WriteTransaction::put(MDB_dbi database, std::span<const std::byte> key, std::span<const std::byte> value) {
  auto bytes = value_of(value);
  put(database, key, bytes, 0);
}

void WriteTransaction::append(MDB_dbi database, std::span<const std::byte> key, std::span<const std::byte> value) {
  auto bytes = value_of(value);
  put(database, key, bytes, MDB_APPEND);
}

void WriteTransaction::append(MDB_dbi database, std::span<const std::byte> key,
                              std::span<const std::span<const std::byte>> pieces) {
  MDB_val room{};
  for (const auto& piece : pieces) room.mv_size += piece.size();
  put(database, key, room, MDB_APPEND | MDB_RESERVE);
  auto* to = static_cast<std::byte*>(room.mv_data);
  for (const auto& piece : pieces) {
    std::memcpy(to, piece.data(), piece.size());
    to += piece.size();
  }
}

std::optional<std::span<const std::byte>> WriteTransaction::find(MDB_dbi database,
                                                                 std::span<const std::byte> key) const {
  auto wanted = value_of(key);
  MDB_val value{};
  const int code = mdb_get(transaction_, database, &wanted, &value);
  if (code == MDB_NOTFOUND) return std::nullopt;
  check_lmdb(code, "reading", store_.path());
  return span_of(value);
}

std::optional<WriteTransaction::Entry> WriteTransaction::find_from(MDB_dbi database,
                                                                   std::span<const std::byte> key) const {
  MDB_cursor* raw = nullptr;
  check_lmdb(mdb_cursor_open(transaction_, database, &raw), "reading", store_.path());
  const std::unique_ptr<MDB_cursor, decltype(&mdb_cursor_close)> cursor(raw, &mdb_cursor_close);
  auto wanted = value_of(key);
  MDB_val value{};
  const int code = mdb_cursor_get(raw, &wanted, &value, key.empty() ? MDB_FIRST : MDB_SET_RANGE);
  if (code == MDB_NOTFOUND) return std::nullopt;
  check_lmdb(code, "reading", store_.path());
  return Entry{span_of(wanted), span_of(value)};
}

void WriteTransaction::erase(MDB_dbi database, std::span<const std::byte> key) {
  auto wanted = value_of(key);
  check_lmdb(mdb_del(transaction_, database, &wanted, nullptr), "writing", store_.path());
}

void WriteTransaction::commit() {
  check_lmdb(mdb_txn_commit(std::exchange(transaction_, nullptr)), "committing to", store_.path());
}

}  // namespace daybook::detail
