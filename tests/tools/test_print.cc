#include <catch2/catch.hpp>
#include <limits>
#include <numeric>
#include <vector>

#include "daybook/journal/error.h"
#include "tools/json_text.h"
#include "tools/moment.h"
#include "tools/print.h"

using namespace daybook;

namespace {

std::string json(const Value& value) { return value_text(value, {.notation = Notation::json}); }

}  // namespace

TEST_CASE("print: scalars as Python writes them and as JSON") {
  CHECK(value_text(Value(true)) == "True");
  CHECK(json(Value(true)) == "true");
  CHECK(value_text(Value(std::int8_t{-5})) == "-5");
  CHECK(value_text(Value(std::uint64_t{18446744073709551615U})) == "18446744073709551615");
  CHECK(value_text(Value(1.0)) == "1.0");
  CHECK(value_text(Value(0.1F)) == "0.1");
  CHECK(value_text(Value(1e300)) == "1e+300");
  CHECK(value_text(Value(std::numeric_limits<double>::quiet_NaN())) == "nan");
  CHECK(json(Value(std::numeric_limits<double>::quiet_NaN())) == "\"NaN\"");
  CHECK(json(Value(-std::numeric_limits<double>::infinity())) == "\"-Infinity\"");
  CHECK(value_text(Value(std::complex<double>(1, -2))) == "(1.0-2.0j)");
  CHECK(json(Value(std::complex<double>(1, -2))) == "[1.0, -2.0]");
  CHECK(value_text(Value("it\n")) == "'it\\n'");
  CHECK(json(Value("a\"\n\x01µ\xED\xA0\x80\xFF")) == "\"a\\\"\\n\\u0001µ\\ud800\xEF\xBF\xBD\"");
  CHECK(value_text(Value::bytes(std::string_view("a\0\xFF", 3))) == "b'a\\x00\\xff'");
  CHECK(json(Value::bytes("\xFF")) == "{\"base64\": \"/w==\"}");
  CHECK(json(Value::unstorable("NoneType", "None")) == "null");
  const std::byte big[] = {std::byte{0x3C}, std::byte{0}};
  CHECK(value_text(Value::scalar(Type(Kind::floating, 2, ByteOrder::big), big)) == "1.0");
  CHECK(value_text(Value::scalar(Type(Kind::integer, 2, ByteOrder::big), big)) == "15360");
}

TEST_CASE("print: arrays and lists") {
  const std::int32_t numbers[] = {1, 2, 3, 4, 5, 6};
  CHECK(value_text(Value::array(numbers, Shape{2, 3})) == "[[1, 2, 3], [4, 5, 6]]");
  CHECK(value_text(Value::array(numbers, Shape{2, 3}), {.width = 100}) == "[[1, 2, 3],\n [4, 5, 6]]");
  CHECK(value_text(Value::array(numbers, Shape{0, 3})) == "[]");
  CHECK(value_text(Value::array(numbers, Shape{std::uint64_t{1} << 60U, 0})) == "[]");
  CHECK(value_text(Value::array(numbers, Shape{})) == "1");
  const Value row = Value::array(numbers, Shape{2});
  CHECK(json(Value::list({Value(1.5), Value("a"), row, row, Value::list({})})) == "[1.5, \"a\", [1, 2], [1, 2], []]");
  const std::string_view words[] = {"a", "", "c"};
  CHECK(value_text(Value::strings(Shape{3}, words)) == "['a', '', 'c']");
  const Value empty = Value::array(numbers, Shape{0});
  CHECK(brief_text(Value::list({empty, empty, 1})) == "[[], [], 1]");
  const Value many_empty = Value::list_run(Type::of<double>(), {0}, Value::max_empty_items, {});
  CHECK(brief_text(many_empty) == "list of 1048576");
  CHECK(value_text(many_empty, {.abbreviate_above = 1000}) == "[[], [], [], ..., [], [], []]");
  std::vector<std::int64_t> many(5000);
  std::iota(many.begin(), many.end(), 0);
  const Value long_array = Value::array(many.data(), Shape{5000});
  CHECK(value_text(long_array, {.abbreviate_above = 1000}) == "[0, 1, 2, ..., 4997, 4998, 4999]");
  CHECK(json(long_array).ends_with(", 4998, 4999]"));
  const Type record =
      Type::compound(8, {{"x", 0, Type::of<std::int32_t>(), {}}, {"y", 4, Type(Kind::unsigned_integer, 1), Shape{2}}});
  CHECK(json(Value::array(record, Shape{1}, std::as_bytes(std::span(numbers).first(2)))) ==
        "[{\"x\": 1, \"y\": [2, 0]}]");
  CHECK(type_text(record) == "{x: int32, y: uint8[2]}");
}

TEST_CASE("moment: what --at can say") {
  CHECK(std::holds_alternative<Now>(parse_at("")));
  CHECK(std::get<AtSequence>(parse_at("120")).sequence == 120);
  CHECK(std::get<AtTime>(parse_at("@1750000000.25")).time == 1'750'000'000'250'000'000);
  CHECK(std::get<AtTime>(parse_at("2025-06-15T15:06:40Z")).time == 1'750'000'000'000'000'000);
  CHECK(std::get<AtTime>(parse_at("2025-06-15 17:06:40.5+02:00")).time == 1'750'000'000'500'000'000);
  CHECK(std::get<AtCheckpoint>(parse_at("before cooling")).name == "before cooling");
  CHECK_THROWS_AS(parse_at("2025-13-01"), InvalidError);
  CHECK_THROWS_AS(parse_at("2025-02-30T10:00"), InvalidError);
  CHECK_THROWS_AS(parse_at("2025-06-15T14:30x"), InvalidError);
  CHECK_THROWS_AS(parse_at("@soon"), InvalidError);
  CHECK_THROWS_AS(parse_at("99999999999999999999999"), InvalidError);
  CHECK(utc_time(1'750'000'000'250'000'001) == "2025-06-15T15:06:40.250000001Z");
  CHECK(utc_time(-1) == "1969-12-31T23:59:59.999999999Z");
}
