#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "daybook/journal/error.h"
#include "tools/trace_value.h"

namespace daybook {
namespace {

using nlohmann::json;

std::uint32_t decode_size(const json& number, const char* what) {
  if (!number.is_number_unsigned() || number.get<std::uint64_t>() > UINT32_MAX)
    throw InvalidError(fmt::format("{} is not a number of bytes: {}", what, number.dump()));
  return number.get<std::uint32_t>();
}

// "<f8" and the like.
std::optional<Type> find_plain(const std::string& text) {
  const auto malformed = [&] { return InvalidError(fmt::format("'{}' is not a dtype", text)); };
  std::size_t at = 0;
  ByteOrder order = ByteOrder::little;
  if (!text.empty() && std::string_view("<>|=").find(text[0]) != std::string_view::npos) {
    if (text[0] == '>') order = ByteOrder::big;
    at = 1;
  }
  if (at >= text.size()) throw malformed();
  const char letter = text[at++];
  if (letter == 'M' || letter == 'm' || letter == 'O') return std::nullopt;  // "<M8[us]" has a unit behind
  std::uint32_t size = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data() + at, end, size);
  if (error != std::errc() || rest != end) throw malformed();
  switch (letter) {
    case 'b':
      if (size != 1) throw malformed();
      return Type();
    case 'i':
      return Type(Kind::integer, size, order);
    case 'u':
      return Type(Kind::unsigned_integer, size, order);
    case 'f':
      return Type(Kind::floating, size, order);
    case 'c':
      return Type(Kind::complex, size, order);
    case 'S':
      if (size == 0) return std::nullopt;
      return Type::fixed_string(size);
    case 'V':
      if (size == 0) return std::nullopt;
      return Type::opaque(size);
    case 'U':
      return std::nullopt;
    default:
      throw malformed();
  }
}

std::optional<Type> find_structured(const json& dtype) {
  const json& names = dtype.at("names");
  const json& formats = trace_member(dtype, "formats");
  const json& offsets = trace_member(dtype, "offsets");
  const std::uint32_t itemsize = decode_size(trace_member(dtype, "itemsize"), "itemsize");
  if (!names.is_array() || !formats.is_array() || !offsets.is_array() || names.size() != formats.size() ||
      names.size() != offsets.size())
    throw InvalidError("a structured dtype needs as many formats and offsets as names");
  if (names.empty() || itemsize == 0) return std::nullopt;
  std::vector<Member> members(names.size());
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (!names[i].is_string()) throw InvalidError("a structured dtype has a name that is no text");
    members[i].name = names[i].get<std::string>();
    members[i].offset = decode_size(offsets[i], "an offset");
    const json* format = &formats[i];
    if (format->is_object() && format->contains("base")) {
      const json& shape = trace_member(*format, "shape");
      if (!shape.is_array()) throw InvalidError("a sub-array's shape is no list");
      for (const json& extent : shape) members[i].dims.push_back(decode_size(extent, "a sub-array's extent"));
      format = &format->at("base");
    }
    const auto type = find_dtype(*format);
    if (!type || type->is_variable()) return std::nullopt;
    members[i].type = *type;
  }
  return Type::compound(itemsize, std::move(members));
}

std::optional<Type> find_enumeration(const json& dtype) {
  const auto base = find_dtype(trace_member(dtype, "str"));
  const json& values = dtype.at("enum");
  if (!base || !values.is_object()) throw InvalidError("an enum's dtype needs an integer type and its names");
  std::vector<std::pair<std::int64_t, std::string>>
      sorted;  // JSON keeps no order: that of the values is the natural one
  for (const auto& [name, value] : values.items()) {
    if (!value.is_number_integer()) throw InvalidError(fmt::format("the enum value of '{}' is no integer", name));
    sorted.emplace_back(value.get<std::int64_t>(), name);  // a large unsigned one keeps its bits
  }
  std::sort(sorted.begin(), sorted.end());
  std::vector<std::string> names;
  std::vector<std::int64_t> numbers;
  for (auto& [number, name] : sorted) {
    numbers.push_back(number);
    names.push_back(std::move(name));
  }
  if (names.empty()) return std::nullopt;
  return Type::enumeration(*base, std::move(names), std::move(numbers));
}

std::optional<Type> find_string(const json& dtype) {
  const json& charset_name = dtype.at("string");
  if (charset_name != "utf-8" && charset_name != "ascii")
    throw InvalidError(fmt::format("a string type's charset is \"utf-8\" or \"ascii\", not {}", charset_name.dump()));
  const Charset charset = charset_name == "ascii" ? Charset::ascii : Charset::utf8;
  const json& length = trace_member(dtype, "length");
  if (length.is_null()) return Type::string(charset);
  const std::uint32_t size = decode_size(length, "a string type's length");
  if (size == 0) return std::nullopt;
  return Type::fixed_string(size, charset);
}

}  // namespace

std::optional<Type> find_dtype(const json& dtype) {
  if (dtype.is_string()) return find_plain(dtype.get_ref<const std::string&>());
  if (!dtype.is_object()) throw InvalidError("a dtype is a text or an object");
  if (dtype.contains("names")) return find_structured(dtype);
  if (dtype.contains("enum")) return find_enumeration(dtype);
  if (dtype.contains("string")) return find_string(dtype);
  if (dtype.contains("vlen")) {
    const auto base = find_dtype(dtype.at("vlen"));
    if (!base || base->is_variable()) return std::nullopt;
    return Type::vlen(*base);
  }
  throw InvalidError("a dtype object has none of names, enum, string, vlen");
}

}  // namespace daybook
