#include "layout_in.h"

#include <algorithm>
#include <memory>
#include <string_view>
#include <utility>

#include "daybook/journal/error.h"
#include "plan_handle.h"

namespace daybook::python {

namespace py = pybind11;

namespace {

constexpr std::string_view in_python = "Python, ";  // where a callable was said

std::exception_ptr& callable_failure() {
  thread_local std::exception_ptr failure;
  return failure;
}

// Copies of a transform are made and dropped without the GIL.
std::shared_ptr<py::object> share(const py::object& object) {
  return {new py::object(object), [](py::object* held) {
            const py::gil_scoped_acquire gil;
            delete held;
          }};
}

// "TypeError: what it says"
std::string one_line(const py::error_already_set& error) {
  std::string text = py::str(error.type().attr("__name__"));
  const std::string message = py::str(error.value());
  return message.empty() ? text : text + ": " + message;
}

void call(const py::object& callable, const std::string& name, Plan& plan) {
  const py::gil_scoped_acquire gil;
  const auto handle = std::make_shared<PlanHandle>(plan, name);
  // Whoever keeps the plan beyond the call has nothing in hand.
  const std::unique_ptr<PlanHandle, void (*)(PlanHandle*)> end(handle.get(), [](PlanHandle* h) { h->end(); });
  try {
    callable(handle);
  } catch (py::error_already_set& error) {
    callable_failure() = std::current_exception();
    throw InvalidError(one_line(error));
  }
}

}  // namespace

std::exception_ptr take_callable_failure() { return std::exchange(callable_failure(), nullptr); }

bool is_portable(const Layout& layout) {
  return std::ranges::none_of(layout.steps, [](const LayoutStep& step) { return step.where.starts_with(in_python); });
}

Layout layout_from_callable(const py::object& callable, const std::string& name, const std::string& where) {
  if (PyCallable_Check(callable.ptr()) == 0) throw py::type_error("a transform must be callable");
  Layout layout{.name = name, .text = "# " + name + " is a function in Python\n", .steps = {}};
  layout.steps.push_back({.name = name,
                          .options = {},
                          .transform = [shared = share(callable), name](Plan& plan) { call(*shared, name, plan); },
                          .where = std::string(in_python) + where});
  return layout;
}

OptionValue to_option(const py::handle& value) {
  PyObject* const object = value.ptr();
  if (PyBool_Check(object)) return OptionValue(object == Py_True);
  if (PyUnicode_Check(object)) return OptionValue(value.cast<std::string>());
  if (PyFloat_Check(object)) return OptionValue(PyFloat_AS_DOUBLE(object));
  if (PyIndex_Check(object) != 0) {
    const auto number = py::reinterpret_steal<py::object>(PyNumber_Index(object));
    if (!number) throw py::error_already_set();
    return OptionValue(number.cast<std::int64_t>());
  }
  if (PyDict_Check(object)) {
    OptionTable table;
    for (const auto& [name, item] : py::reinterpret_borrow<py::dict>(value)) {
      if (!PyUnicode_Check(name.ptr())) throw py::type_error("an option's name must be str");
      table.emplace(name.cast<std::string>(), to_option(item));
    }
    return OptionValue(std::move(table));
  }
  if (PyList_Check(object) || PyTuple_Check(object)) {
    OptionList list;
    for (const auto& item : value) list.push_back(to_option(item));
    return OptionValue(std::move(list));
  }
  throw py::type_error(std::string("an option must be bool, int, float, str, or a list or dict of such, not ") +
                       Py_TYPE(object)->tp_name);
}

}  // namespace daybook::python
