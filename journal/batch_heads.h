#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "daybook/journal/record.h"
#include "daybook/journal/store.h"

namespace daybook::detail {

// The newest event of each chain that a batch of events touches: what the batch writes into `heads`.
class BatchHeads {
 public:
  // Events come in the order of their sequence numbers; those of no chain need not come. `previous`: which one the event says
  // comes before it on its chain; only saves looking for that chain by its name.
  void pass(Sequence sequence, Sequence previous, Chain chain, std::string_view key);
  void pass(Sequence sequence, Sequence previous, std::string_view head_key);
  void write(WriteTransaction& transaction, MDB_dbi heads);

 private:
  struct Head {
    Sequence newest;
    std::uint32_t at, size;  // of its key, in keys_
  };
  void pass(Sequence sequence, Sequence previous, char chain, std::string_view rest);
  [[nodiscard]] std::string_view key_of(const Head& head) const {
    return std::string_view(keys_).substr(head.at, head.size);
  }

  std::string keys_;
  std::vector<Head> heads_;  // a chain may come twice
  Sequence first_ = 0;
  std::vector<std::uint32_t> head_of_;  // for the events from first_ on, behind whose place in heads_; 0: of no chain
};

}  // namespace daybook::detail
