#pragma once

// A small journal with something of everything in it, and ways to hurt it.

#include <algorithm>
#include <filesystem>
#include <map>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "daybook/journal/journal.h"
#include "daybook/journal/pages.h"
#include "daybook/journal/record.h"

namespace damage {

using daybook::Sequence;

// Fills `journal` in several commits: every kind of event, small and large records, long keys.
inline void fill(daybook::Journal& journal) {
  const std::string long_key(600, 'k');
  std::vector<double> big(3000);
  for (std::size_t i = 0; i < big.size(); ++i) big[i] = static_cast<double>(i) / 7;
  journal.stage("prepare");
  daybook::SetOptions options;
  options.metadata = {{"unit", "V"}};
  journal.set("image", daybook::Value::array(big.data(), {30, 100}), options);
  journal.set("list", daybook::Value::list_of(std::span<const double>(big.data(), 3)));
  journal.sync();
  journal.stage("run", 1.5);
  for (int i = 0; i < 30; ++i) {
    journal.append("list", i * 0.5);
    journal.set("key " + std::to_string(i % 7), i);
    if (i % 10 == 3) journal.sync();
  }
  journal.mutate("image", {{0, 0}, {1, 100}, {1, 1}}, daybook::Value::array(big.data(), {1, 100}));
  journal.checkpoint("half");
  journal.set(long_key, "a value under a long key");
  journal.set_attribute("image", "note", "text");
  journal.archive("constant", 42);
  journal.replace("image", daybook::Value::array(big.data(), {100, 30}));
  journal.remove("key 3");
  journal.remove_attribute("image", "note");
  journal.set("strings", daybook::Value::list({daybook::Value("a"), daybook::Value(1), daybook::Value("bc")}));
  journal.checkpoint("half");
}

inline daybook::RunInfo info() {
  daybook::RunInfo info;
  info.rid = 17;
  info.class_name = "Damaged";
  info.expid = "{\"class_name\": \"Damaged\"}";
  info.start_time = 1.7e9;
  return info;
}

inline std::filesystem::path make(const std::filesystem::path& dir) {
  auto journal = daybook::Journal::create(dir, info());
  fill(journal);
  journal.finish();
  return dir;
}

struct Extent {
  std::uint64_t offset = 0, size = 0;  // in data.mdb
};

// Where the record of each event stands.
inline std::map<Sequence, Extent> records(const std::filesystem::path& dir) {
  using namespace daybook::detail;
  std::map<Sequence, Extent> found;
  const PageFile file(dir / "data.mdb");
  const Problems none = [](const PageProblem& problem) { throw std::runtime_error(problem.what); };
  PageTrees trees(file, file.metas(none).at(0));
  const auto page_size = trees.meta().page_size;
  trees.walk(
      trees.databases(none).at(events_db),
      [&](const PageTrees::Entry& entry) {
        std::vector<std::byte> page(page_size);
        file.read(entry.page * page_size, page);
        const auto front = entry.value.first(std::min<std::size_t>(entry.value.size(), 48));
        const auto at = std::search(page.begin(), page.end(), front.begin(), front.end()) - page.begin();
        found[find_record(entry.value).value().header.sequence] = {
            entry.page * page_size + static_cast<std::uint64_t>(at), entry.value.size()};
      },
      none);
  return found;
}

}  // namespace damage
