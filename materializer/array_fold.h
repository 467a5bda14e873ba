#pragma once

#include "daybook/journal/event.h"
#include "daybook/materializer/element_store.h"

namespace daybook::detail {

// The elements of an array while changes are applied to a copy of it.
class ArrayFold {
 public:
  // `base`: a scalar or array; `before` as for ElementStore::append().
  ArrayFold(const Value& base, std::uint64_t memory, const ElementStore::Before& before = {});

  [[nodiscard]] const Type& type() const { return type_; }
  [[nodiscard]] const Shape& shape() const { return shape_; }
  [[nodiscard]] const ElementStore& store() const { return store_; }

  // CorruptError unless the region lies within the array and `value` has just its elements, in the array's type.
  void mutate(const Region& region, const Value& value);
  // One more element (or row) at the end of the first dimension, cast as NumPy casts. CorruptError if it does not fit.
  void append(const Value& value);

  // The array as a Value that owns all its memory.
  [[nodiscard]] Value value() const;

 private:
  Type type_;
  Form form_;
  Shape shape_;
  std::uint64_t width_;
  ElementStore store_;
};

}  // namespace daybook::detail
