#pragma once

#include <cstdint>
#include <functional>
#include <memory_resource>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <unordered_map>

#include "daybook/journal/event.h"

namespace daybook::detail {

// What a key holds, as far as it decides how a change of it is journaled.
struct Held {
  enum class What : std::uint8_t {
    ordinary,
    unstorable,   // stays that, whatever is changed in it
    typed_array,  // array.array: an array to the journal, but changed like a list
  };
  What what = What::ordinary;
  std::string python_type;  // unstorable
  Type type;                // typed_array: of an element

  // `spelled` is the trace's spelling of `value`.
  static Held of(const Value& value, const nlohmann::json& spelled);
};

// An array of one element, as array.array makes it of a Python number. InvalidError if it does not take that.
Value encode_element(const Type& type, const nlohmann::json& number, std::pmr::memory_resource& scratch);

struct TextHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
};
using HeldByKey = std::unordered_map<std::string, Held, TextHash, std::equal_to<>>;

}  // namespace daybook::detail
