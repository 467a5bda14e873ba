#include "daybook/materializer/numpy.h"

#include <algorithm>
#include <bit>
#include <utility>

namespace daybook::detail {

namespace {

constexpr ByteOrder native_order = std::endian::native == std::endian::little ? ByteOrder::little : ByteOrder::big;

// Bytes of the smallest float that NumPy takes for numbers of this type.
std::uint32_t float_size(const Type& type) {
  switch (type.kind()) {
    case Kind::boolean:
      return 2;
    case Kind::integer:
    case Kind::unsigned_integer:
      return type.size() == 1 ? 2 : type.size() == 2 ? 4 : 8;
    case Kind::complex:
      return type.size() / 2;
    default:
      return type.size();
  }
}

Type promote_numbers(const Type& a, const Type& b) {
  const auto either = [&](Kind kind) { return a.kind() == kind || b.kind() == kind; };
  if (a.kind() == Kind::boolean) return {b.kind(), b.size(), native_order};
  if (b.kind() == Kind::boolean) return {a.kind(), a.size(), native_order};
  const auto floating = std::max(float_size(a), float_size(b));
  if (either(Kind::complex)) return {Kind::complex, 2 * floating, native_order};
  if (either(Kind::floating)) return {Kind::floating, floating, native_order};
  if (a.kind() == b.kind()) return {a.kind(), std::max(a.size(), b.size()), native_order};
  const auto& with_sign = a.kind() == Kind::integer ? a : b;
  const auto& without = a.kind() == Kind::integer ? b : a;
  if (with_sign.size() > without.size()) return {Kind::integer, with_sign.size(), native_order};
  if (without.size() == 8) return {Kind::floating, 8, native_order};
  return {Kind::integer, 2 * without.size(), native_order};
}

std::uint32_t alignment(const Type& type) {
  switch (type.kind()) {
    case Kind::complex:
      return type.size() / 2;
    case Kind::fixed_string:
    case Kind::opaque:
      return 1;
    case Kind::compound: {
      std::uint32_t most = 1;
      for (const auto& member : type.members()) most = std::max(most, alignment(member.type));
      return most;
    }
    default:
      return std::max<std::uint32_t>(type.size(), 1);
  }
}

Type lay_out(std::vector<Member> members, bool aligned) {
  std::uint64_t end = 0;
  std::uint32_t most = 1;
  const auto round_up = [](std::uint64_t value, std::uint32_t to) { return (value + to - 1) / to * to; };
  for (auto& member : members) {
    if (aligned) {
      most = std::max(most, alignment(member.type));
      end = round_up(end, alignment(member.type));
    }
    member.offset = static_cast<std::uint32_t>(end);
    end += element_count(std::as_const(member.dims)) * member.type.size();
  }
  return Type::compound(static_cast<std::uint32_t>(round_up(end, most)), std::move(members));
}

// NumPy remembers that a type was made with align=True; here its layout tells: padded just as a C compiler would.
bool is_aligned(const Type& type) {
  const std::vector<Member> members(type.members().begin(), type.members().end());
  return lay_out(members, true) == type && !(lay_out(members, false) == type);
}

std::optional<Type> promote_compounds(const Type& a, const Type& b) {
  if (a.members().size() != b.members().size()) return {};
  std::vector<Member> members;
  for (std::size_t i = 0; i < a.members().size(); ++i) {
    const auto &x = a.members()[i], &y = b.members()[i];
    if (x.name != y.name || !(x.dims == y.dims)) return {};
    auto type = promote(x.type, y.type);
    if (!type) return {};
    members.push_back({x.name, 0, *type, x.dims});
  }
  return lay_out(std::move(members), is_aligned(a) || is_aligned(b));
}

}  // namespace

std::uint32_t text_size(const Type& number) {
  switch (number.kind()) {
    case Kind::boolean:
      return 5;
    case Kind::integer:
      return number.size() == 1 ? 4 : number.size() == 2 ? 6 : number.size() == 4 ? 11 : 21;
    case Kind::unsigned_integer:
      return number.size() == 1 ? 3 : number.size() == 2 ? 5 : number.size() == 4 ? 10 : 20;
    case Kind::floating:
      return number.size() == 16 ? 48 : 32;
    default:
      return number.size() == 32 ? 96 : 64;
  }
}

Type canonical(const Type& type) {
  if (type.is_number()) return {type.kind(), type.size(), native_order};
  if (type.kind() == Kind::enumeration) return type.order() == native_order ? type : canonical(type.base());
  if (type.kind() == Kind::compound) return *promote_compounds(type, type);
  return type;
}

std::optional<Type> promote(const Type& a, const Type& b) {
  if (a.kind() == Kind::compound && b.kind() == Kind::compound) return promote_compounds(a, b);
  if (a == b) return canonical(a);
  if (a.kind() == Kind::enumeration) return promote(a.base(), b.kind() == Kind::enumeration ? b.base() : b);
  if (b.kind() == Kind::enumeration) return promote(a, b.base());
  if (a.is_number() && b.is_number()) return promote_numbers(a, b);
  if (a.kind() == Kind::fixed_string && b.kind() == Kind::fixed_string) {
    return Type::fixed_string(std::max(a.size(), b.size()));
  }
  if (a.kind() == Kind::fixed_string && b.is_number()) return Type::fixed_string(std::max(a.size(), text_size(b)));
  if (b.kind() == Kind::fixed_string && a.is_number()) return Type::fixed_string(std::max(b.size(), text_size(a)));
  return {};
}

}  // namespace daybook::detail
