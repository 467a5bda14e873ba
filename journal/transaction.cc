// Transactions of store.h.

#include <algorithm>
#include <memory>
#include <utility>

#include "daybook/journal/error.h"
#include "daybook/journal/passed_pages.h"
#include "daybook/journal/store.h"

namespace daybook::detail {

namespace {

MDB_val value_of(std::span<const std::byte> bytes) {
  return {bytes.size(), const_cast<std::byte*>(bytes.data())};  // LMDB does not write through it
}

std::span<const std::byte> span_of(const MDB_val& value) {
  return {static_cast<const std::byte*>(value.mv_data), value.mv_size};
}

}  // namespace

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

void walk(const ReadTransaction& transaction, MDB_dbi database, std::span<const std::byte> first,
          const std::function<bool(std::span<const std::byte>, std::span<const std::byte>)>& visit) {
  MDB_cursor* raw = nullptr;
  check_lmdb(mdb_cursor_open(transaction.handle(), database, &raw), "reading", transaction.path());
  const std::unique_ptr<MDB_cursor, decltype(&mdb_cursor_close)> cursor(raw, &mdb_cursor_close);
  auto key = value_of(first);
  MDB_val value{};
  PassedPages passed;
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
    : store_(other.store_),
      pass_(std::move(other.pass_)),
      transaction_(std::exchange(other.transaction_, nullptr)),
      end_(std::exchange(other.end_, nullptr)),
      appended_(other.appended_) {}

WriteTransaction::~WriteTransaction() {
  if (transaction_ != nullptr) mdb_txn_abort(transaction_);
}

void WriteTransaction::put_last(MDB_dbi database, std::span<const std::byte> key, MDB_val& value, unsigned flags) {
  if (appended_ != database) {
    stop_appending(appended_);
    check_lmdb(mdb_cursor_open(transaction_, database, &end_), "writing", store_.path());
    appended_ = database;
  }
  auto wanted = value_of(key);
  check_lmdb(mdb_cursor_put(end_, &wanted, &value, flags | MDB_APPEND), "writing", store_.path());
}

void WriteTransaction::stop_appending(MDB_dbi database) {
  if (end_ == nullptr || appended_ != database) return;
  mdb_cursor_close(end_);
  end_ = nullptr;
  appended_ = 0;
}

void WriteTransaction::put(MDB_dbi database, std::span<const std::byte> key, MDB_val& value, unsigned flags) {
  stop_appending(database);
  auto wanted = value_of(key);
  check_lmdb(mdb_put(transaction_, database, &wanted, &value, flags), "writing", store_.path());
}

void WriteTransaction::put(MDB_dbi database, std::span<const std::byte> key, std::span<const std::byte> value) {
  auto bytes = value_of(value);
  put(database, key, bytes, 0);
}

// A cursor looks for each on the page where the last one was found before it begins at the root.
void WriteTransaction::put_sorted(MDB_dbi database, std::span<const Entry> entries) {
  stop_appending(database);
  MDB_cursor* raw = nullptr;
  check_lmdb(mdb_cursor_open(transaction_, database, &raw), "writing", store_.path());
  const std::unique_ptr<MDB_cursor, decltype(&mdb_cursor_close)> cursor(raw, &mdb_cursor_close);
  for (const Entry& entry : entries) {
    auto key = value_of(entry.key);
    auto value = value_of(entry.value);
    check_lmdb(mdb_cursor_put(raw, &key, &value, 0), "writing", store_.path());
  }
}

void WriteTransaction::append(MDB_dbi database, std::span<const std::byte> key, std::span<const std::byte> value) {
  auto bytes = value_of(value);
  put_last(database, key, bytes, 0);
}

std::span<std::byte> WriteTransaction::append(MDB_dbi database, std::span<const std::byte> key, std::size_t size) {
  MDB_val room{size, nullptr};
  put_last(database, key, room, MDB_RESERVE);
  return {static_cast<std::byte*>(room.mv_data), size};
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
  stop_appending(database);
  auto wanted = value_of(key);
  check_lmdb(mdb_del(transaction_, database, &wanted, nullptr), "writing", store_.path());
}

void WriteTransaction::commit() {
  check_lmdb(mdb_txn_commit(std::exchange(transaction_, nullptr)), "committing to", store_.path());
}

}  // namespace daybook::detail
