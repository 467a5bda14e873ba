#pragma once

#include <pybind11/pybind11.h>

#include <exception>

#include "daybook/materializer/layout.h"

namespace daybook::python {

// A Python callable that edits a plan, as a layout of one step. Messages call it by `name` and `where` ("scan.py:12").
Layout layout_from_callable(const pybind11::object& callable, const std::string& name, const std::string& where);

// A layout file could say it: no step is a Python callable.
bool is_portable(const Layout& layout);

// {"use": …} and other options, as a layout file would say them. TypeError for what no layout file could say.
OptionValue to_option(const pybind11::handle& value);

// The exception with which a Python callable of this thread has failed since the last call; null if none has.
std::exception_ptr take_callable_failure();

// Plan, Node: what a callable is given.
void bind_plan(pybind11::module_& m);

}  // namespace daybook::python
