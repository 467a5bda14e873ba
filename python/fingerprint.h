#pragma once

#include <Python.h>

#include <cstddef>
#include <cstdint>

#include "daybook/journal/event.h"
#include "daybook/journal/value.h"

// What a live object held when it was journaled, in 8 bytes, so that an edit that bypassed the API is found later without a
// copy of the object. Sums over parts, so that an edit through the API is followed at the cost of what it touches: subtract
// the part's print before it, add the one after it. An edit that goes unseen has a chance of 2^-64.
namespace daybook::python {

using Print = std::uint64_t;
inline constexpr Print no_print = 0;  // of what has not been looked at: nothing is expected to have it

inline Print mix(std::uint64_t place, std::uint64_t word) {
  std::uint64_t x = word ^ ((place + 1) * 0x9e3779b97f4a7c15U);
  x *= 0xff51afd7ed558ccdU;
  x ^= x >> 32U;
  x *= 0xc4ceb9fe1a85ec53U;
  return x ^ (x >> 29U);
}

// Of a whole array, by XXH3: as fast as memory, but of no use for following a change.
Print whole_print(const std::byte* bytes, std::size_t size);

// The elements of a live ndarray, as they stand. Borrowed: the array must outlive it and keep its shape.
struct Elements {
  const std::byte* data = nullptr;
  std::size_t item_size = 0;
  std::size_t rank = 0;
  const Py_ssize_t* shape = nullptr;
  const Py_ssize_t* strides = nullptr;
  bool contiguous = false;  // C order, without gaps

  [[nodiscard]] std::size_t count() const;
  [[nodiscard]] std::size_t bytes() const { return count() * item_size; }
};

// Sum over all of it, and over a region of it: words of 8 bytes where it is contiguous, else elements. Two elements of a
// region in one word count once.
Print sum_print(const Elements& elements);
Print sum_print(const Elements& elements, const Region& region);
// Sum or whole print of an array that need not be contiguous.
Print array_print(const Elements& elements);

// Copies a region's elements, C-contiguous, to `out`; and the place of its only run, or nullptr if it has gaps.
void copy_region(const Elements& elements, const Region& region, std::byte* out);
const std::byte* find_run(const Elements& elements, const Region& region);

// Of one item of a list, by its content.
Print item_print(PyObject* item);
// Of a whole list: its items and their places.
Print list_print(PyObject* list);
// Of what was journaled for anything else.
Print value_print(const Value& value);

}  // namespace daybook::python
