#include "tools/print_element.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <iterator>

#include "tools/json_text.h"

namespace daybook::detail {
namespace {

using Bytes = std::span<const std::byte>;

// A number in the order of this machine, whatever the order it is kept in.
template <class T>
T load(Bytes bytes, ByteOrder order) {
  std::array<std::byte, sizeof(T)> copy;
  std::copy_n(bytes.begin(), sizeof(T), copy.begin());
  if (order == ByteOrder::big) std::reverse(copy.begin(), copy.end());
  T number;
  std::memcpy(&number, copy.data(), sizeof number);
  return number;
}

double half_to_double(std::uint16_t half) {
  const int exponent = half >> 10 & 0x1F;
  const double fraction = half & 0x3FF;
  double magnitude = std::ldexp(fraction, -24);
  if (exponent == 31)
    magnitude = fraction == 0 ? HUGE_VAL : std::nan("");
  else if (exponent != 0)
    magnitude = std::ldexp(fraction + 1024, exponent - 25);
  return (half & 0x8000) != 0 ? -magnitude : magnitude;
}

// The shortest digits that read back as the same number.
template <class T>
void append_shortest(std::string& out, T number, Notation notation) {
  if (!std::isfinite(number)) {
    const bool negative = number < 0;
    if (notation == Notation::json)
      out += std::isnan(number) ? "\"NaN\"" : negative ? "\"-Infinity\"" : "\"Infinity\"";
    else
      out += std::isnan(number) ? "nan" : negative ? "-inf" : "inf";
    return;
  }
  char text[64];
  const auto end = std::to_chars(text, text + sizeof text, number).ptr;
  const std::string_view digits(text, static_cast<std::size_t>(end - text));
  out += digits;
  if (digits.find_first_of(".e") == std::string_view::npos) out += ".0";
}

void append_floating(std::string& out, Bytes bytes, ByteOrder order, Notation notation) {
  switch (bytes.size()) {
    case 2:
      return append_shortest(out, static_cast<float>(half_to_double(load<std::uint16_t>(bytes, order))), notation);
    case 4:
      return append_shortest(out, load<float>(bytes, order), notation);
    case 8:
      return append_shortest(out, load<double>(bytes, order), notation);
    default:
      return append_shortest(out, load<long double>(bytes, order), notation);
  }
}

template <class T>
void append_as(std::string& out, Bytes bytes, ByteOrder order) {
  fmt::format_to(std::back_inserter(out), "{}", load<T>(bytes, order));
}

void append_integer(std::string& out, Bytes bytes, ByteOrder order, bool is_signed) {
  switch (bytes.size()) {
    case 1:
      return is_signed ? append_as<std::int8_t>(out, bytes, order) : append_as<std::uint8_t>(out, bytes, order);
    case 2:
      return is_signed ? append_as<std::int16_t>(out, bytes, order) : append_as<std::uint16_t>(out, bytes, order);
    case 4:
      return is_signed ? append_as<std::int32_t>(out, bytes, order) : append_as<std::uint32_t>(out, bytes, order);
    default:
      return is_signed ? append_as<std::int64_t>(out, bytes, order) : append_as<std::uint64_t>(out, bytes, order);
  }
}

void append_complex(std::string& out, const Type& type, Bytes bytes, Notation notation) {
  const Bytes re = bytes.first(bytes.size() / 2), im = bytes.last(bytes.size() / 2);
  out += notation == Notation::json ? '[' : '(';
  append_floating(out, re, type.order(), notation);
  if (notation == Notation::json) {
    out += ", ";
    append_floating(out, im, type.order(), notation);
    out += ']';
    return;
  }
  const std::size_t at = out.size();
  append_floating(out, im, type.order(), notation);
  if (out[at] != '-') out.insert(at, 1, '+');
  out += "j)";
}

void append_enumeration(std::string& out, const Type& type, Bytes bytes, Notation notation) {
  std::string number;
  append_integer(number, bytes, type.order(), type.base().kind() == Kind::integer);
  const auto names = type.enum_names();
  const auto values = type.enum_values();
  for (std::size_t i = 0; notation == Notation::text && i < values.size(); ++i) {
    const bool is_signed = type.base().kind() == Kind::integer;
    if ((is_signed ? fmt::format("{}", values[i]) : fmt::format("{}", static_cast<std::uint64_t>(values[i]))) != number)
      continue;
    append_printable(out, names[i]);
    return;
  }
  out += number;
}

bool is_plain(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c < 0x7F; });
}

std::string_view as_text(Bytes bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

void append_quoted(std::string& out, std::string_view text, std::string_view prefix) {
  out += prefix;
  out += '\'';
  append_printable(out, text);
  out += '\'';
}

// Bytes of no known encoding. In JSON a text where it can be one.
void append_bytes(std::string& out, Bytes bytes, Notation notation) {
  const std::string_view text = as_text(bytes);
  if (notation == Notation::text) {
    out += "b'";
    for (const char c : text) {
      if (c == '\\' || c == '\'') out += '\\';
      if (is_plain({&c, 1}))
        out += c;
      else
        fmt::format_to(std::back_inserter(out), "\\x{:02x}", static_cast<unsigned char>(c));
    }
    out += '\'';
  } else if (is_plain(text)) {
    append_json_string(out, text);
  } else {
    append_base64(out, bytes);
  }
}

void append_members(std::string& out, const Member& member, Bytes bytes, std::size_t dimension, Notation notation) {
  if (dimension == member.dims.size()) return append_element(out, member.type, bytes, notation);
  out += '[';
  const std::uint64_t count = member.dims[dimension];
  for (std::uint64_t i = 0; i < count; ++i) {
    if (i != 0) out += ", ";
    const std::size_t step = bytes.size() / count;
    append_members(out, member, bytes.subspan(i * step, step), dimension + 1, notation);
  }
  out += ']';
}

void append_compound(std::string& out, const Type& type, Bytes bytes, Notation notation) {
  out += notation == Notation::json ? '{' : '(';
  bool first = true;
  for (const Member& member : type.members()) {
    if (!first) out += ", ";
    first = false;
    if (notation == Notation::json) {
      append_json_string(out, member.name);
      out += ": ";
    }
    append_members(out, member, bytes.subspan(member.offset, element_count(member.dims) * member.type.size()), 0,
                   notation);
  }
  out += notation == Notation::json ? '}' : ')';
}

}  // namespace

void append_base64(std::string& out, Bytes bytes) {
  static constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  out += "{\"base64\": \"";
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const auto byte = [&](std::size_t j) { return j < bytes.size() ? std::to_integer<std::uint32_t>(bytes[j]) : 0; };
    const std::uint32_t group = byte(i) << 16 | byte(i + 1) << 8 | byte(i + 2);
    out += alphabet[group >> 18];
    out += alphabet[group >> 12 & 63];
    out += i + 1 < bytes.size() ? alphabet[group >> 6 & 63] : '=';
    out += i + 2 < bytes.size() ? alphabet[group & 63] : '=';
  }
  out += "\"}";
}

void append_element(std::string& out, const Type& type, Bytes bytes, Notation notation) {
  switch (type.kind()) {
    case Kind::boolean: {
      const bool set = bytes[0] != std::byte{0};
      out += notation == Notation::json ? (set ? "true" : "false") : (set ? "True" : "False");
      return;
    }
    case Kind::integer:
    case Kind::unsigned_integer:
      return append_integer(out, bytes, type.order(), type.kind() == Kind::integer);
    case Kind::floating:
      return append_floating(out, bytes, type.order(), notation);
    case Kind::complex:
      return append_complex(out, type, bytes, notation);
    case Kind::fixed_string: {
      std::string_view text = as_text(bytes);
      text = text.substr(0, text.find_last_not_of('\0') + 1);  // the padding
      const Bytes content = bytes.first(text.size());
      if (type.charset() == Charset::ascii) return append_bytes(out, content, notation);
      return notation == Notation::json ? append_json_string(out, text) : append_quoted(out, text, "");
    }
    case Kind::opaque:
      if (notation == Notation::json) return append_base64(out, bytes);
      if (bytes.size() <= 64) return append_bytes(out, bytes, notation);
      append_bytes(out, bytes.first(32), notation);
      fmt::format_to(std::back_inserter(out), "… ({} bytes)", bytes.size());
      return;
    case Kind::enumeration:
      return append_enumeration(out, type, bytes, notation);
    case Kind::compound:
      return append_compound(out, type, bytes, notation);
    case Kind::string:
    case Kind::vlen:
      return append_variable(out, type, bytes, notation);
  }
}

void append_variable(std::string& out, const Type& type, Bytes bytes, Notation notation) {
  if (type.kind() == Kind::string) {
    if (type.charset() == Charset::ascii) return append_bytes(out, bytes, notation);
    return notation == Notation::json ? append_json_string(out, as_text(bytes))
                                      : append_quoted(out, as_text(bytes), "");
  }
  const std::size_t size = type.base().size();
  out += '[';
  for (std::size_t at = 0; at + size <= bytes.size(); at += size) {
    if (at != 0) out += ", ";
    append_element(out, type.base(), bytes.subspan(at, size), notation);
  }
  out += ']';
}

}  // namespace daybook::detail
