#pragma once

#include <optional>
#include <string_view>

#include "daybook/journal/type.h"

namespace daybook::detail {

// A number, boolean or fixed string type in NumPy's words: "float32", "<f4", "f4" (native order), ">i2", "bool", "S10".
std::optional<Type> find_type(std::string_view text);

}  // namespace daybook::detail
