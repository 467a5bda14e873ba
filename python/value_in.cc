#include "value_in.h"

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <array>
#include <climits>
#include <complex>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "daybook/journal/error.h"
#include "dtype.h"

namespace daybook::python {

namespace py = pybind11;

namespace {

using Bytes = std::span<const std::byte>;

// NumPy makes no array of more dimensions, so a list nested deeper is refused by HDF5 in any case.
constexpr int deepest_nesting = static_cast<int>(max_rank);
// A range is written out as numbers; beyond this it is a mistake, for which NumPy would have no memory either.
constexpr std::uint64_t longest_range = std::uint64_t{1} << 28;
constexpr std::size_t longest_repr = 200;

// Clears the Python error at hand if it is about content.
void forgive() {
  if (PyErr_ExceptionMatches(PyExc_Exception) == 0 || PyErr_ExceptionMatches(PyExc_MemoryError) != 0)
    throw py::error_already_set();
  PyErr_Clear();
}

std::string repr_of(PyObject* object) {
  const auto text = py::reinterpret_steal<py::object>(PyObject_Repr(object));
  Py_ssize_t size = 0;
  const char* utf8 = text ? PyUnicode_AsUTF8AndSize(text.ptr(), &size) : nullptr;
  if (utf8 == nullptr && text) {  // a lone surrogate
    PyErr_Clear();
    const auto escaped =
        py::reinterpret_steal<py::object>(PyUnicode_AsEncodedString(text.ptr(), "utf-8", "backslashreplace"));
    if (escaped)
      return std::string(PyBytes_AS_STRING(escaped.ptr()), static_cast<std::size_t>(PyBytes_GET_SIZE(escaped.ptr())));
  }
  if (utf8 == nullptr) {
    forgive();
    return "(its repr() raises)";
  }
  std::string_view whole(utf8, static_cast<std::size_t>(size));
  if (whole.size() <= longest_repr) return std::string(whole);
  std::size_t end = longest_repr;
  while (end > 0 && (static_cast<unsigned char>(whole[end]) & 0xC0) == 0x80) --end;  // not inside a character
  return std::string(whole.substr(0, end)) + "…";
}

std::string_view name_of(PyTypeObject* type) {
  const std::string_view full = type->tp_name;
  return full.substr(full.rfind('.') + 1);
}

Value unstorable(PyObject* object, std::string_view type) { return Value::unstorable(type, repr_of(object)); }
Value unstorable(PyObject* object) { return unstorable(object, name_of(Py_TYPE(object))); }

// NumPy's scalar types of numbers, by the number of their type: their objects are a header and the number.
struct ScalarTypes {
  struct Entry {
    PyTypeObject* type = nullptr;
    std::size_t offset = 0;
    Type stored;
  };
  std::vector<Entry> entries;
  PyTypeObject *generic, *bytes, *void_;

  ScalarTypes() {
    const auto numpy = py::module_::import("numpy");
    const auto type_object = [&](const py::object& type) {
      return reinterpret_cast<PyTypeObject*>(type.inc_ref().ptr());  // lives as long as NumPy
    };
    generic = type_object(numpy.attr("generic"));
    bytes = type_object(numpy.attr("bytes_"));
    void_ = type_object(numpy.attr("void"));
    for (int number = 0; number < type_number::end; ++number) {
      if (number >= type_number::object && number != type_number::half) continue;
      const auto descr = py::reinterpret_steal<py::object>(py::detail::npy_api::get().PyArray_DescrFromType_(number));
      const auto alignment = static_cast<std::size_t>(reinterpret_cast<const Descr*>(descr.ptr())->alignment);
      const std::size_t offset = (sizeof(PyObject) + alignment - 1) / alignment * alignment;
      entries.push_back({type_object(descr.attr("type")), offset, *find_type(descr.ptr())});
    }
  }

  [[nodiscard]] const Entry* find(PyTypeObject* type) const {
    for (const Entry& entry : entries)
      if (entry.type == type) return &entry;
    return nullptr;
  }
};

const ScalarTypes& scalar_types() {
  static const ScalarTypes& types = *new ScalarTypes;  // never destroyed: it would be too late for Python then
  return types;
}

// Copies elements from any strides into C order, whatever stands in the gaps of a structured type included.
struct Elements {
  const Py_ssize_t* shape;
  const Py_ssize_t* strides;
  int rank;
  std::size_t size;

  std::byte* copy(const std::byte* from, std::byte* to, int axis = 0) const {
    if (axis == rank) {
      std::memcpy(to, from, size);
      return to + size;
    }
    const Py_ssize_t count = shape[axis], stride = strides[axis];
    if (axis == rank - 1) return copy_row(from, to, count, stride);
    for (Py_ssize_t i = 0; i < count; ++i) to = copy(from + i * stride, to, axis + 1);
    return to;
  }

 private:
  std::byte* copy_row(const std::byte* from, std::byte* to, Py_ssize_t count, Py_ssize_t stride) const {
    if (stride == static_cast<Py_ssize_t>(size)) {
      const std::size_t bytes = size * static_cast<std::size_t>(count);
      std::memcpy(to, from, bytes);
      return to + bytes;
    }
    switch (size) {  // a constant size becomes a plain load and store
      case 1:
        return copy_each<1>(from, to, count, stride);
      case 2:
        return copy_each<2>(from, to, count, stride);
      case 4:
        return copy_each<4>(from, to, count, stride);
      case 8:
        return copy_each<8>(from, to, count, stride);
      default:
        for (Py_ssize_t i = 0; i < count; ++i, to += size) std::memcpy(to, from + i * stride, size);
        return to;
    }
  }

  template <std::size_t N>
  static std::byte* copy_each(const std::byte* from, std::byte* to, Py_ssize_t count, Py_ssize_t stride) {
    for (Py_ssize_t i = 0; i < count; ++i, to += N) std::memcpy(to, from + i * stride, N);
    return to;
  }
};

class Converter {
 public:
  explicit Converter(Keep& keep) : keep_(keep) {}

  Value convert(PyObject* object, int depth);

 private:
  Value convert_integer(PyObject* object);
  Value convert_text(PyObject* object);
  Value convert_sequence(PyObject* object, int depth);
  Value convert_range(PyObject* object);
  Value convert_array(PyObject* object, int depth);
  Value convert_objects(PyObject* object, const Shape& shape, const std::optional<Type>& type, int depth);
  Value convert_numpy_scalar(PyObject* object);
  Value convert_other(PyObject* object, int depth);
  Bytes elements(const Array* array, std::size_t size);
  template <class T, class Read>
  std::optional<Value> find_run(PyObject* sequence, PyTypeObject* type, Read read);
  std::optional<Value> find_strings(std::span<PyObject* const> items, const Shape& shape, Charset charset);
  std::optional<Value> find_vlens(std::span<PyObject* const> items, const Shape& shape, const Type& base);

  Keep& keep_;
  std::array<PyObject*, deepest_nesting> within_{};  // the lists being converted
};

// Borrowed items and their number: nothing that runs in between may change the sequence.
std::span<PyObject* const> items_of(PyObject* sequence) {
  return {PySequence_Fast_ITEMS(sequence), static_cast<std::size_t>(PySequence_Fast_GET_SIZE(sequence))};
}

Value Converter::convert_integer(PyObject* object) {
  int overflow = 0;
  const long long number = PyLong_AsLongLongAndOverflow(object, &overflow);
  if (overflow == 0) return static_cast<std::int64_t>(number);
  if (overflow > 0) {
    const unsigned long long large = PyLong_AsUnsignedLongLong(object);
    if (PyErr_Occurred() == nullptr) return static_cast<std::uint64_t>(large);
    PyErr_Clear();
  }
  return unstorable(object);
}

Value Converter::convert_text(PyObject* object) {
  Py_ssize_t size = 0;
  if (const char* utf8 = PyUnicode_AsUTF8AndSize(object, &size))  // kept by the object itself
    return std::string_view(utf8, static_cast<std::size_t>(size));
  forgive();
  return unstorable(object);  // a lone surrogate
}

// Long lists are nearly always of one kind of number: those become one run at once.
template <class T, class Read>
std::optional<Value> Converter::find_run(PyObject* sequence, PyTypeObject* type, Read read) {
  const auto items = items_of(sequence);
  for (PyObject* item : items)
    if (Py_TYPE(item) != type) return std::nullopt;
  T* const numbers = reinterpret_cast<T*>(keep_.allocate(items.size() * sizeof(T)));
  for (std::size_t i = 0; i < items.size(); ++i)
    if (!read(items[i], numbers[i])) return std::nullopt;
  return Value::list_run(Type::of<T>(), Shape{}, items.size(), std::as_bytes(std::span(numbers, items.size())));
}

Value Converter::convert_sequence(PyObject* object, int depth) {
  if (depth >= deepest_nesting) return unstorable(object, "list");
  const auto n = static_cast<std::size_t>(depth);
  for (std::size_t i = 0; i < n; ++i)
    if (within_[i] == object) return Value::unstorable("list", "[...]");  // a list that holds itself
  within_[n] = object;
  if (PySequence_Fast_GET_SIZE(object) > 0) {
    PyTypeObject* const first = Py_TYPE(PySequence_Fast_GET_ITEM(object, 0));
    std::optional<Value> run;
    if (first == &PyFloat_Type)
      run = find_run<double>(object, first, [](PyObject* item, double& number) {
        number = PyFloat_AS_DOUBLE(item);
        return true;
      });
    else if (first == &PyLong_Type)
      run = find_run<std::int64_t>(object, first, [](PyObject* item, std::int64_t& number) {
        int overflow = 0;
        number = PyLong_AsLongLongAndOverflow(item, &overflow);
        return overflow == 0;
      });
    if (run) {
      within_[n] = nullptr;
      return *std::move(run);
    }
  }
  std::vector<Value> values;
  values.reserve(static_cast<std::size_t>(PySequence_Fast_GET_SIZE(object)));
  // An item's own code may change the list under our hands.
  for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(object); ++i) {
    PyObject* const item = PySequence_Fast_GET_ITEM(object, i);
    keep_.hold(item);
    values.push_back(convert(item, depth + 1));
  }
  within_[n] = nullptr;
  return Value::list(std::move(values));
}

Value Converter::convert_range(PyObject* object) {
  std::array<std::int64_t, 3> part{};
  static constexpr std::array<const char*, 3> names{"start", "stop", "step"};
  for (std::size_t i = 0; i < part.size(); ++i) {
    const auto number = py::reinterpret_steal<py::object>(PyObject_GetAttrString(object, names[i]));
    if (!number) throw py::error_already_set();
    int overflow = 0;
    part[i] = PyLong_AsLongLongAndOverflow(number.ptr(), &overflow);
    if (overflow != 0) return unstorable(object);
  }
  const auto [start, stop, step] = part;
  const auto distance = [](std::int64_t from, std::int64_t to) {
    return static_cast<std::uint64_t>(to) - static_cast<std::uint64_t>(from);
  };
  std::uint64_t count = 0;
  if (step > 0 && stop > start) count = (distance(start, stop) - 1) / static_cast<std::uint64_t>(step) + 1;
  if (step < 0 && stop < start) count = (distance(stop, start) - 1) / (0 - static_cast<std::uint64_t>(step)) + 1;
  if (count > longest_range) return unstorable(object);
  auto* const numbers = reinterpret_cast<std::int64_t*>(keep_.allocate(count * sizeof(std::int64_t)));
  for (std::uint64_t i = 0; i < count; ++i)
    numbers[i] = static_cast<std::int64_t>(static_cast<std::uint64_t>(start) + i * static_cast<std::uint64_t>(step));
  return Value::list_run(Type::of<std::int64_t>(), Shape{}, count, std::as_bytes(std::span(numbers, count)));
}

Bytes Converter::elements(const Array* array, std::size_t size) {
  std::size_t total = size;
  for (int i = 0; i < array->nd; ++i) total *= static_cast<std::size_t>(array->dimensions[i]);
  const auto* const data = reinterpret_cast<const std::byte*>(array->data);
  if ((array->flags & py::detail::npy_api::NPY_ARRAY_C_CONTIGUOUS_) != 0) return {data, total};
  std::byte* const copy = keep_.allocate(total);
  Elements{array->dimensions, array->strides, array->nd, size}.copy(data, copy);
  return {copy, total};
}

Value Converter::convert_array(PyObject* object, int depth) {
  const auto* const array = py::detail::array_proxy(object);
  Shape shape;
  for (int i = 0; i < array->nd; ++i) shape.push_back(static_cast<std::uint64_t>(array->dimensions[i]));
  const auto* const descr = reinterpret_cast<const Descr*>(array->descr);
  if (const Type* common = find_common_type(array->descr))
    return Value::array(*common, shape, elements(array, static_cast<std::size_t>(descr->elsize)));
  const auto type = find_type(array->descr);
  if (descr->type_num == type_number::object) return convert_objects(object, shape, type, depth);
  if (type && !type->is_variable())
    return Value::array(*type, shape, elements(array, static_cast<std::size_t>(descr->elsize)));
  return Value::unstorable(name_of(Py_TYPE(object)), "array of dtype " + dtype_text(array->descr));
}

// The strings of an array of variable-length strings; empty if an item is no string.
std::optional<Value> Converter::find_strings(std::span<PyObject* const> items, const Shape& shape, Charset charset) {
  std::vector<std::string_view> strings;
  strings.reserve(items.size());
  for (PyObject* item : items) {
    if (PyBytes_CheckExact(item)) {
      strings.emplace_back(PyBytes_AS_STRING(item), static_cast<std::size_t>(PyBytes_GET_SIZE(item)));
      continue;
    }
    if (!PyUnicode_CheckExact(item)) return std::nullopt;
    Py_ssize_t size = 0;
    const char* const utf8 = PyUnicode_AsUTF8AndSize(item, &size);
    if (utf8 == nullptr) {
      forgive();
      return std::nullopt;
    }
    strings.emplace_back(utf8, static_cast<std::size_t>(size));
  }
  return Value::strings(shape, strings, charset);
}

// The items of an array of variable-length arrays; empty if one is no array of just the base type.
std::optional<Value> Converter::find_vlens(std::span<PyObject* const> items, const Shape& shape, const Type& base) {
  std::vector<Value> values;
  values.reserve(items.size());
  std::vector<Bytes> arrays;
  for (PyObject* item : items) {
    values.push_back(convert(item, 1));
    const Value* array = &values.back();
    if (array->form() == Form::list && array->item_count() == 0) {
      arrays.emplace_back();
      continue;
    }
    // A list of plain numbers is one run.
    if (array->form() == Form::list && array->runs().size() == 1) array = &array->runs().front();
    if ((array->form() != Form::array && array->count() == 1) || array->type() != base || array->shape().size() > 1)
      return std::nullopt;
    arrays.push_back(array->bytes());
  }
  return Value::vlens(base, shape, arrays);
}

Value Converter::convert_objects(PyObject* object, const Shape& shape, const std::optional<Type>& type, int depth) {
  // flatten() gives a copy in C order that holds its items; as a list they can be read by CPython's own calls.
  const auto flat = py::reinterpret_steal<py::object>(PyObject_CallMethod(object, "flatten", nullptr));
  const auto list =
      flat ? py::reinterpret_steal<py::object>(PyObject_CallMethod(flat.ptr(), "tolist", nullptr)) : py::object();
  if (!list || !PyList_CheckExact(list.ptr())) {
    if (PyErr_Occurred() != nullptr) forgive();
    return unstorable(object);
  }
  keep_.hold(list.ptr());
  const auto items = items_of(list.ptr());
  std::optional<Value> found;
  if (type && type->kind() == Kind::string) found = find_strings(items, shape, type->charset());
  if (type && type->kind() == Kind::vlen) {
    found = find_vlens(items, shape, type->base());
    if (!found)
      return Value::unstorable(name_of(Py_TYPE(object)), "array of " + type->name() + " with items of another type");
  }
  if (found) return *std::move(found);
  if (depth >= deepest_nesting) return Value::unstorable("ndarray", "nested too deeply");
  std::vector<Value> values;
  values.reserve(items.size());
  for (PyObject* item : items) values.push_back(convert(item, depth + 1));
  return Value::objects(shape, std::move(values));
}

Value Converter::convert_numpy_scalar(PyObject* object) {
  PyTypeObject* const type = Py_TYPE(object);
  const ScalarTypes& types = scalar_types();
  if (const auto* entry = types.find(type))
    return Value::scalar(entry->stored,
                         {reinterpret_cast<const std::byte*>(object) + entry->offset, entry->stored.size()});
  if (type == types.bytes) {
    const auto size = static_cast<std::size_t>(PyBytes_GET_SIZE(object));
    // NumPy writes an empty one with the smallest type that it has, of one byte; a NUL stands behind all bytes.
    const std::size_t stored = size == 0 ? 1 : size;
    return Value::scalar(Type::fixed_string(static_cast<std::uint32_t>(stored)),
                         {reinterpret_cast<const std::byte*>(PyBytes_AS_STRING(object)), stored});
  }
  if (PyType_IsSubtype(type, types.void_) != 0) {
    const auto* scalar = reinterpret_cast<const py::detail::PyVoidScalarObject_Proxy*>(object);
    const auto* bytes = reinterpret_cast<const std::byte*>(scalar->obval);
    if (const auto stored = find_type(reinterpret_cast<PyObject*>(scalar->descr)))
      return Value::scalar(*stored, {bytes, stored->size()});
    return unstorable(object, "numpy.void");
  }
  return unstorable(object, "numpy." + std::string(name_of(type)));
}

// What NumPy takes as an array but is none. With at least one dimension it is a sequence, most likely one that can be
// appended to, such as a deque: a list of the array's items. array.array alone keeps its element type.
Value Converter::convert_other(PyObject* object, int depth) {
  const std::string_view name = name_of(Py_TYPE(object));
  if (depth >= deepest_nesting) return unstorable(object);
  const auto array = py::reinterpret_steal<py::object>(py::detail::npy_api::get().PyArray_FromAny_(
      object, nullptr, 0, 0, py::detail::npy_api::NPY_ARRAY_ENSUREARRAY_, nullptr));
  if (!array) {
    forgive();
    return unstorable(object);
  }
  keep_.hold(array.ptr());
  const auto* proxy = py::detail::array_proxy(array.ptr());
  const bool is_object = reinterpret_cast<const Descr*>(proxy->descr)->type_num == type_number::object;
  if (is_object && proxy->nd == 0) return unstorable(object);  // NumPy does not know it either
  Value value = convert_array(array.ptr(), depth + 1);
  if (value.form() == Form::unstorable) return Value::unstorable(name, value.repr());
  static constexpr std::string_view typed_array = "array.array";
  const bool stays = Py_TYPE(object)->tp_name == typed_array || value.shape().empty();
  if (stays || value.form() != Form::array || value.type().is_variable()) return value;
  const std::uint64_t count = value.shape()[0];
  const bool empty_as_a_list = value.type() == Type::of<double>() && value.shape().size() == 1;
  if (count == 0 && !empty_as_a_list) return value;
  const std::span<const std::uint64_t> extents(value.shape());
  return Value::list_run(value.type(), Shape(extents.subspan(1)), count, value.bytes());
}

bool is_h5py_empty(PyTypeObject* type) {
  if (name_of(type) != "Empty") return false;
  const auto module =
      py::reinterpret_steal<py::object>(PyObject_GetAttrString(reinterpret_cast<PyObject*>(type), "__module__"));
  if (!module) PyErr_Clear();
  Py_ssize_t size = 0;
  const char* const text =
      module && PyUnicode_Check(module.ptr()) ? PyUnicode_AsUTF8AndSize(module.ptr(), &size) : nullptr;
  if (text == nullptr) {
    PyErr_Clear();
    return false;
  }
  // "h5py._hl.base"; Debian has a level more in between, for one of two builds.
  const std::string_view path(text, static_cast<std::size_t>(size));
  return path.starts_with("h5py.") && path.ends_with("._hl.base");
}

Value Converter::convert(PyObject* object, int depth) {
  PyTypeObject* const type = Py_TYPE(object);
  // Most frequent first, each by its exact type.
  if (type == &PyFloat_Type) return PyFloat_AS_DOUBLE(object);
  if (type == &PyLong_Type) return convert_integer(object);
  if (type == py::detail::npy_api::get().PyArray_Type_) return convert_array(object, depth);
  if (type == &PyBool_Type) return object == Py_True;
  if (type == &PyUnicode_Type) return convert_text(object);
  if (type == &PyList_Type || type == &PyTuple_Type) return convert_sequence(object, depth);
  if (type == &PyComplex_Type)
    return std::complex<double>(PyComplex_RealAsDouble(object), PyComplex_ImagAsDouble(object));
  if (type == &PyBytes_Type)
    return Value::bytes({PyBytes_AS_STRING(object), static_cast<std::size_t>(PyBytes_GET_SIZE(object))});
  if (object == Py_None) return Value::unstorable("NoneType", "None");
  if (type == &PyRange_Type) return convert_range(object);
  if (object == Py_Ellipsis) return Value::unstorable("ellipsis", "Ellipsis");
  if (py::detail::npy_api::get().PyArray_Check_(object)) return convert_array(object, depth);
  if (PyType_IsSubtype(type, scalar_types().generic) != 0) return convert_numpy_scalar(object);
  if (PyList_Check(object) || PyTuple_Check(object)) return convert_sequence(object, depth);
  if (PyDict_Check(object)) return unstorable(object, "dict");
  if (PyAnySet_Check(object)) return unstorable(object, "set");
  if (PySlice_Check(object)) return unstorable(object, "slice");
  if (PyByteArray_Check(object)) {
    const auto size = static_cast<std::size_t>(PyByteArray_GET_SIZE(object));
    std::byte* const copy = keep_.allocate(size);
    std::memcpy(copy, PyByteArray_AS_STRING(object), size);
    return Value::array(Type(Kind::unsigned_integer, 1), Shape{size}, {copy, size});
  }
  if (is_h5py_empty(type)) {
    const auto dtype = py::reinterpret_steal<py::object>(PyObject_GetAttrString(object, "dtype"));
    if (!dtype) forgive();
    if (dtype && py::detail::npy_api::get().PyArrayDescr_Check_(dtype.ptr()))
      if (const auto found = find_type(dtype.ptr())) return Value::null(*found);
    return unstorable(object, "Empty");
  }
  return convert_other(object, depth);
}

}  // namespace

Value to_value(PyObject* object, Keep& keep) {
  try {
    return Converter(keep).convert(object, 0);
  } catch (const Error& e) {  // a rule of the format that no check before it knows
    return Value::unstorable(name_of(Py_TYPE(object)), e.what());
  }
}

}  // namespace daybook::python
