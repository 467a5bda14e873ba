// Bounded history against a plain model: whatever is dropped, the newest state and every checkpoint's are what the
// model says, and no other point ever gives a wrong value: it gives the right one or an ElidedError. Seeds name
// failures.

#include <catch2/catch.hpp>
#include <cstring>
#include <map>
#include <memory>
#include <set>
#include <vector>

#include "daybook/journal/compact.h"
#include "daybook/journal/error.h"
#include "daybook/journal/journal.h"
#include "daybook/journal/reader.h"
#include "daybook/journal/verify.h"
#include "daybook/materializer/replay.h"
#include "support/child.h"
#include "support/random_values.h"

using namespace daybook;

namespace {

constexpr std::uint64_t width = 300;  // a row of doubles: 2400 bytes, above the least that is tracked

using Rows = std::vector<double>;
using State = std::map<std::pair<Group, std::string>, std::shared_ptr<const Rows>>;

struct Op {
  enum Kind { set, replace, mutate_row, mutate_one, append, remove, archive, checkpoint } kind = set;
  std::string key;
  std::uint64_t rows = 0, row = 0;
  double fill = 0;
};

Rows filled(std::uint64_t rows, double fill) { return Rows(rows * width, fill); }

Value value_of(const Rows& rows) { return Value::array(rows.data(), {rows.size() / width, width}); }

// What happened, and what each event left: the n-th entry of `states` is as of event n.
class Model {
 public:
  Model() { states_.resize(2); }

  Op choose(test::Random& random, double& next) {
    Op op;
    op.key = "k" + std::to_string(random.below(4));
    op.fill = ++next;
    op.rows = random.below(4);
    const auto found = states_.back().find({Group::datasets, op.key});
    const auto dice = random.below(100);
    if (found == states_.back().end() || dice < 25) {
      op.kind = dice < 4 ? Op::archive : Op::set;
      return op;
    }
    const auto rows = found->second->size() / width;
    op.row = rows == 0 ? 0 : random.below(rows);
    if (dice < 40)
      op.kind = Op::replace;
    else if (dice < 60 && rows != 0)
      op.kind = Op::mutate_row;
    else if (dice < 70 && rows != 0)
      op.kind = Op::mutate_one;
    else if (dice < 85)
      op.kind = Op::append;
    else if (dice < 90)
      op.kind = Op::remove;
    else
      op.kind = Op::checkpoint;
    return op;
  }

  void apply(const Op& op) {
    auto now = states_.back();
    const std::pair key{op.kind == Op::archive ? Group::archive : Group::datasets, op.key};
    if (op.kind == Op::remove) {
      now.erase(key);
    } else if (op.kind == Op::checkpoint) {
      checkpoints_[op.key] = states_.size();
    } else {
      Rows rows = now.contains(key) ? *now[key] : Rows();
      if (op.kind == Op::set || op.kind == Op::replace || op.kind == Op::archive) rows = filled(op.rows, op.fill);
      if (op.kind == Op::append) rows.insert(rows.end(), width, op.fill);
      if (op.kind == Op::mutate_row)
        std::fill_n(rows.begin() + static_cast<std::ptrdiff_t>(op.row * width), width, op.fill);
      if (op.kind == Op::mutate_one) rows[op.row * width + 7] = op.fill;
      now[key] = std::make_shared<const Rows>(std::move(rows));
    }
    states_.push_back(std::move(now));
  }

  // Which of the points that nothing keeps were given, and which refused.
  std::pair<int, int> compare() const {
    const Reader reader("run.daybook");
    REQUIRE(reader.last() + 1 == states_.size());
    CHECK(reader.checkpoints().size() == checkpoints_.size());
    std::set<Sequence> kept{reader.last()};
    for (const auto& [name, sequence] : checkpoints_) {
      CHECK(reader.resolve(AtCheckpoint{name}) == sequence);
      kept.insert(sequence);
    }
    int given = 0, refused = 0;
    for (Sequence as_of = 1; as_of <= reader.last(); ++as_of) {
      CAPTURE(as_of);
      const auto states = reader.states(as_of);
      REQUIRE(states.size() == states_[as_of].size());
      for (const auto& state : states) {
        const auto& expected = *states_[as_of].at({state.group, state.key});
        try {
          const Value value = replay_value(reader, state);
          if (!(value == value_of(expected))) FAIL("a wrong value of " << state.key);
          ++given;
        } catch (const ElidedError& e) {
          INFO(e.what());
          CHECK_FALSE(kept.contains(as_of));
          CHECK(std::string(e.what()).find("'" + state.key + "'") != std::string::npos);
          ++refused;
        }
      }
    }
    CHECK(verify("run.daybook").damage.empty());
    return {given, refused};
  }

 private:
  std::vector<State> states_;
  std::map<std::string, Sequence> checkpoints_;
};

void perform(Journal& journal, const Op& op) {
  const Rows rows = filled(op.rows, op.fill), row = filled(1, op.fill);
  const auto at = static_cast<std::int64_t>(op.row);
  switch (op.kind) {
    case Op::set:
      journal.set(op.key, value_of(rows));
      return;
    case Op::replace:
      journal.replace(op.key, value_of(rows));
      return;
    case Op::mutate_row:
      journal.mutate(op.key, {{at, 0}, {1, width}, {1, 1}}, Value::array(row.data(), {1, width}));
      return;
    case Op::mutate_one:
      journal.mutate(op.key, {{at, 7}, {1, 1}, {1, 1}}, Value::array(row.data(), {1, 1}));
      return;
    case Op::append:
      journal.append(op.key, Value::array(row.data(), {width}));
      return;
    case Op::remove:
      journal.remove(op.key);
      return;
    case Op::archive:
      journal.archive(op.key, value_of(rows));
      return;
    case Op::checkpoint:
      journal.checkpoint(op.key);
      return;
  }
}

}  // namespace

TEST_CASE("the newest state and every checkpoint survive a tiny budget, reopening, kills and compacting") {
  const auto seed = GENERATE(range(1, 17));
  CAPTURE(seed);
  test::Random random(static_cast<std::uint64_t>(seed));
  JournalOptions options;
  options.intake_bytes = std::uint64_t{64} << 10;
  options.commit_interval = std::chrono::milliseconds(random.below(3));
  options.history_bytes = random.below(2) == 0 ? random.below(3) * 1000 : random.below(100'000);
  CAPTURE(options.history_bytes);
  Model model;
  double next = 0;
  Journal::create("run.daybook", {}, options).close();
  int refused = 0;
  for (int round = 0; round < 6; ++round) {
    std::vector<Op> ops;
    for (auto count = random.below(120); count > 0; --count) {
      ops.push_back(model.choose(random, next));
      model.apply(ops.back());
    }
    if (random.below(2) == 0) {
      // Every append that returned is there, though nobody closed the journal.
      const auto status = test::in_killed_child([&] {
        auto journal = Journal::open("run.daybook", options);
        for (const auto& op : ops) perform(journal, op);
        static_cast<void>(new Journal(std::move(journal)));  // not closed on the way out
      });
      CHECK(test::was_killed(status));
    } else {
      auto journal = Journal::open("run.daybook", options);
      for (const auto& op : ops) perform(journal, op);
      journal.close();
      CHECK(journal.statistics().superseded <= options.history_bytes);
    }
    refused += model.compare().second;
  }
  Journal::open("run.daybook", options).close();
  // By the events alone, without the books that the commits kept: no more than the budget is left.
  CHECK(compact("run.daybook", {.history_bytes = options.history_bytes, .progress = {}}).dropped == 0);
  const auto [given, refused_before] = model.compare();
  const auto report = compact("run.daybook", {.history_bytes = 0, .progress = {}});
  const auto [given_now, refused_now] = model.compare();
  CHECK((report.dropped != 0) == (refused_now > refused_before));
  CHECK(given + refused_before == given_now + refused_now);
  CHECK(refused_now > 0);
}

TEST_CASE("a refused point names the nearest ones that have the value") {
  const Rows rows = filled(4, 1);
  {
    JournalOptions options;
    options.history_bytes = 0;
    auto journal = Journal::create("run.daybook", {}, options);
    journal.set("image", value_of(rows));  // 2
    journal.checkpoint("before");          // 3
    journal.set("image", value_of(rows));  // 4
    journal.set("image", value_of(rows));  // 5
    journal.set("other", 1.5);             // 6
    journal.set("image", value_of(rows));  // 7
  }
  const Reader reader("run.daybook");
  const auto state = *reader.find_state(Group::datasets, "image", 4);
  try {
    replay(reader, state);
    FAIL("event 4 has kept its value");
  } catch (const ElidedError& e) {
    CHECK(
        std::string(e.what()) ==
        "the value of 'image' as of event 4 is elided: retention has dropped the 9600 bytes of event 4; its values are "
        "there as of checkpoint 'before' (event 3) and from event 7 on");
  }
  CHECK(replay(reader, *reader.find_state(Group::datasets, "image", 3)).count() == 4 * width);
  CHECK(replay(reader, *reader.find_state(Group::datasets, "other", 6)).count() == 1);
}
