#pragma once

// What people would keep their events in instead, driven alike: each call is one event, and has returned when a kill of
// the process cannot take it any more. Each with the settings that its makers recommend; docs/performance.md lists them.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "daybook/journal/event.h"

namespace bench {

class Store {
 public:
  virtual ~Store() = default;
  virtual void set(std::string_view key, double value) = 0;
  virtual void append(std::string_view key, double value) = 0;  // to a list
  virtual void declare(std::string_view key, std::span<const double> array) = 0;
  virtual void mutate(std::string_view key, std::uint64_t index, double value) = 0;  // of a declared array
  virtual void frame(std::string_view key, std::span<const std::uint16_t> pixels, std::uint64_t rows) = 0;
  virtual void event(const daybook::Event& event) = 0;  // as recorded
  // After it everything is on the disk and can be read.
  virtual void finish() = 0;
};

// A store of keys and bytes keeps an event under its number: the key, what was done, and the bytes.
class ByteStore : public Store {
 public:
  void set(std::string_view key, double value) override { keep(key, 's', 0, as_bytes(value)); }
  void append(std::string_view key, double value) override { keep(key, 'a', 0, as_bytes(value)); }
  void declare(std::string_view key, std::span<const double> array) override {
    keep(key, 's', 0, std::as_bytes(array));
  }
  void mutate(std::string_view key, std::uint64_t index, double value) override {
    keep(key, 'm', index, as_bytes(value));
  }
  void frame(std::string_view key, std::span<const std::uint16_t> pixels, std::uint64_t rows) override {
    keep(key, 's', rows, std::as_bytes(pixels));
  }
  void event(const daybook::Event& event) override;

 protected:
  // One event: two pieces that belong together.
  virtual void put(std::uint64_t number, std::span<const std::byte> head, std::span<const std::byte> bytes) = 0;

 private:
  static std::span<const std::byte> as_bytes(const double& value) { return std::as_bytes(std::span(&value, 1)); }
  void keep(std::string_view key, char what, std::uint64_t where, std::span<const std::byte> bytes);
  std::uint64_t number_ = 0;
  std::vector<std::byte> head_;
};

// Whether an event has to survive a power cut when its call returns, or only a kill; `batched`: not even that, 10 000
// events (of frames: 16 MiB) share a synced transaction.
enum class Durability { kill, power, batched };

struct StoreKind {
  std::string name;  // daybook, lmdb, sqlite, rocksdb, hdf5, file, memcpy
  Durability durability;
  std::function<std::unique_ptr<Store>(const std::filesystem::path& folder)> make;
  bool records = true;  // takes event()
  [[nodiscard]] std::string label() const;
};
// Those that this program was built with; first Daybook.
const std::vector<StoreKind>& store_kinds();
// A word for each that it was built without.
std::vector<std::string> missing_stores();

std::unique_ptr<Store> make_daybook(const std::filesystem::path& folder, Durability durability);
std::unique_ptr<Store> make_lmdb(const std::filesystem::path& folder, Durability durability);
std::unique_ptr<Store> make_sqlite(const std::filesystem::path& folder, Durability durability);
std::unique_ptr<Store> make_rocksdb(const std::filesystem::path& folder, Durability durability);
std::unique_ptr<Store> make_hdf5(const std::filesystem::path& folder);
std::unique_ptr<Store> make_file(const std::filesystem::path& folder);    // pwrite + fdatasync, preallocated
std::unique_ptr<Store> make_memory(const std::filesystem::path& folder);  // memcpy

// The events of a recorded ndscan experiment (a golden trace), from the first one after its start on.
const std::vector<daybook::Event>& recorded_events();

}  // namespace bench
