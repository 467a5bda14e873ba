// Values that are not read event by event or not checked as a whole: long runs of appends, arrays in many records.
#include <catch2/catch.hpp>

#include <algorithm>
#include <array>
#include <random>

#include "daybook/journal/error.h"
#include "daybook/journal/journal.h"
#include "daybook/materializer/compare.h"
#include "daybook/materializer/materialize.h"
#include "support/fresh_folder.h"

namespace {

using namespace daybook;
using test::FreshFolder;

MaterializeOptions compressed(unsigned threads) {
  MaterializeOptions options;
  options.threads = threads;
  const TransformOptions level = {{"level", 1}};
  options.layout.name = "compressed";
  options.layout.steps.push_back({"compress", level, built_in_transforms().make("compress", level)});
  return options;
}

constexpr std::uint64_t rows = 40, columns = 131'072;  // 40 MB: three records

std::vector<double> numbers() {
  std::vector<double> made(rows * columns);
  for (std::size_t i = 0; i < made.size(); ++i) made[i] = static_cast<double>(i * 2654435761U % 1000003);
  return made;
}

// Turns one bit where these bytes stand first.
void damage(const std::filesystem::path& run, std::span<const double> bytes) {
  auto file = test::read_file(run / "data.mdb");
  const std::string_view wanted(reinterpret_cast<const char*>(bytes.data()), bytes.size_bytes());
  const auto at = file.find(wanted);
  REQUIRE(at != std::string::npos);
  file[at] = static_cast<char>(file[at] ^ 1);
  test::write_file(run / "data.mdb", file);
}

}  // namespace

TEST_CASE("appends come many at a time and say what each says", "[replay]") {
  const auto seed = GENERATE(range(1U, 9U));
  CAPTURE(seed);
  std::mt19937 random(seed);
  const auto upto = [&](unsigned n) { return static_cast<int>(random() % n); };
  const FreshFolder fresh;
  auto journal = Journal::create(fresh / "run.daybook", {});
  for (const char* key : {"a", "b", "text"}) journal.set(key, Value::list({}));
  journal.set("array", Value::array(std::vector<double>{1, 2}.data(), {1, 2}));
  const bool dense = seed % 2 == 0;
  int kind = 0;
  for (int i = 0; i < 3000; ++i) {
    if (upto(200) == 0) kind = upto(4);
    const std::array<double, 3> three{0.5 * i, 1, 2};
    const auto item = kind == 0   ? Value(0.5 * i)
                      : kind == 1 ? Value(static_cast<std::int32_t>(i))
                      : kind == 2 ? Value::array(three.data(), {3})
                                  : Value("text " + std::to_string(i)).owned();
    journal.append("a", item);
    if (upto(300) == 0) journal.mutate_item("a", 0, 7);
    if (upto(3) == 0) journal.append("array", Value::array(three.data(), {2}));
    if (upto(500) == 0) journal.set("a", Value::list({true}));
    for (int more = dense ? 0 : 40 * (i % 10 == 0); more > 0; --more) journal.append("b", i);
  }
  journal.finish();

  const Reader reader(fresh / "run.daybook");
  std::uint64_t together = 0;
  for (const char* key : {"a", "b", "array"}) {
    const auto state = reader.find_state(Group::datasets, key, reader.last()).value();
    std::vector<Event> one_by_one;
    reader.changes(state, [&](const Event& event) { one_by_one.push_back(event); });
    REQUIRE(one_by_one.size() == state.depth);
    std::size_t next = 0;
    const auto expect = [&](const Value& item) {
      REQUIRE(next < one_by_one.size());
      REQUIRE(std::get<Append>(one_by_one[next++].body).value == item);
    };
    reader.changes(
        state,
        [&](const Event& event) {
          REQUIRE(next < one_by_one.size());
          REQUIRE(event.sequence == one_by_one[next++].sequence);
        },
        [&](const Event& like, std::span<const std::byte> items) {
          const Value& item = std::get<Append>(like.body).value;
          for (; !items.empty(); items = items.subspan(item.byte_size()), ++together)
            expect(Value::raw(item.form(), item.type(), item.shape(), 1, {items.first(item.byte_size())}));
        });
    CHECK(next == one_by_one.size());
  }
  CHECK(together > 1000);
}

TEST_CASE("an array in many records", "[materialize]") {
  const FreshFolder fresh;
  const auto array = numbers();
  SetOptions options;
  const bool described = GENERATE(false, true);
  if (described) options.metadata = {{"unit", "V"}};
  {
    auto journal = Journal::create(fresh / "run.daybook", {});
    journal.set("array", Value::array(array.data(), {rows, columns}), options);
    journal.set("list", Value::list_of(std::span<const double>(array)), options);
    journal.finish();
  }
  SECTION("is the same on any number of threads") {
    const Reader reader(fresh / "run.daybook");
    CHECK(materialize(reader, fresh / "plain.h5").refused.empty());
    CHECK(compare(reader, fresh / "plain.h5").empty());
    for (const unsigned threads : {1U, 3U}) {
      CHECK(materialize(Reader(fresh / "run.daybook"), fresh / std::to_string(threads), compressed(threads))
                .refused.empty());
    }
    CHECK(compare(reader, fresh / "1", compressed(1)).empty());
    CHECK(test::read_file(fresh / "1") == test::read_file(fresh / "3"));
  }
  SECTION("is not written when a bit of it is wrong") {
    const auto row = static_cast<std::uint64_t>(GENERATE(0, 17, 39));
    damage(fresh / "run.daybook", std::span(array).subspan(row * columns + 70, 8));
    const Reader reader(fresh / "run.daybook");
    for (const auto& how : {MaterializeOptions(), compressed(1), compressed(3)}) {
      CHECK_THROWS_AS(materialize(reader, fresh / "run.h5", how), CorruptError);
      CHECK_THROWS_WITH(materialize(reader, fresh / "run.h5", how), Catch::Contains("is damaged"));
    }
    CHECK(fresh.entries() == 1);  // no litter
  }
}
