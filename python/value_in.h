#pragma once

#include <Python.h>

#include "daybook/journal/value.h"
#include "keep.h"

namespace daybook::python {

// What ARTIQ's DatasetManager and h5py take `object` for. Never throws for content: what HDF5 cannot hold becomes
// Value::unstorable with type and repr. Runs Python code only for objects that are neither built in nor NumPy's. Needs the
// GIL; what it returns does not. The Value borrows from `object` and `keep`: arrays and bytes are not copied, so that
// the caller has to hold `object`, and whoever changes it meanwhile changes the Value.
// error_already_set: KeyboardInterrupt and the like. std::bad_alloc.
Value to_value(PyObject* object, Keep& keep);

}  // namespace daybook::python
