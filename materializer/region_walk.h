#pragma once

#include "daybook/journal/error.h"
#include "daybook/journal/event.h"

namespace daybook::detail {

// CorruptError if the region does not lie within the shape. Returns the number of elements selected.
inline std::uint64_t check_region(const Shape& shape, const Region& region) {
  const auto rank = shape.size();
  if (region.start.size() != rank || region.count.size() != rank || region.step.size() != rank) {
    throw CorruptError("the region has another number of dimensions than the array");
  }
  std::uint64_t total = 1;
  for (std::size_t d = 0; d < rank; ++d) {
    if (region.count[d] < 0) throw CorruptError("the region has a negative count");
    if (region.count[d] == 0) total = 0;
  }
  for (std::size_t d = 0; d < rank && total != 0; ++d) {
    std::int64_t way = 0, last = 0;
    if (region.start[d] < 0 || __builtin_mul_overflow(region.count[d] - 1, region.step[d], &way) ||
        __builtin_add_overflow(region.start[d], way, &last) || last < 0 ||
        static_cast<std::uint64_t>(region.start[d]) >= shape[d] || static_cast<std::uint64_t>(last) >= shape[d] ||
        (region.step[d] == 0 && region.count[d] > 1)) {
      throw CorruptError("the region reaches outside the array in dimension " + std::to_string(d));
    }
    total *= static_cast<std::uint64_t>(region.count[d]);
  }
  return total;
}

// visit(first, stride, count) for the elements first, first + stride, … in C order; neighbours come as one call. The
// region has been checked.
template <class Visit>
void walk_region(const Shape& shape, const Region& region, Visit&& visit) {
  auto d = shape.size();
  std::int64_t block = 1;  // elements of the innermost dimensions that are covered as a whole
  while (d > 0 && region.start[d - 1] == 0 && region.step[d - 1] == 1 &&
         static_cast<std::uint64_t>(region.count[d - 1]) == shape[d - 1]) {
    block *= region.count[--d];
  }
  std::int64_t run = block, stride = 1, first = 0;
  auto outer = d;  // dimensions that take a loop
  if (d > 0 && (region.step[d - 1] == 1 || region.count[d - 1] == 1)) {
    outer = d - 1;
    run = region.count[outer] * block;
    first = region.start[outer] * block;
  } else if (d > 0 && block == 1) {
    outer = d - 1;
    run = region.count[outer];
    stride = region.step[outer];
    first = region.start[outer];
  }
  Extents<std::int64_t> weight, at;
  for (std::size_t i = 0; i < outer; ++i) {
    weight.push_back(1);
    at.push_back(0);
  }
  std::int64_t size = block;
  for (auto i = d; i-- > 0; size *= static_cast<std::int64_t>(shape[i])) {
    if (i < outer) weight[i] = size;
  }
  for (;;) {
    std::int64_t position = first;
    for (std::size_t i = 0; i < outer; ++i) position += (region.start[i] + at[i] * region.step[i]) * weight[i];
    visit(static_cast<std::uint64_t>(position), stride, static_cast<std::uint64_t>(run));
    auto i = outer;
    while (i > 0 && ++at[i - 1] == region.count[i - 1]) at[--i] = 0;
    if (i == 0) return;
  }
}

}  // namespace daybook::detail
