#pragma once

// Finds what is left of records, and of what says where they belong, in any bytes. Reads itself, never through LMDB.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "daybook/journal/pages.h"
#include "daybook/journal/record.h"
#include "daybook/journal/recover.h"

namespace daybook::detail {

// One suspect file. What the disk cannot read is taken for zero bytes, and counted.
class Remains {
 public:
  explicit Remains(const std::filesystem::path& file);  // StorageError if it cannot be opened

  [[nodiscard]] const PageFile& file() const { return file_; }
  [[nodiscard]] std::uint64_t size() const { return size_; }
  // An intake with an intact header: its records may go on at the start of the ring.
  [[nodiscard]] const std::optional<IntakeHeader>& ring() const { return ring_; }
  [[nodiscard]] std::uint64_t unreadable() const { return unreadable_; }

  // False if the bytes end before.
  bool read(std::uint64_t offset, std::span<std::byte> into) const;
  // The record at this place, if it is intact. `into` holds its bytes afterwards.
  [[nodiscard]] std::optional<RecordView> record_at(std::uint64_t offset, std::vector<std::byte>& into) const;

  // Every intact record at whatever place, in the order of the file.
  using Visitor = std::function<void(const RecordView&, std::uint64_t offset)>;
  void scan(const Visitor& visit, const std::function<void(std::uint64_t offset)>& progress) const;

 private:
  [[nodiscard]] std::uint64_t room(std::uint64_t offset) const;
  bool read_straight(std::uint64_t offset, std::span<std::byte> into) const;

  PageFile file_;
  std::uint64_t size_ = 0;
  std::optional<IntakeHeader> ring_;
  std::uint64_t ring_end_ = 0;  // where the ring ends in the file; 0: no ring
  mutable std::uint64_t unreadable_ = 0;
};

// What the small databases of a data.mdb tell. Nothing of it has a checksum: hints.
struct Hints {
  struct State {
    Phase phase = Phase::running;
    Sequence last = 0;
    std::uint64_t intake_position = 0, intake_id = 0;
  };
  std::vector<RunInfo> infos;  // newest first
  std::optional<State> state;  // of the newest transaction that can be read
  Sequence furthest = 0;       // the highest `last` in any copy of the state
  std::map<std::string, Sequence> heads;
  bool current = false;  // all trees of the newest transaction are intact: `state` and `heads` are complete
  // The records of the newest transaction: sequence number → checksum. Asked for only where needed: it takes a walk.
  std::function<std::map<Sequence, std::uint64_t>()> indexed;
};
Hints find_hints(const Remains& remains);

}  // namespace daybook::detail
