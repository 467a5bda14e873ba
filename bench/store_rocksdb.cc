#include <rocksdb/db.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/options.h>
#include <rocksdb/table.h>

#include <array>
#include <string>

#include "harness.h"
#include "store.h"

namespace bench {
namespace {

void check(const rocksdb::Status& status) { require(status.ok(), "RocksDB: " + status.ToString()); }

// The settings of RocksDB's page "Setup Options and Basic Tuning".
rocksdb::Options recommended() {
  rocksdb::Options options;
  options.create_if_missing = true;
  options.level_compaction_dynamic_level_bytes = true;
  options.max_background_jobs = 6;
  options.bytes_per_sync = 1 << 20;
  options.compaction_pri = rocksdb::kMinOverlappingRatio;
  rocksdb::BlockBasedTableOptions table;
  table.block_size = 16 << 10;
  table.cache_index_and_filter_blocks = true;
  table.pin_l0_filter_and_index_blocks_in_cache = true;
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  return options;
}

class RocksdbStore final : public ByteStore {
 public:
  RocksdbStore(const std::filesystem::path& folder, Durability durability) {
    rocksdb::DB* opened = nullptr;
    check(rocksdb::DB::Open(recommended(), folder / "rocksdb", &opened));
    database_.reset(opened);
    write_.sync = durability == Durability::power;
  }

  void finish() override { check(database_->SyncWAL()); }

 protected:
  void put(std::uint64_t number, std::span<const std::byte> head, std::span<const std::byte> bytes) override {
    std::array<char, 8> key{};
    for (std::size_t i = 0; i < key.size(); ++i) key[i] = static_cast<char>(number >> (56 - 8 * i) & 0xff);
    record_.assign(reinterpret_cast<const char*>(head.data()), head.size());
    record_.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    check(database_->Put(write_, rocksdb::Slice(key.data(), key.size()), record_));
  }

 private:
  std::unique_ptr<rocksdb::DB> database_;
  rocksdb::WriteOptions write_;
  std::string record_;
};

}  // namespace

std::unique_ptr<Store> make_rocksdb(const std::filesystem::path& folder, Durability durability) {
  return std::make_unique<RocksdbStore>(folder, durability);
}

}  // namespace bench
