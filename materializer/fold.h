#pragma once

#include <memory>
#include <optional>
#include <span>

#include "daybook/journal/event.h"
#include "daybook/materializer/array_fold.h"
#include "daybook/materializer/list_fold.h"
#include "daybook/materializer/replay.h"

namespace daybook::detail {

// The value of one dataset: a base and the changes after it, applied one by one. Borrows from the base, and from the
// events only while they are applied; nothing is copied before the first change.
class Fold {
 public:
  // `parts`: those of the base that have not been checked yet.
  Fold(Value base, std::uint64_t memory, std::vector<UncheckedPart> parts = {})
      : base_(std::move(base)), memory_(memory), parts_(std::move(parts)) {}

  // mutate, mutateItem or append. CorruptError, naming sequence number and key, if it does not fit the value so far.
  void apply(const Event& event);
  // Appends like `like`, each of an item of as many of these bytes as its value has.
  void apply(const Event& like, std::span<const std::byte> items);

  // As HDF5 is to have it. The Fold is spent.
  [[nodiscard]] StoredValue stored() &&;
  // As it was in the run, lists as lists; owns its memory.
  [[nodiscard]] Value value();

 private:
  void change(const Mutate& body);
  void change(const MutateItem& body);
  void change(const Append& body);
  template <class Change>
  void guarded(const Event& event, const Change& change);
  void check_base();
  ListFold& list();
  ArrayFold& array();

  Value base_;
  std::uint64_t memory_;
  std::vector<UncheckedPart> parts_;
  std::shared_ptr<ArrayFold> array_;  // one of the two from the first change on
  std::shared_ptr<ListFold> list_;    // of a list, or of an object array's items
};

}  // namespace daybook::detail
