#include <string>

#include "bindings.h"
#include "daybook/journal/error.h"
#include "daybook/materializer/transform.h"

namespace daybook::python {

namespace py = pybind11;

namespace {

// The classes live as long as the interpreter: a translator may be called while the module is taken down.
struct Classes {
  PyObject *error, *invalid, *elided, *corrupt, *unsupported, *busy, *storage, *full, *option;
} classes;

PyObject* make(py::module_& m, const char* name, const char* doc, PyObject* base, PyObject* second = nullptr) {
  const auto bases =
      second == nullptr ? py::make_tuple(py::handle(base)) : py::make_tuple(py::handle(base), py::handle(second));
  const std::string full = std::string("daybook.") + name;
  PyObject* type = PyErr_NewExceptionWithDoc(full.c_str(), doc, bases.ptr(), nullptr);
  if (type == nullptr) throw py::error_already_set();
  m.attr(name) = py::handle(type);
  return type;
}

void translate(std::exception_ptr thrown) {
  try {
    if (thrown) std::rethrow_exception(thrown);
  } catch (const OptionError& e) {
    PyErr_SetString(classes.option, e.what());
  } catch (const ElidedError& e) {
    PyErr_SetString(classes.elided, e.what());
  } catch (const InvalidError& e) {
    PyErr_SetString(classes.invalid, e.what());
  } catch (const CorruptError& e) {
    PyErr_SetString(classes.corrupt, e.what());
  } catch (const UnsupportedError& e) {
    PyErr_SetString(classes.unsupported, e.what());
  } catch (const BusyError& e) {
    PyErr_SetString(classes.busy, e.what());
  } catch (const FullError& e) {
    PyErr_SetString(classes.full, e.what());
  } catch (const StorageError& e) {
    PyErr_SetString(classes.storage, e.what());
  } catch (const Error& e) {
    PyErr_SetString(classes.error, e.what());
  }
}

}  // namespace

void bind_errors(py::module_& m) {
  classes.error =
      make(m, "Error",
           "Base of everything Daybook raises. The message says what was attempted, on which file, run, key or "
           "event, why it failed and what to do.",
           PyExc_Exception);
  classes.invalid = make(m, "InvalidError", "A documented rule was broken; nothing was recorded or written.",
                         classes.error, PyExc_ValueError);
  classes.elided =
      make(m, "ElidedError",
           "The journal's retention has dropped the value asked for: the event is known, its bytes are gone.",
           classes.invalid);
  classes.option = make(m, "OptionError", "An option of a transform is unknown, missing or wrong.", classes.invalid);
  classes.corrupt = make(m, "CorruptError", "Bytes on disk break the format: see `daybook verify`.", classes.error);
  classes.unsupported =
      make(m, "UnsupportedError", "A newer format, a foreign file, an unknown transform.", classes.error);
  classes.busy =
      make(m, "BusyError", "Another process holds it: wait and try again.", classes.error, PyExc_BlockingIOError);
  classes.storage =
      make(m, "StorageError", "Disk full, I/O error; LMDB or HDF5 refused.", classes.error, PyExc_OSError);
  classes.full =
      make(m, "FullError",
           "No room: disk, quota or memory is full. Nothing is damaged, and the same call works again once there is "
           "room.",
           classes.storage);
  py::register_exception_translator(translate);
}

}  // namespace daybook::python
