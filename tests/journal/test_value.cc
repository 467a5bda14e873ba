#include <catch2/catch.hpp>

#include "daybook/journal/error.h"
#include "daybook/journal/journal.h"
#include "daybook/journal/reader.h"
#include "daybook/journal/value.h"
#include "support/random_values.h"

using namespace daybook;

TEST_CASE("scalars carry their C++ type") {
  CHECK(Value(true).type() == Type::of<bool>());
  CHECK(Value(7).type().name() == "<i4");
  CHECK(Value(std::uint64_t{7}).type().name() == "<u8");
  CHECK(Value(1.5).as<double>() == 1.5);
  CHECK(Value(std::complex<float>(1, 2)).type().name() == "<c8");
  CHECK(Value("text").type() == Type::string(Charset::utf8));
  CHECK(Value::bytes("raw").type() == Type::string(Charset::ascii));
  CHECK_THROWS_AS(Value(1.5).as<float>(), InvalidError);
}

TEST_CASE("an array borrows and must fit its shape") {
  const std::vector<double> elements{1, 2, 3, 4, 5, 6};
  const auto value = Value::array(elements.data(), {2, 3});
  CHECK(value.bytes().data() == reinterpret_cast<const std::byte*>(elements.data()));
  CHECK(value.element_count() == 6);
  CHECK_THROWS_AS(Value::array(Type::of<double>(), {2, 2}, value.bytes()), InvalidError);
  CHECK_THROWS_AS(Value::array(Type::of<double>(), {1ULL << 40U, 1ULL << 40U}, value.bytes()), InvalidError);
  CHECK(Value::array(Type::of<double>(), {2, 0, 1ULL << 63U}, {}).element_count() == 0);
  CHECK(value.owned().bytes().data() != value.bytes().data());
  CHECK(value.owned() == value);
}

TEST_CASE("more than 32 dimensions are refused") {
  Shape shape;
  for (int i = 0; i < 32; ++i) shape.push_back(1);
  CHECK_THROWS_AS(shape.push_back(1), InvalidError);
}

TEST_CASE("a list merges neighbours of one type into runs and keeps every item") {
  const auto list = Value::list({1, 2, 3, 2.5, "a", "bc", "", Value::list({1, 2})});
  CHECK(list.item_count() == 8);
  REQUIRE(list.runs().size() == 4);
  CHECK(list.runs()[0].count() == 3);
  CHECK(list.runs()[2].count() == 3);
  CHECK(list.item(1) == Value(2));
  CHECK(list.item(3) == Value(2.5));
  CHECK(list.item(5) == Value("bc"));
  CHECK(list.item(6) == Value(""));
  CHECK(list.item(7) == Value::list({1, 2}));
  CHECK_THROWS_AS(list.item(8), InvalidError);
}

TEST_CASE("a list claims no more empty items than somebody can have made") {
  const auto run = [](std::uint64_t count) { return Value::list_run(Type::of<double>(), {0}, count, {}); };
  CHECK(run(Value::max_empty_items).item_count() == Value::max_empty_items);
  run(Value::max_empty_items).runs()[0].check_empty_items();
  CHECK_THROWS_AS(run(Value::max_empty_items + 1).runs()[0].check_empty_items(), InvalidError);
  const std::vector<Value> items(Value::max_empty_items + 2, Value::array(Type::of<double>(), {0}, {}));
  const auto made = Value::list(items);
  CHECK(made.item_count() == items.size());
  CHECK(made.runs().size() == 2);
  auto journal = Journal::create("run.daybook", {});
  CHECK_THROWS_AS(journal.set("claimed", run(Value::max_empty_items + 1)), InvalidError);
  journal.set("made", made);
  journal.finish();
  const auto event = Reader("run.daybook").event(2);
  CHECK(std::get<Set>(event.body).value.item_count() == items.size());
}

TEST_CASE("strings of one array keep their bytes, NULs and emptiness included") {
  using namespace std::string_view_literals;
  const std::vector<std::string_view> items{"a\0b"sv, ""sv, "µ"sv};
  const auto value = Value::strings({3}, items);
  for (std::size_t i = 0; i < items.size(); ++i) CHECK(value.string_at(i) == items[i]);
  CHECK_THROWS_AS(value.string_at(3), InvalidError);
  const std::vector<std::string_view> none;
  CHECK(Value::strings({0}, none).element_count() == 0);
}

TEST_CASE("a value in several pieces reads as if it were one") {
  const std::vector<std::uint16_t> elements{1, 2, 3, 4, 5};
  const auto bytes = std::as_bytes(std::span(elements));
  const auto split = Value::raw(Form::array, Type::of<std::uint16_t>(), {5}, 1,
                                {bytes.first(3), bytes.subspan(3, 4), bytes.subspan(7)});
  CHECK_FALSE(split.is_contiguous());
  CHECK_THROWS_AS(split.bytes(), InvalidError);
  CHECK(split.byte_size() == 10);
  CHECK(split == Value::array(elements.data(), {5}));
  std::uint16_t middle = 0;
  split.read_bytes(4, std::as_writable_bytes(std::span(&middle, 1)));
  CHECK(middle == 3);
  CHECK_THROWS_AS(split.read_bytes(9, std::as_writable_bytes(std::span(&middle, 1))), InvalidError);
}

TEST_CASE("offsets of variable-length elements that lead outside are refused") {
  const std::vector<std::uint64_t> table{4, 2};
  CHECK_THROWS_AS(Value::raw(Form::array, Type::string(Charset::utf8), {2}, 1, {std::as_bytes(std::span(table))}),
                  InvalidError);
}

TEST_CASE("types refuse what cannot be") {
  CHECK_THROWS_AS(Type(Kind::integer, 3), InvalidError);
  CHECK_THROWS_AS(Type(Kind::floating, 1), InvalidError);
  CHECK_THROWS_AS(Type(Kind::compound, 8), InvalidError);
  CHECK_THROWS_AS(Type::compound(8, {{"x", 4, Type::of<double>(), {}}}), InvalidError);
  CHECK_THROWS_AS(Type::compound(8, {{"x", 0, Type::of<std::int32_t>(), {3}}}), InvalidError);
  CHECK_THROWS_AS(Type::enumeration(Type::of<double>(), {"a"}, {1}), InvalidError);
  CHECK(Type(Kind::integer, 1, ByteOrder::big) == Type(Kind::integer, 1));
  CHECK(Type(Kind::integer, 2, ByteOrder::big).name() == ">i2");
}

TEST_CASE("a copy of any value equals it and owns its bytes") {
  const auto seed = GENERATE(range(0, 50));
  CAPTURE(seed);
  test::Random random(static_cast<std::uint64_t>(seed));
  for (int i = 0; i < 40; ++i) {
    const auto value = random.any();
    CHECK(value.owned() == value);
    if (value.form() == Form::list) {
      for (std::uint64_t item = 0; item < value.item_count(); ++item)
        CHECK(value.item(item).owned() == value.item(item));
    }
  }
}
