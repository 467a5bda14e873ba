#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "daybook/journal/value.h"

namespace daybook {

// Dense, from 1; 0 means "none".
using Sequence = std::uint64_t;
// Nanoseconds since the Unix epoch.
using Nanoseconds = std::int64_t;

using Uuid = std::array<std::uint8_t, 16>;
std::string to_string(const Uuid& uuid);

// Who and when. Strings are UTF-8.
struct RunInfo {
  Uuid uuid{};  // made by Journal::create when zero
  std::int64_t rid = 0;
  std::string class_name;
  std::string expid;             // the text for /expid, as ARTIQ encodes it (PYON)
  double start_time = 0;         // seconds since the Unix epoch; Journal::create takes the present for 0
  std::string software_version;  // the text for /artiq_version
  std::string host, boot_id;     // of the process that made the journal: filled in by Journal::create
  std::int64_t pid = 0;          //   "
  std::string daybook_version;   //   "
  std::string pipeline;          // of ARTIQ's scheduler; empty if there was none
  std::int64_t priority = 0;     //   "
  // For whoever makes the run's file when the run itself cannot any more.
  std::string layout;   // a layout file that stands alone (TOML: no includes); empty: as ARTIQ lays it out
  std::string results;  // where the file belongs: absolute, or seen from the folder the journal lies in; empty: beside
                        // the journal, as {rid:09}-{Class}.h5
};

struct Attribute {
  std::string_view name;
  Value value;
};

// A part of an array: start, count, step per dimension, in elements. A step may be negative; count 0 selects nothing.
struct Region {
  Extents<std::int64_t> start, count, step;
};

// What happened. Views and borrowed values point into the caller's memory (writing) or into the snapshot (reading).
struct RunStarted {
  RunInfo info;
};
struct StageChanged {
  std::string_view stage;  // build, prepare, run, analyze, …
  double run_time = 0;     // stage "run": seconds since the Unix epoch for /run_time; else 0
};
struct Set {
  Value value;
  std::vector<Attribute> metadata;                          // replaces what the key had
  std::vector<Attribute> options;                           // how it is stored: keywords of h5py's create_dataset
  bool broadcast = false, persist = false, archive = true;  // archive: the value is saved in the file
  Sequence born = 0;  // filled by the journal: saved without a gap since then; 0: this event
};
struct Mutate {
  Region region;
  Value value;  // an array of the region's count, in the dataset's own type
};
struct MutateItem {
  std::uint64_t index = 0;
  Value value;
};
struct Replace {  // the whole value anew; metadata, options and flags stay
  Value value;
  Sequence declared = 0;  // filled by the journal: the `set` they stand in
};
struct Append {
  Value value;
  std::uint64_t index = 0;  // filled by the journal: the position the item got
};
struct Remove {};
struct Archived {  // a value read from elsewhere and saved with the run
  Value value;
  Sequence born = 0;  // filled by the journal
};
struct SetAttribute {  // stays until it is removed itself: a later `set` or `remove` does not touch it
  std::string_view name;
  Value value;
  bool removed = false;
};
struct Checkpoint {
  std::string_view name;
};
struct Materialized {
  std::string_view file;            // absolute; empty: no file was made, and none is wanted
  std::string_view layout, digest;  // its name; empty digest for the default layout. "experiment": the run's own code
  Sequence up_to = 0;
  std::string_view text;  // the layout itself
};
struct RunEnded {
  std::string_view how;  // "ok", or what went wrong
};
struct Part {  // a piece of a payload too long for one record
  std::span<const std::byte> bytes;
  bool elided = false;  // dropped by retention together with the value it was a part of
};
struct
    Lost {  // put in by salvage for the events from this one up to `up_to`. With a key: a part of this one's value is lost
  Sequence up_to = 0;
};
struct Unknown {  // of a kind that a later version added
  std::uint16_t kind = 0;
};

using EventBody = std::variant<RunStarted, StageChanged, Set, Mutate, MutateItem, Replace, Append, Remove, Archived,
                               SetAttribute, Checkpoint, Materialized, RunEnded, Part, Lost, Unknown>;

struct Event {
  EventBody body;
  std::string_view key;        // the dataset's name where the body concerns one
  Nanoseconds time = 0;        // when appending: 0 takes the present
  std::int64_t monotonic = 0;  //   "

  // Filled by the journal. A chain is the history of one dataset, of one archived value or of one attribute.
  Sequence sequence = 0;
  Sequence previous = 0;    // the event before on the same chain
  Sequence base = 0;        // the newest event up to here that holds the chain's whole value
  std::uint32_t depth = 0;  // events of the chain after base

  std::shared_ptr<const void> storage;  // keeps the record where it had to be copied to be read
};

// "set", "mutate", …: the names of design and `daybook log`.
std::string_view kind_name(const EventBody& body);

}  // namespace daybook
