#pragma once

#include <pybind11/pybind11.h>

#include "daybook/journal/error.h"
#include "daybook/materializer/materialize.h"

namespace daybook::python {

// The Python class of an exception.
pybind11::handle error_class(const Error& error);

pybind11::list from_refusals(const std::vector<Refusal>& refusals);
pybind11::dict from_report(const MaterializeReport& report);

}  // namespace daybook::python
