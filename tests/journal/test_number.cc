// Events of single numbers, whose records are put together by hand: they say what a message builder would have said, and
// a handle does what the journal's own calls do.

#include <capnp/message.h>
#include <capnp/serialize.h>
#include <xxhash.h>

#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <complex>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <type_traits>
#include <vector>

#include "daybook/journal/encoder.h"
#include "daybook/journal/error.h"
#include "daybook/journal/journal.h"
#include "daybook/journal/number.h"
#include "daybook/journal/reader.h"
#include "daybook/journal/verify.h"
#include "daybook/schema/journal.capnp.h"
#include "support/random_values.h"

namespace {

using namespace daybook;
using detail::NumberChange;
using What = NumberChange::What;

// A message with everything left out of it that may be, in the one order there is: equal for messages that say the same.
std::vector<std::uint64_t> canonical(std::span<const std::byte> message) {
  std::vector<capnp::word> words(message.size() / sizeof(capnp::word));
  std::memcpy(words.data(), message.data(), message.size());
  const std::array<const kj::ArrayPtr<const capnp::word>, 1> segments{kj::arrayPtr(words.data(), words.size())};
  capnp::SegmentArrayMessageReader reader({segments.data(), segments.size()});
  const auto made = capnp::canonicalize(reader.getRoot<wire::Event>());
  std::vector<std::uint64_t> numbers(made.size());
  std::memcpy(numbers.data(), made.begin(), made.size() * sizeof(capnp::word));
  return numbers;
}

Type plain_type(test::Random& random) {
  switch (random.below(5)) {
    case 0:
      return Type::of<bool>();
    case 1:
      return {Kind::integer, 1U << random.below(4)};
    case 2:
      return {Kind::unsigned_integer, 1U << random.below(4)};
    case 3:
      return {Kind::floating, 2U << random.below(3)};
    default:
      return {Kind::complex, 4U << random.below(2)};
  }
}

Event event_like(std::string_view key, const NumberChange& change, const Value& value) {
  Event event;
  event.key = key;
  switch (change.what) {
    case What::set:
      event.body = Set{value, {}, {}, (change.flags & 1) != 0, (change.flags & 2) != 0, (change.flags & 4) != 0, 0};
      break;
    case What::mutate: {
      Mutate body;
      Shape shape;
      for (const auto start : change.start) {
        body.region.start.push_back(start);
        body.region.count.push_back(1);
        body.region.step.push_back(1);
        shape.push_back(1);
      }
      body.value = Value::array(value.type(), shape, value.bytes()).owned();
      event.body = std::move(body);
      break;
    }
    case What::mutate_item:
      event.body = MutateItem{change.index, value};
      break;
    case What::replace:
      event.body = Replace{value, 0};
      break;
    case What::append:
      event.body = Append{value, 0};
      break;
  }
  return event;
}

void check_same(const Event& a, const Event& b) {
  CHECK(a.key == b.key);
  CHECK(a.time == b.time);
  CHECK(a.monotonic == b.monotonic);
  CHECK(a.sequence == b.sequence);
  CHECK(a.previous == b.previous);
  CHECK(a.base == b.base);
  CHECK(a.depth == b.depth);
  REQUIRE(a.body.index() == b.body.index());
  std::visit(
      [&](const auto& body) {
        using Body = std::decay_t<decltype(body)>;
        const auto& other = std::get<Body>(b.body);
        if constexpr (requires { body.value; }) CHECK(body.value == other.value);
        if constexpr (requires { body.born; }) CHECK(body.born == other.born);
        if constexpr (requires { body.declared; }) CHECK(body.declared == other.declared);
        if constexpr (requires { body.index; }) CHECK(body.index == other.index);
        if constexpr (std::is_same_v<Body, Set>) {
          CHECK(body.broadcast == other.broadcast);
          CHECK(body.persist == other.persist);
          CHECK(body.archive == other.archive);
          CHECK(body.metadata.empty());
          CHECK(body.options.empty());
        }
        if constexpr (std::is_same_v<Body, Mutate>) {
          CHECK(body.region.start == other.region.start);
          CHECK(body.region.count == other.region.count);
          CHECK(body.region.step == other.region.step);
        }
      },
      a.body);
}

}  // namespace

TEST_CASE("a number's message says what a builder's says, and is a record") {
  const auto seed = GENERATE(range(0U, 2000U));
  CAPTURE(seed);
  test::Random random(seed);
  const auto any = [&] { return random.chance(0.2) ? 0 : random.below(std::numeric_limits<std::uint64_t>::max()); };
  const auto key = random.text(random.chance(0.1) ? 1000 : 20);
  detail::DatasetChain dataset;
  dataset.key = key;
  dataset.key_words = detail::key_words(key);
  const auto type = plain_type(random);
  const auto bytes = random.chance(0.1) ? std::vector<std::byte>(type.size()) : random.bytes(type.size());

  std::vector<std::int64_t> start(random.below(5));
  for (auto& place : start) place = static_cast<std::int64_t>(random.below(1000));
  NumberChange change{static_cast<What>(2 + random.below(5)), detail::plain_number(type, bytes), 0, 0, {}};
  if (change.what == What::set) change.flags = static_cast<std::uint8_t>(random.below(8));
  if (change.what == What::mutate_item) change.index = any();
  if (change.what == What::mutate) change.start = start;
  detail::Link link;
  link.sequence = any();
  link.time = static_cast<std::int64_t>(any());
  link.monotonic = static_cast<std::int64_t>(any());
  link.previous = any();
  link.dataset = &dataset;
  if (change.what != What::set && change.what != What::replace) {
    link.base = any();
    link.depth = static_cast<std::uint32_t>(any());
  }
  if (change.what != What::mutate) link.detail = change.what == What::mutate_item ? change.index : any();
  Uuid uuid{};
  std::ranges::copy(random.bytes(uuid.size()), reinterpret_cast<std::byte*>(uuid.data()));

  const auto words = detail::number_message_words(dataset, change);
  std::vector<std::uint64_t> place(detail::record_bytes(words, 0) / 8 + 1, 0x5555);
  detail::write_number_record(reinterpret_cast<std::byte*>(place.data()), uuid, link, change, words);
  CHECK(place.back() == 0x5555);
  const auto written = std::as_bytes(std::span(place).first(place.size() - 1));
  std::string why;
  const auto record = detail::find_record(written, &why);
  INFO(why);
  REQUIRE(record);
  CHECK(record->bytes.size() == written.size());
  CHECK(record->header.sequence == link.sequence);
  CHECK(record->payload.empty());
  CHECK(std::ranges::equal(record->header.uuid, uuid));

  const auto value = detail::number_value(change.number);
  CHECK(value == Value::scalar(type, bytes));
  const auto event = event_like(key, change, value);
  detail::Encoder encoder;
  encoder.encode(event);
  detail::fill(link, encoder.event());
  CHECK(encoder.payload_bytes() == 0);
  CHECK(canonical(record->message) == canonical(encoder.message()));

  const auto read = detail::decode(*record, {});
  CHECK(read.key == key);
  CHECK(read.previous == link.previous);
  CHECK(kind_name(read.body) == kind_name(event.body));
  std::visit(
      [&](const auto& body) {
        using Body = std::decay_t<decltype(body)>;
        if constexpr (requires { body.value; }) CHECK(body.value == std::get<Body>(event.body).value);
      },
      read.body);

  // The builder's message is laid out otherwise, so that it is read through Cap'n Proto.
  REQUIRE(detail::glance(record->message));
  REQUIRE_FALSE(detail::glance(encoder.message()));
  detail::RecordView built{};
  built.header = record->header;
  built.message = encoder.message();
  check_same(read, detail::decode(built, {}));

  // Cut anywhere, or with any word changed, it is looked at safely.
  auto message = std::vector<std::byte>(record->message.begin(), record->message.end());
  for (std::size_t size = 0; size < message.size(); size += 8)
    static_cast<void>(detail::glance(std::span(message).first(size)));
  for (int i = 0; i < 8; ++i) {
    auto changed = message;
    const auto noise = random.bytes(8);
    std::ranges::copy(noise, changed.begin() + static_cast<std::ptrdiff_t>(8 * random.below(changed.size() / 8)));
    const std::vector<std::byte> alone(changed);  // its own memory: reading outside of it is seen
    if (const auto found = detail::glance(alone); found && !found->key.empty()) CHECK(found->key.size() < alone.size());
  }
}

TEST_CASE("a handle's calls leave the events that the journal's leave") {
  const std::array<double, 6> numbers{0, 1, 2, 3, 4, 5};
  const std::array<std::complex<double>, 2> pairs{};
  const std::array<std::byte, 4> big_endian{};
  const auto array = Value::array(numbers.data(), {2, 3});
  const std::int64_t nine = 9;
  {
    auto journal = Journal::create("a.daybook", {});
    const SetOptions flags{true, true, false, {}, {}};
    const SetOptions unit{false, false, true, {{"unit", "V"}}, {{"compression", "gzip"}}};
    journal.set("list", Value::list({}));
    journal.append("list", Value(1.5));
    journal.append("list", Value(7));
    journal.append("list", Value(true));
    journal.mutate_item("list", 1, Value(nine));
    journal.set("list", Value(2.5), flags);
    journal.set("list", Value(3.5F), unit);
    journal.replace("list", Value(nine));
    journal.set("list", array);
    journal.mutate("list", {{1, 2}, {1, 1}, {1, 1}}, Value::array(&numbers[4], {1, 1}));
    journal.set("list", Value::array(numbers.data(), {}));
    journal.mutate("list", {}, Value::array(&numbers[5], {}));
    journal.set("list", Value::array(pairs.data(), {2}));
    journal.mutate("list", {{1}, {1}, {1}}, Value::array(pairs.data(), {1}));
    journal.set("list", Value::array({Kind::integer, 4, ByteOrder::big}, {1}, big_endian));
    journal.mutate("list", {{0}, {1}, {1}}, Value::array({Kind::integer, 4, ByteOrder::big}, {1}, big_endian));
    journal.set("list", Value::array(numbers.data(), {3}));
    journal.append("list", Value(0.25));
    journal.remove("list");
    journal.finish();
  }
  {
    auto journal = Journal::create("b.daybook", {});
    const auto element = [](const auto& one) { return std::as_bytes(std::span(&one, 1)); };
    auto other = journal.dataset("other");
    auto dataset = journal.dataset("list");
    CHECK(dataset.key() == "list");
    auto moved = std::move(journal);  // the handle goes along
    dataset.set(Value::list({}));
    dataset.append(1.5);
    dataset.append(7);
    dataset.append(true);
    dataset.mutate_item(1, nine);
    dataset.set(2.5, {true, true, false, {}, {}});
    dataset.set(3.5F, {false, false, true, {{"unit", "V"}}, {{"compression", "gzip"}}});
    dataset.replace(nine);
    dataset.set(array);
    dataset.mutate_element(std::array<std::int64_t, 2>{1, 2}, element(numbers[4]));
    dataset.set(Value::array(numbers.data(), {}));
    dataset.mutate_element({}, element(numbers[5]));
    dataset.set(Value::array(pairs.data(), {2}));
    dataset.mutate_element(std::array<std::int64_t, 1>{1}, element(pairs[0]));
    dataset.set(Value::array({Kind::integer, 4, ByteOrder::big}, {1}, big_endian));
    dataset.mutate_element(std::array<std::int64_t, 1>{0}, big_endian);
    dataset.set(Value::array(numbers.data(), {3}));
    dataset.append(0.25);
    CHECK_THROWS_AS(other.append(1), InvalidError);
    dataset.remove();
    moved.finish();
    CHECK_THROWS_AS(dataset.set(1), InvalidError);
  }
  const Reader a("a.daybook");
  const Reader b("b.daybook");
  REQUIRE(a.last() == b.last());
  for (Sequence sequence = 2; sequence <= a.last(); ++sequence) {
    CAPTURE(sequence);
    const auto one = a.event(sequence);
    const auto two = b.event(sequence);
    CHECK(kind_name(one.body) == kind_name(two.body));
    CHECK(one.key == two.key);
    CHECK(one.previous == two.previous);
    CHECK(one.base == two.base);
    CHECK(one.depth == two.depth);
    std::visit(
        [&](const auto& body) {
          using Body = std::decay_t<decltype(body)>;
          const auto& same = std::get<Body>(two.body);
          if constexpr (requires { body.value; }) CHECK(body.value == same.value);
          if constexpr (requires { body.index; }) CHECK(body.index == same.index);
          if constexpr (requires { body.born; }) CHECK(body.born == same.born);
          if constexpr (requires { body.declared; }) CHECK(body.declared == same.declared);
          if constexpr (requires { body.region; }) {
            CHECK(body.region.start == same.region.start);
            CHECK(body.region.count == same.region.count);
            CHECK(body.region.step == same.region.step);
          }
          if constexpr (requires { body.persist; }) {
            CHECK(body.persist == same.persist);
            CHECK(body.broadcast == same.broadcast);
            CHECK(body.archive == same.archive);
            CHECK(body.metadata.size() == same.metadata.size());
            CHECK(body.options.size() == same.options.size());
          }
        },
        one.body);
  }
  CHECK(verify("b.daybook").damage.empty());
}

TEST_CASE("a number that does not fit its dataset is refused and leaves no trace") {
  auto journal = Journal::create("run.daybook", {});
  const std::array<float, 6> numbers{};
  auto dataset = journal.dataset("x");
  const auto bytes = std::as_bytes(std::span(numbers));
  using At = std::array<std::int64_t, 2>;
  CHECK_THROWS_AS(dataset.append(1.0), InvalidError);
  CHECK_THROWS_AS(dataset.replace(1.0), InvalidError);
  CHECK_THROWS_AS(dataset.mutate_item(0, 1.0), InvalidError);
  CHECK_THROWS_AS(dataset.mutate_element(At{}, bytes.first(4)), InvalidError);
  dataset.set(1);
  CHECK_THROWS_AS(dataset.append(1.0), InvalidError);
  CHECK_THROWS_AS(dataset.mutate_element({}, bytes.first(4)), InvalidError);
  dataset.set(Value::list({}));
  CHECK_THROWS_AS(dataset.mutate_item(0, 1.0), InvalidError);
  CHECK_THROWS_AS(dataset.mutate_element(At{}, bytes.first(4)), InvalidError);
  dataset.set(Value::array(numbers.data(), {2, 3}));
  CHECK_THROWS_AS(dataset.append(1.0), InvalidError);
  CHECK_THROWS_AS(dataset.mutate_item(0, 1.0), InvalidError);
  CHECK_THROWS_AS(dataset.mutate_element(At{2, 0}, bytes.first(4)), InvalidError);
  CHECK_THROWS_AS(dataset.mutate_element(At{0, -1}, bytes.first(4)), InvalidError);
  CHECK_THROWS_AS(dataset.mutate_element(std::array<std::int64_t, 1>{0}, bytes.first(4)), InvalidError);
  CHECK_THROWS_AS(dataset.mutate_element(At{}, bytes.first(8)), InvalidError);
  CHECK_THROWS_AS(dataset.mutate_element(At{}, bytes.first(3)), InvalidError);
  CHECK(dataset.mutate_element(At{1, 2}, bytes.first(4)) == 5);
  CHECK_THROWS_AS(journal.mutate("x", {{0, 0}, {1, 1}, {1, 1}}, Value::array(std::array<int, 1>{}.data(), {1, 1})),
                  InvalidError);
  const std::string long_key(1 << 15, 'k');
  JournalOptions small;
  small.intake_bytes = 65536;
  auto other = Journal::create("small.daybook", {}, small);
  CHECK(other.dataset(long_key).set(1) == 2);  // too large for the intake
  CHECK(other.set(long_key, 2) == 3);
  other.finish();
  CHECK(Reader("small.daybook").event(3).key == long_key);
  journal.finish();
  CHECK_THROWS_AS(dataset.append(1.0), InvalidError);
  CHECK(Reader("run.daybook").last() == 6);
}

TEST_CASE("a handle says what was journaled of an array") {
  auto journal = Journal::create("hashed.daybook", {});
  const auto dataset = journal.dataset("array");
  std::mt19937_64 random(7);
  // Below and above what is hashed in one go, with padding, straight into LMDB, and in parts (which have no hash).
  for (const std::size_t bytes : {1UL, 1000UL, 1024UL, 1025UL, 100'001UL, 2'000'000UL, 6'000'003UL, 17'000'000UL}) {
    for (const bool described : {false, true}) {
      CAPTURE(bytes, described);
      std::vector<std::uint8_t> numbers(bytes);
      for (auto& number : numbers) number = static_cast<std::uint8_t>(random());
      SetOptions options;
      if (described) options.metadata = {{"unit", "V"}};
      std::optional<std::uint64_t> hash = 0;
      dataset.set(Value::array(numbers.data(), {bytes}), options, hash);
      CHECK(hash.has_value() == (bytes < 17'000'000));
      if (hash) CHECK(*hash == XXH3_64bits(numbers.data(), bytes));
    }
  }
  std::optional<std::uint64_t> hash = 0;
  dataset.set(Value(1.5), {}, hash);
  CHECK(!hash);
  dataset.set(Value::list({1, 2}), {}, hash);
  CHECK(!hash);
  journal.finish();
  CHECK(verify("hashed.daybook").damage.empty());
}

TEST_CASE("a number seen at a glance is the value that its event gives, and nothing else is taken for one") {
  test::Random random(5);
  constexpr int events = 400;
  {
    auto journal = Journal::create("run.daybook", {});
    const std::string text = "text";
    const std::array<double, 2> pair{1, 2};
    const std::array<std::byte, 8> bytes{std::byte{1}, std::byte{2}};
    for (int i = 0; i < events; ++i) {
      const auto type = plain_type(random);
      const auto value = Value::array(type, {}, std::span(bytes).first(type.size())).owned();
      const auto scalar = Value::raw(Form::scalar, type, {}, 1, {std::span(bytes).first(type.size())}).owned();
      switch (random.below(8)) {
        case 0:
          journal.set("a", scalar);
          break;
        case 1:
          journal.set("a", scalar, {false, false, true, {{"unit", "V"}}, {}});
          break;
        case 2:
          journal.set("a", value);  // an array without dimensions
          break;
        case 3:
          journal.set("a", Value(text));
          break;
        case 4:
          journal.set("a", Value::list({}));
          journal.append("a", Value(1.5));
          break;
        case 5:
          journal.set("a", Value::array(pair.data(), {2}));
          journal.mutate("a", {{1}, {1}, {1}}, Value::array(pair.data(), {1}));
          break;
        case 6:
          journal.set("a", Value(true));
          journal.replace("a", scalar);
          break;
        default:
          journal.remove(journal.outline("a") ? "a" : (journal.set("a", Value(1)), "a"));
      }
    }
    journal.finish();
  }
  const Reader reader("run.daybook");
  int seen = 0;
  reader.events(1, reader.last(), [&](const Event& event) {
    CAPTURE(event.sequence);
    const auto number = reader.number(event.sequence);
    const auto* set = std::get_if<Set>(&event.body);
    const auto* replace = std::get_if<Replace>(&event.body);
    const Value* value = set != nullptr ? &set->value : replace != nullptr ? &replace->value : nullptr;
    const bool scalar = value != nullptr && value->form() == Form::scalar && value->type().is_number();
    if (number) {
      ++seen;
      REQUIRE(scalar);
      CHECK(number->type == value->type());
      CHECK(std::ranges::equal(std::span(number->bytes).first(number->type.size()), value->bytes()));
      const auto rest = std::span(number->bytes).subspan(number->type.size());
      CHECK(std::ranges::all_of(rest, [](auto byte) { return byte == std::byte{0}; }));
    } else {
      CHECK_FALSE((scalar && replace != nullptr));  // a number alone is always told
    }
    return true;
  });
  CHECK(seen > events / 8);
}
