#pragma once

#include <functional>
#include <optional>
#include <span>

#include "daybook/materializer/plan.h"
#include "daybook/materializer/replay.h"

namespace daybook::detail {

// What a table's dataset holds: one compound row with a field for each node, or a row for each node.
//
// Strings become fixed-length ones: so a row is one piece of bytes that can be compressed, and h5py, HDFView and MATLAB
// read it alike (a variable-length string inside a compound is where other readers give up).
// A node's attributes are kept: of one row as the table's attributes "FIELD.NAME", of many rows as further columns where
// they are numbers or short texts, and like the former where not.
struct TableValue {
  StoredValue value;
  bool newer_format = false;  // only an object header of HDF5 1.8 can describe it
  std::vector<std::pair<std::string, Value>> attributes;
  std::vector<const Node*> held;
  std::vector<std::pair<const Node*, std::string>> apart;    // have a value, which cannot be in this table
  std::vector<std::pair<const Node*, std::string>> refused;  // have no value that can be stored
  std::optional<std::string> unlike_layout;                  // one row was wanted
};

// `fields` are AsField nodes; `stored` gives a node's value or throws InvalidError. `newer_file`: the file's objects have
// headers of HDF5 1.8 anyway. If nothing is held there is no value.
TableValue make_table(const AsTable& form, std::span<const Node* const> fields, bool newer_file,
                      const std::function<StoredValue(const Node&)>& stored);

}  // namespace daybook::detail
