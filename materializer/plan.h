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

// How a dataset's elements are kept in the file. A wish for arrays of fixed-size elements that are not empty;
// everything else is always contiguous, as HDF5 wants it. The default is what h5py does without options: contiguous.
struct Storage {
  std::optional<int> gzip;      // level 0 … 9
  bool shuffle = false;         // bytes of like significance together before compression
  Shape chunk;                  // empty: the writer chooses where a filter needs chunks
  std::uint64_t min_bytes = 0;  // arrays below stay contiguous, without filters
};

// The forms a node can take in the file.
struct AsDataset {
  Storage storage;
};
struct AsGroup {};    // a group that is there even if nothing is put into it, or that has attributes
struct AsAttribute {  // the node's value becomes an attribute of another object of the file
  std::string object, name;
};
struct AsLink {  // soft link
  std::string target;
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
using NodeForm = std::variant<AsDataset, AsGroup, AsAttribute, AsLink, Omitted, Refused, Custom>;

// Where a node's value comes from: nowhere, a dataset of the journal, or a constant that must own its bytes or outlive
// the plan.
using Source = std::variant<std::monostate, DatasetState, Value>;

// One thing in the file.
struct Node {
  std::string path;  // absolute, without empty or "." parts: "/datasets/a/b"; "/" is the root
  Source source;
  NodeForm form;
  std::vector<std::pair<std::string, Value>> attributes;  // of the object; values as for a constant source
  std::string origin = "default";                         // who made it or changed it last
  bool fixed = false;  // keeps its path: of two nodes at one place the other one gives way

  [[nodiscard]] const DatasetState* state() const { return std::get_if<DatasetState>(&source); }
};

// What goes where in an HDF5 file: plain data, edited by transforms, printed by to_text(), executed by materialize().
// Borrows from the Reader's snapshot. Order is order of writing, and where two nodes want one place the first gets it.
struct Plan {
  const Reader* reader = nullptr;  // null only in plans of constants
  Sequence as_of = 0;
  std::vector<Node> nodes;

  [[nodiscard]] Node* find(std::string_view path);  // the first node of that path that is in the file; linear
};

// What ARTIQ writes, object for object, and the root attributes daybook_journal, daybook_event, daybook_layout and
// daybook_complete. Replays nothing. CorruptError from the journal. A key that cannot be a path becomes a Refused node.
Plan default_plan(const Reader& reader, Sequence as_of, std::string_view layout_name = "artiq");

// Makes the plan one that can be written: of nodes that cannot stand beside each other (the same path, or below a
// dataset) the first stays and the others become Refused. `fixed` nodes come before all others.
void settle(Plan& plan);

// What a node's value will be in the file, without its elements. Cheap for scalars and arrays (reads one event); a list
// has to be replayed for it. InvalidError for a node without a value, or one that cannot be stored.
struct StoredAs {
  Form form = Form::scalar;
  Type type;
  Shape shape;
};
StoredAs stored_as(const Plan& plan, const Node& node);

// Moves everything at or below `from` to `to`, also what links and attributes point at.
void move_subtree(Plan& plan, std::string_view from, std::string_view to);

// True if a dataset's key matches one of the globs ("*" also matches "/").
bool matches_any(const std::vector<std::string>& globs, const std::string& key);

// For people: one line a node.
std::string to_text(const Plan& plan);

}  // namespace daybook
