#pragma once

// Which values of a journal that nobody writes may be dropped, found from its events alone.

#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "daybook/journal/store.h"

namespace daybook::detail {

struct Dropping {
  // By the chain's key in `heads`: the events whose value is dropped, in order.
  std::unordered_map<std::string, std::vector<Sequence>> chains;
  // Of each record to be shortened, the bytes of payload that stay: those events, their parts, and parts of none.
  std::map<Sequence, std::uint64_t> records;
  std::uint64_t bytes = 0;
};

// Drops the oldest superseded values until at most `budget` bytes of them are left, none that a checkpoint needs.
// CorruptError if a record is damaged.
Dropping survey(const ReadTransaction& transaction, std::uint64_t budget);

}  // namespace daybook::detail
