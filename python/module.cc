#include "bindings.h"

PYBIND11_MODULE(_core, m) {
  m.doc() = "Daybook's C++ libraries. Import daybook instead.";
  m.attr("__version__") = DAYBOOK_VERSION;
  daybook::python::bind_errors(m);
  daybook::python::bind_capture(m);
}
