#pragma once

#include <optional>

#include "daybook/journal/type.h"

namespace daybook::detail {

// The type that numpy.promote_types finds for two, in native byte order; empty where NumPy falls back to Python objects.
// Variable-length kinds go only with themselves.
std::optional<Type> promote(const Type& a, const Type& b);

// The same type in native byte order, compounds packed (or kept aligned) as NumPy lays them out after a promotion.
Type canonical(const Type& type);

// Bytes of the fixed string that holds the str() of any number of this type.
std::uint32_t text_size(const Type& number);

}  // namespace daybook::detail
