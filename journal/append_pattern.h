#pragma once

// Reading many events that differ in little without decoding the message of each.

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "daybook/journal/event.h"
#include "daybook/journal/record.h"

namespace daybook::detail {

// The `previous` of an event's message, looked at where it stands. Empty if the message is not laid out as expected: then
// decoding it says what it is.
std::optional<Sequence> find_previous(std::span<const std::byte> message);

// An append, and all others of which the message differs from its in times, links and index only.
class AppendPattern {
 public:
  // `event` is the decoded `record`. From then on the pattern is of records like this one; of none if it is no append of
  // a scalar or array of fixed size that stands whole in its record.
  void learn(const RecordView& record, const Event& event);
  [[nodiscard]] bool fits(std::span<const std::byte> stored) const;
  // Of a record that fits.
  [[nodiscard]] std::span<const std::byte> item_of(std::span<const std::byte> stored) const {
    return stored.subspan(item_at_, item_bytes_);
  }

 private:
  std::vector<std::uint64_t> words_, mask_;  // of the message; what may differ is 0 in the mask
  RecordHeader header_{};
  std::uint64_t item_at_ = 0;     // in the record: its payload, or a number in its message
  std::uint64_t item_bytes_ = 0;  // 0: no pattern
};

}  // namespace daybook::detail
