#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "daybook/journal/event.h"
#include "daybook/journal/recover.h"

namespace daybook {

struct SalvageOptions {
  // The run to salvage, where records of several are found; else the one with the most.
  std::optional<Uuid> uuid;
  std::function<void(std::uint64_t done, std::uint64_t total)> progress;  // bytes
};

struct SequenceRange {
  Sequence first = 0, last = 0;
};

// What became of one dataset, archived value or attribute, or of the run's stages, where something of it is lost.
struct LostOfKey {
  enum class What : std::uint8_t { dataset, archived, attribute, stages };
  What what = What::dataset;
  std::string key, attribute;
  std::vector<Sequence> lost;  // its lost events, as far as the surviving ones and the index name them
  Sequence newest = 0;         // its newest event that is left
  Sequence shown = 0;          // the newest one whose value can be proven, which is what is shown; 0: none
  std::uint64_t idle = 0;      // events that are left, but change a value that is lost
  bool metadata_lost = false;  // of the value shown
  bool uncertain = false;      // lost events behind `newest` may have been of it or not
};

struct Salvage {
  RunInfo info;
  bool info_made = false;  // the run's description is lost: `info` is made of what the rest tells
  Phase phase = Phase::crashed;
  Sequence last = 0;                  // the highest sequence number that is known of
  Sequence events = 0;                // that came back; 0: nothing did, and no journal was made
  Sequence lost = 0;                  // last - events
  std::vector<SequenceRange> ranges;  // of lost events, in order
  std::vector<LostOfKey> keys;
  struct OtherRun {
    Uuid uuid{};
    std::uint64_t records = 0;
  };
  std::vector<OtherRun> others;  // whose records were found, too
  std::uint64_t unreadable = 0;  // bytes that the disk refused to read
};

// Rebuilds a journal from what is left of one: a folder (its data.mdb, intake and any other file), or a single file.
// Reads the bytes itself, never through LMDB, and changes nothing of `damaged`. Every event whose record is intact is in
// `journal` as it was, with the same number; events that are lost are `lost` events there.
// InvalidError if `journal` exists, or `uuid` names a run of which nothing is found; StorageError if there is nothing to
// read, or no room.
Salvage salvage(const std::filesystem::path& damaged, const std::filesystem::path& journal,
                const SalvageOptions& options = {});

}  // namespace daybook
