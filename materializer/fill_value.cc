#include "daybook/materializer/fill_value.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "daybook/journal/error.h"
#include "daybook/materializer/cast.h"

namespace daybook::detail {
namespace {

[[noreturn]] void refuse(const Type& type, const std::string& reason) {
  throw InvalidError(fmt::format("a fill value for type {}: {}", type.name(), reason));
}

std::vector<std::byte> cast(const Value& value, const Type& type) {
  std::vector<std::byte> out(type.size());
  Cast(value.type(), type)(value.bytes().data(), out.data(), 1);
  return out;
}

void check_integer(long double number, const Type& type) {
  const bool is_signed = type.kind() == Kind::integer;
  const int bits = static_cast<int>(type.size() * 8) - (is_signed ? 1 : 0);
  const long double most = type.kind() == Kind::boolean ? 1 : std::ldexp(1.0L, bits) - 1;
  const long double least = is_signed ? -std::ldexp(1.0L, bits) : 0;
  if (std::isnan(number) || number != std::trunc(number) || number < least || number > most)
    refuse(type, fmt::format("it cannot hold {}", static_cast<double>(number)));
}

std::vector<std::byte> number(const Value& value, const Type& type) {
  if (!value.type().is_number()) refuse(type, "it takes a number");
  if (value.type().kind() == Kind::complex) {
    if (type.kind() != Kind::complex) refuse(type, "it takes a real number");
    return cast(value, type);
  }
  long double wide = 0;
  Cast(value.type(), Type::of<long double>())(value.bytes().data(), reinterpret_cast<std::byte*>(&wide), 1);
  if (type.kind() != Kind::floating && type.kind() != Kind::complex) {
    check_integer(wide, type);
    return cast(value, type);
  }
  std::vector<std::byte> made = cast(value, type);
  if (type.kind() == Kind::floating && std::isfinite(wide)) {
    long double back = 0;
    Cast(type, Type::of<long double>())(made.data(), reinterpret_cast<std::byte*>(&back), 1);
    if (!std::isfinite(back)) refuse(type, fmt::format("{} is beyond its range", static_cast<double>(wide)));
  }
  return made;
}

std::vector<std::byte> text(std::string_view from, const Type& type) {
  const bool variable = type.kind() == Kind::string;
  if (from.find('\0') != std::string_view::npos) refuse(type, "a text with a NUL in it");
  if (!variable && from.size() > type.size())
    refuse(type, fmt::format("a text of {} bytes, but it holds {}", from.size(), type.size()));
  std::vector<std::byte> out(variable ? from.size() + 1 : type.size());
  std::memcpy(out.data(), from.data(), from.size());
  return out;
}

std::vector<std::byte> enumeration(const Value& value, const Type& type) {
  const auto names = type.enum_names();
  const auto values = type.enum_values();
  if (value.type().kind() == Kind::string) {
    const auto found = std::find(names.begin(), names.end(), value.string_at(0));
    if (found == names.end()) refuse(type, fmt::format("it has no \"{}\"", value.string_at(0)));
    return number(Value(values[static_cast<std::size_t>(found - names.begin())]), type.base());
  }
  return number(value, type.base());
}

}  // namespace

std::vector<std::byte> fill_bytes(const Value& value, const Type& type) {
  if (value.form() != Form::scalar) refuse(type, "it has to be one number or one text");
  switch (type.kind()) {
    case Kind::boolean:
    case Kind::integer:
    case Kind::unsigned_integer:
    case Kind::floating:
    case Kind::complex:
      return number(value, type);
    case Kind::fixed_string:
    case Kind::string:
      if (value.type().kind() != Kind::string) refuse(type, "it takes a text");
      return text(value.string_at(0), type);
    case Kind::enumeration:
      return enumeration(value, type);
    default:
      refuse(type, "Daybook has none for this kind");
  }
}

}  // namespace daybook::detail
