#pragma once

#include <pybind11/pybind11.h>

namespace daybook::python {

// Event, and events(snapshot, first, last): a list of them.
void bind_events(pybind11::module_& m);

}  // namespace daybook::python
