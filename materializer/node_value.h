#pragma once

#include "daybook/materializer/plan.h"

namespace daybook {

// What a node's value will be in the file, without its elements. Cheap for scalars and arrays (reads one event); a list
// or a history has to be replayed for it, which the plan remembers for lists. InvalidError for a node without a value, or
// one that cannot be stored. With the node's cast if there is such a conversion, also if it will turn out to change values.
struct StoredAs {
  Form form = Form::scalar;
  Type type;
  Shape shape;

  [[nodiscard]] std::uint64_t count() const { return form == Form::null ? 0 : element_count(shape); }
  [[nodiscard]] std::uint64_t bytes() const;  // of all elements; 16 for each one of variable length
};
[[nodiscard]] StoredAs stored_as(const Plan& plan, const Node& node);

// The value itself, with the node's cast applied. Borrows from plan and snapshot. InvalidError as above, or if there is no
// such cast, or if it would change a value: a cast that is not lossy reads all elements once for that.
[[nodiscard]] StoredValue stored_value(const Plan& plan, const Node& node);

}  // namespace daybook
