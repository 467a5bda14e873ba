// Expectations come from numpy 1.24 and h5py 3.7, asked with the expression that stands beside them.
#include <catch2/catch.hpp>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <map>
#include <sstream>

#include "daybook/journal/error.h"
#include "daybook/materializer/cast.h"
#include "daybook/materializer/numpy.h"
#include "daybook/materializer/replay.h"

namespace daybook {

namespace {

// "TYPE (SHAPE) element element …", or "refused: …".
std::string stored(const Value& value) {
  try {
    const auto stored = to_stored(value);
    std::string text = stored.type.name() + " (";
    for (const auto extent : stored.shape) text += std::to_string(extent) + ",";
    text += ")";
    for (std::uint64_t i = 0; i < stored.count(); ++i) {
      text += " ";
      if (stored.type.is_variable()) {
        std::string_view element;
        stored.elements->read_variable(i, 1, &element);
        text += element;
        continue;
      }
      std::vector<std::byte> element(stored.type.size());
      stored.elements->read(i, 1, element.data());
      if (stored.type.is_number()) {
        text += detail::number_text(stored.type, element.data());
      } else {
        text += std::string(reinterpret_cast<const char*>(element.data()), element.size()).c_str();
      }
    }
    return text;
  } catch (const InvalidError& e) {
    return std::string("refused: ") + e.what();
  }
}

// Owns what Values borrow, as Python would.
template <class T>
Value array(const Shape& shape, std::vector<T> elements, ByteOrder order = ByteOrder::little) {
  auto type = Type::of<T>();
  if (order == ByteOrder::big) {
    type = Type(type.kind(), type.size(), order);
    for (auto& element : elements) {
      auto* bytes = reinterpret_cast<std::byte*>(&element);
      std::reverse(bytes, bytes + sizeof(T));
    }
  }
  return Value::array(type, shape, std::as_bytes(std::span(elements))).owned();
}

Value half(std::uint16_t bits) {
  return Value::scalar({Kind::floating, 2}, std::as_bytes(std::span(&bits, 1))).owned();
}

std::span<const std::byte> raw(std::string_view text) { return std::as_bytes(std::span(text.data(), text.size())); }

Value fixed(std::string_view text) {
  return Value::scalar(Type::fixed_string(static_cast<std::uint32_t>(text.size())), raw(text)).owned();
}

Value opaque(std::string_view text) {
  return Value::scalar(Type::opaque(static_cast<std::uint32_t>(text.size())), raw(text)).owned();
}

Value list(std::initializer_list<Value> items) { return Value::list(items); }

Value objects(std::vector<Value> items) {
  const Shape shape{items.size()};
  return Value::objects(shape, std::move(items));
}

Value tagged(std::initializer_list<std::string_view> texts) {
  const std::vector<std::string_view> items(texts);
  return Value::strings({items.size()}, items);
}

struct Case {
  const char* python;
  Value value;
  const char* expected;
};

void check(const std::vector<Case>& cases) {
  for (const auto& [python, value, expected] : cases) {
    INFO(python);
    const std::string found = stored(value);
    if (std::string_view(expected) == "refused") {
      CHECK(found.starts_with("refused"));
    } else {
      CHECK(found == expected);
    }
  }
}

const std::string nul("a\0b", 3);

}  // namespace

TEST_CASE("numpy.promote_types", "[numpy]") {
  const std::vector<std::string> names{"b1", "i1", "u1", "i2", "u2",  "i4", "u4",  "i8",
                                       "u8", "f2", "f4", "f8", "f16", "c8", "c16", "c32"};
  const std::map<char, Kind> kinds{{'b', Kind::boolean},
                                   {'i', Kind::integer},
                                   {'u', Kind::unsigned_integer},
                                   {'f', Kind::floating},
                                   {'c', Kind::complex}};
  const char* table[] = {
      "b1 i1 u1 i2 u2 i4 u4 i8 u8 f2 f4 f8 f16 c8 c16 c32",
      "i1 i1 i2 i2 i4 i4 i8 i8 f8 f2 f4 f8 f16 c8 c16 c32",
      "u1 i2 u1 i2 u2 i4 u4 i8 u8 f2 f4 f8 f16 c8 c16 c32",
      "i2 i2 i2 i2 i4 i4 i8 i8 f8 f4 f4 f8 f16 c8 c16 c32",
      "u2 i4 u2 i4 u2 i4 u4 i8 u8 f4 f4 f8 f16 c8 c16 c32",
      "i4 i4 i4 i4 i4 i4 i8 i8 f8 f8 f8 f8 f16 c16 c16 c32",
      "u4 i8 u4 i8 u4 i8 u4 i8 u8 f8 f8 f8 f16 c16 c16 c32",
      "i8 i8 i8 i8 i8 i8 i8 i8 f8 f8 f8 f8 f16 c16 c16 c32",
      "u8 f8 u8 f8 u8 f8 u8 f8 u8 f8 f8 f8 f16 c16 c16 c32",
      "f2 f2 f2 f4 f4 f8 f8 f8 f8 f2 f4 f8 f16 c8 c16 c32",
      "f4 f4 f4 f4 f4 f8 f8 f8 f8 f4 f4 f8 f16 c8 c16 c32",
      "f8 f8 f8 f8 f8 f8 f8 f8 f8 f8 f8 f8 f16 c16 c16 c32",
      "f16 f16 f16 f16 f16 f16 f16 f16 f16 f16 f16 f16 f16 c32 c32 c32",
      "c8 c8 c8 c8 c8 c16 c16 c16 c16 c8 c8 c16 c32 c8 c16 c32",
      "c16 c16 c16 c16 c16 c16 c16 c16 c16 c16 c16 c16 c32 c16 c16 c32",
      "c32 c32 c32 c32 c32 c32 c32 c32 c32 c32 c32 c32 c32 c32 c32 c32",
  };
  const auto type = [&](std::string_view name, ByteOrder order = ByteOrder::little) {
    return Type(kinds.at(name.front()), static_cast<std::uint32_t>(std::stoul(std::string(name.substr(1)))), order);
  };
  for (std::size_t a = 0; a < names.size(); ++a) {
    std::istringstream row(table[a]);
    for (const auto& b : names) {
      std::string expected;
      row >> expected;
      INFO(names[a] << " with " << b);
      CHECK(detail::promote(type(names[a]), type(b)) == type(expected));
      CHECK(detail::promote(type(names[a], ByteOrder::big), type(b)) == type(expected));
    }
  }
}

TEST_CASE("lists of numbers become what numpy.asarray makes of them", "[numpy]") {
  const std::uint64_t top = std::uint64_t{1} << 63;
  check({
      {"[]", list({}), "<f8 (0,)"},
      {"[[]]", list({list({})}), "<f8 (1,0,)"},
      {"[[],[]]", list({list({}), list({})}), "<f8 (2,0,)"},
      {"[[[]],[[]]]", list({list({list({})}), list({list({})})}), "<f8 (2,1,0,)"},
      {"[[[]],[]]", list({list({list({})}), list({})}), "refused"},
      {"[1, 2.5]", list({1L, 2.5}), "<f8 (2,) 1.0 2.5"},
      {"[True, 2]", list({true, 2L}), "<i8 (2,) 1 2"},
      {"[True, False]", list({true, false}), "|b1 (2,) True False"},
      {"[True, 2.5]", list({true, 2.5}), "<f8 (2,) 1.0 2.5"},
      {"[1, 2j]", list({1L, std::complex<double>(0, 2)}), "<c16 (2,) (1+0j) 2j"},
      {"[2**63, 1]", list({top, 1L}), "<f8 (2,) 9.223372036854776e+18 1.0"},
      {"[2**63, 2**63+1]", list({top, top + 1}), "<u8 (2,) 9223372036854775808 9223372036854775809"},
      {"[np.uint64(1), np.int64(1)]", list({std::uint64_t{1}, std::int64_t{1}}), "<f8 (2,) 1.0 1.0"},
      {"[np.float32(1), 2.0]", list({1.0F, 2.0}), "<f8 (2,) 1.0 2.0"},
      {"[np.float32(1), 1]", list({1.0F, 1L}), "<f8 (2,) 1.0 1.0"},
      {"[np.int32(1), np.int32(2)]", list({1, 2}), "<i4 (2,) 1 2"},
      {"[np.float16(1), np.int8(1)]", list({half(0x3c00), std::int8_t{1}}), "<f2 (2,) 1.0 1.0"},
      {"[np.float16(1), np.int16(1)]", list({half(0x3c00), std::int16_t{1}}), "<f4 (2,) 1.0 1.0"},
      {"[np.float16(1), np.int16(1), np.uint16(1)]", list({half(0x3c00), std::int16_t{1}, std::uint16_t{1}}),
       "<f4 (3,) 1.0 1.0 1.0"},
      {"[np.int16(1), np.uint16(1), np.float16(1)]", list({std::int16_t{1}, std::uint16_t{1}, half(0x3c00)}),
       "<f8 (3,) 1.0 1.0 1.0"},
      {"[np.longdouble(1), 1]", list({1.0L, 1L}), "<f16 (2,) 1.0 1.0"},
      {"[np.complex64(1), 1]", list({std::complex<float>(1), 1L}), "<c16 (2,) (1+0j) (1+0j)"},
      {"[np.complex64(1), np.longdouble(1)]", list({std::complex<float>(1), 1.0L}), "<c32 (2,) (1+0j) (1+0j)"},
      {"[[1,2],[3.5,4]]", list({list({1L, 2L}), list({3.5, 4L})}), "<f8 (2,2,) 1.0 2.0 3.5 4.0"},
      {"[[1,2],[3]]", list({list({1L, 2L}), list({3L})}), "refused"},
      {"[1,[2]]", list({1L, list({2L})}), "refused"},
      {"[[1],2]", list({list({1L}), 2L}), "refused"},
      {"[1, None]", list({1L, Value::unstorable("NoneType", "None")}), "refused"},
      {"[h5py.Empty('f4'), 1]", list({Value::null(Type::of<float>()), 1L}), "refused"},
  });
}

TEST_CASE("lists of arrays are stacked", "[numpy]") {
  using I2 = std::int16_t;
  const auto big = ByteOrder::big;
  const auto zeros = [](const Shape& shape) {
    return array<double>(shape, std::vector<double>(element_count(std::span<const std::uint64_t>(shape))));
  };
  check({
      {"[np.array(5), 1]", list({array<long>({}, {5}), 1L}), "<i8 (2,) 5 1"},
      {"[np.array(5.), np.float32(1)]", list({array<double>({}, {5}), 1.0F}), "<f8 (2,) 5.0 1.0"},
      {"[[1,2], np.array([3.5,4])]", list({list({1L, 2L}), array<double>({2}, {3.5, 4})}),
       "<f8 (2,2,) 1.0 2.0 3.5 4.0"},
      {"[np.array([1,2],'>i2')]", list({array<I2>({2}, {1, 2}, big)}), ">i2 (1,2,) 1 2"},
      {"[np.array([1,2],'>i2')]*2", list({array<I2>({2}, {1, 2}, big), array<I2>({2}, {1, 2}, big)}),
       "<i2 (2,2,) 1 2 1 2"},
      {"[>i2, <i2]", list({array<I2>({2}, {1, 2}, big), array<I2>({2}, {3, 4})}), "<i2 (2,2,) 1 2 3 4"},
      {"[<i2, >i2]", list({array<I2>({2}, {1, 2}), array<I2>({2}, {3, 4}, big)}), "<i2 (2,2,) 1 2 3 4"},
      {"[np.array(1,'>i2')]", list({array<I2>({}, {1}, big)}), ">i2 (1,) 1"},
      {"[np.array(1,'>i2')]*2", list({array<I2>({}, {1}, big), array<I2>({}, {1}, big)}), "<i2 (2,) 1 1"},
      {"[[np.array([1,2],'>i2')]]", list({list({array<I2>({2}, {1, 2}, big)})}), ">i2 (1,1,2,) 1 2"},
      {"[np.zeros(0,'i4')]", list({array<int>({0}, {})}), "<i4 (1,0,)"},
      {"[[], np.zeros(0,'i4')]", list({list({}), array<int>({0}, {})}), "<i4 (2,0,)"},
      {"[np.zeros(0,'i4'), []]", list({array<int>({0}, {}), list({})}), "<i4 (2,0,)"},
      {"[np.zeros((0,3)), []]", list({zeros({0, 3}), list({})}), "refused"},
      {"[[], np.zeros((0,3))]", list({list({}), zeros({0, 3})}), "refused"},
      {"[np.zeros((2,0)), [[],[]]]", list({zeros({2, 0}), list({list({}), list({})})}), "<f8 (2,2,0,)"},
      {"[np.zeros((2,3)), np.zeros((2,4))]", list({zeros({2, 3}), zeros({2, 4})}), "refused"},
      {"[0, np.zeros((2,3))]", list({0L, zeros({2, 3})}), "refused"},
  });
  Value deep(1L);
  for (int i = 0; i < 32; ++i) deep = list({deep});
  CHECK(stored(deep).starts_with("<i8 (1,1,"));
  CHECK(stored(list({deep})).starts_with("refused"));
}

TEST_CASE("lists of text", "[numpy]") {
  const auto b = [](std::string_view text) { return Value::bytes(text); };
  check({
      {"['a','b']", list({"a", "b"}), "str (2,) a b"},
      {"[b'a',b'bc']", list({b("a"), b("bc")}), "bytes (2,) a bc"},
      {"[['a'],['b']]", list({list({"a"}), list({"b"})}), "str (2,1,) a b"},
      {"[['a','b'],['c']]", list({list({"a", "b"}), list({"c"})}), "refused"},
      {"['a',['b']]", list({"a", list({"b"})}), "refused"},
      {"[['a'],[]]", list({list({"a"}), list({})}), "refused"},
      {"['a',1]", list({"a", 1L}), "refused"},
      {"['a',b'b']", list({"a", b("b")}), "refused"},
      {"['a\\0b']", list({Value(nul)}), "refused"},
      {"[b'a\\0b']", list({b(nul)}), "refused"},
      {"['\\udc80']", list({Value("\xed\xb2\x80")}), "refused"},
      {"[O('a','b')]", list({objects({"a", "b"})}), "str (1,2,) a b"},
      {"[O('a','b'),['c','d']]", list({objects({"a", "b"}), list({"c", "d"})}), "str (2,2,) a b c d"},
      {"['a',O('b')]", list({"a", objects({"b"})}), "refused"},
      {"[O('a'),O(b'b')]", list({objects({"a"}), objects({b("b")})}), "refused"},
      {"[O(1,2)]", list({objects({1L, 2L})}), "refused"},
      {"[O()]", list({objects({})}), "refused"},
      {"[np.array('a',object)]", list({Value::objects({}, {"a"})}), "refused"},
      {"[S('a','b')]", list({tagged({"a", "b"})}), "str (1,2,) a b"},
      {"[S('a'),['b']]", list({tagged({"a"}), list({"b"})}), "refused"},
      {"[b'abc',np.bytes_(b'a')]", list({b("abc"), fixed("a")}), "|S3 (2,) abc a"},
      {"[b'',np.bytes_(b'')]", list({b(""), fixed("")}), "|S1 (2,)  "},
      {"[np.bytes_(b'')]", list({fixed("")}), "|S1 (1,) "},
      {"[b'a',1]", list({b("a"), 1L}), "|S21 (2,) a 1"},
      {"[[b'a'],[1.5]]", list({list({b("a")}), list({1.5})}), "|S32 (2,1,) a 1.5"},
      {"[b'a',True,False]", list({b("a"), true, false}), "|S5 (3,) a True False"},
      {"[np.bytes_(b'x'),np.int8(1)]", list({fixed("x"), std::int8_t{1}}), "|S4 (2,) x 1"},
      {"[b'a',-5,2**63]", list({b("a"), -5L, std::uint64_t{1} << 63}), "|S21 (3,) a -5 9223372036854775808"},
      {"[b'a',1+2j]", list({b("a"), std::complex<double>(1, 2)}), "|S64 (2,) a (1+2j)"},
      {"[b'a',np.void(b'a')]", list({b("a"), opaque("a")}), "refused"},
  });
}

TEST_CASE("opaque, enumerations and compounds in lists", "[numpy]") {
  const auto i4 = Type::of<int>(), i8 = Type::of<long>(), f4 = Type::of<float>(), f8 = Type::of<double>();
  const Type big(Kind::integer, 4, ByteOrder::big);
  const auto st = Type::compound(12, {{"x", 0, i4, {}}, {"y", 4, f8, {}}});
  const auto aligned = Type::compound(16, {{"x", 0, i4, {}}, {"y", 8, f8, {}}});
  const auto other = Type::compound(12, {{"x", 0, i8, {}}, {"y", 8, f4, {}}});
  const auto padded = Type::compound(20, {{"x", 8, i4, {}}, {"y", 0, f8, {}}});
  const auto swapped = Type::compound(12, {{"x", 0, big, {}}, {"y", 4, f8, {}}});
  const auto renamed = Type::compound(12, {{"a", 0, i4, {}}, {"y", 4, f8, {}}});
  const auto wide = Type::compound(16, {{"x", 0, i8, {}}, {"y", 8, f8, {}}});
  const auto zero = [](const Type& type) {
    return Value::array(type, {1}, std::vector<std::byte>(type.size())).owned();
  };
  const auto type_of = [](const Value& value) { return to_stored(value).type; };
  CHECK(type_of(list({zero(st), zero(st)})) == st);
  CHECK(type_of(list({zero(aligned), zero(aligned)})) == aligned);
  CHECK(type_of(list({zero(st), zero(aligned)})) == aligned);
  CHECK(type_of(list({zero(st), zero(other)})) == wide);
  CHECK(type_of(list({zero(padded)})) == padded);
  CHECK(type_of(list({zero(padded), zero(padded)})) == st);
  CHECK(type_of(list({zero(swapped)})) == swapped);
  CHECK(type_of(list({zero(swapped), zero(swapped)})) == st);
  CHECK_THROWS_AS(to_stored(list({zero(st), zero(renamed)})), InvalidError);
  CHECK_THROWS_AS(to_stored(list({zero(st), array<double>({1}, {1})})), InvalidError);

  struct Row {
    std::int32_t x;
    float unused;
    double y;
  };
  const Row row{7, 0, 2.5};
  const auto value = Value::scalar(aligned, std::as_bytes(std::span(&row, 1)));
  const auto merged = to_stored(list({value, Value::scalar(other, std::vector<std::byte>(12)).owned()}));
  CHECK(merged.type == wide);
  std::byte out[32];
  merged.elements->read(0, 2, out);
  std::int64_t x = 0;
  double y = 0;
  std::memcpy(&x, out, 8);
  std::memcpy(&y, out + 8, 8);
  CHECK((x == 7 && y == 2.5));

  const auto e = Type::enumeration(Type::of<std::int16_t>(), {"A", "B"}, {0, 1});
  const auto e2 = Type::enumeration(Type::of<std::int16_t>(), {"A", "B"}, {0, 2});
  CHECK(type_of(list({zero(e)})) == e);
  CHECK(type_of(list({zero(e), zero(e)})) == e);
  CHECK(type_of(list({zero(e), zero(e2)})) == Type::of<std::int16_t>());
  CHECK(type_of(list({zero(e), array<long>({1}, {1})})) == i8);

  CHECK(stored(list({opaque("abc"), opaque("abd")})) == "|V3 (2,) abc abd");
  CHECK(stored(list({opaque("abc"), opaque("abcd")})).starts_with("refused"));
  CHECK(stored(list({opaque("abc"), 1L})).starts_with("refused"));
  CHECK(stored(opaque("")).starts_with("refused"));
  CHECK(stored(Value::array(Type::opaque(0), {2}, {})).starts_with("refused"));
  CHECK(stored(Value::scalar(Type::compound(0, {}), {})).starts_with("refused"));
}

TEST_CASE("scalars, arrays, object arrays and null", "[numpy]") {
  check({
      {"5", 5L, "<i8 () 5"},
      {"'ü'", "ü", "str () ü"},
      {"''", "", "str () "},
      {"'a\\0b'", Value(nul), "refused"},
      {"b'a\\0b'", Value::bytes(nul), "refused"},
      {"b'\\xff'", Value::bytes("\xff"), "bytes () \xff"},
      {"'\\udc80'", Value("\xed\xb2\x80"), "refused"},
      {"np.bytes_(b'')", fixed(""), "|S1 () "},
      {"np.array(1,'>i2')", array<std::int16_t>({}, {1}, ByteOrder::big), ">i2 () 1"},
      {"np.zeros((2,0,3))", array<double>({2, 0, 3}, {}), "<f8 (2,0,3,)"},
      {"S('a','b')", tagged({"a", "b"}), "str (2,) a b"},
      {"S()", tagged({}), "str (0,)"},
      {"S('a\\0b')", tagged({nul}), "refused"},
      {"O('a','b')", objects({"a", "b"}), "str (2,) a b"},
      {"O(b'a')", objects({Value::bytes("a")}), "bytes (1,) a"},
      {"O('a',b'b')", objects({"a", Value::bytes("b")}), "refused"},
      {"O('a',['b'])", objects({"a", list({"b"})}), "refused"},
      {"O(1,2)", objects({1L, 2L}), "refused"},
      {"O()", objects({}), "refused"},
      {"O('a\\0b')", objects({Value(nul)}), "refused"},
      {"np.array('a',object)", Value::objects({}, {"a"}), "str () a"},
      {"None", Value::unstorable("NoneType", "None"), "refused"},
  });
  const auto null = to_stored(Value::null(Type::of<float>()));
  CHECK((null.form == Form::null && null.type == Type::of<float>() && null.count() == 0));
  CHECK(to_stored(array<long>({}, {1})).form == Form::scalar);
}

TEST_CASE("numbers as text, as NumPy casts them to S", "[numpy]") {
  const auto text = [](const Value& value) { return detail::number_text(value.type(), value.bytes().data()); };
  CHECK(text(1e15) == "1000000000000000.0");
  CHECK(text(1e16) == "1e+16");
  CHECK(text(-0.0) == "-0.0");
  CHECK(text(1e-4) == "0.0001");
  CHECK(text(1e-5) == "1e-05");
  CHECK(text(123456.789) == "123456.789");
  CHECK(text(1e300) == "1e+300");
  CHECK(text(123456789012345680.0) == "1.2345678901234568e+17");
  CHECK(text(std::nan("")) == "nan");
  CHECK(text(-std::numeric_limits<double>::infinity()) == "-inf");
  CHECK(text(0.1F) == "0.1");
  CHECK(text(3.4e38F) == "3.4e+38");
  CHECK(text(16777216.0F) == "16777216.0");
  CHECK(text(half(0x2e66)) == "0.1");
  CHECK(text(1.0L / 3) == "0.33333333333333333334");
  CHECK(text(std::complex<double>(std::nan(""), -0.0)) == "(nan-0j)");
  CHECK(text(std::complex<double>(0, 1e16)) == "1e+16j");
  CHECK(text(std::complex<double>(-0.0, -1)) == "(-0-1j)");
}

TEST_CASE("half precision both ways", "[numpy]") {
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    const float value = detail::half_to_float(static_cast<std::uint16_t>(bits));
    if (std::isnan(value)) continue;
    if (detail::to_half(static_cast<long double>(value)) != bits) FAIL(bits);
  }
  CHECK(detail::half_to_float(0x3555) == 0.333251953125F);
  CHECK(detail::half_to_float(1) == 0x1p-24F);
  CHECK(std::bit_cast<std::uint32_t>(detail::half_to_float(0xfe01)) == 0xffc02000);
  CHECK(detail::to_half(65519) == 0x7bff);
  CHECK(detail::to_half(65520) == 0x7c00);
  CHECK(detail::to_half(1 + 0x1p-11L) == 0x3c00);  // half-way: to the even one
  CHECK(detail::to_half(1 + 3 * 0x1p-11L) == 0x3c02);
  CHECK(detail::to_half(0x1p-25L) == 0);
  CHECK(detail::to_half(1.5L * 0x1p-25L) == 1);
  CHECK(detail::to_half(-0.0L) == 0x8000);
  CHECK(detail::to_half(0x1.ffep-15L) == 0x0400);  // rounds up into the normal numbers
}

TEST_CASE("casts between numbers", "[numpy]") {
  const auto cast = []<class To, class From>(From from, To) {
    To to{};
    detail::Cast(Type::of<From>(), Type::of<To>())(reinterpret_cast<const std::byte*>(&from),
                                                   reinterpret_cast<std::byte*>(&to), 1);
    return to;
  };
  CHECK(cast(2.9, int{}) == 2);
  CHECK(cast(-2.9, std::int8_t{}) == -2);
  CHECK(cast(256, std::uint8_t{}) == 0);
  CHECK(cast(std::uint64_t{1} << 63, double{}) == 0x1p63);
  CHECK(cast((std::int64_t{1} << 53) + 1, double{}) == 0x1p53);
  CHECK(cast((std::int64_t{1} << 62) + 1, static_cast<long double>(0)) == 0x1p62L + 1);
  CHECK(cast(1e300, float{}) == std::numeric_limits<float>::infinity());
  CHECK(cast(0.5, bool{}));
  CHECK(cast(std::complex<double>(0, 1), bool{}));
  CHECK(cast(std::complex<double>(3, 1), float{}) == 3.0F);
  const double quiet = std::bit_cast<double>(0x7ff8000000012345);
  const auto swapped = detail::Cast(Type::of<double>(), Type(Kind::floating, 8, ByteOrder::big));
  std::uint64_t bits = 0;
  swapped(reinterpret_cast<const std::byte*>(&quiet), reinterpret_cast<std::byte*>(&bits), 1);
  CHECK(__builtin_bswap64(bits) == 0x7ff8000000012345);
  CHECK_THROWS_AS(detail::Cast(Type::opaque(3), Type::of<int>()), InvalidError);
}

}  // namespace daybook
