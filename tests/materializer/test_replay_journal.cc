#include <catch2/catch.hpp>

#include <algorithm>

#include "daybook/journal/error.h"
#include "daybook/journal/journal.h"
#include "daybook/materializer/replay.h"
#include "support/fresh_folder.h"

namespace daybook {

namespace {

template <class T>
std::vector<T> elements(const StoredValue& stored) {
  REQUIRE(stored.type == Type::of<T>());
  std::vector<T> all(stored.count());
  stored.elements->read(0, all.size(), reinterpret_cast<std::byte*>(all.data()));
  return all;
}

}  // namespace

TEST_CASE("replay of a journal, as of any event", "[replay]") {
  const test::FreshFolder fresh;
  const auto folder = fresh / "000000001-Replay.daybook";
  auto journal = Journal::create(folder, {});
  const std::vector<double> image{1, 2, 3, 4};
  const auto set = journal.set("image", Value::array(image.data(), {2, 2}));
  const double five = 5;
  const auto mutated = journal.mutate("image", {{1, 1}, {1, 1}, {1, 1}}, Value::array(&five, {1, 1}));
  journal.set("list", Value::list({std::int64_t{1}}));
  for (int i = 0; i < 1000; ++i) journal.append("list", i + 0.5);
  const auto appended = journal.mutate_item("list", 0, std::int64_t{7});
  const auto retyped = journal.append("list", "text");
  journal.replace("list", Value::list({true}));
  journal.sync();
  journal.close();

  const Reader reader(folder);
  const auto at = [&](std::string_view key, Sequence as_of) {
    return replay(reader, reader.find_state(Group::datasets, key, as_of).value(), 4096);
  };
  CHECK(elements<double>(at("image", set)) == image);
  CHECK(elements<double>(at("image", mutated)) == std::vector<double>{1, 2, 3, 5});
  const auto list = elements<double>(at("list", appended));
  REQUIRE(list.size() == 1001);
  CHECK((list[0] == 7 && list[1] == 0.5 && list[1000] == 999.5));
  CHECK_THROWS_AS(at("list", retyped), InvalidError);
  CHECK(replay_value(reader, reader.find_state(Group::datasets, "list", retyped).value()).item(1001) == Value("text"));
  CHECK(at("list", reader.last()).type == Type::of<bool>());
}

TEST_CASE("attributes: the last set's metadata, and set_attribute's on top", "[replay]") {
  const test::FreshFolder fresh;
  const auto folder = fresh / "000000001-Replay.daybook";
  auto journal = Journal::create(folder, {});
  SetOptions options;
  options.metadata = {{"unit", "MHz"}, {"scale", 1e6}};
  journal.set("a", 1.0, options);
  const auto before = journal.set_attribute("a", "note", "first");
  journal.set_attribute("a", "unit", "GHz");
  journal.set_attribute("a", "note", "second");
  const auto with_note = journal.replace("a", 2.0);
  journal.remove_attribute("a", "note");
  journal.close();

  const Reader reader(folder);
  const auto attributes = [&](Sequence as_of) {
    return dataset_attributes(reader, reader.find_state(Group::datasets, "a", as_of).value(), as_of);
  };
  using Pairs = std::vector<std::pair<std::string, Value>>;
  CHECK(attributes(before) == Pairs{{"unit", "MHz"}, {"scale", 1e6}, {"note", "first"}});
  auto found = attributes(with_note);
  std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  CHECK(found == Pairs{{"note", "second"}, {"scale", 1e6}, {"unit", "GHz"}});
  CHECK(attributes(reader.last()) == Pairs{{"unit", "GHz"}, {"scale", 1e6}});
}

TEST_CASE("attributes: an archived value has those of its key's last set", "[replay]") {
  const test::FreshFolder fresh;
  const auto folder = fresh / "000000001-Replay.daybook";
  auto journal = Journal::create(folder, {});
  journal.archive("a", 1.0);
  SetOptions options;
  options.metadata = {{"unit", "s"}};
  options.archive = false;
  const auto before = journal.set("b", 1.0, options);
  journal.set("a", 2.0, options);
  journal.close();

  const Reader reader(folder);
  const auto units = [&](Sequence as_of) {
    return dataset_attributes(reader, reader.find_state(Group::archive, "a", as_of).value(), as_of).size();
  };
  CHECK(units(before) == 0);
  CHECK(units(reader.last()) == 1);
}

}  // namespace daybook
