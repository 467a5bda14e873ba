// Random operations on a real journal and on a plain model in memory, compared after every reopening. The seed is part
// of every failure.

#include <algorithm>
#include <catch2/catch.hpp>
#include <map>

#include "daybook/journal/error.h"
#include "daybook/journal/journal.h"
#include "daybook/journal/reader.h"
#include "support/random_values.h"

using namespace daybook;

namespace {

// What must be read back: every event that was acknowledged, and for each dataset the events that make up its value.
struct Model {
  struct Recorded {
    std::string kind, key;
    Value value;
  };
  struct Dataset {
    std::vector<Sequence> chain;  // the whole value and what came after
    Sequence born = 0, declared = 0;
    bool saved = true;
    std::uint64_t items = 0;  // a list's length
    bool is_list = false;
  };
  std::map<Sequence, Recorded> events;
  std::map<std::string, Dataset> datasets;
  std::map<std::string, std::pair<Sequence, Sequence>> archived;  // head, born
  std::map<std::string, Sequence> checkpoints;
};

class Run {
 public:
  explicit Run(std::uint64_t seed) : random_(seed) {
    options_.intake_bytes = std::uint64_t{64} << (10 + random_.below(3));
    options_.commit_interval = std::chrono::milliseconds(random_.below(5));
    RunInfo info;
    info.rid = static_cast<std::int64_t>(seed);
    info.class_name = "Random";
    journal_.emplace(Journal::create("run.daybook", info, options_));
    model_.events[1] = {"runStarted", "", {}};
  }

  void step() {
    const auto key = "k" + std::to_string(random_.below(12));
    const auto found = model_.datasets.find(key);
    const bool present = found != model_.datasets.end();
    const auto dice = random_.below(100);
    if (dice < 30 || !present) {
      set(key);
    } else if (dice < 60 && found->second.is_list) {
      change(key, found->second, "append", [&](Value value) { return journal_->append(key, std::move(value)); });
      ++found->second.items;
    } else if (dice < 70 && found->second.items > 0) {
      const auto index = random_.below(found->second.items);
      change(key, found->second, "mutateItem",
             [&](Value value) { return journal_->mutate_item(key, index, std::move(value)); });
    } else if (dice < 80) {
      const auto value = random_.any();
      const auto sequence = journal_->replace(key, value);
      record(sequence, "replace", key, value);
      found->second.chain = {sequence};
      found->second.is_list = value.form() == Form::list;
      found->second.items = value.form() == Form::list ? value.item_count() : 0;
    } else if (dice < 85) {
      record(journal_->remove(key), "remove", key, {});
      model_.datasets.erase(found);
    } else if (dice < 92) {
      const auto value = random_.any();
      const auto sequence = journal_->archive(key, value);
      record(sequence, "archived", key, value);
      auto& [head, born] = model_.archived[key];
      head = sequence;
      if (born == 0) born = sequence;
    } else if (dice < 95) {
      const auto sequence = journal_->checkpoint(key);
      record(sequence, "checkpoint", "", {});
      model_.checkpoints[key] = sequence;
    } else if (dice < 97) {
      journal_->sync();
    } else {
      refused(key, found->second);
    }
  }

  void reopen() {
    journal_.reset();
    compare();
    journal_.emplace(Journal::open("run.daybook", options_));
  }

  void compare() const {
    const Reader reader("run.daybook");
    REQUIRE(reader.last() == model_.events.rbegin()->first);
    Sequence expected = 1;
    reader.events(1, reader.last(), [&](const Event& event) {
      const auto& recorded = model_.events.at(event.sequence);
      CHECK(event.sequence == expected++);
      CHECK(kind_name(event.body) == recorded.kind);
      CHECK(event.key == recorded.key);
      std::visit(
          [&](const auto& body) {
            if constexpr (requires { body.value; }) CHECK(body.value == recorded.value);
          },
          event.body);
      return true;
    });
    CHECK(expected == reader.last() + 1);
    compare_states(reader);
    for (const auto& [name, sequence] : model_.checkpoints) CHECK(reader.resolve(AtCheckpoint{name}) == sequence);
    CHECK(reader.checkpoints().size() == model_.checkpoints.size());
  }

 private:
  void set(const std::string& key) {
    const auto value = random_.chance(0.5) ? random_.list() : random_.any();
    SetOptions options;
    options.archive = random_.chance(0.8);
    const auto sequence = journal_->set(key, value, options);
    record(sequence, "set", key, value);
    auto& dataset = model_.datasets[key];
    if (dataset.born == 0 || !dataset.saved || !options.archive) dataset.born = sequence;
    dataset.chain = {sequence};
    dataset.declared = sequence;
    dataset.saved = options.archive;
    dataset.is_list = value.form() == Form::list;
    dataset.items = dataset.is_list ? value.item_count() : 0;
  }

  template <class Append>
  void change(const std::string& key, Model::Dataset& dataset, const char* kind, const Append& append) {
    const auto value = random_.any();
    const auto sequence = append(value);
    record(sequence, kind, key, value);
    dataset.chain.push_back(sequence);
  }

  void refused(const std::string& key, const Model::Dataset& dataset) {
    CHECK_THROWS_AS(journal_->append("never set", 1), InvalidError);
    if (dataset.is_list) CHECK_THROWS_AS(journal_->mutate_item(key, dataset.items, 1), InvalidError);
    CHECK_THROWS_AS(journal_->mutate(key, {{0}, {-1}, {1}}, 1), InvalidError);
  }

  void record(Sequence sequence, const char* kind, const std::string& key, const Value& value) {
    REQUIRE(sequence == model_.events.rbegin()->first + 1);
    model_.events[sequence] = {kind, key, value};
  }

  void compare_states(const Reader& reader) const {
    const auto states = reader.states(reader.last());
    CHECK(states.size() == model_.datasets.size() + model_.archived.size());
    for (const auto& state : states) {
      CAPTURE(state.key);
      if (state.group == Group::archive) {
        CHECK(std::pair(state.head, state.born) == model_.archived.at(state.key));
        continue;
      }
      const auto& dataset = model_.datasets.at(state.key);
      CHECK(state.born == dataset.born);
      CHECK(state.declared == dataset.declared);
      CHECK(state.saved == dataset.saved);
      CHECK(state.depth + 1 == dataset.chain.size());
      std::vector<Sequence> chain{state.base};
      reader.changes(state, [&](const Event& event) { chain.push_back(event.sequence); });
      CHECK(chain == dataset.chain);
    }
  }

  test::Random random_;
  JournalOptions options_;
  std::optional<Journal> journal_;
  Model model_;
};

}  // namespace

TEST_CASE("random operations leave what a plain model says, also after reopening") {
  const auto seed = GENERATE(range(1, 25));
  CAPTURE(seed);
  Run run(static_cast<std::uint64_t>(seed));
  for (int round = 0; round < 4; ++round) {
    for (int i = 0; i < 150; ++i) run.step();
    run.reopen();
  }
  run.step();
}

TEST_CASE("the state as of an earlier event is what it was when that event was the newest") {
  const auto seed = GENERATE(range(100, 106));
  CAPTURE(seed);
  test::Random random(static_cast<std::uint64_t>(seed));
  std::vector<std::map<std::string, std::pair<Sequence, Sequence>>> history(2);  // per event: key → base, head
  {
    auto journal = Journal::create("run.daybook", {});
    auto now = history.back();
    for (int i = 0; i < 600; ++i) {
      const auto key = "k" + std::to_string(random.below(5));
      if (!now.contains(key) || random.chance(0.1)) {
        const auto sequence = journal.set(key, Value::list({}));
        now[key] = {sequence, sequence};
      } else if (random.chance(0.05)) {
        journal.remove(key);
        now.erase(key);
      } else {
        now[key].second = journal.append(key, i);
      }
      history.push_back(now);
    }
  }
  const Reader reader("run.daybook");
  for (Sequence as_of = 1; as_of <= reader.last(); ++as_of) {
    std::map<std::string, std::pair<Sequence, Sequence>> found;
    for (const auto& state : reader.states(as_of)) found[state.key] = {state.base, state.head};
    CHECK(found == history[as_of]);
  }
}
