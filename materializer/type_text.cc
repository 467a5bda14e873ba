#include "daybook/materializer/type_text.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace daybook::detail {
namespace {

struct Named {
  std::string_view name;
  Kind kind;
  std::uint32_t size;
};
constexpr std::array named = {
    Named{"bool", Kind::boolean, 1},
    Named{"int8", Kind::integer, 1},
    Named{"int16", Kind::integer, 2},
    Named{"int32", Kind::integer, 4},
    Named{"int64", Kind::integer, 8},
    Named{"uint8", Kind::unsigned_integer, 1},
    Named{"uint16", Kind::unsigned_integer, 2},
    Named{"uint32", Kind::unsigned_integer, 4},
    Named{"uint64", Kind::unsigned_integer, 8},
    Named{"float16", Kind::floating, 2},
    Named{"float32", Kind::floating, 4},
    Named{"float64", Kind::floating, 8},
    Named{"longdouble", Kind::floating, 16},
    Named{"complex64", Kind::complex, 8},
    Named{"complex128", Kind::complex, 16},
};

std::optional<Kind> find_kind(char letter) {
  switch (letter) {
    case 'b':
      return Kind::boolean;
    case 'i':
      return Kind::integer;
    case 'u':
      return Kind::unsigned_integer;
    case 'f':
      return Kind::floating;
    case 'c':
      return Kind::complex;
    case 'S':
      return Kind::fixed_string;
    default:
      return std::nullopt;
  }
}

// NumPy has no others, and Type would throw.
bool has_size(Kind kind, std::uint32_t size) {
  if (kind == Kind::fixed_string) return size > 0;
  return std::any_of(named.begin(), named.end(), [&](const Named& n) { return n.kind == kind && n.size == size; }) ||
         (kind == Kind::complex && size == 32);
}

}  // namespace

std::optional<Type> find_type(std::string_view text) {
  for (const Named& known : named)
    if (known.name == text) return Type(known.kind, known.size);
  ByteOrder order = ByteOrder::little;
  if (!text.empty() && std::string_view("<>|=").find(text.front()) != std::string_view::npos) {
    if (text.front() == '>') order = ByteOrder::big;
    text.remove_prefix(1);
  }
  if (text.size() < 2) return std::nullopt;
  const std::optional<Kind> kind = find_kind(text.front());
  std::uint32_t size = 0;
  const auto [end, error] = std::from_chars(text.data() + 1, text.data() + text.size(), size);
  if (!kind || error != std::errc() || end != text.data() + text.size() || !has_size(*kind, size)) return std::nullopt;
  if (*kind == Kind::fixed_string) return Type::fixed_string(size);
  return Type(*kind, size, size == 1 ? ByteOrder::little : order);
}

}  // namespace daybook::detail
