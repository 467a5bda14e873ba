// Journal::commit() and free_intake_bytes().
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <csignal>
#include <string>
#include <thread>
#include <vector>

#include "daybook/journal/error.h"
#include "daybook/journal/journal.h"
#include "daybook/journal/reader.h"
#include "support/child.h"
#include "support/fresh_folder.h"

using namespace daybook;
using namespace daybook::test;

namespace {

RunInfo run(const std::string& class_name) {
  RunInfo info;
  info.rid = 1;
  info.class_name = class_name;
  return info;
}

// No commit comes to the help of commit().
constexpr std::chrono::milliseconds far_off{3'600'000};

JournalOptions lazy(std::uint64_t intake_bytes = std::uint64_t{1} << 20) {
  JournalOptions options;
  options.intake_bytes = intake_bytes;
  options.commit_interval = far_off;
  return options;
}

}  // namespace

TEST_CASE("commit() brings all that was appended before where readers see it") {
  const FreshFolder folder;
  auto journal = Journal::create(folder.path() / "run.daybook", run("Lazy"), lazy());
  for (int i = 0; i < 50; ++i) {
    const auto sequence = journal.set("x", i);
    if (i == 0) CHECK(journal.statistics().committed < sequence);
    journal.commit();
    CHECK(journal.statistics().committed == sequence);
    CHECK(Reader(journal.path()).last() == sequence);
  }
  const auto commits = journal.statistics().commits;
  journal.commit();  // there is nothing to commit
  CHECK(journal.statistics().commits == commits);
}

TEST_CASE("commit() of many threads, more than one transaction's worth between them") {
  const FreshFolder folder;
  auto journal = Journal::create(folder.path() / "run.daybook", run("Lazy"), lazy(std::uint64_t{64} << 20));
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      const std::vector<double> bulk(40'000, t);
      for (int i = 0; i < 30; ++i) {
        const auto sequence = journal.set("k" + std::to_string(t), Value::array(bulk.data(), {bulk.size()}));
        if (i % 3 != 0) continue;
        journal.commit();
        if (journal.statistics().committed < sequence) ++wrong;
      }
    });
  for (auto& thread : threads) thread.join();
  CHECK(wrong == 0);
  journal.commit();
  CHECK(journal.statistics().committed == journal.statistics().last);
}

TEST_CASE("what was committed needs no intake any more, although no interval has passed") {
  const FreshFolder folder;
  const auto path = folder.path() / "run.daybook";
  const auto status = in_killed_child([&] {
    auto journal = Journal::create(path, run("Lazy"), lazy());
    journal.set("x", 1);
    journal.commit();
    journal.set("y", 2);
    ::raise(SIGKILL);  // before the journal is closed
  });
  REQUIRE(was_killed(status));
  std::filesystem::remove(path / "intake");  // as if the power had gone
  CHECK(Reader(path).last() == 2);
}

TEST_CASE("commit() throws what a full disk says, and works again once there is room") {
  const FreshFolder folder;
  const auto path = folder.path() / "run.daybook";
  const auto status = in_killed_child([&] {
    std::signal(SIGXFSZ, SIG_IGN);
    auto journal = Journal::create(path, run("Full"), lazy());
    journal.set("x", 1);
    journal.commit();
    rlimit limit{};
    ::getrlimit(RLIMIT_FSIZE, &limit);
    const rlimit before = limit;
    limit.rlim_cur = std::filesystem::file_size(path / "data.mdb");
    ::setrlimit(RLIMIT_FSIZE, &limit);
    const std::vector<double> bulk(20'000, 1.0);
    const auto sequence = journal.set("bulk", Value::array(bulk.data(), {bulk.size()}));
    for (int i = 0; i < 3; ++i) {
      try {
        journal.commit();
        throw std::runtime_error("it did not notice");
      } catch (const StorageError& e) {
        if (std::string(e.what()).find("run.daybook") == std::string::npos) throw std::runtime_error(e.what());
      }
    }
    ::setrlimit(RLIMIT_FSIZE, &before);
    journal.commit();
    if (journal.statistics().committed != sequence) throw std::runtime_error("it did not commit");
  });
  CHECK(was_killed(status));
}

TEST_CASE("commit() while another thread closes the journal commits or says that it is closed") {
  for (int i = 0; i < 20; ++i) {
    const FreshFolder folder;
    auto journal = Journal::create(folder.path() / "run.daybook", run("Closing"), lazy());
    journal.set("x", i);
    std::thread closer([&] { journal.close(); });
    try {
      journal.commit();
      CHECK(journal.statistics().committed == 2);
    } catch (const InvalidError& e) {
      CHECK(std::string(e.what()).find("closed") != std::string::npos);
    }
    closer.join();
  }
}

TEST_CASE("free_intake_bytes() tells which appends need not wait") {
  const FreshFolder folder;
  constexpr std::uint64_t intake = 256 << 10;
  auto journal = Journal::create(folder.path() / "run.daybook", run("Ring"), lazy(intake));
  const auto empty = journal.free_intake_bytes();
  CHECK(empty <= intake / 4);  // larger ones go straight to LMDB, which waits
  CHECK(empty > intake / 4 - 64);
  const std::vector<char> bulk(20'000, 'x');
  std::uint64_t room = 0;
  int appended = 0;
  // Never waits as long as it says that there is room. A large batch is committed early, so that the ring need not fill.
  while (appended < 100) {
    room = journal.free_intake_bytes();
    if (room < bulk.size() + 1000) break;
    journal.set("x", Value::bytes({bulk.data(), bulk.size()}));
    ++appended;
  }
  CHECK(appended >= 10);
  CHECK(journal.statistics().waits == 0);
  journal.commit();
  CHECK(journal.free_intake_bytes() == empty);
}

TEST_CASE("in a forked child commit() and free_intake_bytes() refuse") {
  const FreshFolder folder;
  auto journal = Journal::create(folder.path() / "run.daybook", run("Fork"));
  journal.set("x", 1);
  const auto status = in_killed_child([&] {
    int refused = 0;
    try {
      journal.commit();
    } catch (const InvalidError&) {
      ++refused;
    }
    try {
      static_cast<void>(journal.free_intake_bytes());
    } catch (const InvalidError&) {
      ++refused;
    }
    if (refused != 2) throw std::runtime_error("it did not refuse");
  });
  CHECK(was_killed(status));
  journal.commit();
  CHECK(Reader(journal.path()).last() == 2);
}
