#include <catch2/catch.hpp>

#include <array>
#include <chrono>
#include <cstring>
#include <random>

#include "daybook/journal/error.h"
#include "daybook/materializer/fold.h"
#include "daybook/materializer/spool.h"

namespace daybook {

namespace {

using detail::Fold;
constexpr std::uint64_t roomy = std::uint64_t{64} << 20;
constexpr std::uint64_t tight = 4096;  // everything of any size goes through a temporary file

Event event(EventBody body, Sequence sequence = 7) {
  Event made;
  made.body = std::move(body);
  made.key = "key";
  made.sequence = sequence;
  return made;
}

Event append(const Value& value) { return event(Append{value, 0}); }
Event item(std::uint64_t index, const Value& value) { return event(MutateItem{index, value}); }
Event region(Extents<std::int64_t> start, Extents<std::int64_t> count, Extents<std::int64_t> step, const Value& value) {
  return event(Mutate{{start, count, step}, value});
}

template <class T>
std::vector<T> elements(const StoredValue& stored, std::uint64_t block = 1000) {
  REQUIRE(stored.type == Type::of<T>());
  std::vector<T> all(stored.count());
  for (std::uint64_t first = 0; first < all.size(); first += block) {
    stored.elements->read(first, std::min<std::uint64_t>(block, all.size() - first),
                          reinterpret_cast<std::byte*>(all.data() + first));
  }
  if (const auto* data = stored.elements->data()) CHECK(std::memcmp(data, all.data(), all.size() * sizeof(T)) == 0);
  return all;
}

std::vector<std::string> texts(const StoredValue& stored) {
  std::vector<std::string_view> views(stored.count());
  stored.elements->read_variable(0, views.size(), views.data());
  return {views.begin(), views.end()};
}

template <class T>
Value array(const Shape& shape, const std::vector<T>& from) {
  return Value::array(from.data(), shape).owned();
}

std::vector<double> counting(std::size_t count, double from = 0) {
  std::vector<double> numbers(count);
  for (auto& number : numbers) number = from++;
  return numbers;
}

}  // namespace

TEST_CASE("a spool gives back what was written, in memory and in its file", "[replay]") {
  const std::uint64_t bound = GENERATE(std::uint64_t{1} << 30, 1000, 0);
  detail::Spool spool(bound);
  std::vector<std::byte> model;
  std::mt19937 random(1);
  const auto bytes = [&](std::size_t count) {
    std::vector<std::byte> made(count);
    for (auto& byte : made) byte = static_cast<std::byte>(random());
    return made;
  };
  for (int i = 0; i < 3000; ++i) {
    if (i % 3 == 0 || model.empty()) {
      const auto more = bytes(i % 1000 == 0 ? 300000 : random() % 500);
      spool.append(more);
      model.insert(model.end(), more.begin(), more.end());
    } else if (i % 7 == 0 && model.size() > 20000) {
      const std::uint64_t piece = 1 + random() % 8, count = 1 + random() % 100, stride = piece + random() % 50;
      const auto given = bytes(piece * count);
      const bool down = random() % 2 == 0;
      const std::uint64_t start = down ? model.size() - piece : random() % (model.size() - stride * count);
      spool.scatter(start, down ? -static_cast<std::int64_t>(stride) : static_cast<std::int64_t>(stride), piece, count,
                    given.data());
      for (std::uint64_t k = 0; k < count; ++k) {
        std::memcpy(model.data() + (down ? start - k * stride : start + k * stride), given.data() + k * piece, piece);
      }
    } else {
      const auto offset = random() % model.size();
      const auto given = bytes(std::min<std::size_t>(random() % 500, model.size() - offset));
      spool.write(offset, given);
      std::copy(given.begin(), given.end(), model.begin() + static_cast<std::ptrdiff_t>(offset));
    }
  }
  REQUIRE(spool.size() == model.size());
  std::vector<std::byte> back(model.size());
  spool.read(0, back);
  CHECK(back == model);
  CHECK((spool.data() != nullptr) == (bound > model.size()));
}

TEST_CASE("an unchanged value is handed over where it stands", "[replay]") {
  const auto numbers = counting(10000);
  auto stored = Fold(Value::array(numbers.data(), {100, 100}), tight).stored();
  CHECK(stored.elements->data() == reinterpret_cast<const std::byte*>(numbers.data()));
  stored = Fold(Value::list_of<double>(numbers), tight).stored();
  CHECK(stored.shape == Shape{10000});
  CHECK(stored.elements->data() == reinterpret_cast<const std::byte*>(numbers.data()));
}

TEST_CASE("a value in several pieces reads as one", "[replay]") {
  const auto numbers = counting(1000);
  const auto bytes = std::as_bytes(std::span(numbers));
  const auto split = Value::raw(Form::array, Type::of<double>(), {1000}, 1, {bytes.first(3333), bytes.subspan(3333)});
  CHECK(elements<double>(Fold(split, tight).stored(), 7) == numbers);
  Fold fold(split, tight);
  fold.apply(region({0}, {1}, {1}, array<double>({1}, {-1})));
  auto expected = numbers;
  expected[0] = -1;
  CHECK(elements<double>(std::move(fold).stored()) == expected);
}

TEST_CASE("regions of an array", "[replay]") {
  const std::uint64_t memory = GENERATE(roomy, tight);
  Fold fold(array({4, 6, 50}, counting(1200)), memory);
  auto model = counting(1200);
  const auto at = [&](std::size_t i, std::size_t j, std::size_t k) -> double& { return model[(i * 6 + j) * 50 + k]; };
  fold.apply(region({1, 2, 3}, {1, 1, 1}, {1, 1, 1}, array<double>({1, 1, 1}, {-1})));
  at(1, 2, 3) = -1;
  fold.apply(region({2, 0, 0}, {1, 6, 50}, {1, 1, 1}, array({1, 6, 50}, counting(300, 5000))));
  for (std::size_t i = 0; i < 300; ++i) model[600 + i] = 5000 + static_cast<double>(i);
  fold.apply(region({0, 5, 49}, {2, 3, 25}, {3, -2, -2}, array({2, 3, 25}, counting(150, 9000))));
  double next = 9000;
  for (const std::size_t i : {0U, 3U}) {
    for (const std::size_t j : {5U, 3U, 1U}) {
      for (std::size_t k = 0; k < 25; ++k) at(i, j, 49 - 2 * k) = next++;
    }
  }
  fold.apply(region({3, 0, 0}, {2, 6, 50}, {-2, 1, 1}, array({2, 6, 50}, counting(600, 20000))));
  next = 20000;
  for (const std::size_t i : {3U, 1U}) {
    for (std::size_t j = 0; j < 300; ++j) model[i * 300 + j] = next++;
  }
  fold.apply(region({0, 0, 10}, {4, 1, 5}, {1, 1, 1}, array({4, 1, 5}, counting(20, -50))));
  next = -50;
  for (std::size_t i = 0; i < 4; ++i) {
    for (std::size_t k = 10; k < 15; ++k) at(i, 0, k) = next++;
  }
  fold.apply(region({9, 9, 9}, {0, 1, 1}, {1, 1, 1}, array<double>({0, 1, 1}, {})));
  CHECK(elements<double>(std::move(fold).stored()) == model);
}

TEST_CASE("a region of an array without dimensions, and of strings", "[replay]") {
  Fold point(array<double>({}, {1}), tight);
  point.apply(region({}, {}, {}, array<double>({}, {2})));
  CHECK(elements<double>(std::move(point).stored()) == std::vector<double>{2});

  const std::vector<std::string_view> words{"one", "two", "three", "four"}, fresh{"x", "quite a long one"};
  Fold strings(Value::strings({4}, words), tight);
  strings.apply(region({2}, {2}, {-2}, Value::strings({2}, fresh)));
  CHECK(texts(std::move(strings).stored()) == std::vector<std::string>{"quite a long one", "two", "x", "four"});

  const std::vector<std::string_view> nul{std::string_view("\0", 1)};
  Fold bad(Value::strings({4}, words), tight);
  bad.apply(region({0}, {1}, {1}, Value::array(Type::string(Charset::utf8), {1}, std::as_bytes(std::span(nul[0])))));
  CHECK_THROWS_AS(std::move(bad).stored(), InvalidError);
}

TEST_CASE("what breaks a rule of the chain is named", "[replay]") {
  const auto numbers = array({4, 3}, counting(12));
  const auto one = array<double>({1, 1}, {1});
  const auto fails = [](const Value& base, Event broken) {
    broken.sequence = 4711;
    Fold fold(base, tight);
    CHECK_THROWS_AS(fold.apply(broken), CorruptError);
    CHECK_THROWS_WITH(fold.apply(broken), Catch::Contains("4711") && Catch::Contains("'key'"));
  };
  fails(numbers, region({4, 0}, {1, 1}, {1, 1}, one));
  fails(numbers, region({-1, 0}, {1, 1}, {1, 1}, one));
  fails(numbers, region({0, 2}, {1, 2}, {1, 1}, array<double>({1, 2}, {1, 2})));
  fails(numbers, region({0, 1}, {1, 3}, {1, -1}, array<double>({1, 3}, {1, 2, 3})));
  fails(numbers, region({0, 0}, {1, 3}, {1, INT64_MAX}, array<double>({1, 3}, {1, 2, 3})));
  fails(numbers, region({0}, {1}, {1}, array<double>({1}, {1})));
  fails(numbers, region({0, 0}, {1, 1}, {1, 1}, array<float>({1, 1}, {1})));
  fails(numbers, region({0, 0}, {1, 1}, {1, 1}, array<double>({1, 2}, {1, 2})));
  fails(numbers, region({0, 0}, {1, -1}, {1, 1}, one));
  fails(numbers, item(0, 1.0));
  fails(numbers, append(1.0));
  fails(1.0, append(1.0));
  fails(array<double>({}, {1}), append(1.0));
  fails(Value::list({}), item(0, 1.0));
  fails(Value::list({1.0}), region({0}, {1}, {1}, array<double>({1}, {1})));
  fails(Value::list({1.0}), event(Remove{}));
  fails(array<int>({1}, {1}), append("text"));
}

TEST_CASE("appending to an array extends its first dimension", "[replay]") {
  const std::uint64_t memory = GENERATE(roomy, tight);
  Fold fold(array<std::int16_t>({1}, {1}), memory);
  std::vector<std::int16_t> model{1};
  for (std::int64_t i = 0; i < 10000; ++i) {
    fold.apply(append(i));
    model.push_back(static_cast<std::int16_t>(i));
  }
  CHECK(elements<std::int16_t>(std::move(fold).stored()) == model);

  Fold rows(array<double>({1, 2}, {1, 2}), memory);
  rows.apply(append(array<int>({2}, {3, 4})));
  const auto stored = std::move(rows).stored();
  CHECK(stored.shape == Shape{2, 2});
  CHECK(elements<double>(stored) == std::vector<double>{1, 2, 3, 4});
}

TEST_CASE("appending and replacing items of a list", "[replay]") {
  const std::uint64_t memory = GENERATE(roomy, tight);
  Fold fold(Value::list({1.5, 2.5}), memory);
  fold.apply(append(3.5));
  CHECK(fold.value() == Value::list({1.5, 2.5, 3.5}));
  fold.apply(item(1, std::int64_t{7}));
  CHECK(fold.value() == Value::list({1.5, std::int64_t{7}, 3.5}));
  fold.apply(append(true));
  fold.apply(item(0, -1.5));
  CHECK(elements<double>(std::move(fold).stored(), 3) == std::vector<double>{-1.5, 7, 3.5, 1});

  Fold words(Value::list({"a", "b"}), memory);
  words.apply(append("c"));
  words.apply(item(0, "longer than before"));
  words.apply(item(0, "short"));
  CHECK(words.value() == Value::list({"short", "b", "c"}));
  CHECK(texts(std::move(words).stored()) == std::vector<std::string>{"short", "b", "c"});
}

TEST_CASE("a bad item costs a refusal until it is replaced", "[replay]") {
  Fold fold(Value::list({1.0}), tight);
  fold.apply(append(Value::unstorable("NoneType", "None")));
  fold.apply(append(2.0));
  CHECK(fold.value() == Value::list({1.0, Value::unstorable("NoneType", "None"), 2.0}));
  Fold again = fold;
  CHECK_THROWS_WITH(std::move(again).stored(), Catch::Contains("NoneType"));
  fold.apply(item(1, 1.5));
  CHECK(elements<double>(std::move(fold).stored()) == std::vector<double>{1, 1.5, 2});
}

TEST_CASE("rows of every sort", "[replay]") {
  const std::uint64_t memory = GENERATE(roomy, tight);
  Fold fold(Value::list({}), memory);
  std::vector<double> model;
  for (int i = 0; i < 5000; ++i) {
    const double x = i, y = i + 0.5;
    switch (i % 4) {
      case 0:
        fold.apply(append(Value::list({x, y})));
        break;
      case 1:  // mixed types
        fold.apply(append(Value::list({std::int64_t{i}, y})));
        break;
      case 2:
        fold.apply(append(array<double>({2}, {x, y})));
        break;
      default:  // lists in themselves; and 0-dimensional arrays
        fold.apply(append(Value::list({array<double>({}, {x}), y})));
    }
    model.insert(model.end(), {x, y});
  }
  CHECK(fold.value().item(1) == Value::list({std::int64_t{1}, 1.5}));
  CHECK(fold.value().item(4) == Value::list({4.0, 4.5}));
  CHECK(fold.value().item(6) == array<double>({2}, {6, 6.5}));
  const auto stored = std::move(fold).stored();
  CHECK(stored.shape == Shape{5000, 2});
  CHECK(elements<double>(stored, 777) == model);
}

TEST_CASE("rows of text, and rows of ever new lengths", "[replay]") {
  Fold fold(Value::list({}), tight);
  std::vector<std::string> model;
  for (int i = 0; i < 300; ++i) {
    const auto a = std::to_string(i), b = "b" + a;
    fold.apply(append(Value::list({Value(a), Value(b)}).owned()));
    model.insert(model.end(), {a, b});
  }
  CHECK(fold.value().item(299) == Value::list({"299", "b299"}));
  CHECK(texts(std::move(fold).stored()) == model);

  Fold ragged(Value::list({}), tight);
  for (std::size_t i = 1; i < 300; ++i) ragged.apply(append(Value::list_of<double>(counting(i)).owned()));
  CHECK(ragged.value().item(298) == Value::list_of<double>(counting(299)));
  CHECK_THROWS_WITH(std::move(ragged).stored(), Catch::Contains("inhomogeneous shape"));
}

TEST_CASE("object arrays", "[replay]") {
  Fold fold(Value::objects({2, 2}, {"a", "b", Value::unstorable("NoneType", "None"), "d"}), tight);
  fold.apply(region({1, 0}, {1, 1}, {1, 1}, Value::objects({1, 1}, {"c"})));
  CHECK(fold.value() == Value::objects({2, 2}, {"a", "b", "c", "d"}));
  fold.apply(region({1, 1}, {2, 1}, {-1, 1}, Value::objects({2, 1}, {"x", "y"})));
  const auto stored = std::move(fold).stored();
  CHECK(stored.shape == Shape{2, 2});
  CHECK(texts(stored) == std::vector<std::string>{"a", "y", "c", "x"});
}

TEST_CASE("random changes to a list, against a plain one", "[replay]") {
  const auto seed = GENERATE(1U, 2U, 3U, 4U);
  CAPTURE(seed);
  std::mt19937 random(seed);
  Fold fold(Value::list({}), seed % 2 == 0 ? roomy : tight);
  std::vector<Value> model;
  const std::vector<std::string> words{"", "a", "some word", "a rather longer text than the others are"};
  const auto any = [&]() -> Value {
    switch (random() % 8) {
      case 0:
        return static_cast<std::int64_t>(random() % 1000);
      case 1:
        return Value(words[random() % words.size()]).owned();
      case 2:
        return Value::list({1.0, 2.0, static_cast<double>(random() % 10)});
      case 3:
        return Value::list({std::int64_t{1}, "mixed", Value::list({true})});
      case 4:
        return array<float>({2, 2}, {1, 2, 3, static_cast<float>(random() % 10)});
      case 5:
        return Value::unstorable("set", "{" + std::to_string(random() % 1000) + "}");
      default:
        return static_cast<double>(random() % 1000);
    }
  };
  for (int i = 0; i < 4000; ++i) {
    if (model.empty() || random() % 3 != 0) {
      // Long stretches of one type as well, so that chunks of both sorts come up.
      model.push_back((i / 500) % 2 == 0 ? Value(static_cast<double>(i)) : any());
      fold.apply(append(model.back()));
    } else {
      const auto index = random() % model.size();
      model[index] = any();
      fold.apply(item(index, model[index]));
    }
  }
  const auto found = fold.value();
  REQUIRE(found.item_count() == model.size());
  for (std::size_t i = 0; i < model.size(); ++i) {
    if (!(found.item(i) == model[i]))
      FAIL("item " << i << ": " << describe(found.item(i)) << " for " << describe(model[i]));
  }
}

TEST_CASE("a million changes take linear time", "[replay]") {
  const auto seconds = [](auto&& work) {
    const auto start = std::chrono::steady_clock::now();
    work();
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  };
  // Alternating types, in a tenth and in the whole: the time a change may not grow with the list.
  const auto run = [](std::size_t count) {
    Fold fold(Value::list({}), std::uint64_t{1} << 20);
    for (std::size_t i = 0; i < count; ++i) {
      fold.apply(i % 2 == 0 ? append(static_cast<double>(i)) : append(static_cast<std::int64_t>(i)));
    }
    for (std::size_t i = 0; i < count; i += 3) fold.apply(item(i, 0.5));
    const auto all = elements<double>(std::move(fold).stored(), 65536);
    CHECK((all.size() == count && all[0] == 0.5 && all[1] == 1 && all[count - 2] == static_cast<double>(count - 2)));
  };
  const double tenth = seconds([&] { run(100000); }), whole = seconds([&] { run(1000000); });
  INFO(tenth << " s and " << whole << " s");
  CHECK(whole < 40 * tenth);
}

}  // namespace daybook
