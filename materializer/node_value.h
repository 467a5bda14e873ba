#pragma once

#include "daybook/materializer/plan.h"

namespace daybook {

// What a node's value will be in the file, without its elements. Cheap for scalars and arrays (reads one event); a list
// or a history has to be replayed for it, which the plan remembers for lists. InvalidError for a node without a value, or
// one that cannot be stored.
struct StoredAs {
  Form form = Form::scalar;
  Type type;
  Shape shape;

  [[nodiscard]] std::uint64_t count() const { return form == Form::null ? 0 : element_count(shape); }
  [[nodiscard]] std::uint64_t bytes() const;  // of all elements; 16 for each one of variable length
};
[[nodiscard]] StoredAs stored_as(const Plan& plan, const Node& node);

// The value itself, with the node's cast applied. Borrows from plan and snapshot. InvalidError as above, or if the cast
// would change a value; that may only be found while elements are read.
[[nodiscard]] StoredValue stored_value(const Plan& plan, const Node& node);

}  // namespace daybook
