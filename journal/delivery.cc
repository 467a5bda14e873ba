#include "daybook/journal/delivery.h"

namespace daybook::detail {

namespace {

constexpr std::size_t at_once = std::size_t{64} << 10;  // bytes

}  // namespace

void Delivery::pass(const RecordView& record) {
  if (visit_items_ && pattern_.fits(record.bytes)) {
    const auto item = pattern_.item_of(record.bytes);
    items_.insert(items_.end(), item.begin(), item.end());
    if (items_.size() >= at_once) finish();
    return;
  }
  finish();
  like_ = decode_stored(transaction_, record, parts_);
  visit_(*like_);
  if (visit_items_) pattern_.learn(record, *like_);
}

void Delivery::finish() {
  if (!items_.empty()) visit_items_(*like_, items_);
  items_.clear();
}

}  // namespace daybook::detail
