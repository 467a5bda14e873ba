#pragma once

#include <optional>

#include "daybook/materializer/plan.h"
#include "daybook/materializer/replay.h"

namespace daybook::detail {

// Of `count` elements and what a cast made of them, the first that is not the same number or text any more. NaN stays
// NaN, and 0 is 0 whatever its sign.
std::optional<std::uint64_t> first_change(const Type& from, const std::byte* before, const Type& to,
                                          const std::byte* after, std::uint64_t count);

// There is such a cast; whether it changes values is another question.
bool can_cast(const Type& from, const Type& to);

// The value with each element cast as NumPy's astype does it, block by block. InvalidError if there is no such cast, or,
// unless it may be lossy, if it would change an element: all are looked at for that.
StoredValue cast_value(StoredValue value, const CastTo& to);

}  // namespace daybook::detail
