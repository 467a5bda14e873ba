#pragma once

#include <pybind11/numpy.h>

#include <functional>

#include "daybook/journal/value.h"
#include "daybook/materializer/replay.h"

// Values of a journal as Python objects that own everything: nothing of a journal's snapshot outlives it.
namespace daybook::python {

// What h5py gives back for a dataset of this value: a NumPy scalar or array, h5py.Empty for a null one; but text is
// str, also in (object) arrays. Call it without the GIL: elements are read without it, into memory of the new array.
pybind11::object read_stored(const StoredValue& value);

// A value as the journal has it: lists stay lists, object arrays object arrays; what HDF5 cannot hold becomes an object of
// `daybook.Unstorable`. Needs the GIL. ElidedError.
pybind11::object read_value(const Value& value);

// (n, …) as a tuple.
template <class T>
pybind11::tuple to_tuple(const Extents<T>& extents) {
  pybind11::tuple tuple(extents.size());
  for (std::size_t i = 0; i < extents.size(); ++i) tuple[i] = extents[i];
  return tuple;
}

}  // namespace daybook::python
