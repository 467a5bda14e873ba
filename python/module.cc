#include <pybind11/numpy.h>

#include <string>

#include "bindings.h"

namespace py = pybind11;

// Arrays and dtypes are read in place, as NumPy 1 lays them out.
static void require_numpy_1() {
  const std::string version = py::str(py::module_::import("numpy").attr("__version__"));
  if (!version.starts_with("1."))
    throw py::import_error("daybook was built for NumPy 1, and NumPy is " + version +
                           " here: install numpy<2, or build daybook with a pybind11 that knows NumPy 2");
}

PYBIND11_MODULE(_core, m) {
  m.doc() = "Daybook's C++ libraries. Import daybook instead.";
  m.attr("__version__") = DAYBOOK_VERSION;
  require_numpy_1();
  daybook::python::bind_errors(m);
  daybook::python::bind_capture(m);
  daybook::python::bind_journal(m);
  daybook::python::bind_run(m);
  daybook::python::bind_layout(m);
  daybook::python::bind_reports(m);
}
