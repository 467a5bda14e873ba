#include <fcntl.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <fstream>
#include <numeric>
#include <thread>

#include "daybook/journal/error.h"
#include "daybook/journal/journal.h"
#include "daybook/journal/reader.h"
#include "support/child.h"

using namespace daybook;
using Catch::Matchers::Contains;
namespace fs = std::filesystem;

namespace {

RunInfo run_info() {
  RunInfo info;
  info.rid = 7;
  info.class_name = "Scan";
  info.expid = R"({"class_name": "Scan"})";
  info.start_time = 1750000000.25;
  info.software_version = "9.0";
  return info;
}

Value value_of(const Reader& reader, Sequence sequence) {
  const auto event = reader.event(sequence);
  if (const auto* set = std::get_if<Set>(&event.body)) return set->value.owned();
  if (const auto* append = std::get_if<Append>(&event.body)) return append->value.owned();
  if (const auto* replace = std::get_if<Replace>(&event.body)) return replace->value.owned();
  FAIL("event " << sequence << " holds no value");
  return {};
}

std::vector<Sequence> chain(const Reader& reader, std::string_view key) {
  const auto state = reader.find_state(Group::datasets, key, reader.last());
  REQUIRE(state);
  std::vector<Sequence> found{state->base};
  reader.changes(*state, [&](const Event& event) { found.push_back(event.sequence); });
  return found;
}

}  // namespace

TEST_CASE("a journal begins with its run from the moment it is there") {
  JournalOptions options;
  options.commit_interval = std::chrono::hours(1);
  // Dies before anything more could have been done.
  REQUIRE(test::was_killed(test::in_killed_child([&] {
    auto journal = Journal::create("run.daybook", run_info(), options);
    if (Reader("run.daybook").last() != 1) throw InvalidError("the run has no beginning yet");
    if (journal.statistics().committed != 1) throw InvalidError("its beginning is not safe");
    ::kill(::getpid(), SIGKILL);
  })));
  fs::remove("run.daybook/intake");  // as if the power had gone
  auto journal = Journal::open("run.daybook", options);
  CHECK(journal.set("x", 1) == 2);
  journal.close();
  const Reader reader("run.daybook");
  CHECK(std::get<RunStarted>(reader.event(1).body).info.rid == 7);
}

TEST_CASE("a finished journal holds what was appended and nothing but LMDB's files") {
  Sequence last = 0;
  {
    auto journal = Journal::create("run.daybook", run_info());
    CHECK(journal.stage("run", 1750000001.5) == 2);
    SetOptions options;
    options.metadata.push_back({"unit", "ms"});
    options.broadcast = true;
    journal.set("x", 1.5, options);
    journal.set("list", Value::list({}));
    journal.append("list", Value(3));
    last = journal.checkpoint("half");
    journal.append("list", Value("text"));
    journal.finish();
  }
  std::vector<std::string> files;
  for (const auto& entry : fs::directory_iterator("run.daybook")) files.push_back(entry.path().filename());
  std::sort(files.begin(), files.end());
  CHECK(files == std::vector<std::string>{"data.mdb", "lock.mdb"});

  const Reader reader("run.daybook");
  CHECK(reader.status().phase == Phase::finished);
  CHECK_FALSE(reader.status().live);
  CHECK(reader.info().rid == 7);
  CHECK(reader.info().start_time == 1750000000.25);
  CHECK(reader.info().expid == R"({"class_name": "Scan"})");
  const auto set = reader.event(3);
  CHECK(set.key == "x");
  CHECK(std::get<Set>(set.body).value == Value(1.5));
  CHECK(std::get<Set>(set.body).broadcast);
  CHECK(std::get<Set>(set.body).metadata.at(0).name == "unit");
  CHECK(std::get<Set>(set.body).metadata.at(0).value == Value("ms"));
  CHECK(chain(reader, "list") == std::vector<Sequence>{4, 5, 7});
  CHECK(reader.resolve(AtCheckpoint{"half"}) == last);
  CHECK(reader.find_state(Group::datasets, "list", last)->head == 5);
  CHECK(std::get<RunEnded>(reader.event(reader.last()).body).how == "ok");
  CHECK(reader.stages(reader.last()).size() == 1);
  CHECK_THROWS_AS(reader.resolve(AtCheckpoint{"none"}), InvalidError);
  CHECK_THROWS_AS(reader.resolve(AtSequence{99}), InvalidError);
}

TEST_CASE("a run description may be long") {
  auto info = run_info();
  info.expid = std::string(3'000'000, 'e');
  Journal::create("run.daybook", info).finish();
  const Reader reader("run.daybook");
  CHECK(reader.info().expid == info.expid);
  CHECK(std::get<RunStarted>(reader.event(1).body).info.expid == info.expid);
}

TEST_CASE("times never decrease and lead to sequence numbers") {
  {
    auto journal = Journal::create("run.daybook", run_info());
    Event event;
    event.key = "x";
    for (const Nanoseconds time : {1'900'000'000'000'000'000, 1'900'000'000'000'000'500, 1'800'000'000'000'000'000}) {
      event.body = Set{Value(1), {}, {}};
      event.time = time;
      journal.append(event);
    }
    journal.close();
  }
  const Reader reader("run.daybook");
  CHECK(reader.event(1).time == 1'750'000'000'250'000'000);
  CHECK(reader.event(4).time == reader.event(3).time);
  CHECK(reader.resolve(AtTime{1'900'000'000'000'000'000}) == 2);
  CHECK(reader.resolve(AtTime{1'900'000'000'000'000'499}) == 2);
  CHECK(reader.resolve(AtTime{1'999'000'000'000'000'000}) == 4);
  CHECK(reader.resolve(AtTime{1'750'000'000'250'000'000}) == 1);
  CHECK_THROWS_AS(reader.resolve(AtTime{0}), InvalidError);
}

TEST_CASE("events that replay could not apply are refused and leave no trace") {
  auto journal = Journal::create("run.daybook", run_info());
  const std::vector<std::int32_t> elements{1, 2, 3, 4, 5, 6};
  journal.set("array", Value::array(elements.data(), {2, 3}));
  journal.set("list", Value::list({1, 2}));
  journal.set("scalar", 1);
  const auto before = journal.statistics().last;
  const auto two = Value::array(elements.data(), {1, 2});
  const auto wide = Value::array(Type::of<double>(), {1, 1}, std::as_bytes(std::span(elements).first(2)));
  CHECK_THROWS_AS(journal.append("nowhere", 1), InvalidError);
  CHECK_THROWS_AS(journal.append("scalar", 1), InvalidError);
  CHECK_THROWS_AS(journal.append("array", 1), InvalidError);
  CHECK_THROWS_AS(journal.remove("nowhere"), InvalidError);
  CHECK_THROWS_AS(journal.replace("nowhere", 1), InvalidError);
  CHECK_THROWS_AS(journal.mutate_item("list", 2, 1), InvalidError);
  CHECK_THROWS_AS(journal.mutate_item("array", 0, 1), InvalidError);
  CHECK_THROWS_AS(journal.mutate("list", {{0}, {1}, {1}}, two), InvalidError);
  CHECK_THROWS_AS(journal.mutate("array", {{0}, {1}, {1}}, two), InvalidError);
  CHECK_THROWS_AS(journal.mutate("array", {{0, 2}, {1, 2}, {1, 1}}, two), InvalidError);
  CHECK_THROWS_AS(journal.mutate("array", {{0, -1}, {1, 2}, {1, 1}}, two), InvalidError);
  CHECK_THROWS_AS(journal.mutate("array", {{0, 0}, {1, 2}, {1, -1}}, two), InvalidError);
  CHECK_THROWS_AS(journal.mutate("array", {{0, 0}, {1, 2}, {1, 0}}, two), InvalidError);
  CHECK_THROWS_AS(journal.mutate("array", {{0, 0}, {1, 1}, {1, 1}}, wide), InvalidError);
  CHECK_THROWS_AS(journal.mutate("array", {{0, 0}, {2, 1}, {1, 1}}, two), InvalidError);
  CHECK_THROWS_AS(journal.mutate("array", {{0, 1}, {1, 2}, {1, INT64_MAX}}, two), InvalidError);
  CHECK_THROWS_AS(journal.checkpoint(""), InvalidError);
  CHECK_THROWS_AS(journal.set_attribute("array", "", 1), InvalidError);
  Event started;
  started.body = RunStarted{};
  CHECK_THROWS_AS(journal.append(started), InvalidError);
  CHECK(journal.statistics().last == before);
  CHECK(journal.mutate("array", {{1, 2}, {1, 2}, {1, -2}}, two) == before + 1);
  CHECK(journal.mutate("array", {{5, 5}, {0, 0}, {1, 1}}, Value::array(Type::of<std::int32_t>(), {0, 0}, {})) ==
        before + 2);
  journal.remove("array");
  CHECK_THROWS_AS(journal.mutate("array", {{0, 0}, {1, 2}, {1, 1}}, two), InvalidError);
  journal.finish();
  CHECK_THROWS_AS(journal.set("late", 1), InvalidError);
  CHECK_THROWS_AS(journal.sync(), InvalidError);
  journal.close();
}

TEST_CASE("keys of any length and any bytes find their own datasets") {
  using namespace std::string_literals;
  std::vector<std::string> keys{"",
                                "a",
                                "a/b",
                                "a\0b"s,
                                "\xff\xfe",
                                " ",
                                std::string(480, 'k'),
                                std::string(481, 'k'),
                                std::string(5000, 'k'),
                                std::string(5000, 'k') + "x",
                                std::string(100'000, 'z')};
  {
    auto journal = Journal::create("run.daybook", run_info());
    for (std::size_t i = 0; i < keys.size(); ++i) journal.set(keys[i], i);
    journal.close();
  }
  const Reader reader("run.daybook");
  const auto states = reader.states(reader.last());
  REQUIRE(states.size() == keys.size());
  for (std::size_t i = 0; i < keys.size(); ++i) {
    CHECK(states[i].key == keys[i]);
    CHECK(value_of(reader, reader.find_state(Group::datasets, keys[i], reader.last())->base) == Value(i));
  }
}

TEST_CASE("values larger than the intake and than one record come back whole") {
  JournalOptions options;
  options.intake_bytes = 64 << 10;
  std::vector<std::uint32_t> large(10'000'000);
  std::iota(large.begin(), large.end(), 0U);
  std::vector<std::string_view> strings(300'000, "some text that is repeated");
  {
    auto journal = Journal::create("run.daybook", run_info(), options);
    journal.set("large", Value::array(large.data(), {1000, 10'000}));
    journal.set("small", 1);
    journal.set("strings", Value::strings({300'000}, strings));
    journal.set("middle", Value::array(large.data(), {30'000}));
    journal.finish();
  }
  const Reader reader("run.daybook");
  const auto state = reader.find_state(Group::datasets, "large", reader.last());
  REQUIRE(state);
  const auto event = reader.event(state->base);
  const auto& value = std::get<Set>(event.body).value;
  CHECK(value.segments().size() == 3);
  CHECK(value == Value::array(large.data(), {1000, 10'000}));
  CHECK(value_of(reader, reader.find_state(Group::datasets, "strings", reader.last())->base) ==
        Value::strings({300'000}, strings));
  CHECK(value_of(reader, reader.find_state(Group::datasets, "middle", reader.last())->base) ==
        Value::array(large.data(), {30'000}));
}

TEST_CASE("records are found on 8-byte borders in LMDB") {
  {
    auto journal = Journal::create("run.daybook", run_info());
    for (int i = 0; i < 2000; ++i)
      journal.set("key" + std::string(static_cast<std::size_t>(i % 13), 'x'),
                  std::string(static_cast<std::size_t>(i % 700), 'y'));
    journal.close();
  }
  const Reader reader("run.daybook");
  // decode() copies records that do not stand on a border and keeps the copy in Event::storage.
  reader.events(1, reader.last(), [](const Event& event) {
    CHECK(event.storage == nullptr);
    return true;
  });
}

TEST_CASE("threads append at once, in one dense order, each in its own") {
  JournalOptions options;
  options.intake_bytes = 64 << 10;  // wraps and fills up all the time
  constexpr int threads = 4;
  constexpr int appends = 3000;
  {
    auto journal = Journal::create("run.daybook", run_info(), options);
    std::vector<std::thread> workers;
    for (int t = 0; t < threads; ++t) {
      workers.emplace_back([&journal, t] {
        const auto key = "t" + std::to_string(t);
        journal.set(key, Value::list({}));
        const std::string big(20'000, 'b');
        for (int i = 0; i < appends; ++i) {
          journal.append(key, i % 100 == 99 ? Value(big) : Value(i));
          if (i % 500 == 0) journal.sync();
        }
      });
    }
    for (auto& worker : workers) worker.join();
    CHECK(journal.statistics().waits > 0);
    journal.finish();
  }
  const Reader reader("run.daybook");
  CHECK(reader.last() == 2 + threads * (appends + 1));
  for (int t = 0; t < threads; ++t) {
    int next = 0;
    reader.changes(*reader.find_state(Group::datasets, "t" + std::to_string(t), reader.last()),
                   [&](const Event& event) {
                     const auto& append = std::get<Append>(event.body);
                     CHECK(append.index == static_cast<std::uint64_t>(next));
                     if (next % 100 != 99) CHECK(append.value == Value(next));
                     ++next;
                   });
    CHECK(next == appends);
  }
}

TEST_CASE("a reader's snapshot stays as it is while the writer goes on, and refresh moves it") {
  auto journal = Journal::create("run.daybook", run_info());
  journal.set("x", 1);
  const auto wait_for = [&](Sequence sequence) {
    while (journal.statistics().committed < sequence) std::this_thread::yield();
  };
  wait_for(2);
  Reader reader("run.daybook");
  CHECK(reader.status().live);
  CHECK(reader.last() == 2);
  journal.set("x", 2);
  wait_for(3);
  CHECK(reader.last() == 2);
  CHECK(reader.find_state(Group::datasets, "x", reader.last())->head == 2);
  reader.refresh();
  CHECK(reader.last() == 3);
  CHECK(value_of(reader, 3) == Value(2));
}

TEST_CASE("a second writer is refused while the first is there, and welcome afterwards") {
  {
    auto journal = Journal::create("run.daybook", run_info());
    journal.set("x", 1);
    CHECK_THROWS_AS(Journal::open("run.daybook"), BusyError);
    CHECK_THROWS_AS(Journal::create("run.daybook", run_info()), InvalidError);
  }
  auto again = Journal::open("run.daybook");
  CHECK(again.set("x", 2) == 3);
  CHECK(again.info().rid == 7);
  again.finish();
}

TEST_CASE("a journal that is opened anew knows its chains") {
  {
    auto journal = Journal::create("run.daybook", run_info());
    journal.set("list", Value::list({1, 2}));
    journal.append("list", 3);
    journal.mutate_item("list", 0, 5);
    journal.set("array", Value::array(Type::of<bool>(), {2}, std::as_bytes(std::span("\0\1", 2))));
    journal.archive("old", 1);
    journal.set_attribute("list", "unit", "s");
    journal.close();
  }
  {
    auto journal = Journal::open("run.daybook");
    CHECK_THROWS_AS(journal.mutate_item("list", 3, 1), InvalidError);
    journal.append("list", 4);
    journal.append("array", true);
    journal.archive("old", 2);
    journal.set_attribute("list", "unit", "ms");
    journal.close();
  }
  const Reader reader("run.daybook");
  CHECK(chain(reader, "list") == std::vector<Sequence>{2, 3, 4, 8});
  CHECK(std::get<Append>(reader.event(8).body).index == 3);
  CHECK(std::get<Append>(reader.event(9).body).index == 2);
  CHECK(std::get<Archived>(reader.event(10).body).born == 6);
  const auto attributes = reader.attributes("list", reader.last());
  REQUIRE(attributes.size() == 1);
  CHECK(attributes[0].sequence == 11);
  CHECK(reader.attributes("list", 7).at(0).sequence == 7);
  CHECK(reader.attributes("list", 6).empty());
}

TEST_CASE("removing ends a dataset and setting it again begins a new life") {
  {
    auto journal = Journal::create("run.daybook", run_info());
    journal.set("a", 1);
    journal.set("b", 1);
    journal.remove("a");
    journal.set("a", 2);
    journal.set("b", 2);
    SetOptions hidden;
    hidden.archive = false;
    journal.set("c", 3, hidden);
    journal.close();
  }
  const Reader reader("run.daybook");
  CHECK_FALSE(reader.find_state(Group::datasets, "a", 4));
  CHECK(reader.find_state(Group::datasets, "a", 3)->base == 2);
  const auto states = reader.states(reader.last());
  REQUIRE(states.size() == 3);
  CHECK(states[0].key == "b");  // the order of Python's dict: setting again keeps the place, removing gives it up
  CHECK(states[0].born == 3);
  CHECK(states[1].key == "a");
  CHECK(states[1].born == 5);
  CHECK_FALSE(states[2].saved);
}

TEST_CASE("in a forked child the handle refuses and the parent is not disturbed") {
  auto journal = Journal::create("run.daybook", run_info());
  journal.set("x", 1);
  const auto child = ::fork();
  if (child == 0) {
    int code = 1;
    try {
      journal.set("x", 2);
    } catch (const InvalidError& e) {
      code = std::string(e.what()).find("forked") != std::string::npos ? 0 : 2;
    }
    { const auto dropped = std::move(journal); }
    ::_exit(code);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
  CHECK(journal.set("x", 3) == 3);
  journal.finish();
  CHECK(Reader("run.daybook").last() == 4);
}

TEST_CASE("a reader from before a fork refuses in the child, which may open one of its own") {
  {
    auto journal = Journal::create("run.daybook", run_info());
    journal.set("x", 1);
    journal.finish();
  }
  std::optional<Reader> reader("run.daybook");
  const auto child = ::fork();
  if (child == 0) {
    int code = 0;
    try {
      static_cast<void>(reader->event(2));
      code = 1;
    } catch (const InvalidError&) {
    }
    try {
      const Reader own("run.daybook");
      if (own.last() != 3) code = 2;
    } catch (const Error&) {
      code = 3;
    }
    reader.reset();
    ::_exit(code);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
  CHECK(reader->event(2).key == "x");
}

TEST_CASE("a forked child does not keep its dead parent's journal locked") {
  int ready[2];
  REQUIRE(::pipe(ready) == 0);
  const auto status = test::in_killed_child([&] {
    auto journal = Journal::create("run.daybook", run_info());
    journal.set("x", 1);
    if (::fork() == 0) {
      char byte = 0;
      ::close(ready[1]);
      static_cast<void>(::read(ready[0], &byte, 1));  // lives on until the test ends
      ::_exit(0);
    }
    static_cast<void>(journal.statistics());
    ::kill(::getpid(), SIGKILL);
  });
  CHECK(test::was_killed(status));
  // The grandchild lets go as soon as it runs, which may be after its parent's death.
  Recovery recovery;
  for (int tries = 0; tries < 1000 && !recovery.needed; ++tries) {
    recovery = recover("run.daybook");
    if (!recovery.needed) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  CHECK(recovery.needed);
  CHECK(recovery.last == 2);
  ::close(ready[1]);
  ::close(ready[0]);
}

TEST_CASE("what is no journal is named for what it is") {
  const auto opening = [](const fs::path& path) {
    try {
      const Reader reader(path);
    } catch (const Error& e) {
      return std::string(e.what());
    }
    return std::string("opened");
  };
  CHECK_THAT(opening("nothing"), Contains("no such file or folder"));
  fs::create_directory("empty");
  CHECK_THAT(opening("empty"), Contains("folder without a data.mdb"));
  std::ofstream("results.h5") << "\x89HDF\r\n\x1a\n and more";
  CHECK_THAT(opening("results.h5"), Contains("is an HDF5 file, not a journal"));
  std::ofstream("trace.jsonl") << "{\"n\":1}";
  CHECK_THAT(opening("trace.jsonl"), Contains("JSON"));
  fs::create_directory("text");
  std::ofstream("text/data.mdb") << std::string(100, 'x');
  CHECK_THAT(opening("text"), Contains("does not start like an LMDB file"));
  CHECK_THROWS_AS(Journal::create("no/such/folder/run.daybook", run_info()), StorageError);
}

TEST_CASE("names of journals sort by run and stay inside the folder") {
  CHECK(journal_name(42, "Scan") == "000000042-Scan.daybook");
  CHECK(journal_name(1234567890, "Scan") == "1234567890-Scan.daybook");
  CHECK(journal_name(1, "../x") == "000000001-.._x.daybook");
}
