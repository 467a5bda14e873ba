#pragma once

#include <pybind11/numpy.h>

#include <optional>

#include "daybook/journal/type.h"

// NumPy's dtypes and Daybook's types, both ways. All of it needs the GIL.
namespace daybook::python {

using Descr = pybind11::detail::PyArrayDescr_Proxy;
using Array = pybind11::detail::PyArray_Proxy;

// NumPy's numbers for its types, which its interface fixes.
namespace type_number {
inline constexpr int object = 17, bytes = 18, text = 19, void_ = 20, half = 23, end = 24;
}  // namespace type_number

// The type of a dtype, also one of h5py's (string_dtype, enum_dtype, vlen_dtype). Empty for what HDF5 has no type for:
// "U", "M8", "m8", plain "O", what holds them, and types without size. Throws error_already_set only for what is no
// matter of content, such as KeyboardInterrupt.
std::optional<Type> find_type(PyObject* descr);

// The same for the dtypes that nearly all arrays have: one comparison. Null if it is another one.
const Type* find_common_type(PyObject* descr);

// The dtype of a type: what h5py would give a dataset of it. Variable-length kinds are "O" with h5py's metadata.
pybind11::dtype make_dtype(const Type& type);

// "<f8" or what str() makes of the dtype.
std::string dtype_text(PyObject* descr);

}  // namespace daybook::python
