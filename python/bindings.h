#pragma once

#include <pybind11/pybind11.h>

// What each binding file adds to the module `daybook._core`.
namespace daybook::python {

void bind_capture(pybind11::module_& m);
void bind_errors(pybind11::module_& m);
void bind_journal(pybind11::module_& m);
void bind_run(pybind11::module_& m);
void bind_layout(pybind11::module_& m);
void bind_reports(pybind11::module_& m);

}  // namespace daybook::python
