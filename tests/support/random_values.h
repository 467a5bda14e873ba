#pragma once

// Seeded random values, regions and keys for property tests. Everything a run may journal, not only what HDF5 can hold.

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "daybook/journal/value.h"

namespace daybook::test {

class Random {
 public:
  explicit Random(std::uint64_t seed) : engine_(seed) {}
  std::uint64_t below(std::uint64_t bound) {
    return std::uniform_int_distribution<std::uint64_t>(0, bound - 1)(engine_);
  }
  bool chance(double probability) { return std::bernoulli_distribution(probability)(engine_); }

  std::vector<std::byte> bytes(std::size_t count) {
    std::vector<std::byte> made(count);
    for (auto& byte : made) byte = static_cast<std::byte>(below(256));
    return made;
  }

  std::string text(std::size_t longest) {
    std::string made(below(longest + 1), ' ');
    for (auto& c : made) c = static_cast<char>('!' + below(94));
    return made;
  }

  Type plain_type() {
    const auto order = chance(0.5) ? ByteOrder::little : ByteOrder::big;
    switch (below(7)) {
      case 0:
        return Type::of<bool>();
      case 1:
        return {Kind::integer, 1U << below(4), order};
      case 2:
        return {Kind::unsigned_integer, 1U << below(4), order};
      case 3:
        return {Kind::floating, 2U << below(4), order};
      case 4:
        return {Kind::complex, 4U << below(4), order};
      case 5:
        return Type::fixed_string(static_cast<std::uint32_t>(below(9)), chance(0.5) ? Charset::ascii : Charset::utf8);
      default:
        return Type::opaque(static_cast<std::uint32_t>(below(9)));
    }
  }

  Type type() {
    if (chance(0.8)) return plain_type();
    if (chance(0.4)) {
      return Type::enumeration({Kind::integer, 2}, {"off", "on", "µ"}, {0, 1, static_cast<std::int64_t>(below(1000))});
    }
    std::vector<Member> members;
    std::uint32_t offset = 0;
    for (auto count = below(3) + 1; count > 0; --count) {
      Member member{"m" + std::to_string(count), offset, chance(0.8) ? plain_type() : type(), {}};
      if (chance(0.3)) member.dims = {2, below(3) + 1};
      offset += static_cast<std::uint32_t>(member.type.size() * element_count(member.dims) + below(4));
      members.push_back(std::move(member));
    }
    return Type::compound(offset + static_cast<std::uint32_t>(below(5)), std::move(members));
  }

  Shape shape() {
    Shape shape;
    for (auto rank = below(4); rank > 0; --rank) shape.push_back(below(5));
    return shape;
  }

  // Owned.
  Value scalar() {
    switch (below(8)) {
      case 0:
        return Value(text(20)).owned();
      case 1:
        return Value::bytes(text(20)).owned();
      case 2:
        return Value(static_cast<double>(below(1000)));
      case 3:
        return Value(static_cast<std::int64_t>(below(1000)));
      default: {
        const auto kind = type();
        return Value::scalar(kind, bytes(kind.size())).owned();
      }
    }
  }

  Value array_of(const Type& kind, const Shape& extent) {
    return Value::array(kind, extent, bytes(kind.size() * element_count(extent))).owned();
  }

  Value strings(const Shape& extent) {
    std::vector<std::string> texts(element_count(extent));
    for (auto& one : texts) one = text(12);
    const std::vector<std::string_view> views(texts.begin(), texts.end());
    return Value::strings(extent, views, chance(0.5) ? Charset::utf8 : Charset::ascii);
  }

  Value list(unsigned depth = 0) {
    std::vector<Value> items;
    const auto model = scalar();
    for (auto count = below(8); count > 0; --count) {
      items.push_back(chance(0.6) ? model : depth < 3 && chance(0.3) ? list(depth + 1) : any(depth + 1));
    }
    return Value::list(std::move(items));
  }

  Value any(unsigned depth = 0) {
    switch (below(depth < 3 ? 9 : 5)) {
      case 0:
      case 1:
        return scalar();
      case 2:
        return array_of(type(), shape());
      case 3:
        return strings(shape());
      case 4:
        return chance(0.5) ? Value::null(plain_type()) : Value::unstorable("NoneType", "None");
      case 5:
      case 6:
        return list(depth);
      case 7: {
        const Shape extent{below(3), 2};
        std::vector<Value> items;
        for (auto i = element_count(extent); i > 0; --i) items.push_back(any(depth + 1));
        return Value::objects(extent, std::move(items));
      }
      default: {
        const auto one = bytes(below(4) * 4);
        const auto two = bytes(below(4) * 4);
        const std::vector<std::span<const std::byte>> items{one, two};
        return Value::vlens({Kind::integer, 4}, {2}, items);
      }
    }
  }

 private:
  std::mt19937_64 engine_;
};

}  // namespace daybook::test
