#include <charconv>
#include <cmath>
#include <cstring>

#include "daybook/materializer/cast.h"

namespace daybook::detail {

namespace {

// The shortest digits that read back as the same number: "d.ddde±xx".
template <class T>
std::string shortest(T value) {
  char text[64];
  const auto end = std::to_chars(text, text + sizeof text, value, std::chars_format::scientific).ptr;
  return {text, end};
}

std::string shortest_half(float value) {
  for (int digits = 0; digits < 5; ++digits) {
    char text[64];
    const auto end = std::to_chars(text, text + sizeof text, value, std::chars_format::scientific, digits).ptr;
    float back = 0;
    std::from_chars(text, end, back);
    if (to_half(static_cast<long double>(back)) == to_half(static_cast<long double>(value))) return {text, end};
  }
  return shortest(value);
}

// Python's spelling of a finite number: plain from 1e-4 to below 1e16, else with an exponent.
std::string python_spelling(const std::string& scientific, bool whole_with_point) {
  const auto e = scientific.find('e');
  const bool negative = scientific.front() == '-';
  std::string digits;
  for (const char c : scientific.substr(0, e)) {
    if (c >= '0' && c <= '9') digits += c;
  }
  while (digits.size() > 1 && digits.back() == '0') digits.pop_back();
  const int exponent = std::stoi(scientific.substr(e + 1));
  std::string text = negative ? "-" : "";
  if (exponent < -4 || exponent >= 16) {
    text += digits.front();
    if (digits.size() > 1) text += "." + digits.substr(1);
    const auto size = std::to_string(std::abs(exponent));
    return text + (exponent < 0 ? "e-" : "e+") + (size.size() < 2 ? "0" : "") + size;
  }
  if (exponent < 0) return text + "0." + std::string(static_cast<std::size_t>(-exponent - 1), '0') + digits;
  const auto whole = static_cast<std::size_t>(exponent) + 1;
  if (digits.size() <= whole) {
    return text + digits + std::string(whole - digits.size(), '0') + (whole_with_point ? ".0" : "");
  }
  return text + digits.substr(0, whole) + "." + digits.substr(whole);
}

template <class T>
std::string float_text(T value, bool is_half, bool whole_with_point) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  const auto digits = is_half ? shortest_half(static_cast<float>(value)) : shortest(value);
  return python_spelling(digits, whole_with_point);
}

template <class T>
T native(const Type& from, const std::byte* element) {
  T value;
  Cast(from, Type::of<T>())(element, reinterpret_cast<std::byte*>(&value), 1);
  return value;
}

template <class T>
std::string complex_text(T real, T imaginary) {
  auto second = float_text(imaginary, false, false);
  if (real == 0 && !std::signbit(real)) return second + "j";
  if (second.front() != '-') second.insert(0, 1, '+');
  return "(" + float_text(real, false, false) + second + "j)";
}

}  // namespace

std::string number_text(const Type& type, const std::byte* element) {
  switch (type.kind()) {
    case Kind::boolean:
      return *element != std::byte{0} ? "True" : "False";
    case Kind::integer:
      return std::to_string(native<std::int64_t>(type, element));
    case Kind::unsigned_integer:
      return std::to_string(native<std::uint64_t>(type, element));
    case Kind::floating:
      if (type.size() == 2) return float_text(native<float>(type, element), true, true);
      if (type.size() == 4) return float_text(native<float>(type, element), false, true);
      if (type.size() == 8) return float_text(native<double>(type, element), false, true);
      return float_text(native<long double>(type, element), false, true);
    default: {
      const Type part(Kind::floating, type.size() / 2, type.order());
      const auto* second = element + part.size();
      if (part.size() <= 4) return complex_text(native<float>(part, element), native<float>(part, second));
      if (part.size() == 8) return complex_text(native<double>(part, element), native<double>(part, second));
      return complex_text(native<long double>(part, element), native<long double>(part, second));
    }
  }
}

}  // namespace daybook::detail
