// A compacted journal is the old one in less room: the same events, states and checkpoints.

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <array>
#include <catch2/catch.hpp>
#include <cerrno>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "daybook/journal/compact.h"
#include "daybook/journal/error.h"
#include "daybook/journal/reader.h"
#include "daybook/journal/verify.h"
#include "support/child.h"
#include "support/fresh_folder.h"

using namespace daybook;
namespace fs = std::filesystem;

namespace {

// 100 images of 40 kB under two keys, a list, a checkpoint in the middle, one in parts, and an attribute.
void fill(Journal& journal) {
  std::vector<std::uint32_t> pixels(10'000);
  journal.set("list", Value::list({}));
  for (std::uint32_t i = 0; i < 100; ++i) {
    pixels.assign(pixels.size(), i);
    journal.set(i % 2 == 0 ? "even" : "odd", Value::array(pixels.data(), {100, 100}));
    journal.append("list", i);
    if (i == 50) journal.checkpoint("middle");
  }
  const std::vector<std::uint32_t> large(5'000'000, 7);
  journal.set("large", Value::array(large.data(), {large.size()}));
  journal.set_attribute("large", "exposure", 0.25);
}

using Told = std::map<Sequence, std::pair<std::string, Value>>;

Told told(const Reader& reader) {
  Told all;
  reader.events(1, reader.last(), [&](const Event& event) {
    Value value = 0;
    std::visit(
        [&](const auto& body) {
          if constexpr (requires { body.value; }) value = body.value.owned();
        },
        event.body);
    all.emplace(event.sequence, std::pair(std::string(kind_name(event.body)) + " " + std::string(event.key), value));
    return true;
  });
  return all;
}

std::size_t entries() {
  return static_cast<std::size_t>(std::distance(fs::directory_iterator("."), fs::directory_iterator()));
}

}  // namespace

TEST_CASE("compacting keeps every event and gives back the room that was left") {
  std::uint64_t kept = 0;
  {
    auto journal = Journal::create("run.daybook", {});
    fill(journal);
    journal.finish();
  }
  {
    // Room that is free inside the file: what was dropped by retention.
    JournalOptions options;
    options.history_bytes = 1'000'000;
    Journal::open("run.daybook", options).close();
  }
  const auto before = told(Reader("run.daybook"));
  fs::permissions("run.daybook", fs::perms(0750));
  fs::permissions("run.daybook/data.mdb", fs::perms(0640));
  const auto report = compact("run.daybook");
  CHECK(report.bytes_before > report.bytes_after + 2'000'000);
  CHECK(report.bytes_after == fs::file_size("run.daybook/data.mdb"));
  CHECK(report.dropped == 0);
  CHECK(report.elided == 71);
  CHECK(entries() == 1);
  CHECK(fs::status("run.daybook").permissions() == fs::perms(0750));
  CHECK(fs::status("run.daybook/data.mdb").permissions() == fs::perms(0640));
  {
    const Reader reader("run.daybook");
    CHECK(told(reader) == before);
    CHECK(reader.status().phase == Phase::finished);
    CHECK(verify("run.daybook").damage.empty());
  }
  kept = report.bytes_after;
  CHECK(compact("run.daybook").bytes_after == kept);
}

TEST_CASE("compacting without history keeps the newest state and the checkpoint") {
  {
    auto journal = Journal::create("run.daybook", {});
    fill(journal);
  }
  const auto before = told(Reader("run.daybook"));
  const auto report = compact("run.daybook", {.history_bytes = 0, .progress = {}});
  CHECK(report.dropped == 96);
  CHECK(report.dropped_bytes == 96 * 40'000);
  const Reader reader("run.daybook");
  for (const auto& [sequence, event] : told(reader)) {
    CAPTURE(sequence);
    CHECK(event.first == before.at(sequence).first);
    if (event.second.form() != Form::elided) CHECK(event.second == before.at(sequence).second);
  }
  for (const auto as_of : {reader.last(), reader.resolve(AtCheckpoint{"middle"})})
    for (const auto& state : reader.states(as_of))
      CHECK(std::get<Set>(reader.event(state.base).body).value.form() != Form::elided);
  CHECK(verify("run.daybook").damage.empty());
}

TEST_CASE("a compacted journal can be gone on with, under its budget") {
  {
    auto journal = Journal::create("run.daybook", {});
    fill(journal);
  }
  compact("run.daybook");
  JournalOptions options;
  options.history_bytes = 0;
  {
    auto journal = Journal::open("run.daybook", options);
    journal.set("large", 1);
    journal.checkpoint("middle");
  }
  CHECK(verify("run.daybook").damage.empty());
  CHECK(compact("run.daybook", {.history_bytes = 0, .progress = {}}).dropped == 0);
  const Reader reader("run.daybook");
  for (const auto& state : reader.states(reader.last()))
    CHECK(std::get<Set>(reader.event(state.base).body).value.form() != Form::elided);
}

TEST_CASE("compacting recovers a crashed run first") {
  test::in_killed_child([] {
    JournalOptions options;
    options.commit_interval = std::chrono::hours(1);
    auto journal = Journal::create("run.daybook", {}, options);
    for (int i = 0; i < 100; ++i) journal.set("k", i);
    ::kill(::getpid(), SIGKILL);
  });
  CHECK(fs::exists("run.daybook/intake"));
  CHECK(compact("run.daybook").events == 101);
  CHECK_FALSE(fs::exists("run.daybook/intake"));
  const Reader reader("run.daybook");
  CHECK(reader.status().phase == Phase::crashed);
  CHECK(std::get<Set>(reader.event(101).body).value == Value(99));
}

TEST_CASE("compacting refuses what it could only harm, and changes nothing") {
  std::optional<Journal> journal(Journal::create("run.daybook", {}));
  fill(*journal);
  SECTION("a live run") { CHECK_THROWS_AS(compact("run.daybook"), BusyError); }
  journal.reset();
  SECTION("a journal that this process reads") {
    const Reader reader("run.daybook");
    CHECK_THROWS_AS(compact("run.daybook"), BusyError);
  }
  SECTION("a folder that holds something else") {
    test::write_file("run.daybook/notes.txt", "cooled to 4 K");
    CHECK_THROWS_WITH(compact("run.daybook"), Catch::Contains("notes.txt"));
    CHECK(test::read_file("run.daybook/notes.txt") == "cooled to 4 K");
  }
  SECTION("a damaged record") {
    auto bytes = test::read_file("run.daybook/data.mdb");
    // A pixel of the 31st image.
    bytes[bytes.find(std::string("\x1e\0\0\0\x1e\0\0\0", 8)) + 1] = 1;
    test::write_file("run.daybook/data.mdb", bytes);
    CHECK_THROWS_AS(compact("run.daybook"), CorruptError);
    CHECK(test::read_file("run.daybook/data.mdb") == bytes);
  }
  SECTION("what is not there") { CHECK_THROWS_AS(compact("none.daybook"), Error); }
  CHECK(entries() == 1);
}

TEST_CASE("a file system that cannot exchange two names gets the new journal all the same") {
  {
    auto journal = Journal::create("run.daybook", {});
    fill(journal);
    journal.finish();
  }
  const auto before = told(Reader("run.daybook"));
  test::write_file("run.daybook/lock.mdb", test::read_file("run.daybook/lock.mdb"));  // of an earlier reader
  const auto old = fs::file_size("run.daybook/data.mdb");
  const auto status = test::in_killed_child([] {
    // The kernel says of renameat2 what such a file system says.
    const std::array<sock_filter, 4> rules{
        sock_filter BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
        sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_renameat2, 0, 1),
        sock_filter BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EINVAL),
        sock_filter BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const sock_fprog program{static_cast<unsigned short>(rules.size()), const_cast<sock_filter*>(rules.data())};
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
      ::_exit(98);
    compact("run.daybook", {.history_bytes = 0, .progress = {}});
  });
  CHECK(test::was_killed(status));
  CHECK(fs::file_size("run.daybook/data.mdb") < old);
  CHECK(entries() == 1);
  const Reader reader("run.daybook");
  CHECK(told(reader).size() == before.size());
  CHECK(verify("run.daybook").damage.empty());
}

TEST_CASE("a link to a journal stays one") {
  {
    auto journal = Journal::create("run.daybook", {});
    fill(journal);
  }
  fs::create_directory_symlink("run.daybook", "link.daybook");
  compact("link.daybook");
  CHECK(fs::is_symlink("link.daybook"));
  CHECK(Reader("link.daybook").last() == Reader("run.daybook").last());
}
