#include "daybook/journal/survey.h"

#include <algorithm>
#include <cstring>
#include <set>
#include <utility>

#include "daybook/journal/chains.h"
#include "daybook/journal/payload.h"
#include "daybook/journal/retention.h"

namespace daybook::detail {

namespace {

struct Bulk {
  Sequence sequence = 0;
  std::uint64_t bytes = 0, kept = 0;
  std::vector<Sequence> parts;
};
struct Candidate {
  Bulk bulk;
  const std::string* chain = nullptr;
};

std::set<Sequence> checkpoints_of(const ReadTransaction& transaction) {
  std::set<Sequence> checkpoints;
  walk(transaction, transaction.databases().checkpoints, {}, [&](auto /*name*/, auto stored) {
    Sequence sequence = 0;
    if (stored.size() == sizeof sequence) std::memcpy(&sequence, stored.data(), sizeof sequence);
    checkpoints.insert(sequence);
    return true;
  });
  return checkpoints;
}

}  // namespace

Dropping survey(const ReadTransaction& transaction, std::uint64_t budget) {
  const auto checkpoints = checkpoints_of(transaction);
  std::unordered_map<std::string, std::vector<Bulk>> live;
  std::map<Sequence, Candidate> superseded;
  std::set<Sequence> parts_of_none;
  std::uint64_t total = 0;
  const auto supersede = [&](const std::string& chain, std::vector<Bulk>& values, Sequence by) {
    for (auto& bulk : values) {
      const auto checkpoint = checkpoints.lower_bound(bulk.sequence);
      if (checkpoint != checkpoints.end() && *checkpoint < by) continue;
      total += bulk.bytes;
      const auto sequence = bulk.sequence;
      superseded.emplace(sequence, Candidate{std::move(bulk), &chain});
    }
    values.clear();
  };
  walk(transaction, transaction.databases().events, {}, [&](auto key, auto stored) {
    const auto sequence = sequence_of(key);
    const auto record = peek(transaction, sequence, stored);
    read_message(transaction, record, [&](EventMessage event) {
      if (event.isPart() && !record.is_elided()) parts_of_none.insert(sequence);
      for (const auto part : event.getParts()) parts_of_none.erase(part);
      if (!elidable_value(event) && !event.isRemove()) return;
      const auto bytes = droppable_bytes(record, event);
      const bool whole = !event.isMutate() && !event.isMutateItem() && !event.isAppend();
      if (bytes == 0 && (!whole || live.empty())) return;
      auto chain = chain_of(event);
      auto values = live.find(chain);
      if (whole && values != live.end()) supersede(values->first, values->second, sequence);
      if (bytes == 0) return;
      if (values == live.end()) values = live.emplace(std::move(chain), std::vector<Bulk>()).first;
      Bulk bulk{sequence, bytes, kept_bytes(event), {}};
      for (const auto part : event.getParts()) bulk.parts.push_back(part);
      values->second.push_back(std::move(bulk));
    });
    return true;
  });

  Dropping dropping;
  for (const auto& [sequence, candidate] : superseded) {
    if (total <= budget) break;
    const auto& bulk = candidate.bulk;
    total -= bulk.bytes;
    dropping.bytes += bulk.bytes;
    dropping.records.emplace(sequence, bulk.kept);
    for (const auto part : bulk.parts) dropping.records.emplace(part, 0);
    dropping.chains[*candidate.chain].push_back(sequence);
  }
  for (const auto part : parts_of_none) {
    dropping.records.emplace(part, 0);
    dropping.bytes += record_at(transaction, part).payload.size();
  }
  return dropping;
}

}  // namespace daybook::detail
