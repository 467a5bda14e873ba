#pragma once

// Whose bytes are whose in an event's payload, and what stays of a record whose value is dropped.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "daybook/journal/codec.h"

namespace daybook::detail {

// What values take in a payload: each with all within it, up to a multiple of eight.
std::uint64_t payload_bytes(wire::Value::Reader value);
std::uint64_t payload_bytes(capnp::List<wire::Attribute>::Reader attributes);
std::uint64_t payload_bytes(wire::Event::Reader event);

// Of an event on a dataset's chain or an archived value's, the value that is dropped when it is elided; empty for
// events that are never elided (`part` aside, which goes with its event).
std::optional<wire::Value::Reader> elidable_value(wire::Event::Reader event);
// The payload's end that stays: of a `set` its metadata and options, which may still count when its value does not.
std::uint64_t kept_bytes(wire::Event::Reader event);

// The record that takes the place of `record` when its value is dropped. `kept`: kept_bytes() of its payload.
std::vector<std::byte> elided_record(const RecordView& record, std::span<const std::byte> kept);

}  // namespace daybook::detail
