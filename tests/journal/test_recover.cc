#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <csignal>
#include <cstring>
#include <fstream>
#include <thread>

#include "daybook/journal/error.h"
#include "daybook/journal/journal.h"
#include "daybook/journal/reader.h"
#include "daybook/journal/record.h"
#include "daybook/journal/store.h"
#include "support/child.h"
#include "support/random_values.h"

using namespace daybook;
using Catch::Matchers::Contains;
namespace fs = std::filesystem;

namespace {

RunInfo run_info() {
  RunInfo info;
  info.rid = 8;
  info.class_name = "Dies";
  return info;
}

// Nothing is committed by itself: all events are in the intake when the writer dies.
JournalOptions lazy() {
  JournalOptions options;
  options.commit_interval = std::chrono::hours(1);
  options.intake_bytes = 1 << 20;
  return options;
}

std::string contents(const fs::path& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

void overwrite(const fs::path& file, std::uint64_t offset, const std::string& bytes) {
  std::fstream stream(file, std::ios::binary | std::ios::in | std::ios::out);
  stream.seekp(static_cast<std::streamoff>(offset));
  stream << bytes;
}

// Where the records of an intake's first lap stand: offsets of their frames in the file.
std::vector<std::uint64_t> frames(const std::string& intake) {
  std::vector<std::uint64_t> found;
  std::uint64_t position = 0;
  while (true) {
    std::uint64_t frame = ~std::uint64_t{0};
    const auto offset = detail::intake_header_bytes + position;
    std::memcpy(&frame, intake.data() + offset, sizeof frame);
    const auto bytes = std::as_bytes(std::span(intake).subspan(offset + sizeof frame));
    const auto record = detail::find_record(bytes);
    if (frame != position || !record) return found;
    found.push_back(offset);
    position += sizeof frame + record->bytes.size();
  }
}

void die_with(int events) {
  REQUIRE(test::was_killed(test::in_killed_child([events] {
    auto journal = Journal::create("run.daybook", run_info(), lazy());
    for (int i = 0; i < events; ++i) journal.set("x" + std::to_string(i % 3), i);
    ::kill(::getpid(), SIGKILL);
  })));
}

}  // namespace

TEST_CASE("what a killed writer had appended is recovered, once") {
  die_with(50);
  {
    const auto summary = summarize("run.daybook");
    CHECK(summary.last == 51);
    CHECK(summary.phase == Phase::running);
    CHECK_FALSE(summary.live);
  }
  CHECK(fs::exists("run.daybook/intake"));  // looking changes nothing
  const auto recovery = recover("run.daybook");
  CHECK(recovery.needed);
  CHECK(recovery.committed < 51);
  CHECK(recovery.last == 51);
  CHECK_FALSE(fs::exists("run.daybook/intake"));
  const auto data = contents("run.daybook/data.mdb");
  CHECK_FALSE(recover("run.daybook").needed);
  CHECK(contents("run.daybook/data.mdb") == data);

  const Reader reader("run.daybook");
  CHECK(reader.status().phase == Phase::crashed);
  CHECK(reader.last() == 51);
  for (Sequence sequence = 2; sequence <= 51; ++sequence) {
    CHECK(std::get<Set>(reader.event(sequence).body).value == Value(static_cast<int>(sequence) - 2));
  }
}

TEST_CASE("opening a dead writer's journal for reading recovers it, too") {
  die_with(3);
  const Reader reader("run.daybook");
  CHECK(reader.last() == 4);
  CHECK_FALSE(reader.unrecovered());
}

TEST_CASE("a torn record and all behind it are dropped, everything before stays") {
  die_with(30);
  const auto intake = contents("run.daybook/intake");
  const auto places = frames(intake);
  REQUIRE(places.size() >= 30);
  const auto torn = GENERATE(as<std::size_t>(), 0, 1, 7, 29);
  // A bit anywhere in the record: frame, header, message.
  const auto inside = GENERATE(as<std::uint64_t>(), 0, 8, 20, 40, 60, 90);
  const auto offset = places[places.size() - 30 + torn] + inside;
  overwrite("run.daybook/intake", offset, std::string(1, static_cast<char>(intake[offset] ^ 0x10)));
  const auto recovery = recover("run.daybook");
  CHECK(recovery.last == 1 + torn);
  CHECK(Reader("run.daybook").last() == 1 + torn);
}

TEST_CASE("whole valid records of an earlier lap are not taken for new ones") {
  // A small ring that has gone round many times, all of it committed but the end.
  REQUIRE(test::was_killed(test::in_killed_child([] {
    JournalOptions options;
    options.intake_bytes = 64 << 10;
    options.commit_interval = std::chrono::milliseconds(1);
    auto journal = Journal::create("run.daybook", run_info(), options);
    for (int i = 0; i < 5000; ++i) journal.set("x", i);
    ::kill(::getpid(), SIGKILL);
  })));
  // The frame of the next position, in front of an old record: as if a page had come from another time than the next.
  const auto recovery = recover("run.daybook");
  CHECK(recovery.last == 5001);
}

TEST_CASE("an intake of another run or another life of the file is refused, and kept") {
  die_with(3);
  fs::copy("run.daybook/intake", "kept");
  recover("run.daybook");
  SECTION("the same run, before it was opened anew") {
    {
      auto journal = Journal::open("run.daybook");
      journal.set("y", 1);
    }
    fs::copy("kept", "run.daybook/intake");
    CHECK_THROWS_AS(recover("run.daybook"), CorruptError);
  }
  SECTION("another run") {
    { auto other = Journal::create("other.daybook", run_info()); }
    fs::copy("kept", "other.daybook/intake");
    CHECK_THROWS_AS(recover("other.daybook"), CorruptError);
    CHECK(fs::exists("other.daybook/intake"));
  }
}

TEST_CASE("a run that ended before its process was killed is finished, not crashed") {
  REQUIRE(test::was_killed(test::in_killed_child([] {
    auto journal = Journal::create("run.daybook", run_info(), lazy());
    journal.set("x", 1);
    Event ended;
    ended.body = RunEnded{"ok"};
    journal.append(ended);
    ::kill(::getpid(), SIGKILL);
  })));
  CHECK(recover("run.daybook").last == 3);
  CHECK(Reader("run.daybook").status().phase == Phase::finished);
}

TEST_CASE("a crashed run can be gone on with") {
  die_with(5);
  {
    auto journal = Journal::open("run.daybook");
    CHECK(journal.statistics().last == 6);
    CHECK(journal.set("x0", 100) == 7);
    journal.finish();
  }
  const Reader reader("run.daybook");
  CHECK(reader.status().phase == Phase::finished);
  CHECK(reader.find_state(Group::datasets, "x0", reader.last())->base == 7);
}

TEST_CASE("opening for writing is refused while this process has readers on it") {
  die_with(2);
  recover("run.daybook");
  std::optional<Reader> reader("run.daybook");
  CHECK_THROWS_AS(Journal::open("run.daybook"), BusyError);
  CHECK(reader->last() == 3);
  reader.reset();
  CHECK(Journal::open("run.daybook").set("x0", 9) == 4);
}

TEST_CASE("an intake that stays full raises in the end, and what returned is kept") {
  // A file-size limit stands for the disk: LMDB cannot grow, while the intake has its room.
  const auto status = test::in_killed_child([] {
    JournalOptions options;
    options.intake_bytes = 64 << 10;
    options.commit_interval = std::chrono::milliseconds(1);
    auto journal = Journal::create("run.daybook", run_info(), options);
    journal.set("count", -1);
    ::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{200 << 10, RLIM_INFINITY};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    int count = 0;
    try {
      while (count < 1'000'000) {
        journal.set("count", count);
        ++count;
      }
      ::_exit(1);
    } catch (const FullError&) {
    }
    std::ofstream("count") << count;
    const rlimit room{RLIM_INFINITY, RLIM_INFINITY};
    ::setrlimit(RLIMIT_FSIZE, &room);
    // There is room again: the same journal goes on. An attempt to commit may still be on its way that began without room.
    for (int tries = 0;; ++tries) {
      try {
        journal.set("count", count);
        break;
      } catch (const FullError&) {
        if (tries == 1000) ::_exit(2);
      }
    }
    ::kill(::getpid(), SIGKILL);
  });
  CHECK(test::was_killed(status));
  int count = 0;
  std::ifstream("count") >> count;
  CHECK(count > 100);
  const Reader reader("run.daybook");
  CHECK(reader.last() == static_cast<Sequence>(count) + 3);
  CHECK(std::get<Set>(reader.event(reader.last()).body).value == Value(count));
}

TEST_CASE("a journal of a newer format is refused, and both numbers are named") {
  { auto journal = Journal::create("run.daybook", run_info()); }
  {
    const auto store = detail::Store::open("run.daybook", detail::Store::Access::write);
    auto transaction = store->begin_write();
    const auto newer = detail::format_version + 1;
    transaction.put(store->databases().run, detail::as_key(detail::format_key), std::as_bytes(std::span(&newer, 1)));
    transaction.commit();
  }
  CHECK_THROWS_WITH(Reader("run.daybook"), Contains("development format 3") && Contains("development format 2"));
  CHECK_THROWS_AS(Reader("run.daybook"), UnsupportedError);
  CHECK_THROWS_AS(Journal::open("run.daybook"), UnsupportedError);
  CHECK_THROWS_AS(summarize("run.daybook"), UnsupportedError);
}

TEST_CASE("a live journal is not touched by recovery") {
  auto journal = Journal::create("run.daybook", run_info());
  journal.set("x", 1);
  CHECK_FALSE(recover("run.daybook").needed);
  CHECK(fs::exists("run.daybook/intake"));
  journal.set("x", 2);
  journal.finish();
}

TEST_CASE("the map grows by itself while the writer writes and while recovery commits") {
  const auto usual = detail::Store::first_map_bytes;
  detail::Store::first_map_bytes = 1 << 20;
  const std::string text(3000, 't');
  {
    auto journal = Journal::create("run.daybook", run_info());
    for (int i = 0; i < 3000; ++i) journal.set("x", text);
    journal.finish();
  }
  CHECK(Reader("run.daybook").last() == 3002);
  REQUIRE(test::was_killed(test::in_killed_child([&] {
    auto options = lazy();
    options.intake_bytes = 16 << 20;
    auto journal = Journal::create("dead.daybook", run_info(), options);
    for (int i = 0; i < 1000; ++i) journal.set("x", text);
    ::kill(::getpid(), SIGKILL);
  })));
  CHECK(recover("dead.daybook").last == 1001);
  CHECK(Reader("dead.daybook").last() == 1001);
  detail::Store::first_map_bytes = usual;
}
