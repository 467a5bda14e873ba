#pragma once

// The second half of salvage: a new journal from the records that were chosen.

#include <compare>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <vector>

#include "daybook/journal/gaps.h"
#include "daybook/journal/remains.h"
#include "daybook/journal/salvage.h"
#include "daybook/journal/store.h"

namespace daybook::detail {

// An intact record, and where it stands.
struct Found {
  Sequence sequence = 0;
  std::uint64_t checksum = 0;
  std::uint64_t offset = 0;
  Nanoseconds time = 0;
  std::uint32_t file = 0;
  bool ends_run = false, may_follow_end = false;
  bool part = false, elided = false;
  std::uint64_t message = 0;  // its hash: an event keeps its message when retention drops its value

  friend bool operator<(const Found& a, const Found& b) { return a.sequence < b.sequence; }
};

class Rebuild {
 public:
  // InvalidError or StorageError if no journal can be made there.
  static void check_target(const std::filesystem::path& journal);

  Rebuild(const std::vector<std::unique_ptr<Remains>>& files, std::span<const Found> records,
          std::filesystem::path source)
      : files_(files), records_(records), source_(std::move(source)) {}

  // Made aside, synced and renamed. Fills in what became of the run.
  void make(const std::filesystem::path& journal, const std::vector<Hints>& hints, Salvage& salvage);

 private:
  void write_events(Store& store, Salvage& salvage);
  void write_detours(Store& store);
  void report(const std::vector<Hints>& hints, Salvage& salvage);

  const std::vector<std::unique_ptr<Remains>>& files_;
  std::span<const Found> records_;
  std::filesystem::path source_;
  Gaps gaps_;
  StoredState state_;
};

}  // namespace daybook::detail
