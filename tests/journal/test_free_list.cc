// Nothing is written to a journal whose list of free pages cannot be right.
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <csignal>
#include <cstring>
#include <fstream>
#include <iterator>

#include "daybook/journal/error.h"
#include "daybook/journal/reader.h"
#include "daybook/journal/verify.h"
#include "journal/damage.h"
#include "support/child.h"

namespace {

namespace fs = std::filesystem;
using namespace daybook;
using Catch::Matchers::Contains;
using detail::PageNumber;
using detail::PageTrees;

std::string slurp(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void spill(const fs::path& file, const std::string& bytes) { std::ofstream(file, std::ios::binary) << bytes; }

// A journal of several commits and pages of every kind, whose writer died with events in the intake.
fs::path make_crashed(const fs::path& dir) {
  REQUIRE(test::was_killed(test::in_killed_child([&] {
    {
      auto journal = Journal::create(dir, damage::info());
      damage::fill(journal);
      const std::vector<double> large(20'000);
      journal.set("large", Value::array(large.data(), {20'000}));
      for (int i = 0; i < 2000; ++i) journal.set("many", i);
    }
    JournalOptions lazy;
    lazy.commit_interval = std::chrono::hours(1);
    auto journal = Journal::open(dir, lazy);
    for (int i = 0; i < 20; ++i) journal.set("many", i);
    ::kill(::getpid(), SIGKILL);
  })));
  return dir;
}

// One entry of the list: numbers, the highest first.
struct Entry {
  std::size_t offset = 0;  // in data.mdb, of the first number; the count stands before it
  std::vector<PageNumber> pages;
};

[[noreturn]] void throw_problem(const detail::PageProblem& problem) { throw std::runtime_error(problem.what); }

class Pages {
 public:
  explicit Pages(const fs::path& dir) : file_(dir / "data.mdb"), trees_(file_, file_.metas(throw_problem).at(0)) {
    databases_ = trees_.databases(throw_problem);
  }
  // The entry that names the most.
  [[nodiscard]] Entry longest() {
    std::vector<Entry> found;
    trees_.walk(
        trees_.meta().free,
        [&](const PageTrees::Entry& entry) {
          Entry& one = found.emplace_back();
          one.pages.resize(entry.value.size() / 8 - 1);
          std::memcpy(one.pages.data(), entry.value.data() + 8, 8 * one.pages.size());
          std::vector<std::byte> page(4096);
          file_.read(entry.page * 4096, page);
          const auto at = std::search(page.begin(), page.end(), entry.value.begin(), entry.value.end());
          one.offset = entry.page * 4096 + static_cast<std::size_t>(at - page.begin()) + 8;
        },
        throw_problem, detail::KeyOrder::integers);
    const auto longest = std::max_element(
        found.begin(), found.end(), [](const Entry& a, const Entry& b) { return a.pages.size() < b.pages.size(); });
    REQUIRE(longest != found.end());
    REQUIRE(longest->pages.size() > 1);
    return *longest;
  }
  // Of a named database, in the order of the tree; with those of large values.
  [[nodiscard]] std::vector<PageNumber> leaves(const char* name) {
    std::vector<PageNumber> found;
    trees_.walk(
        databases_.at(name), [&](const PageTrees::Entry& entry) { found.push_back(entry.page); }, throw_problem);
    return found;
  }
  [[nodiscard]] const detail::Tree& tree(const char* name) const { return databases_.at(name); }
  [[nodiscard]] const detail::Meta& meta() const { return trees_.meta(); }

 private:
  detail::PageFile file_;
  PageTrees trees_;
  std::map<std::string, detail::Tree> databases_;
};

std::string with_numbers(std::string bytes, const Entry& entry, const std::vector<PageNumber>& pages) {
  std::memcpy(bytes.data() + entry.offset, pages.data(), 8 * pages.size());
  return bytes;
}

// The entry with one of its pages exchanged for this one.
std::string naming(const std::string& bytes, const Entry& entry, PageNumber page) {
  auto pages = entry.pages;
  *std::min_element(pages.begin(), pages.end(), [&](PageNumber a, PageNumber b) {
    return std::max(a, page) - std::min(a, page) < std::max(b, page) - std::min(b, page);
  }) = page;
  std::sort(pages.begin(), pages.end(), std::greater<>());
  return with_numbers(bytes, entry, pages);
}

void check_refused(const fs::path& dir) {
  const auto data = slurp(dir / "data.mdb"), intake = slurp(dir / "intake");
  CHECK_THROWS_AS(recover(dir), CorruptError);
  CHECK_THROWS_WITH(recover(dir), Contains("data.mdb") && Contains("free pages") && Contains("daybook salvage"));
  CHECK_THROWS_AS(Journal::open(dir), CorruptError);
  CHECK_THROWS_AS(Reader(dir), CorruptError);
  CHECK(slurp(dir / "data.mdb") == data);
  CHECK(slurp(dir / "intake") == intake);
  CHECK_FALSE(verify(dir).damage.empty());
}

}  // namespace

TEST_CASE("recovery writes nothing where the list of free pages names a page in use") {
  const auto dir = make_crashed("run.daybook");
  const auto good = slurp(dir / "data.mdb");
  Pages pages(dir);
  const auto entry = pages.longest();
  const auto events = pages.leaves(detail::events_db);
  struct Named {
    const char* what;
    PageNumber page;
  };
  std::vector<Named> in_use{{"first leaf of events", events.front()},
                            {"last leaf of events", events.back()},
                            {"root of events", pages.tree(detail::events_db).root},
                            {"heads", pages.leaves("heads").front()},
                            {"run", pages.leaves("run").front()},
                            {"checkpoints", pages.leaves("checkpoints").front()},
                            {"payloads", pages.leaves("payloads").front()},
                            {"superseded", pages.leaves("superseded").back()},
                            {"list of databases", pages.meta().main.root},
                            {"the list itself", pages.meta().free.root}};
  // The large value's pages follow each other.
  const auto records = damage::records(dir);
  const auto large = std::max_element(records.begin(), records.end(),
                                      [](const auto& a, const auto& b) { return a.second.size < b.second.size; });
  REQUIRE(large->second.size > 10 * 4096);
  for (const PageNumber behind : {0, 1, 20, 39})
    in_use.push_back({"large value", large->second.offset / 4096 + behind});
  for (const auto& [what, page] : in_use) {
    INFO(what << ": page " << page);
    spill(dir / "data.mdb", naming(good, entry, page));
    check_refused(dir);
  }
  spill(dir / "data.mdb", good);
  CHECK(recover(dir).last > 2000);
  CHECK(verify(dir).damage.empty());
}

TEST_CASE("recovery writes nothing where the list of free pages is no list") {
  const auto dir = make_crashed("run.daybook");
  const auto good = slurp(dir / "data.mdb");
  Pages pages(dir);
  const auto entry = pages.longest();
  const auto with = [&](std::size_t at, PageNumber page) {
    auto numbers = entry.pages;
    numbers[at] = page;
    return with_numbers(good, entry, numbers);
  };
  std::map<std::string, std::string> bad{{"out of range", with(0, pages.meta().last_page + 1)},
                                         {"a meta page", with(entry.pages.size() - 1, 1)},
                                         {"twice", with(1, entry.pages[0])},
                                         {"out of order", with(0, entry.pages.back())}};
  auto& count = bad["a count beyond the entry"] = good;
  const std::uint64_t many = 1 << 20;
  std::memcpy(count.data() + entry.offset - 8, &many, sizeof many);
  auto& zeros = bad["zeros"] = good;
  zeros.replace(pages.meta().free.root * 4096, 4096, 4096, '\0');
  for (const auto& [what, bytes] : bad) {
    INFO(what);
    spill(dir / "data.mdb", bytes);
    check_refused(dir);
  }
}
