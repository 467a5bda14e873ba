#pragma once

// Bounded history: which payloads a newer whole value has superseded, and dropping the oldest of them. All of it
// happens inside the transactions of the committer, so that a crash leaves either both the index and the records as
// they were, or both as they are to be. schema/FORMAT.md, "Retention".
//
// Two databases keep the books, for payloads of `least_tracked` bytes and more only:
//   payloads     hash of the chain, sequence number → bytes: those of the chain's live value
//   superseded   pin, sequence number → bytes, by: those that event `by` has superseded. `pin` is the sequence number
//                of the checkpoint that needs it, 0 for none: so those that may go stand first, the oldest in front.

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <unordered_set>

#include "daybook/journal/codec.h"
#include "daybook/journal/journal.h"
#include "daybook/journal/payload.h"
#include "daybook/journal/store.h"

namespace daybook::detail {

// What dropping a value of this size is worth: records above it stand on pages of their own, which dropping sets free;
// a smaller one shares its page with others, and nothing would be gained.
inline constexpr std::uint64_t least_tracked = 2048;

// Of an event whose value can be dropped, the bytes that would go; 0 if it is not worth it or never dropped.
std::uint64_t droppable_bytes(const RecordView& record, wire::Event::Reader event);

class Retention {
 public:
  // `budget`: bytes of superseded payload that are kept beside what checkpoints need.
  Retention(const Store& store, std::uint64_t budget);

  // The records of a transaction pass in order. `chain`: the event's key in `heads`.
  void pass(WriteTransaction& transaction, const RecordView& record, wire::Event::Reader event, std::string_view chain);
  // The same of an event on a dataset's chain that holds the whole value, in a few bytes, and has a predecessor.
  void pass_whole(WriteTransaction& transaction, Sequence sequence, std::string_view dataset);
  // A checkpoint that takes the name over from an earlier one (0: none).
  void pass_checkpoint(WriteTransaction& transaction, Sequence sequence, Sequence released);
  // After the last one, with `heads` written: drops what is above the budget, so much as one transaction should, and
  // writes into `state` what is left.
  void enforce(WriteTransaction& transaction, StoredState& state);
  // There is more to drop: another transaction should come, even without events.
  [[nodiscard]] bool is_behind(const StoredState& state) const { return state.superseded > budget_; }

  // How a transaction ended.
  void committed() { added_ = 0; }
  void abandoned();

 private:
  struct Superseded;
  void load(const WriteTransaction& transaction);
  void supersede(WriteTransaction& transaction, std::string_view chain, Sequence by);
  void put_superseded(WriteTransaction& transaction, Sequence sequence, std::uint64_t bytes, Sequence by);
  void elide(WriteTransaction& transaction, Sequence sequence);
  [[nodiscard]] bool is_live(const WriteTransaction& transaction, std::string_view chain, Sequence sequence) const;

  const Store::Databases& databases_;
  const std::uint64_t budget_;
  // A copy of what the databases say as of this transaction, read when first needed.
  bool loaded_ = false;
  std::unordered_set<std::uint64_t> chains_;  // hashes of all that have entries in `payloads`, maybe of others as well
  std::set<Sequence> checkpoints_;
  std::uint64_t added_ = 0;  // superseded by this transaction, and not needed by a checkpoint
};

}  // namespace daybook::detail
