#include "tools/trace_held.h"

#include <fmt/format.h>

#include <charconv>
#include <cstring>
#include <nlohmann/json.hpp>

#include "daybook/journal/error.h"
#include "tools/trace_value.h"

namespace daybook::detail {
namespace {

using nlohmann::json;

template <class T>
T to_integer(const std::string& text) {
  T number = 0;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || rest != text.data() + text.size())
    throw InvalidError(fmt::format("{} does not fit the array it is put into", text));
  return number;
}

double to_floating(const json& number) {
  const std::string& tag = trace_text(number, "t");
  if (tag == "float") return decode_float_bits(trace_member(number, "bits"));
  if (tag == "bool") return trace_member(number, "v") == true ? 1 : 0;
  return static_cast<double>(to_integer<std::int64_t>(trace_text(number, "v")));
}

std::string integer_text(const json& number) {
  const std::string& tag = trace_text(number, "t");
  if (tag == "bool") return trace_member(number, "v") == true ? "1" : "0";
  if (tag != "int") throw InvalidError(fmt::format("an array.array of integers takes no '{}'", tag));
  return trace_text(number, "v");
}

void encode(const Type& type, const json& number, std::byte* to) {
  const auto store = [to](auto value) { std::memcpy(to, &value, sizeof value); };
  const bool is_signed = type.kind() == Kind::integer;
  if (type.kind() == Kind::floating && type.size() == 8) return store(to_floating(number));
  if (type.kind() == Kind::floating && type.size() == 4) return store(static_cast<float>(to_floating(number)));
  if (!is_signed && type.kind() != Kind::unsigned_integer)
    throw InvalidError(fmt::format("an array.array has no elements of {}", type.name()));
  const std::string text = integer_text(number);
  switch (type.size()) {
    case 1:
      return is_signed ? store(to_integer<std::int8_t>(text)) : store(to_integer<std::uint8_t>(text));
    case 2:
      return is_signed ? store(to_integer<std::int16_t>(text)) : store(to_integer<std::uint16_t>(text));
    case 4:
      return is_signed ? store(to_integer<std::int32_t>(text)) : store(to_integer<std::uint32_t>(text));
    default:
      return is_signed ? store(to_integer<std::int64_t>(text)) : store(to_integer<std::uint64_t>(text));
  }
}

}  // namespace

Held Held::of(const Value& value, const json& spelled) {
  Held held;
  if (value.form() == Form::unstorable) {
    held.what = What::unstorable;
    held.python_type = value.python_type();
  } else if (value.form() == Form::array && value.shape().size() == 1 && trace_text(spelled, "t") == "other" &&
             is_typed_array(spelled)) {
    held.what = What::typed_array;
    held.type = value.type();
  }
  return held;
}

Value encode_element(const Type& type, const json& number, std::pmr::memory_resource& scratch) {
  const Value value = decode_value(number, scratch);
  const Shape one{1};
  auto* const bytes = static_cast<std::byte*>(scratch.allocate(type.size(), 16));
  if ((value.form() == Form::scalar || value.form() == Form::array) && value.type() == type &&
      value.byte_size() == type.size())
    std::memcpy(bytes, value.bytes().data(), type.size());
  else
    encode(type, number, bytes);
  return Value::array(type, one, {bytes, type.size()});
}

}  // namespace daybook::detail
