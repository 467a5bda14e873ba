// The page reader against LMDB itself: it sees what LMDB stored, and after any damage it stays inside the file, ends,
// and still sees what was not hit.
#include <lmdb.h>

#include <catch2/catch.hpp>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <random>
#include <string>

#include "daybook/journal/error.h"
#include "daybook/journal/pages.h"

namespace {

namespace fs = std::filesystem;
using namespace daybook::detail;
using Content = std::map<std::string, std::map<std::string, std::string>>;

std::string big_endian(std::uint64_t number) {
  std::string key(8, '\0');
  for (int i = 7; i >= 0; --i, number >>= 8) key[static_cast<std::size_t>(i)] = static_cast<char>(number & 0xff);
  return key;
}

std::string filler(std::size_t size, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::string text(size, '\0');
  for (auto& c : text) c = static_cast<char>(random());
  return text;
}

// Writes `count` events of mixed sizes and one head, rewritten in each of many transactions.
Content store(const fs::path& dir, unsigned count) {
  Content content;
  MDB_env* env = nullptr;
  REQUIRE(mdb_env_create(&env) == 0);
  REQUIRE(mdb_env_set_maxdbs(env, 4) == 0);
  REQUIRE(mdb_env_set_mapsize(env, std::size_t{256} << 20) == 0);
  REQUIRE(mdb_env_open(env, dir.c_str(), MDB_NOSYNC, 0644) == 0);
  for (unsigned n = 0; n < count;) {
    MDB_txn* txn = nullptr;
    MDB_dbi events = 0, heads = 0;
    REQUIRE(mdb_txn_begin(env, nullptr, 0, &txn) == 0);
    REQUIRE(mdb_dbi_open(txn, "events", MDB_CREATE, &events) == 0);
    REQUIRE(mdb_dbi_open(txn, "heads", MDB_CREATE, &heads) == 0);
    const auto put = [&](MDB_dbi db, const char* name, std::string key, std::string value, unsigned flags) {
      MDB_val k{key.size(), key.data()}, v{value.size(), value.data()};
      REQUIRE(mdb_put(txn, db, &k, &v, flags) == 0);
      content[name][key] = std::move(value);
    };
    for (unsigned i = 0; i < 40 && n < count; ++i) {
      ++n;
      put(events, "events", big_endian(n), filler(n % 37 == 0 ? 20000 : 48 + 8 * (n % 60), n), MDB_APPEND);
    }
    for (unsigned i = 0; i < 20; ++i) put(heads, "heads", "key " + std::to_string(n * (i + 1) % 101), big_endian(n), 0);
    REQUIRE(mdb_txn_commit(txn) == 0);
  }
  mdb_env_close(env);
  return content;
}

struct Seen {
  std::size_t entries = 0, intact = 0, missing = 0, problems = 0;
  std::string first_problem;
};

Seen look(const fs::path& file, const Content& content) {
  Seen seen;
  const Problems problems = [&](const PageProblem& problem) {
    if (seen.problems++ == 0) seen.first_problem = "page " + std::to_string(problem.page) + " " + problem.what;
  };
  const PageFile pages(file);
  const auto metas = pages.metas(problems);
  for (const auto& [name, entries] : content) seen.missing += entries.size();
  if (metas.empty()) return seen;
  PageTrees trees(pages, metas.front());
  for (const auto& [name, tree] : trees.databases(problems)) {
    const auto expected = content.find(name);
    trees.keep_edge(tree);
    trees.walk(
        tree,
        [&](const PageTrees::Entry& entry) {
          ++seen.entries;
          if (expected == content.end()) return;
          const auto found = expected->second.find({reinterpret_cast<const char*>(entry.key.data()), entry.key.size()});
          if (found == expected->second.end() || found->second.size() != entry.value.size() ||
              std::memcmp(found->second.data(), entry.value.data(), entry.value.size()) != 0)
            return;
          ++seen.intact;
        },
        problems);
  }
  seen.missing -= std::min(seen.missing, seen.intact);
  trees.walk_free(problems);
  for (PageNumber page = 2; page <= metas.front().last_page; ++page)
    if (trees.in_use(page) == trees.free(page)) ++seen.problems;
  return seen;
}

std::string slurp(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void spill(const fs::path& file, const std::string& bytes) { std::ofstream(file, std::ios::binary) << bytes; }

}  // namespace

TEST_CASE("the page reader sees what LMDB stored") {
  const fs::path dir = ".";
  const auto content = store(dir, 12000);
  const auto seen = look(dir / "data.mdb", content);
  INFO(seen.first_problem);
  CHECK(seen.problems == 0);
  CHECK(seen.missing == 0);
  CHECK(seen.entries == seen.intact);
}

TEST_CASE("the page reader keeps its footing on damaged pages") {
  const fs::path dir = ".";
  const auto content = store(dir, 600);
  const auto good = slurp(dir / "data.mdb");
  const auto file = dir / "damaged.mdb";
  const std::size_t page = 4096, pages = good.size() / page;
  const unsigned seed = std::random_device{}();
  INFO("seed " << seed);
  std::mt19937_64 random(seed);

  SECTION("a flipped bit costs what it hits and what stands below it") {
    for (int n = 0; n < 500; ++n) {
      auto bytes = good;
      // Half of them where pages keep their structure.
      const auto at = n % 2 == 0 ? random() % bytes.size() : random() % pages * page + random() % 64;
      bytes[at] = static_cast<char>(bytes[at] ^ (1 << random() % 8));
      spill(file, bytes);
      const auto seen = look(file, content);
      INFO("offset " << at << ": " << seen.first_problem);
      if (seen.missing != 0 && seen.problems == 0) CHECK(seen.missing == 1);  // the bytes of one value: for checksums
    }
  }
  SECTION("shredded pages") {
    for (int n = 0; n < 150; ++n) {
      auto bytes = good;
      for (int hits = 0; hits < 3; ++hits) {
        const auto from = random() % pages * page, to = random() % pages * page;
        switch (random() % 3) {
          case 0:
            bytes.replace(from, page, page, '\0');
            break;
          case 1:
            bytes.replace(from, page, good, to, page);
            break;
          default:
            bytes.replace(from, page, filler(page, random()));
            break;
        }
      }
      spill(file, bytes);
      look(file, content);
    }
  }
  SECTION("cut short") {
    for (int n = 0; n < 100; ++n) {
      const auto length = n < 40 ? random() % (3 * page) : random() % good.size();
      spill(file, good.substr(0, length));
      const auto seen = look(file, content);
      INFO("length " << length);
      CHECK(seen.problems != 0);
    }
  }
}

TEST_CASE("the page reader says when there is no file") {
  CHECK_THROWS_AS(PageFile("/nowhere/data.mdb"), daybook::StorageError);
}
