#pragma once

#include "daybook/materializer/table_value.h"

namespace daybook::detail {

// One value of a table, of fixed size.
struct TableCell {
  const Node* node;
  std::string name;
  Type type;
  Shape dims;
  std::vector<std::byte> bytes;
};

// A row for each cell. Columns: "name", and "value" if one type can hold all of them; otherwise "type" and a column for
// each of the types that occur (bool, int64, uint64, float64, complex128, string), where "type" names the one that counts
// and the others hold 0, NaN or "". What fits none of these stands apart.
void make_many_rows(std::vector<TableCell> cells, TableValue& table);

}  // namespace daybook::detail
