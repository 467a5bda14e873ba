#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "daybook/journal/value.h"

namespace daybook {

// An array without elements is [] in both, whatever its shape, as NumPy prints it.
enum class Notation : std::uint8_t {
  text,  // as NumPy and Python would print it: [[1.0, 2.0], [3.0, 4.0]], 'abc', b'\x00', (1+2j)
  json,  // NaN, Infinity and -Infinity as strings; complex as [re, im]; bytes and opaque as {"base64": …};
         // compound as an object; enumerations as their number; what HDF5 cannot hold as null
};

struct PrintOptions {
  Notation notation = Notation::text;
  std::uint64_t abbreviate_above = 0;  // elements; 0: never. A longer value shows the ends of each dimension only
  std::size_t width = 0;               // text: break lines of arrays there; 0: all in one line
};

// Prints a value piece by piece, so that a long one needs no memory for its text. `value` may stand in several pieces.
void print_value(const Value& value, const PrintOptions& options, const std::function<void(std::string_view)>& out);
std::string value_text(const Value& value, const PrintOptions& options = {});

// "float64 (512, 512)", "int64", "list of 3", "str", …: without the value.
std::string type_text(const Type& type);
std::string shape_text(const Value& value);
// One line for listings: the value itself if it is short, else its type and shape.
std::string brief_text(const Value& value);
// "3.2 MiB"
std::string human_bytes(std::uint64_t bytes);

}  // namespace daybook
