#include "tools/trace_value.h"

#include <fmt/format.h>

#include <bit>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>
#include <vector>

#include "daybook/journal/error.h"
#include "tools/base64.h"

namespace daybook {
namespace {

using nlohmann::json;
using Scratch = std::pmr::memory_resource;
using Bytes = std::span<const std::byte>;

// NumPy makes no array of more dimensions, so a list nested deeper is refused by HDF5 in any case.
constexpr int deepest_nesting = static_cast<int>(max_rank);
// A range is written out as numbers; beyond this it is a mistake, for which NumPy would have no memory either.
constexpr std::uint64_t longest_range = std::uint64_t{1} << 28;

Value decode(const json& value, Scratch& scratch, int depth);

template <class T>
std::span<T> allocate(Scratch& scratch, std::size_t count) {
  return {static_cast<T*>(scratch.allocate(count * sizeof(T) + 1, alignof(std::max_align_t))), count};
}

template <class T>
std::optional<T> find_integer(const std::string& text) {
  T number = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  if (error == std::errc() && rest == end) return number;
  return std::nullopt;
}

const std::string& integer_text(const json& value) {
  const std::string& text = trace_text(value, "v");
  const std::size_t digits = text.starts_with('-') ? 1 : 0;
  if (text.size() == digits || text.find_first_not_of("0123456789", digits) != std::string::npos)
    throw InvalidError(fmt::format("'{}' is not a decimal integer", text));
  return text;
}

Value decode_integer(const json& value) {
  const std::string& text = integer_text(value);
  if (const auto number = find_integer<std::int64_t>(text)) return *number;
  if (const auto number = find_integer<std::uint64_t>(text)) return *number;
  return Value::unstorable("int", trace_repr(value));
}

const json& list_member(const json& value) {
  const json& items = trace_member(value, "v");
  if (!items.is_array()) throw InvalidError("member 'v' is no list");
  return items;
}

Shape decode_shape(const json& value) {
  const json& extents = trace_member(value, "shape");
  if (!extents.is_array()) throw InvalidError("member 'shape' is no list");
  Shape shape;
  for (const json& extent : extents) {
    if (!extent.is_number_unsigned()) throw InvalidError("member 'shape' holds something that is no size");
    shape.push_back(extent.get<std::uint64_t>());
  }
  return shape;
}

Bytes sized_bytes(const json& value, const Type& type, const Shape& shape, Scratch& scratch) {
  const Bytes bytes = decode_base64(trace_text(value, "b64"), scratch);
  const std::uint64_t count = element_count(shape);
  if (count > UINT64_MAX / type.size() || bytes.size() != count * type.size())
    throw InvalidError(fmt::format("'b64' holds {} bytes, but {} elements of {} need {}", bytes.size(), count,
                                   type.name(), static_cast<double>(count) * type.size()));
  return bytes;
}

// Long lists are nearly always of one kind of number: those become one run at once.
template <class T, class Decode>
std::optional<Value> find_run(const json& items, const char* tag, Scratch& scratch, Decode decode_item) {
  const auto numbers = allocate<T>(scratch, items.size());
  for (std::size_t i = 0; i < items.size(); ++i) {
    const json& item = items[i];
    if (!item.is_object() || trace_text(item, "t") != tag) return std::nullopt;
    const std::optional<T> number = decode_item(item);
    if (!number) return std::nullopt;
    numbers[i] = *number;
  }
  return Value::list_run(Type::of<T>(), Shape{}, items.size(), std::as_bytes(numbers));
}

std::vector<Value> decode_items(const json& items, Scratch& scratch, int depth) {
  std::vector<Value> values;
  values.reserve(items.size());
  for (const json& item : items) values.push_back(decode(item, scratch, depth + 1));
  return values;
}

Value decode_list(const json& value, Scratch& scratch, int depth) {
  const json& items = list_member(value);
  if (depth >= deepest_nesting) return Value::unstorable("list", trace_repr(value));
  if (items.size() > 1 && items[0].is_object()) {
    std::optional<Value> run;
    const std::string& tag = trace_text(items[0], "t");
    if (tag == "float")
      run = find_run<double>(items, "float", scratch, [](const json& item) {
        return std::optional(decode_float_bits(trace_member(item, "bits")));
      });
    else if (tag == "int")
      run = find_run<std::int64_t>(items, "int", scratch,
                                   [](const json& item) { return find_integer<std::int64_t>(integer_text(item)); });
    if (run) return *run;
  }
  return Value::list(decode_items(items, scratch, depth));
}

Value decode_range(const json& value, Scratch& scratch) {
  const json& items = list_member(value);
  if (items.size() != 3) throw InvalidError("a range needs start, stop and step");
  std::int64_t part[3];
  for (std::size_t i = 0; i < 3; ++i) {
    const json& item = items[i];
    if (item.is_number_integer() && (!item.is_number_unsigned() || item.get<std::uint64_t>() <= INT64_MAX)) {
      part[i] = item.get<std::int64_t>();
      continue;
    }
    const json as_int = item.is_object() ? item : json{{"v", item.is_number() ? json(item.dump()) : item}};
    const auto number = find_integer<std::int64_t>(integer_text(as_int));
    if (!number) return Value::unstorable("range", trace_repr(value));
    part[i] = *number;
  }
  const auto [start, stop, step] = part;
  if (step == 0) throw InvalidError("a range's step is zero");
  const auto distance = [](std::int64_t from, std::int64_t to) {
    return static_cast<std::uint64_t>(to) - static_cast<std::uint64_t>(from);
  };
  std::uint64_t count = 0;
  if (step > 0 && stop > start) count = (distance(start, stop) - 1) / static_cast<std::uint64_t>(step) + 1;
  if (step < 0 && stop < start) count = (distance(stop, start) - 1) / (0 - static_cast<std::uint64_t>(step)) + 1;
  if (count > longest_range) return Value::unstorable("range", trace_repr(value));
  const auto numbers = allocate<std::int64_t>(scratch, count);
  for (std::uint64_t i = 0; i < count; ++i)
    numbers[i] = static_cast<std::int64_t>(static_cast<std::uint64_t>(start) + i * static_cast<std::uint64_t>(step));
  return Value::list_run(Type::of<std::int64_t>(), Shape{}, count, std::as_bytes(numbers));
}

std::string class_name(const json& value, const char* without_subclass) {
  const auto found = value.find("subclass");
  return found != value.end() && found->is_string() ? found->get<std::string>() : without_subclass;
}

// The strings of an array of variable-length strings; empty if an item is no string.
std::optional<Value> find_strings(const json& items, const Shape& shape, Charset charset, Scratch& scratch) {
  std::vector<std::string_view> strings;
  strings.reserve(items.size());
  for (const json& item : items) {
    const std::string& tag = trace_text(item, "t");
    if (tag == "str") {
      strings.push_back(trace_text(item, "v"));
    } else if (tag == "bytes") {
      const Bytes bytes = decode_base64(trace_text(item, "b64"), scratch);
      strings.emplace_back(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    } else {
      return std::nullopt;
    }
  }
  return Value::strings(shape, strings, charset);
}

// The items of an array of variable-length arrays; empty if one is no array of just the base type.
std::optional<Value> find_vlens(const json& items, const Shape& shape, const Type& base, Scratch& scratch) {
  std::vector<Bytes> arrays;
  arrays.reserve(items.size());
  std::vector<Value> decoded = decode_items(items, scratch, 1);
  for (const Value& item : decoded) {
    if (item.form() == Form::list && item.item_count() == 0) {
      arrays.emplace_back();
      continue;
    }
    const Value* array = &item;
    if (item.form() == Form::list && item.runs().size() == 1) array = &item.runs().front();  // a list of plain numbers
    if ((array->form() != Form::array && array->count() == 1) || array->type() != base || array->shape().size() > 1)
      return std::nullopt;
    arrays.push_back(array->bytes());
  }
  return Value::vlens(base, shape, arrays);
}

Value decode_ndarray(const json& value, Scratch& scratch, int depth) {
  const json& dtype = trace_member(value, "dtype");
  const Shape shape = decode_shape(value);
  const auto type = find_dtype(dtype);
  if (type && !type->is_variable()) return Value::array(*type, shape, sized_bytes(value, *type, shape, scratch));
  if (!value.contains("v")) {
    if (type) throw InvalidError("an array of variable-length items has no member 'v'");
    trace_text(value, "b64");
    return Value::unstorable(class_name(value, "ndarray"), fmt::format("array of dtype {}", dtype.dump()));
  }
  const json& items = list_member(value);
  if (items.size() != element_count(shape))
    throw InvalidError(fmt::format("'v' holds {} items, but the shape has {}", items.size(), element_count(shape)));
  std::optional<Value> found;
  if (type && type->kind() == Kind::string) found = find_strings(items, shape, type->charset(), scratch);
  if (type && type->kind() == Kind::vlen) {
    found = find_vlens(items, shape, type->base(), scratch);
    if (!found)
      found = Value::unstorable(class_name(value, "ndarray"),
                                fmt::format("array of {} with items of another type", type->name()));
  }
  if (found) return *found;
  if (depth >= deepest_nesting) return Value::unstorable("ndarray", "nested too deeply");
  return Value::objects(shape, decode_items(items, scratch, depth));
}

Value decode_numpy_scalar(const json& value, Scratch& scratch) {
  const json& dtype = trace_member(value, "dtype");
  if (const auto type = find_dtype(dtype)) {
    if (type->is_variable()) throw InvalidError("a NumPy scalar has a fixed size");
    return Value::scalar(*type, sized_bytes(value, *type, Shape{}, scratch));
  }
  const Bytes bytes = decode_base64(trace_text(value, "b64"), scratch);
  // NumPy writes an empty np.bytes_ with the smallest type that it has, of one byte.
  if (dtype.is_string() && dtype.get_ref<const std::string&>() == "|S0") {
    static constexpr std::byte nul{0};
    return Value::scalar(Type::fixed_string(1), {&nul, 1});
  }
  const std::string text = dtype.is_string() ? dtype.get<std::string>() : std::string();
  const char letter = text.size() > 1 ? text[1] : '?';
  const char* const name = letter == 'U'   ? "numpy.str_"
                           : letter == 'M' ? "numpy.datetime64"
                           : letter == 'm' ? "numpy.timedelta64"
                                           : "numpy.void";
  return Value::unstorable(name, fmt::format("{} bytes of dtype {}", bytes.size(), dtype.dump()));
}

// What NumPy takes as an array but is none. With at least one dimension it is a sequence, most likely one that can be
// appended to, such as a deque: a list of the array's items. array.array alone keeps its element type.
Value decode_other(const json& value, Scratch& scratch, int depth) {
  const std::string& python_type = trace_text(value, "type");
  const auto asarray = value.find("asarray");
  if (asarray == value.end() || asarray->is_null() || depth >= deepest_nesting)
    return Value::unstorable(python_type, trace_repr(value));
  Value array = decode(*asarray, scratch, depth + 1);
  if (array.form() == Form::unstorable) return Value::unstorable(python_type, array.repr());
  const bool stays = is_typed_array(value) || array.shape().empty();
  if (stays || array.form() != Form::array || array.type().is_variable()) return array;
  std::vector<std::uint64_t> extents(array.shape().begin(), array.shape().end());
  const std::uint64_t count = extents.front();
  const bool empty_as_a_list = array.type() == Type::of<double>() && extents.size() == 1;
  if (count == 0 && !empty_as_a_list) return array;
  return Value::list_run(array.type(), Shape(std::span(extents).subspan(1)), count, array.bytes());
}

Value decode(const json& value, Scratch& scratch, int depth) {
  if (!value.is_object()) throw InvalidError("a value is an object with a member 't'");
  const std::string& tag = trace_text(value, "t");
  if (tag == "float") return decode_float_bits(trace_member(value, "bits"));
  if (tag == "int") return decode_integer(value);
  if (tag == "ndarray") return decode_ndarray(value, scratch, depth);
  if (tag == "npscalar") return decode_numpy_scalar(value, scratch);
  if (tag == "str") return std::string_view(trace_text(value, "v"));
  if (tag == "list" || tag == "tuple") return decode_list(value, scratch, depth);
  if (tag == "bool") {
    const json& v = trace_member(value, "v");
    if (!v.is_boolean()) throw InvalidError("a bool is true or false");
    return v.get<bool>();
  }
  if (tag == "complex")
    return std::complex<double>(decode_float_bits(trace_member(value, "re")),
                                decode_float_bits(trace_member(value, "im")));
  if (tag == "bytes" || tag == "bytearray") {
    const Bytes bytes = decode_base64(trace_text(value, "b64"), scratch);
    if (tag == "bytearray") return Value::array(Type(Kind::unsigned_integer, 1), Shape{bytes.size()}, bytes);
    return Value::bytes({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  }
  if (tag == "range") return decode_range(value, scratch);
  if (tag == "empty") {
    const auto type = find_dtype(trace_member(value, "dtype"));
    return type ? Value::null(*type) : Value::unstorable("Empty", trace_repr(value));
  }
  if (tag == "other") return decode_other(value, scratch, depth);
  if (tag == "none") return Value::unstorable("NoneType", "None");
  if (tag == "dict" || tag == "set" || tag == "slice") {
    list_member(value);
    return Value::unstorable(tag, trace_repr(value));
  }
  if (tag == "ellipsis") return Value::unstorable("ellipsis", "Ellipsis");
  throw InvalidError(fmt::format("there is no kind of value '{}'", tag));
}

}  // namespace

Value decode_value(const json& value, Scratch& scratch) { return decode(value, scratch, 0); }

bool is_typed_array(const json& value) {
  const std::string& type = trace_text(value, "type");
  return type == "array.array" || type == "array";
}

double decode_float_bits(const json& bits) {
  if (!bits.is_string()) throw InvalidError("a float's bits are 16 hex digits");
  const auto& text = bits.get_ref<const std::string&>();
  std::uint64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number, 16);
  if (text.size() != 16 || error != std::errc() || rest != end)
    throw InvalidError(fmt::format("'{}' is not a float's bits in 16 hex digits", text));
  return std::bit_cast<double>(number);
}

const json& trace_member(const json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end()) throw InvalidError(fmt::format("member '{}' is missing", name));
  return *found;
}

const std::string& trace_text(const json& object, const char* name) {
  const json& found = trace_member(object, name);
  if (!found.is_string()) throw InvalidError(fmt::format("member '{}' is no text", name));
  return found.get_ref<const std::string&>();
}

}  // namespace daybook
