// Asking the writer of a live journal for a checkpoint.
#include <catch2/catch.hpp>
#include <csignal>
#include <filesystem>
#include <future>
#include <string>
#include <thread>
#include <vector>

#include "daybook/journal/checkpoint_request.h"
#include "daybook/journal/compact.h"
#include "daybook/journal/error.h"
#include "daybook/journal/reader.h"
#include "daybook/journal/verify.h"
#include "support/child.h"
#include "support/fresh_folder.h"

using namespace daybook;
using namespace daybook::test;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

namespace {

RunInfo run(const std::string& class_name) {
  RunInfo info;
  info.rid = 5;
  info.class_name = class_name;
  return info;
}

constexpr auto patience = 60s;  // no test waits for it

std::string line(std::size_t size) {
  std::string text(size, 'x');
  text.push_back('\n');
  return text;
}

Journal make(const fs::path& path) {
  JournalOptions options;
  options.commit_interval = 1h;  // answering must not depend on it
  return Journal::create(path, run("Asked"), options);
}

}  // namespace

TEST_CASE("a writer answers: the checkpoint is there, durable and visible, and the request is gone") {
  const FreshFolder folder;
  auto journal = make(folder / "run.daybook");
  const CheckpointAnswers answers(journal);
  const auto first = journal.set("x", 1);
  const auto checkpoint = request_checkpoint(journal.path(), "now", patience);
  REQUIRE(checkpoint);
  CHECK(*checkpoint == first + 1);
  const Reader reader(journal.path());
  CHECK(reader.resolve(AtCheckpoint{"now"}) == *checkpoint);
  CHECK_FALSE(fs::exists(journal.path() / "checkpoint-request"));
  journal.set("x", 2);
  const auto second = request_checkpoint(journal.path(), "now", patience);  // takes the name over
  REQUIRE(second);
  CHECK(*second == *checkpoint + 2);
}

TEST_CASE("many ask at once, and each gets a checkpoint of its own time") {
  const FreshFolder folder;
  auto journal = make(folder / "run.daybook");
  const CheckpointAnswers answers(journal);
  std::vector<std::future<std::optional<Sequence>>> asked;
  for (int i = 0; i < 8; ++i)
    asked.push_back(std::async(std::launch::async, [&, i] {
      return request_checkpoint(journal.path(), i % 2 == 0 ? "same" : "own " + std::to_string(i), patience);
    }));
  for (auto& one : asked) CHECK(one.get());
  for (const auto& [name, sequence] : Reader(journal.path()).checkpoints()) CHECK(sequence > 1);
  CHECK(Reader(journal.path()).checkpoints().size() == 5);
}

TEST_CASE("a writer that has something to do first answers in steps") {
  const FreshFolder folder;
  auto journal = make(folder / "run.daybook");
  CHECK_FALSE(find_checkpoint_request(journal.path()));
  auto asked = std::async(std::launch::async, [&] { return request_checkpoint(journal.path(), "in steps", patience); });
  std::optional<std::string> name;
  while (!(name = find_checkpoint_request(journal.path()))) std::this_thread::sleep_for(1ms);
  CHECK(*name == "in steps");
  journal.set("found", true);
  const auto sequence = journal.checkpoint(*name);
  journal.commit();
  remove_checkpoint_request(journal.path());
  CHECK(asked.get() == sequence);
  CHECK_NOTHROW(remove_checkpoint_request(journal.path()));
}

TEST_CASE("who gets no answer takes the question back") {
  const FreshFolder folder;
  auto journal = make(folder / "run.daybook");
  CHECK_FALSE(request_checkpoint(journal.path(), "nobody", 30ms));
  CHECK_FALSE(find_checkpoint_request(journal.path()));
  CHECK_FALSE(answer_checkpoint_request(journal));
  // Somebody else's question stays.
  write_file(journal.path() / "checkpoint-request", "left\n");
  CHECK_FALSE(request_checkpoint(journal.path(), "nobody", 30ms));
  CHECK(answer_checkpoint_request(journal) == "left");
  CHECK_FALSE(answer_checkpoint_request(journal));
  CHECK(journal.statistics().committed == 2);
  std::size_t entries = 0;
  for (const auto& entry : fs::directory_iterator(journal.path())) entries += entry.path().empty() ? 0 : 1;
  CHECK(entries == 3);  // data.mdb, lock.mdb, intake
}

TEST_CASE("nobody is asked of a run that nobody writes, or that ends meanwhile") {
  const FreshFolder folder;
  auto journal = make(folder / "run.daybook");
  auto asked = std::async(std::launch::async, [&] { return request_checkpoint(journal.path(), "late", patience); });
  while (!find_checkpoint_request(journal.path())) std::this_thread::sleep_for(1ms);
  journal.finish();
  CHECK_FALSE(asked.get());
  CHECK_FALSE(fs::exists(journal.path() / "checkpoint-request"));
  CHECK_FALSE(request_checkpoint(journal.path(), "later", patience));
  CHECK_THROWS_AS(request_checkpoint(folder / "no.daybook", "x", patience), UnsupportedError);
}

TEST_CASE("names that are no line are refused, and what is no request is none") {
  const FreshFolder folder;
  auto journal = make(folder / "run.daybook");
  for (const auto& name : {std::string(), std::string("a\nb"), std::string("a\0b", 3), std::string(1025, 'x')})
    CHECK_THROWS_AS(request_checkpoint(journal.path(), name, 1ms), InvalidError);
  const auto request = journal.path() / "checkpoint-request";
  std::vector<std::string> texts{"", "\n", "no end", "a\nb\n", line(1025), line(1024), std::string(100000, 'x')};
  texts.emplace_back("a\0b\n", 4);
  texts[5] += "b";
  for (const auto& text : texts) {
    write_file(request, text);
    CHECK_FALSE(answer_checkpoint_request(journal));
  }
  fs::remove(request);
  fs::create_directory(request);
  CHECK_FALSE(answer_checkpoint_request(journal));
  fs::remove(request);
  fs::create_symlink("data.mdb", request);
  CHECK_FALSE(answer_checkpoint_request(journal));
  CHECK(journal.statistics().last == 1);
  write_file(folder / "line", line(1024));
  fs::rename(folder / "line", request);
  CHECK(answer_checkpoint_request(journal) == std::string(1024, 'x'));
}

TEST_CASE("a request that was left is in nobody's way") {
  const FreshFolder folder;
  const auto path = folder / "run.daybook";
  const auto leave = [&] {
    write_file(path / "checkpoint-request", "left\n");
    write_file(path / ".checkpoint-request.elsewhere.1.0.part", "lef");
  };
  REQUIRE(was_killed(in_killed_child([&] {
    auto journal = make(path);
    journal.set("x", 1);
    ::raise(SIGKILL);
  })));
  leave();
  CHECK(verify(path).damage.empty());
  CHECK(Reader(path).last() == 2);  // recovers it
  CHECK_FALSE(fs::exists(path / "checkpoint-request"));
  leave();
  Journal::open(path).finish();
  CHECK_FALSE(fs::exists(path / "checkpoint-request"));
  leave();
  compact(path);
  CHECK_FALSE(fs::exists(path / "checkpoint-request"));
  leave();
  CHECK(Reader(path).last() == 3);
  CHECK(remove_journal(path, [] { return true; }));
  CHECK(folder.entries() == 0);
}
