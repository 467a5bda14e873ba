#include "daybook/journal/store.h"

#include <signal.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdlib>
#include <map>
#include <utility>
#include <vector>

#include "daybook/journal/error.h"
#include "daybook/journal/files.h"
#include "daybook/journal/foreign.h"
#include "daybook/journal/record.h"

namespace daybook::detail {

namespace {

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

}  // namespace daybook::detail
