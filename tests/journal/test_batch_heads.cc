// The newest event of each chain in a batch, against a map; also where what events say of each other does not hold.

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstring>
#include <filesystem>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "daybook/journal/batch_heads.h"
#include "daybook/journal/journal.h"
#include "daybook/journal/record.h"
#include "daybook/journal/store.h"

using namespace daybook;
using namespace daybook::detail;

namespace {

using Heads = std::map<std::string, Sequence>;

Heads stored_heads(Store& store) {
  Heads heads;
  const auto transaction = store.begin_read();
  walk(transaction, store.databases().heads, {}, [&](auto key, auto value) {
    Sequence sequence = 0;
    REQUIRE(value.size() == sizeof sequence);
    std::memcpy(&sequence, value.data(), sizeof sequence);
    heads[{reinterpret_cast<const char*>(key.data()), key.size()}] = sequence;
    return true;
  });
  return heads;
}

std::shared_ptr<Store> new_store(const std::string& folder) {
  std::filesystem::create_directory(folder);
  return Store::create(folder, {}, {});
}

}  // namespace

TEST_CASE("the heads that batches leave are the newest events of all chains") {
  const auto seed = GENERATE(range(0U, 12U));
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  const auto below = [&](std::uint64_t end) {
    return std::uniform_int_distribution<std::uint64_t>(0, end - 1)(random);
  };
  const auto store = new_store("run." + std::to_string(seed));
  std::vector<std::string> keys;
  for (const std::size_t length : {0UL, 1UL, 2UL, max_plain_key, max_plain_key + 1, 600UL})
    keys.emplace_back(length, 'k');
  keys.emplace_back(601, 'k');
  keys.emplace_back(1, '\0');
  for (std::size_t i = 0, many = below(300); i < many; ++i) keys.push_back("group.key" + std::to_string(i));
  Heads expected;
  Sequence next = 1;
  for (int batch = 0; batch < 8; ++batch) {
    BatchHeads heads;
    for (std::uint64_t i = 0, events = below(400); i < events; ++i, ++next) {
      if (below(20) == 0) next += below(3) == 0 ? 1'000'000'000'000 : below(20);  // of no chain, or lost
      const auto& key = keys[below(keys.size())];
      const auto chain = below(5) == 0 ? Chain::archive : Chain::dataset;
      const auto head = head_key(chain, key);
      const auto known = expected.find(head);
      Sequence previous = known == expected.end() ? 0 : known->second;
      if (below(10) == 0) previous = below(2) == 0 ? 0 : below(next);  // damage
      if (below(4) == 0) {
        heads.pass(next, previous, head);
      } else {
        heads.pass(next, previous, chain, key);
      }
      expected[head] = next;
    }
    auto transaction = store->begin_write();
    heads.write(transaction, store->databases().heads);
    transaction.commit();
    REQUIRE(stored_heads(*store) == expected);
  }
}
