#include "store.h"

#include <cstring>

namespace bench {
namespace {

void add_value(const daybook::Value& value, std::vector<std::byte>& out) {
  for (const auto piece : value.segments()) out.insert(out.end(), piece.begin(), piece.end());
  for (const auto& run : value.runs()) add_value(run, out);
}

}  // namespace

void ByteStore::keep(std::string_view key, char what, std::uint64_t where, std::span<const std::byte> bytes) {
  head_.resize(sizeof where + 1 + key.size());
  std::memcpy(head_.data(), &where, sizeof where);
  head_[sizeof where] = static_cast<std::byte>(what);
  std::memcpy(head_.data() + sizeof where + 1, key.data(), key.size());
  put(++number_, head_, bytes);
}

void ByteStore::event(const daybook::Event& event) {
  thread_local std::vector<std::byte> bytes;
  bytes.clear();
  std::visit(
      [&](const auto& body) {
        if constexpr (requires { body.value.segments(); }) add_value(body.value, bytes);
      },
      event.body);
  keep(event.key, static_cast<char>('A' + event.body.index()), 0, bytes);
}

std::string StoreKind::label() const {
  switch (durability) {
    case Durability::kill:
      return name;
    case Durability::power:
      return name + "_sync";
    case Durability::batched:
      return name + "_batched";
  }
  return name;
}

const std::vector<StoreKind>& store_kinds() {
  static const auto kinds = [] {
    const auto with = [](auto make, Durability durability) {
      return [make, durability](const std::filesystem::path& folder) { return make(folder, durability); };
    };
    std::vector<StoreKind> all;
    for (const auto durability : {Durability::kill, Durability::power})
      all.push_back({"daybook", durability, with(make_daybook, durability)});
    for (const auto durability : {Durability::kill, Durability::power, Durability::batched})
      all.push_back({"lmdb", durability, with(make_lmdb, durability)});
#ifdef DAYBOOK_BENCH_SQLITE
    for (const auto durability : {Durability::kill, Durability::power})
      all.push_back({"sqlite", durability, with(make_sqlite, durability)});
#endif
#ifdef DAYBOOK_BENCH_ROCKSDB
    for (const auto durability : {Durability::kill, Durability::power})
      all.push_back({"rocksdb", durability, with(make_rocksdb, durability)});
#endif
    all.push_back({"hdf5", Durability::kill, make_hdf5, false});
    all.push_back({"file", Durability::power, make_file});
    all.push_back({"memcpy", Durability::kill, make_memory});
    return all;
  }();
  return kinds;
}

std::vector<std::string> missing_stores() {
  std::vector<std::string> missing;
#ifndef DAYBOOK_BENCH_SQLITE
  missing.emplace_back("SQLite is not there (libsqlite3-dev): its rows are left out");
#endif
#ifndef DAYBOOK_BENCH_ROCKSDB
  missing.emplace_back("RocksDB is not there (librocksdb-dev): its rows are left out");
#endif
  return missing;
}

}  // namespace bench
