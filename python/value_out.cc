#include "value_out.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "daybook/journal/error.h"
#include "dtype.h"

namespace daybook::python {

namespace py = pybind11;

namespace {

constexpr std::uint64_t block_bytes = std::uint64_t{4} << 20;  // between two looks at the signals
constexpr std::uint64_t variable_block = 4096;                 // elements

void check_signals() {
  if (PyErr_CheckSignals() != 0) throw py::error_already_set();
}

py::object make_element(const Type& type, std::string_view bytes) {
  if (type.kind() == Kind::string) {
    if (type.charset() == Charset::ascii) return py::bytes(bytes.data(), bytes.size());
    // What is no UTF-8 after all is kept as Python keeps such file names.
    auto text = py::reinterpret_steal<py::object>(
        PyUnicode_DecodeUTF8(bytes.data(), static_cast<py::ssize_t>(bytes.size()), "surrogateescape"));
    if (!text) throw py::error_already_set();
    return text;
  }
  const auto count = static_cast<py::ssize_t>(bytes.size() / type.base().size());
  py::array array(make_dtype(type.base()), std::vector<py::ssize_t>{count});
  if (!bytes.empty()) std::memcpy(array.mutable_data(), bytes.data(), bytes.size());
  return array;
}

py::array make_array(const Type& type, const Shape& shape) {
  std::vector<py::ssize_t> extents(shape.begin(), shape.end());
  if (type.is_variable())
    return py::module_::import("numpy").attr("empty")(py::tuple(py::cast(extents)), make_dtype(type));
  return {make_dtype(type), extents};
}

// Puts objects into an array of them. NumPy has None, or nothing, in each place before.
void put(py::array& array, std::uint64_t i, py::object object) {
  auto** place = static_cast<PyObject**>(array.mutable_data()) + i;
  Py_XDECREF(*place);
  *place = object.release().ptr();
}

// A 0-d array as h5py's [()] gives it: its one element.
py::object scalar_of(const py::array& array) { return array[py::tuple()]; }

py::object make_empty(const Type& type) { return py::module_::import("h5py").attr("Empty")(make_dtype(type)); }

py::object read_bytes(const Value& value, const Type& type, const Shape& shape, std::uint64_t offset, bool bare) {
  py::array array = make_array(type, shape);
  const auto size = static_cast<std::uint64_t>(array.nbytes());
  value.read_bytes(offset, {static_cast<std::byte*>(array.mutable_data()), size});
  return bare ? scalar_of(array) : py::object(std::move(array));
}

std::string_view variable_at(const Value& value, std::uint64_t i, std::vector<char>& scratch) {
  const auto extent = value.extent_at(i);
  scratch.resize(extent.length);
  value.read_bytes(extent.offset, std::as_writable_bytes(std::span(scratch)));
  return {scratch.data(), scratch.size()};
}

// Item `index` of a run of scalars or arrays, or the one of a value that is none of a list.
py::object read_item(const Value& run, std::uint64_t index) {
  const bool bare = run.form() == Form::scalar;
  const std::uint64_t elements = element_count(run.shape());
  if (!run.type().is_variable())
    return read_bytes(run, run.type(), run.shape(), index * elements * run.type().size(), bare);
  std::vector<char> scratch;
  if (bare) return make_element(run.type(), variable_at(run, index, scratch));
  py::array array = make_array(run.type(), run.shape());
  for (std::uint64_t i = 0; i < elements; ++i)
    put(array, i, make_element(run.type(), variable_at(run, index * elements + i, scratch)));
  return array;
}

template <class Add>
void read_items(const Value& value, const Add& add) {
  for (const Value& run : value.runs()) {
    const bool plain = run.form() == Form::scalar || run.form() == Form::array;
    for (std::uint64_t i = 0; i < run.count(); ++i) add(plain ? read_item(run, i) : read_value(run));
  }
}

}  // namespace

py::object read_stored(const StoredValue& value) {
  // It is made, and dies, with the GIL held, whatever is thrown. (An empty py::array is an array, too.)
  struct Result {
    std::optional<py::array> array;
    ~Result() {
      const py::gil_scoped_acquire gil;
      array.reset();
    }
  } result;
  std::byte* bytes = nullptr;
  {
    const py::gil_scoped_acquire gil;
    if (value.form == Form::null) return make_empty(value.type);
    result.array.emplace(make_array(value.type, value.shape));
    bytes = static_cast<std::byte*>(result.array->mutable_data());
  }
  const std::uint64_t count = value.count();
  const bool variable = value.type.is_variable();
  const std::uint64_t block = variable ? variable_block : std::max<std::uint64_t>(1, block_bytes / value.type.size());
  std::vector<std::string_view> texts(variable ? std::min(block, count) : 0);
  for (std::uint64_t first = 0; first < count; first += block) {
    const std::uint64_t n = std::min(block, count - first);
    if (!variable) {
      value.elements->read(first, n, bytes + first * value.type.size());
      if (first + n == count) break;
      const py::gil_scoped_acquire gil;
      check_signals();
    } else {
      value.elements->read_variable(first, n, texts.data());
      const py::gil_scoped_acquire gil;
      check_signals();
      for (std::uint64_t i = 0; i < n; ++i) put(*result.array, first + i, make_element(value.type, texts[i]));
    }
  }
  const py::gil_scoped_acquire gil;
  return value.form == Form::scalar ? scalar_of(*result.array) : py::object(*result.array);
}

py::object read_value(const Value& value) {
  switch (value.form()) {
    case Form::scalar:
    case Form::array:
      return read_item(value, 0);
    case Form::list: {
      py::list list;
      read_items(value, [&](const py::object& item) { list.append(item); });
      return list;
    }
    case Form::objects: {
      py::array array = make_array(Type::string(Charset::utf8), value.shape()).attr("astype")("O");
      std::uint64_t i = 0;
      read_items(value, [&](py::object item) { put(array, i++, std::move(item)); });
      return array;
    }
    case Form::null:
      return make_empty(value.type());
    case Form::unstorable:
      return py::module_::import("daybook").attr("Unstorable")(value.python_type(), value.repr());
    case Form::elided:
      break;
  }
  throw ElidedError("the value was dropped by the journal's retention: ask for a later point, or for a checkpoint");
}

}  // namespace daybook::python
