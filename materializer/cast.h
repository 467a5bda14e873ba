#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "daybook/journal/type.h"

namespace daybook::detail {

// IEEE half precision: exact upwards, to the nearest even downwards.
float half_to_float(std::uint16_t half);
std::uint16_t to_half(long double value);

// Elements of one fixed-size type become elements of another as NumPy's astype does it: any number to any other, number
// to fixed string (its str()), fixed string to another length, opaque to itself, compound member by member.
class Cast {
 public:
  Cast(const Type& from, const Type& to);  // InvalidError if NumPy has no such cast
  void operator()(const std::byte* in, std::byte* out, std::uint64_t count) const;
  // Both types are laid out alike: a copy does it.
  [[nodiscard]] bool is_copy() const { return way_ == Way::copy; }

 private:
  enum class Way : std::uint8_t { copy, swap, number, text, pad, members };
  struct Part {
    std::uint32_t from = 0, to = 0;  // offsets
    std::uint64_t count = 1;         // elements of a sub-array
    std::vector<Cast> cast;          // one; a vector because Cast is incomplete here
  };
  Way way_ = Way::copy;
  Type from_, to_;  // enumerations by their integer types
  std::vector<Part> parts_;
};

// str() of one number, as NumPy puts it into a fixed string.
std::string number_text(const Type& type, const std::byte* element);

}  // namespace daybook::detail
