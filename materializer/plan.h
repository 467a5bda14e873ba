#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "daybook/journal/reader.h"
#include "daybook/materializer/replay.h"

namespace daybook {

// One stage of HDF5's filter pipeline, by its registered number.
struct Filter {
  std::int32_t id = 0;
  std::string name;                    // for people
  std::vector<std::uint32_t> options;  // HDF5's cd_values

  friend bool operator==(const Filter&, const Filter&) = default;
};
inline constexpr std::int32_t gzip_filter = 1, shuffle_filter = 2, fletcher32_filter = 3;

// How a dataset's elements are kept in the file: wishes that the writer follows where HDF5 can. Chunks and filters are
// for arrays of fixed-size elements that are not empty; everything else is contiguous, as HDF5 wants it. The default is
// what h5py does without options.
struct Storage {
  enum class Kind : std::uint8_t { automatic, compact, contiguous, chunked };  // automatic: chunked where it has to be
  Kind kind = Kind::automatic;
  std::vector<Filter> filters;      // in the order in which they are applied when writing
  Shape chunk;                      // empty: the writer chooses where chunks are needed …
  std::uint64_t chunk_bytes = 0;    // … of about this many bytes; 0: its own choice
  bool extendible = false;          // every dimension unlimited, so that others can append to the dataset
  std::optional<Value> fill_value;  // a number or string that the dataset's type can hold
  bool track_times = false;         // HDF5's object times: two files of one journal then differ
};

// The forms a node can take in the file.
struct AsDataset {
  Storage storage;
};
struct AsTable {  // the values of the table's AsField nodes, in their order
  enum class Rows : std::uint8_t {
    automatic,  // one while there are few fields, many otherwise: HDF5's time for a row grows with the square of its fields
    one,        // shape (1,), a field each; many all the same where an object header cannot describe so many fields
    many,       // shape (n,), a row each: columns "name" and "value" (several of them if the types differ); gzipped if
                // `storage` says nothing, since names make most of it
  };
  Storage storage;
  Rows rows = Rows::automatic;
};
struct AsGroup {};    // a group that is there even if nothing is put into it, or that has attributes
struct AsAttribute {  // the node's value becomes an attribute of another object of the file
  std::string object, name;
};
struct AsField {  // the node's value becomes a field of a table of the file
  std::string table, name;
};
struct AsLink {
  enum class Kind : std::uint8_t { soft, hard, external };
  std::string target;  // a path; of an external link, in that file
  Kind kind = Kind::soft;
  std::string file;  // external: as HDF5 looks it up, relative to the file it is in
};
struct Omitted {  // left out on purpose
  std::string reason;
};
struct Node;
struct Refused {  // cannot be written: reported
  std::string reason;
  // Where the place was given to another node: what would have been written here, and that node's index in the plan. If
  // that one turns out to be unwritable, its place is this one's after all.
  std::shared_ptr<const Node> instead;
  std::size_t rival = 0;
};
struct Custom {
  // Makes the object at `path` by itself: `file` is the raw HDF5 file id (hid_t), `value` null for a node without a
  // source. Ids opened in it must be closed in it. What it throws costs this node alone.
  using Write = std::function<void(std::int64_t file, const std::string& path, const StoredValue* value)>;
  std::string what;  // for people
  Write write;
};
using NodeForm = std::variant<AsDataset, AsTable, AsGroup, AsAttribute, AsField, AsLink, Omitted, Refused, Custom>;

namespace detail {
struct HistoryShape;
}

// Every value a dataset had up to a point, along a new first dimension; also those from before it was removed and set
// anew. Where shapes differ each value is padded to the largest; types are promoted as NumPy does. Of a list or an array
// that was set once and then only grew it is the final value, its items along the first dimension: each has the time and
// the sequence number of the event that brought it.
struct History {
  enum class Part : std::uint8_t {
    values,     // (n, …): NaN, 0 or "" where a value is shorter than the largest
    times,      // (n,) float64: seconds since the Unix epoch
    sequences,  // (n,) uint64: sequence numbers
    shapes,     // (n, rank) uint64: what of each value counts
  };
  DatasetState state;
  Part part = Part::values;
  // Of the values: padded, or as the many states of a growing list, they may be far more than the journal holds.
  std::uint64_t max_bytes = std::uint64_t{1} << 30;
  std::shared_ptr<const detail::HistoryShape> known = {};  // if somebody has looked at the values already
};

// Where a node's value comes from: nowhere, a dataset of the journal, all it ever was, or a constant that must own its
// bytes or outlive the plan.
using Source = std::variant<std::monostate, DatasetState, History, Value>;

// The value is written as another type.
struct CastTo {
  Type type;
  bool lossy = false;  // may change values; otherwise a value that would change makes the node keep its own type
};

// Origin of what no transform made.
inline constexpr std::string_view default_origin = "default";

// One thing in the file.
struct Node {
  std::string path;  // absolute, without empty or "." parts: "/datasets/a/b"; "/" is the root
  Source source;
  NodeForm form;
  std::vector<std::pair<std::string, Value>> attributes;  // of the object; values as for a constant source
  std::string origin = std::string(default_origin);       // who made it, or gave it its place or form
  std::vector<std::string> edits = {};                    // who else changed it, in order
  bool fixed = false;  // keeps its path: of two nodes at one place the other one gives way
  std::optional<CastTo> cast = {};
  std::vector<std::string> notes = {};  // for the report, if it is written as a dataset: what is not as was wished

  // The dataset or archived value that it stands for; null for a constant or a node without a value.
  [[nodiscard]] const DatasetState* state() const;
  // It is there in the file as itself or as a part of another object: neither omitted nor refused.
  [[nodiscard]] bool is_written() const;
  // It is an object of its own: takes the place at `path`.
  [[nodiscard]] bool is_object() const;
};

// Of the file as a whole.
struct FileProperties {
  enum class Version : std::uint8_t { earliest, v18, v110, latest };
  Version low = Version::earliest, high = Version::latest;  // H5Pset_libver_bounds
  std::uint64_t user_block = 0;                             // bytes: 0, or a power of two from 512
  std::string user_block_text;                              // at its start; the rest is zero
  std::optional<std::string> no_file;                       // there is to be no file at all, and why
};

// What goes where in an HDF5 file: plain data, edited by transforms, printed by to_text(), executed by materialize().
// Borrows from the Reader's snapshot. Order is order of writing, and where two nodes want one place the first gets it.
struct Plan {
  const Reader* reader = nullptr;  // null only in plans of constants
  Sequence as_of = 0;
  std::vector<Node> nodes;
  FileProperties file = {};

  [[nodiscard]] Node* find(std::string_view path);  // the first node of that path that is in the file; linear
};

// What ARTIQ writes, object for object, and the root attributes daybook_journal, daybook_event, daybook_layout and
// daybook_complete. Datasets are stored as their own options say (Set::options, named and meant as the keywords of h5py's
// create_dataset), as far as that can be. Replays nothing. CorruptError from the journal. A key that cannot be a path becomes a Refused node.
Plan default_plan(const Reader& reader, Sequence as_of, std::string_view layout_name = "artiq");

// Makes the plan one that can be written: of nodes that cannot stand beside each other (the same path, or below a
// dataset) because of the run's own keys the first stays and the others become Refused; `fixed` nodes come before all
// others. InvalidError, with both origins, if a transform brought the conflict about, if two attributes of one object or
// fields of one table have the same name, or if an attribute, a field or a hard link belongs to something that is not in
// the file.
void settle(Plan& plan);

// Moves everything at or below `from` to `to`, also what links and attributes point at.
void move_subtree(Plan& plan, std::string_view from, std::string_view to);

// True if a dataset's key matches one of the globs ("*" also matches "/").
bool matches_any(const std::vector<std::string>& globs, const std::string& key);

// For people: one line a node.
std::string to_text(const Plan& plan);
std::string to_text(const Storage& storage);  // " chunks (2, 3) shuffle gzip 6"; empty for the default

}  // namespace daybook
