#include <sqlite3.h>

#include <vector>

#include "harness.h"
#include "store.h"

namespace bench {
namespace {

// A transaction an event, through one prepared statement; the rest is SQLite's default in WAL mode.
class SqliteStore final : public ByteStore {
 public:
  SqliteStore(const std::filesystem::path& folder, Durability durability) {
    check(sqlite3_open((folder / "events.sqlite").c_str(), &database_));
    run("PRAGMA journal_mode=WAL");
    run(durability == Durability::power ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL");
    run("CREATE TABLE events (number INTEGER PRIMARY KEY, head BLOB, bytes BLOB)");
    check(sqlite3_prepare_v3(database_, "INSERT INTO events VALUES (?, ?, ?)", -1, SQLITE_PREPARE_PERSISTENT, &insert_,
                             nullptr));
  }
  SqliteStore(const SqliteStore&) = delete;
  SqliteStore& operator=(const SqliteStore&) = delete;
  ~SqliteStore() override {
    sqlite3_finalize(insert_);
    sqlite3_close(database_);
  }

  void finish() override {
    check(sqlite3_wal_checkpoint_v2(database_, nullptr, SQLITE_CHECKPOINT_FULL, nullptr, nullptr));
  }

 protected:
  void put(std::uint64_t number, std::span<const std::byte> head, std::span<const std::byte> bytes) override {
    check(sqlite3_bind_int64(insert_, 1, static_cast<sqlite3_int64>(number)));
    check(sqlite3_bind_blob64(insert_, 2, head.data(), head.size(), SQLITE_STATIC));
    check(sqlite3_bind_blob64(insert_, 3, bytes.data(), bytes.size(), SQLITE_STATIC));
    require(sqlite3_step(insert_) == SQLITE_DONE, sqlite3_errmsg(database_));
    check(sqlite3_reset(insert_));
  }

 private:
  void check(int code) { require(code == SQLITE_OK, std::string("SQLite: ") + sqlite3_errmsg(database_)); }
  void run(const char* statement) { check(sqlite3_exec(database_, statement, nullptr, nullptr, nullptr)); }

  sqlite3* database_ = nullptr;
  sqlite3_stmt* insert_ = nullptr;
};

}  // namespace

std::unique_ptr<Store> make_sqlite(const std::filesystem::path& folder, Durability durability) {
  return std::make_unique<SqliteStore>(folder, durability);
}

}  // namespace bench
