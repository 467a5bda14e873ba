// Every value a dataset had: from real small journals, as nodes of a plan and as the transform makes them.
#include <catch2/catch.hpp>
#include <cmath>
#include <random>

#include "daybook/journal/error.h"
#include "daybook/journal/journal.h"
#include "daybook/materializer/materialize.h"
#include "daybook/materializer/node_value.h"
#include "support/fresh_folder.h"

namespace {

using namespace daybook;
using test::FreshFolder;
using Of = History::Part;

// A journal that a test fills, and then its histories.
class Run {
 public:
  Run() : journal_(Journal::create(folder_ / "run.daybook", {})) {}
  Journal& journal() { return journal_; }

  const Reader& reader() {
    if (!reader_) {
      journal_.sync();
      journal_.close();
      reader_.emplace(folder_ / "run.daybook");
    }
    return *reader_;
  }

  Plan plan(Sequence as_of = 0) { return {.reader = &reader(), .as_of = as_of, .nodes = {}}; }
  Node node(const std::string& key, Of part = Of::values, Sequence as_of = 0) {
    const Sequence point = as_of == 0 ? reader().last() : as_of;
    return {.path = "/h",
            .source = History{reader().find_state(Group::datasets, key, point).value(), part},
            .form = AsDataset{},
            .attributes = {}};
  }
  StoredValue value(const std::string& key, Of part = Of::values, Sequence as_of = 0) {
    const Node of = node(key, part, as_of);
    const Plan in = plan();
    StoredValue stored = stored_value(in, of);
    const StoredAs as = stored_as(in, of);
    CHECK(as.type == stored.type);
    CHECK(as.shape == stored.shape);
    return stored;
  }
  std::string complaint(const std::string& key) {
    try {
      value(key);
    } catch (const InvalidError& e) {
      return e.what();
    }
    return "";
  }
  const FreshFolder& folder() { return folder_; }

 private:
  FreshFolder folder_;
  Journal journal_;
  std::optional<Reader> reader_;
};

template <class T>
std::vector<T> elements(const StoredValue& stored) {
  REQUIRE(stored.type == Type::of<T>());
  std::vector<T> all(stored.count());
  stored.elements->read(0, all.size(), reinterpret_cast<std::byte*>(all.data()));
  return all;
}

Plan with_history(const Reader& reader, TransformOptions options, At at = Now{}) {
  MaterializeOptions how;
  how.at = at;
  how.layout.steps.push_back({"history", options, built_in_transforms().make("history", options)});
  return make_plan(reader, how);
}

}  // namespace

TEST_CASE("the values of a scalar, also from before it was removed", "[history]") {
  Run run;
  std::vector<std::uint64_t> sequences;
  sequences.push_back(run.journal().set("f", Value(1)));
  run.journal().set("other", Value(2));
  sequences.push_back(run.journal().replace("f", Value(2.5)));
  run.journal().set_attribute("f", "unit", "V");
  run.journal().remove("f");
  sequences.push_back(run.journal().set("f", Value(true)));
  const auto values = run.value("f");
  CHECK(values.shape == Shape{3});
  CHECK(elements<double>(values) == std::vector<double>{1, 2.5, 1});
  CHECK(elements<std::uint64_t>(run.value("f", Of::sequences)) == sequences);
  const auto times = elements<double>(run.value("f", Of::times));
  for (std::size_t i = 0; i < 3; ++i)
    CHECK(times[i] == Approx(static_cast<double>(run.reader().event(sequences[i]).time) / 1e9).epsilon(1e-15));
  CHECK(run.value("f", Of::shapes).shape == Shape{3, 0});
  CHECK(elements<double>(run.value("f", Of::values, sequences[1])) == std::vector<double>{1, 2.5});
}

TEST_CASE("the values of an array that is changed in part", "[history]") {
  Run run;
  const std::vector<std::int32_t> zero(6, 0);
  run.journal().set("a", Value::array(zero.data(), {2, 3}));
  std::vector<std::int32_t> expected = zero, now = zero;
  for (std::int32_t i = 1; i <= 50; ++i) {
    run.journal().mutate("a", {{i % 2, i % 3}, {1, 1}, {1, 1}}, Value::array(&i, {1, 1}));
    now[static_cast<std::size_t>(i % 2 * 3 + i % 3)] = i;
    expected.insert(expected.end(), now.begin(), now.end());
  }
  const auto values = run.value("a");
  CHECK(values.shape == Shape{51, 2, 3});
  CHECK(elements<std::int32_t>(values) == expected);
  // In any order, in any pieces.
  std::mt19937 random(1);
  for (int i = 0; i < 200; ++i) {
    const std::size_t first = random() % expected.size(), count = random() % (expected.size() - first) + 1;
    std::vector<std::int32_t> part(count);
    values.elements->read(first, count, reinterpret_cast<std::byte*>(part.data()));
    REQUIRE(std::equal(part.begin(), part.end(), expected.begin() + static_cast<std::ptrdiff_t>(first)));
  }
}

TEST_CASE("values of different shapes are padded", "[history]") {
  Run run;
  const double numbers[] = {1, 2, 3, 4, 5, 6};
  const std::int32_t integers[] = {7, 8};
  run.journal().set("a", Value::array(numbers, {2, 2}));
  run.journal().set("a", Value::array(integers, {1, 2}));
  run.journal().set("a", Value::array(numbers, {2, 3}));
  run.journal().set("a", Value::array(numbers, {0, 3}));
  const double nan = std::nan("");
  const std::vector<double> expected = {1, 2, nan, 3, 4, nan, 7,   8,   nan, nan, nan, nan,
                                        1, 2, 3,   4, 5, 6,   nan, nan, nan, nan, nan, nan};
  const auto values = run.value("a");
  CHECK(values.shape == Shape{4, 2, 3});
  for (std::size_t block = 1; block <= expected.size(); ++block) {
    std::vector<double> found(expected.size());
    for (std::size_t first = 0; first < found.size(); first += block)
      values.elements->read(first, std::min(block, found.size() - first),
                            reinterpret_cast<std::byte*>(found.data() + first));
    for (std::size_t i = 0; i < found.size(); ++i) {
      INFO(block << " " << i);
      CHECK((found[i] == expected[i] || (std::isnan(found[i]) && std::isnan(expected[i]))));
    }
  }
  CHECK(elements<std::uint64_t>(run.value("a", Of::shapes)) == std::vector<std::uint64_t>{2, 2, 1, 2, 2, 3, 0, 3});
}

TEST_CASE("texts and lists of texts", "[history]") {
  Run run;
  run.journal().set("t", Value("a"));
  run.journal().set("t", Value("größer"));
  run.journal().set("l", Value::list({"x", "y"}));
  run.journal().set("l", Value::list({"z"}));
  std::string_view views[4];
  const auto texts = run.value("t");
  REQUIRE(texts.shape == Shape{2});
  texts.elements->read_variable(0, 2, views);
  CHECK((views[0] == "a" && views[1] == "größer"));
  const auto lists = run.value("l");
  REQUIRE(lists.shape == Shape{2, 2});
  lists.elements->read_variable(0, 4, views);
  CHECK((views[0] == "x" && views[1] == "y" && views[2] == "z" && views[3].empty()));
}

TEST_CASE("of a list that only grew each item has its time", "[history]") {
  Run run;
  const auto set = run.journal().set("l", Value::list({Value(1), Value(2)}));
  std::vector<std::uint64_t> sequences = {set, set};
  for (int i = 3; i < 1000; ++i) sequences.push_back(run.journal().append("l", Value(i)));
  const auto before = run.reader().last() / 2;
  const auto values = elements<std::int64_t>([&] {
    Run again;
    again.journal().set("l", Value::list({std::int64_t{1}, std::int64_t{2}}));
    for (std::int64_t i = 3; i < 1000; ++i) again.journal().append("l", Value(i));
    return again.value("l");
  }());
  CHECK(values.size() == 999);
  CHECK(values[998] == 999);
  CHECK(run.value("l").shape == Shape{999});
  CHECK(elements<std::uint64_t>(run.value("l", Of::sequences)) == sequences);
  CHECK(run.value("l", Of::times).shape == Shape{999});
  CHECK(run.value("l", Of::values, before).shape == run.value("l", Of::times, before).shape);
}

TEST_CASE("an empty list that only grew, rows of an array, and a list that was changed otherwise", "[history]") {
  Run run;
  const double row[] = {1, 2};
  run.journal().set("empty", Value::list({}));
  run.journal().set("rows", Value::array(static_cast<const double*>(nullptr), {0, 2}));
  run.journal().append("rows", Value::array(row, {2}));
  run.journal().set("changed", Value::list({1}));
  run.journal().append("changed", Value(2));
  run.journal().mutate_item("changed", 0, Value(7));
  run.journal().set("once", Value::list({1, 2, 3}));
  CHECK(run.value("empty").shape == Shape{0});
  CHECK(run.value("empty", Of::times).shape == Shape{0});
  CHECK(run.value("rows").shape == Shape{1, 2});
  CHECK(run.value("changed").shape == Shape{3, 2});
  CHECK(run.value("once").shape == Shape{1, 3});
}

TEST_CASE("values that cannot stand in one array", "[history]") {
  Run run;
  run.journal().set("rank", Value(1));
  run.journal().set("rank", Value::list({1}));
  run.journal().set("type", Value(1));
  run.journal().set("type", Value("x"));
  run.journal().set("none", Value(1));
  run.journal().set("none", Value::unstorable("NoneType", "None"));
  run.journal().set("null", Value::null(Type::of<double>()));
  CHECK(
      run.complaint("rank") ==
      "the history of \"rank\": event 3 gave it 1 dimensions, but it had 0 before (event 2): such values cannot stand "
      "in one array");
  CHECK(run.complaint("type").find("event 5 made it str, but it was <i4 before (event 4)") != std::string::npos);
  CHECK(run.complaint("none").find("event 7") != std::string::npos);
  CHECK(run.complaint("null").find("event 8") != std::string::npos);
}

TEST_CASE("a history larger than allowed is refused before it is made", "[history]") {
  Run run;
  run.journal().set("l", Value::list({0}));
  for (int i = 0; i < 200; ++i) {
    run.journal().append("l", Value(i));
    run.journal().mutate_item("l", 0, Value(i));
  }
  Node node = run.node("l");
  std::get<History>(node.source).max_bytes = 10000;
  const Plan plan = run.plan();
  CHECK_THROWS_WITH(stored_as(plan, node), Catch::Contains("at most 10000 are allowed: raise max-bytes"));
  std::get<History>(node.source).max_bytes = 401 * 201 * 8;
  CHECK(stored_as(plan, node).shape == Shape{401, 201});
}

TEST_CASE("the history transform adds to the file and changes nothing in it", "[history]") {
  Run run;
  SetOptions options;
  options.metadata = {{"unit", Value("V")}};
  const double numbers[] = {1, 2};
  run.journal().set("scan.x", Value(1.0), options);
  const auto middle = run.journal().set("scan.x", Value(2.0), options);
  run.journal().set("scan.x", Value(3.0), options);
  run.journal().set("shapes", Value::array(numbers, {1}));
  run.journal().set("shapes", Value::array(numbers, {2}));
  run.journal().set("bad", Value(1));
  run.journal().set("bad", Value("x"));
  run.journal().archive("scan.x", Value(5));
  run.journal().set("not asked", Value(1));
  const OptionList keys{std::string("scan.*"), std::string("shapes"), std::string("bad")};
  const Plan plan = with_history(run.reader(), {{"keys", keys}});
  const std::string text = to_text(plan);
  std::vector<std::string> added;
  for (const Node& node : plan.nodes)
    if (node.origin == "history") added.push_back(node.path);
  CHECK(added == std::vector<std::string>{"/history/scan.x/value", "/history/scan.x/time", "/history/scan.x/sequence",
                                          "/history/shapes/value", "/history/shapes/time", "/history/shapes/sequence",
                                          "/history/shapes/shape", "/history/bad"});
  const Plan plain = make_plan(run.reader());
  for (std::size_t i = 1; i < plain.nodes.size(); ++i) CHECK(plan.nodes[i].path == plain.nodes[i].path);
  CHECK(text.find("/history/bad  refused (the history of \"bad\": event ") != std::string::npos);
  CHECK(text.find("/history/scan.x/value  dataset <- every value of \"scan.x\" up to event 4  @\"unit\": ") !=
        std::string::npos);

  const Plan earlier = with_history(run.reader(), {{"keys", std::string("scan.x")}}, AtSequence{middle});
  CHECK(stored_as(earlier, earlier.nodes.back()).shape == Shape{2});
  CHECK_THROWS_AS(built_in_transforms().make("history", {}), OptionError);
  CHECK_THROWS_AS(built_in_transforms().make("history", {{"keys", std::string("*")}, {"group", std::string(".")}}),
                  OptionError);
}

// Random events, against a plain model of every value.
TEST_CASE("histories of random runs", "[history]") {
  const auto seed = GENERATE(take(15, random(0, 1 << 30)));
  INFO(seed);
  std::mt19937 random(static_cast<unsigned>(seed));
  Run run;
  std::vector<std::vector<double>> values;
  std::vector<std::uint64_t> sequences;
  std::vector<double> now;
  bool there = false;
  const int steps = 2 + static_cast<int>(random() % 60);
  for (int step = 0; step < steps || !there; ++step) {
    const double number = static_cast<double>(random() % 1000) / 8;
    run.journal().set("noise", Value(number));
    switch (there ? random() % 6 : 0) {
      case 0:
        now.assign(random() % 4, number);
        sequences.push_back(run.journal().set("x", Value::list_of(std::span<const double>(now))));
        there = true;
        break;
      case 1:
        now.assign(1 + random() % 3, number);
        sequences.push_back(run.journal().replace("x", Value::array(now.data(), {now.size()})));
        sequences.push_back(run.journal().replace("x", Value::list_of(std::span<const double>(now))));
        values.push_back(now);
        break;
      case 2:
        run.journal().remove("x");
        there = false;
        continue;
      case 3:
        if (now.empty()) continue;
        now[random() % now.size()] = number;
        sequences.push_back(run.journal().mutate_item(
            "x", static_cast<std::uint64_t>(std::find(now.begin(), now.end(), number) - now.begin()), Value(number)));
        break;
      default:
        now.push_back(number);
        sequences.push_back(run.journal().append("x", Value(number)));
    }
    values.push_back(now);
  }
  CHECK(elements<std::uint64_t>(run.value("x", Of::sequences)).size() == run.value("x").shape[0]);
  const auto found = run.value("x");
  if (found.shape.size() == 1) {  // it only grew
    CHECK(elements<double>(found) == now);
    return;
  }
  REQUIRE(found.shape[0] == values.size());
  CHECK(elements<std::uint64_t>(run.value("x", Of::sequences)) == sequences);
  const std::uint64_t width = found.shape[1];
  const auto all = elements<double>(found);
  const auto shapes = elements<std::uint64_t>(run.value("x", Of::shapes));
  for (std::size_t i = 0; i < values.size(); ++i) {
    REQUIRE(shapes[i] == values[i].size());
    for (std::size_t k = 0; k < width; ++k) {
      const double element = all[i * width + k];
      CHECK((k < values[i].size() ? element == values[i][k] : std::isnan(element)));
    }
  }
}
