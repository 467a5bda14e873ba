#include "arrays.h"

#include <pybind11/numpy.h>

#include "daybook/journal/type.h"

namespace daybook::python {

std::optional<Elements> find_elements(PyObject* object) {
  const auto& api = pybind11::detail::npy_api::get();
  if (Py_TYPE(object) != api.PyArray_Type_) return std::nullopt;
  const auto* array = pybind11::detail::array_proxy(object);
  const auto* descr = pybind11::detail::array_descriptor_proxy(array->descr);
  constexpr char has_object = 0x01;  // NPY_ITEM_HASOBJECT, also of fields
  if ((descr->flags & has_object) != 0 || descr->elsize <= 0 || array->nd > static_cast<int>(max_rank))
    return std::nullopt;
  Elements elements;
  elements.data = reinterpret_cast<const std::byte*>(array->data);
  elements.item_size = static_cast<std::size_t>(descr->elsize);
  elements.rank = static_cast<std::size_t>(array->nd);
  elements.shape = array->dimensions;
  elements.strides = array->strides;
  elements.contiguous = (array->flags & pybind11::detail::npy_api::NPY_ARRAY_C_CONTIGUOUS_) != 0;
  return elements;
}

bool is_numpy_number(PyObject* object) {
  static PyTypeObject* const generic = [] {
    const pybind11::object type = pybind11::module_::import("numpy").attr("generic");
    return reinterpret_cast<PyTypeObject*>(type.ptr());  // lives as long as NumPy, which is for good
  }();
  const auto& api = pybind11::detail::npy_api::get();
  return PyObject_TypeCheck(object, generic) != 0 && !PyObject_TypeCheck(object, api.PyVoidArrType_Type_);
}

namespace {

// One dimension's part of a region. False if the index is none.
bool take_slice(PyObject* slice, Py_ssize_t extent, Region& region) {
  Py_ssize_t start = 0, stop = 0, step = 0;
  if (PySlice_Unpack(slice, &start, &stop, &step) != 0) {
    PyErr_Clear();
    return false;
  }
  const Py_ssize_t count = PySlice_AdjustIndices(extent, &start, &stop, step);
  region.start.push_back(start);
  region.count.push_back(count);
  region.step.push_back(step);
  return true;
}

// slice(*arguments)
bool take_slice_of(PyObject* arguments, Py_ssize_t extent, Region& region) {
  PyObject* slice = PyObject_CallObject(reinterpret_cast<PyObject*>(&PySlice_Type), arguments);
  if (slice == nullptr) {
    PyErr_Clear();
    return false;
  }
  const bool taken = take_slice(slice, extent, region);
  Py_DECREF(slice);
  return taken;
}

// A plain integer, Python's or NumPy's; a bool is a mask to NumPy.
std::optional<Py_ssize_t> find_integer(PyObject* index, Py_ssize_t extent) {
  if (!PyLong_CheckExact(index)) {
    const bool is_numpy_integer = !PyLong_Check(index) && PyIndex_Check(index) && !PySequence_Check(index) &&
                                  Py_TYPE(index) != pybind11::detail::npy_api::get().PyArray_Type_;
    if (!is_numpy_integer) return std::nullopt;
  }
  Py_ssize_t at = PyNumber_AsSsize_t(index, PyExc_IndexError);
  if (at == -1 && PyErr_Occurred() != nullptr) {
    PyErr_Clear();
    return std::nullopt;
  }
  if (at < 0) at += extent;
  if (at < 0 || at >= extent) return std::nullopt;
  return at;
}

}  // namespace

Print header_print(PyObject* array) {
  const auto* proxy = pybind11::detail::array_proxy(array);
  const auto* descr = pybind11::detail::array_descriptor_proxy(proxy->descr);
  Print print = mix(static_cast<std::uint64_t>(descr->type_num), static_cast<std::uint64_t>(descr->elsize));
  print = mix(static_cast<unsigned char>(descr->byteorder), print);
  // Two structured types of one size differ by their fields alone.
  if (descr->fields != nullptr && descr->fields != Py_None)
    print = mix(print, reinterpret_cast<std::uintptr_t>(descr->fields));
  for (int d = 0; d < proxy->nd; ++d) print = mix(print, static_cast<std::uint64_t>(proxy->dimensions[d]));
  return print;
}

std::optional<Region> find_region(PyObject* index, const Elements& elements) {
  Region region;
  std::size_t taken = 0;
  if (elements.rank == 0) return std::nullopt;
  if (PyTuple_Check(index)) {
    if (PyTuple_GET_SIZE(index) == 0) return std::nullopt;
    if (PyTuple_Check(PyTuple_GET_ITEM(index, 0))) {
      if (static_cast<std::size_t>(PyTuple_GET_SIZE(index)) > elements.rank) return std::nullopt;
      for (Py_ssize_t d = 0; d < PyTuple_GET_SIZE(index); ++d) {
        PyObject* const arguments = PyTuple_GET_ITEM(index, d);
        if (!PyTuple_Check(arguments) || !take_slice_of(arguments, elements.shape[d], region)) return std::nullopt;
        ++taken;
      }
    } else {
      if (!take_slice_of(index, elements.shape[0], region)) return std::nullopt;
      taken = 1;
    }
  } else if (PySlice_Check(index)) {
    if (!take_slice(index, elements.shape[0], region)) return std::nullopt;
    taken = 1;
  } else if (index != Py_Ellipsis) {
    const auto at = find_integer(index, elements.shape[0]);
    if (!at) return std::nullopt;
    region.start.push_back(*at);
    region.count.push_back(1);
    region.step.push_back(1);
    taken = 1;
  }
  for (std::size_t d = taken; d < elements.rank; ++d) {
    region.start.push_back(0);
    region.count.push_back(elements.shape[d]);
    region.step.push_back(1);
  }
  return region;
}

std::optional<std::size_t> find_item(PyObject* index, Py_ssize_t length) {
  const auto at =
      PyBool_Check(index) ? std::optional<Py_ssize_t>(index == Py_True ? 1 : 0) : find_integer(index, length);
  if (!at || *at >= length) return std::nullopt;
  return static_cast<std::size_t>(*at);
}

}  // namespace daybook::python
