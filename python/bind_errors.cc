#include <exception>
#include <string>
#include <system_error>

#include "bindings.h"
#include "daybook/materializer/transform.h"
#include "errors.h"

namespace daybook::python {

namespace py = pybind11;

namespace {

// They live as long as the interpreter: something may be thrown while the module is taken down.
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

void raise(py::handle type, const char* message, int code) {
  if (code == 0) {
    PyErr_SetString(type.ptr(), message);
    return;
  }
  // The message alone, since it says what errno means already.
  const py::object exception = type(message);
  exception.attr("errno") = code;
  PyErr_SetObject(type.ptr(), exception.ptr());
}

void translate(std::exception_ptr thrown) {
  try {
    if (thrown) std::rethrow_exception(thrown);
  } catch (const StorageError& e) {
    raise(error_class(e), e.what(), e.code);
  } catch (const Error& e) {
    raise(error_class(e), e.what(), 0);
  } catch (const std::system_error& e) {  // of the standard library: std::filesystem
    raise(classes.storage, e.what(), e.code().value());
  }
}

}  // namespace

py::handle error_class(const Error& error) {
  const auto is = [&](auto* type) { return dynamic_cast<decltype(type)>(&error) != nullptr; };
  if (is(static_cast<const OptionError*>(nullptr))) return classes.option;
  if (is(static_cast<const ElidedError*>(nullptr))) return classes.elided;
  if (is(static_cast<const InvalidError*>(nullptr))) return classes.invalid;
  if (is(static_cast<const CorruptError*>(nullptr))) return classes.corrupt;
  if (is(static_cast<const UnsupportedError*>(nullptr))) return classes.unsupported;
  if (is(static_cast<const BusyError*>(nullptr))) return classes.busy;
  if (is(static_cast<const FullError*>(nullptr))) return classes.full;
  if (is(static_cast<const StorageError*>(nullptr))) return classes.storage;
  return classes.error;
}

void bind_errors(py::module_& m) {
  classes.error =
      make(m, "Error",
           "Base of everything Daybook raises. The message says what was attempted, on which file, run, key or "
           "event, why it failed and what to do.",
           PyExc_Exception);
  classes.invalid = make(m, "InvalidError", "A documented rule was broken; nothing was recorded or written.",
                         classes.error, PyExc_ValueError);
  classes.elided = make(m, "ElidedError",
                        "The journal's retention has dropped the value asked for: the event is known, its bytes are "
                        "gone.",
                        classes.invalid);
  classes.option = make(m, "OptionError", "An option of a transform is unknown, missing or wrong.", classes.invalid);
  classes.corrupt = make(m, "CorruptError", "Bytes on disk break the format: see `daybook verify`.", classes.error);
  classes.unsupported =
      make(m, "UnsupportedError", "A newer format, a foreign file, an unknown transform.", classes.error);
  classes.busy =
      make(m, "BusyError", "Another process holds it: wait and try again.", classes.error, PyExc_BlockingIOError);
  classes.storage =
      make(m, "StorageError", "Disk full, I/O error; LMDB or HDF5 refused. Its errno is set where there is one.",
           classes.error, PyExc_OSError);
  classes.full = make(m, "FullError",
                      "No room: disk, quota or memory is full. Nothing is damaged, and the same call works again once "
                      "there is room.",
                      classes.storage);
  py::register_exception_translator(translate);
}

}  // namespace daybook::python
