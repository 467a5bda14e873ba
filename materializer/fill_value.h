#pragma once

#include <cstddef>
#include <vector>

#include "daybook/journal/value.h"

namespace daybook::detail {

// One element of `type` that says what `value` says. InvalidError, with the reason, if the type cannot hold it: a number
// out of range or with decimals it would lose, a text that is too long, anything for a compound type. Floats round.
// Variable-length strings: the text with the NUL that HDF5 wants.
std::vector<std::byte> fill_bytes(const Value& value, const Type& type);

}  // namespace daybook::detail
