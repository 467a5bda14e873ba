#include "daybook/journal/batch_heads.h"

#include <algorithm>

namespace daybook::detail {

namespace {

// What salvage could not find is a gap between sequence numbers, which may be a wide one.
constexpr std::uint64_t widest_gap = 4096;

}  // namespace

void BatchHeads::pass(Sequence sequence, Sequence previous, Chain chain, std::string_view key) {
  if (key.size() <= max_plain_key) {
    pass(sequence, previous, static_cast<char>(chain), key);
  } else {
    pass(sequence, previous, head_key(chain, key));
  }
}

void BatchHeads::pass(Sequence sequence, Sequence previous, std::string_view head_key) {
  pass(sequence, previous, head_key.front(), head_key.substr(1));
}

void BatchHeads::pass(Sequence sequence, Sequence previous, char chain, std::string_view rest) {
  if (sequence - first_ > head_of_.size() + widest_gap) {
    head_of_.clear();
    first_ = sequence;
  }
  std::uint32_t behind = 0;
  if (previous >= first_ && previous - first_ < head_of_.size()) behind = head_of_[previous - first_];
  if (behind != 0) {
    const auto known = key_of(heads_[behind - 1]);
    if (known.front() != chain || known.substr(1) != rest) behind = 0;
  }
  if (behind == 0) {
    heads_.push_back({0, static_cast<std::uint32_t>(keys_.size()), static_cast<std::uint32_t>(1 + rest.size())});
    keys_ += chain;
    keys_ += rest;
    behind = static_cast<std::uint32_t>(heads_.size());
  }
  heads_[behind - 1].newest = sequence;
  head_of_.resize(sequence - first_);
  head_of_.push_back(behind);
}

void BatchHeads::write(WriteTransaction& transaction, MDB_dbi heads) {
  std::ranges::sort(heads_, [this](const Head& a, const Head& b) {
    const int order = key_of(a).compare(key_of(b));
    return order != 0 ? order < 0 : a.newest < b.newest;
  });
  std::vector<WriteTransaction::Entry> entries;
  entries.reserve(heads_.size());
  for (const Head& head : heads_) {
    const WriteTransaction::Entry entry{as_key(key_of(head)), std::as_bytes(std::span(&head.newest, 1))};
    if (!entries.empty() && std::ranges::equal(entries.back().key, entry.key)) {
      entries.back() = entry;
    } else {
      entries.push_back(entry);
    }
  }
  transaction.put_sorted(heads, entries);
}

}  // namespace daybook::detail
