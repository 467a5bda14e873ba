#pragma once

#include <Python.h>

#include <optional>

#include "fingerprint.h"

namespace daybook::python {

// Looks into a plain numpy.ndarray (no subclass) whose elements are bytes in place: no object arrays. Empty for anything
// else. Takes some nanoseconds.
std::optional<Elements> find_elements(PyObject* object);

// A NumPy scalar that cannot be edited in place: all but structured and opaque ones.
bool is_numpy_number(PyObject* object);

// Of shape and element type of an array that find_elements() took: they can be changed in place, too.
Print header_print(PyObject* array);

// How `array[index]`, as DatasetManager.mutate() understands its index (a tuple is one slice, a tuple of tuples one slice a
// dimension), reads as a region. Empty for what is not plain indexing (masks, lists of indices, names of fields, …), and
// for what is out of bounds. Leaves no Python error behind.
std::optional<Region> find_region(PyObject* index, const Elements& elements);

// A list's element the same way: from 0 on. Empty for slices, and for what is out of bounds.
std::optional<std::size_t> find_item(PyObject* index, Py_ssize_t length);

}  // namespace daybook::python
