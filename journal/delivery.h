#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "daybook/journal/append_pattern.h"
#include "daybook/journal/chains.h"
#include "daybook/journal/reader.h"

namespace daybook::detail {

// Hands on the events of a chain, which pass in their order; alike appends many at a time, without decoding each.
class Delivery {
 public:
  // `items` may be empty: then every event comes alone. All are borrowed.
  Delivery(const ReadTransaction& transaction, CheckedParts& parts, const std::function<void(const Event&)>& visit,
           const Reader::VisitItems& items)
      : transaction_(transaction), parts_(parts), visit_(visit), visit_items_(items) {}

  void pass(const RecordView& record);
  void finish();  // after the last one

 private:
  const ReadTransaction& transaction_;
  CheckedParts& parts_;
  const std::function<void(const Event&)>& visit_;
  const Reader::VisitItems& visit_items_;
  std::optional<Event> like_;
  AppendPattern pattern_;  // of it
  std::vector<std::byte> items_;
};

}  // namespace daybook::detail
