#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "daybook/journal/type.h"
#include "tools/print.h"

namespace daybook::detail {

// Appends one element of a fixed-size type.
void append_element(std::string& out, const Type& type, std::span<const std::byte> bytes, Notation notation);
// Appends one element of a variable-length type, whose bytes these are.
void append_variable(std::string& out, const Type& type, std::span<const std::byte> bytes, Notation notation);
void append_base64(std::string& out, std::span<const std::byte> bytes);

}  // namespace daybook::detail
