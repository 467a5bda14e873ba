#include <lmdb.h>

#include <array>
#include <cstring>
#include <utility>

#include "harness.h"
#include "store.h"

namespace bench {
namespace {

constexpr std::size_t map_bytes = std::size_t{64} << 30;  // address space
constexpr std::uint64_t batch_events = 10'000;
constexpr std::uint64_t batch_bytes = std::uint64_t{16} << 20;

void check(int code, const char* what) { require(code == 0, std::string(what) + ": " + mdb_strerror(code)); }

class LmdbStore final : public ByteStore {
 public:
  LmdbStore(const std::filesystem::path& folder, Durability durability) : durability_(durability) {
    check(mdb_env_create(&environment_), "mdb_env_create");
    check(mdb_env_set_mapsize(environment_, map_bytes), "mdb_env_set_mapsize");
    const unsigned flags = MDB_NOSUBDIR | (durability == Durability::kill ? MDB_NOSYNC : 0);
    check(mdb_env_open(environment_, (folder / "events.mdb").c_str(), flags, 0644), "mdb_env_open");
    begin();
    check(mdb_dbi_open(transaction_, nullptr, 0, &database_), "mdb_dbi_open");
  }
  LmdbStore(const LmdbStore&) = delete;
  LmdbStore& operator=(const LmdbStore&) = delete;
  ~LmdbStore() override {
    if (transaction_ != nullptr) mdb_txn_abort(transaction_);
    mdb_env_close(environment_);
  }

  void finish() override {
    commit();
    check(mdb_env_sync(environment_, 1), "mdb_env_sync");
  }

 protected:
  void put(std::uint64_t number, std::span<const std::byte> head, std::span<const std::byte> bytes) override {
    if (transaction_ == nullptr) begin();
    std::array<unsigned char, 8> key{};  // big-endian: the order of writing is the order of keys
    for (std::size_t i = 0; i < key.size(); ++i) key[i] = static_cast<unsigned char>(number >> (56 - 8 * i) & 0xff);
    MDB_val k{key.size(), key.data()}, v{head.size() + bytes.size(), nullptr};
    check(mdb_put(transaction_, database_, &k, &v, MDB_APPEND | MDB_RESERVE), "mdb_put");
    auto* to = static_cast<std::byte*>(v.mv_data);
    std::memcpy(to, head.data(), head.size());
    if (!bytes.empty()) std::memcpy(to + head.size(), bytes.data(), bytes.size());
    held_ += v.mv_size;
    if (durability_ != Durability::batched || ++events_ == batch_events || held_ >= batch_bytes) commit();
  }

 private:
  void begin() { check(mdb_txn_begin(environment_, nullptr, 0, &transaction_), "mdb_txn_begin"); }
  void commit() {
    if (transaction_ != nullptr) check(mdb_txn_commit(std::exchange(transaction_, nullptr)), "mdb_txn_commit");
    events_ = held_ = 0;
  }

  Durability durability_;
  MDB_env* environment_ = nullptr;
  MDB_txn* transaction_ = nullptr;
  MDB_dbi database_ = 0;
  std::uint64_t events_ = 0, held_ = 0;
};

}  // namespace

std::unique_ptr<Store> make_lmdb(const std::filesystem::path& folder, Durability durability) {
  return std::make_unique<LmdbStore>(folder, durability);
}

}  // namespace bench
