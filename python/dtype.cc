#include "dtype.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "daybook/journal/error.h"

namespace daybook::python {

namespace py = pybind11;

namespace {

ByteOrder byte_order(const Descr* descr) {
  if (descr->byteorder == '>') return ByteOrder::big;
  if (descr->byteorder == '<' || std::endian::native == std::endian::little) return ByteOrder::little;
  return ByteOrder::big;
}

std::uint32_t size_of(const Descr* descr) { return static_cast<std::uint32_t>(descr->elsize); }

std::optional<Type> find_plain(const Descr* descr) {
  const std::uint32_t size = size_of(descr);
  switch (descr->kind) {
    case 'b':
      return Type();
    case 'i':
      return Type(Kind::integer, size, byte_order(descr));
    case 'u':
      return Type(Kind::unsigned_integer, size, byte_order(descr));
    case 'f':
      return Type(Kind::floating, size, byte_order(descr));
    case 'c':
      return Type(Kind::complex, size, byte_order(descr));
    case 'S':
      if (size == 0) return std::nullopt;
      return Type::fixed_string(size);
    case 'V':
      if (size == 0) return std::nullopt;
      return Type::opaque(size);
    default:
      return std::nullopt;
  }
}

std::optional<Type> find_enumeration(const Descr* descr, const py::dict& names) {
  const auto base = find_plain(descr);
  std::vector<std::pair<std::int64_t, std::string>> sorted;  // the values' order is the natural one
  for (const auto& [name, value] : names) {
    const py::int_ number(py::reinterpret_borrow<py::object>(value));
    // A large unsigned one keeps its bits.
    sorted.emplace_back(static_cast<std::int64_t>(PyLong_AsUnsignedLongLongMask(number.ptr())), py::str(name));
    if (PyErr_Occurred() != nullptr) throw py::error_already_set();
  }
  std::sort(sorted.begin(), sorted.end());
  std::vector<std::string> texts;
  std::vector<std::int64_t> values;
  for (auto& [value, name] : sorted) {
    values.push_back(value);
    texts.push_back(std::move(name));
  }
  if (!base || texts.empty()) return std::nullopt;
  return Type::enumeration(*base, std::move(texts), std::move(values));
}

std::optional<Type> find_structured(const Descr* descr) {
  const py::tuple names = py::reinterpret_borrow<py::tuple>(descr->names);
  const py::dict fields = py::reinterpret_borrow<py::dict>(descr->fields);
  if (names.empty() || descr->elsize == 0) return std::nullopt;
  std::vector<Member> members;
  for (const auto& name : names) {
    const py::tuple field = fields[name];
    Member member{py::str(name), py::cast<std::uint32_t>(field[1]), {}, {}};
    py::object format = field[0];
    const py::object sub_array = format.attr("subdtype");
    if (!sub_array.is_none()) {
      const auto [base, shape] = sub_array.cast<std::pair<py::object, std::vector<std::uint64_t>>>();
      member.dims = Shape(shape);
      format = base;
    }
    const auto type = find_type(format.ptr());
    if (!type || type->is_variable()) return std::nullopt;
    member.type = *type;
    members.push_back(std::move(member));
  }
  return Type::compound(size_of(descr), std::move(members));
}

// What h5py put beside a dtype.
std::optional<Type> find_annotated(const Descr* descr, const py::dict& metadata) {
  if (metadata.contains("enum")) return find_enumeration(descr, metadata["enum"]);
  if (metadata.contains("vlen")) {
    const py::object of = metadata["vlen"];
    if (of.ptr() == reinterpret_cast<PyObject*>(&PyUnicode_Type)) return Type::string(Charset::utf8);
    if (of.ptr() == reinterpret_cast<PyObject*>(&PyBytes_Type)) return Type::string(Charset::ascii);
    const auto base = find_type(py::dtype::from_args(of).ptr());
    if (!base || base->is_variable()) return std::nullopt;
    return Type::vlen(*base);
  }
  if (descr->kind == 'S' && metadata.contains("h5py_encoding") && descr->elsize > 0) {
    const bool utf8 = py::str(metadata["h5py_encoding"]).equal(py::str("utf-8"));
    return Type::fixed_string(size_of(descr), utf8 ? Charset::utf8 : Charset::ascii);
  }
  return find_plain(descr);
}

struct CommonTypes {
  std::array<PyObject*, type_number::end> descr{};
  std::array<Type, type_number::end> type;

  CommonTypes() {
    const auto& api = py::detail::npy_api::get();
    for (int number = 0; number < type_number::end; ++number) {
      if (number >= type_number::object && number != type_number::half) continue;
      const auto n = static_cast<std::size_t>(number);
      descr[n] = api.PyArray_DescrFromType_(number);  // lives as long as NumPy
      type[n] = *find_plain(reinterpret_cast<const Descr*>(descr[n]));
    }
  }
};

py::dtype annotate(const char* base, const char* name, const py::object& what) {
  py::dict metadata;
  metadata[name] = what;
  return py::reinterpret_steal<py::dtype>(
      py::module_::import("numpy").attr("dtype")(base, py::arg("metadata") = metadata).release());
}

const char* order_mark(const Type& type) { return type.order() == ByteOrder::big ? ">" : "<"; }

std::string number_text(const Type& type, char letter) {
  return order_mark(type) + std::string(1, letter) + std::to_string(type.size());
}

py::dtype make_compound(const Type& type) {
  py::list names, formats, offsets;
  for (const Member& member : type.members()) {
    names.append(member.name);
    py::object format = make_dtype(member.type);
    if (!member.dims.empty()) {
      py::tuple dims(member.dims.size());
      for (std::size_t i = 0; i < member.dims.size(); ++i) dims[i] = member.dims[i];
      format = py::make_tuple(format, dims);
    }
    formats.append(format);
    offsets.append(member.offset);
  }
  return {names, formats, offsets, static_cast<py::ssize_t>(type.size())};
}

}  // namespace

const Type* find_common_type(PyObject* descr) {
  static const CommonTypes& common = *new CommonTypes;  // never destroyed: NumPy's dtypes outlive it anyway
  const auto number = reinterpret_cast<const Descr*>(descr)->type_num;
  if (number < 0 || number >= type_number::end) return nullptr;
  const auto n = static_cast<std::size_t>(number);
  return common.descr[n] == descr ? &common.type[n] : nullptr;
}

std::optional<Type> find_type(PyObject* object) {
  if (const Type* common = find_common_type(object)) return *common;
  const auto* descr = reinterpret_cast<const Descr*>(object);
  try {
    if (descr->names != nullptr && descr->names != Py_None) return find_structured(descr);
    const py::object metadata = py::handle(object).attr("metadata");
    if (!metadata.is_none()) return find_annotated(descr, py::dict(metadata));
    return find_plain(descr);
  } catch (const Error&) {  // a type that NumPy has and the format cannot say
    return std::nullopt;
  } catch (const py::cast_error&) {
    return std::nullopt;
  } catch (py::error_already_set& e) {
    if (!e.matches(PyExc_Exception)) throw;
    return std::nullopt;
  }
}

py::dtype make_dtype(const Type& type) {
  switch (type.kind()) {
    case Kind::boolean:
      return py::dtype("?");
    case Kind::integer:
      return py::dtype(number_text(type, 'i'));
    case Kind::unsigned_integer:
      return py::dtype(number_text(type, 'u'));
    case Kind::floating:
      return py::dtype(number_text(type, 'f'));
    case Kind::complex: {
      if (type.size() != 4) return py::dtype(number_text(type, 'c'));
      // NumPy has no complex number of halves; h5py shows the two as they stand in the file.
      const std::string half = order_mark(type) + std::string("f2");
      py::list fields;
      fields.append(py::make_tuple("r", half));
      fields.append(py::make_tuple("i", half));
      return py::dtype::from_args(fields);
    }
    case Kind::fixed_string: {
      const std::string text = "S" + std::to_string(type.size());
      return type.charset() == Charset::utf8 ? annotate(text.c_str(), "h5py_encoding", py::str("utf-8"))
                                             : py::dtype(text);
    }
    case Kind::opaque:
      return py::dtype("V" + std::to_string(type.size()));
    case Kind::string:
      return annotate("O", "vlen",
                      py::reinterpret_borrow<py::object>(reinterpret_cast<PyObject*>(
                          type.charset() == Charset::utf8 ? &PyUnicode_Type : &PyBytes_Type)));
    case Kind::vlen:
      return annotate("O", "vlen", make_dtype(type.base()));
    case Kind::enumeration: {
      py::dict names;
      const bool is_signed = type.base().kind() == Kind::integer;
      for (std::size_t i = 0; i < type.enum_names().size(); ++i) {
        const std::int64_t value = type.enum_values()[i];
        names[py::str(type.enum_names()[i])] =
            is_signed ? py::int_(value) : py::int_(static_cast<std::uint64_t>(value));
      }
      const py::str base(make_dtype(type.base()).attr("str"));
      return annotate(std::string(base).c_str(), "enum", names);
    }
    case Kind::compound:
      return make_compound(type);
  }
  throw InvalidError("NumPy has no dtype for " + type.name());
}

std::string dtype_text(PyObject* descr) {
  const py::handle dtype(descr);
  const auto* fields = reinterpret_cast<const Descr*>(descr);
  const bool plain = fields->names == nullptr || fields->names == Py_None;
  return py::str(plain ? dtype.attr("str") : py::object(py::str(dtype)));
}

}  // namespace daybook::python
