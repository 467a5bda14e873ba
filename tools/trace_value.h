#pragma once

#include <memory_resource>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "daybook/journal/value.h"

namespace daybook {

// NumPy's dtype as a trace spells it ("<f8", {"names": …}, …). Empty for one that HDF5 has no type for: "U", "O",
// "M8", "m8" and what holds them, types without size. InvalidError if it is no dtype.
std::optional<Type> find_dtype(const nlohmann::json& dtype);

// A value as a trace spells it. It borrows from `value` and from `scratch`: both must outlive it. What HDF5 cannot
// hold becomes Value::unstorable. InvalidError says what is wrong with the spelling.
Value decode_value(const nlohmann::json& value, std::pmr::memory_resource& scratch);

// True for array.array: it is no list, since all its elements have one type, and yet can be appended to.
bool is_typed_array(const nlohmann::json& value);

// About what Python's repr() would print; long ones end in "…".
std::string trace_repr(const nlohmann::json& value);

// A trace's spelling of a double: its bits, most significant first, in 16 hex digits.
double decode_float_bits(const nlohmann::json& bits);

// For reading members: InvalidError names what is missing or of another JSON type.
const nlohmann::json& trace_member(const nlohmann::json& object, const char* name);
const std::string& trace_text(const nlohmann::json& object, const char* name);

}  // namespace daybook
