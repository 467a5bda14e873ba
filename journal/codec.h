#pragma once

// Record → event. encoder.h is the other way.

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "daybook/journal/event.h"
#include "daybook/journal/record.h"
#include "daybook/journal/recover.h"
#include "daybook/schema/journal.capnp.h"

namespace daybook::detail {

RunInfo read_run_info(wire::RunInfo::Reader from);
SalvageNote read_salvage_note(wire::Salvage::Reader from);

// Lists nested deeper are refused by both sides: far beyond what NumPy can turn into an array, and safe for the stack.
inline constexpr unsigned max_nesting = 100;

// Kinds that a Type message describes; kind, order, charset and size say all of the others.
constexpr bool needs_description(Kind kind) {
  return kind == Kind::enumeration || kind == Kind::compound || kind == Kind::vlen;
}

using EventMessage = wire::Event::Reader;

// The payload of the `part` event with this sequence number.
using FetchPart = std::function<std::span<const std::byte>(Sequence)>;

// Decodes a record that find_record accepted. Views in the result point into the record, its parts, or Event::storage
// (where the record did not stand on an 8-byte border). CorruptError names the sequence number.
Event decode(const RecordView& record, const FetchPart& fetch);

// Runs `read` with the message of a record, without decoding its values. CorruptError if the message is malformed.
void with_message(const RecordView& record, const std::function<void(wire::Event::Reader)>& read);

// Which chain a record belongs to, as the key in `heads`; empty for events without one.
std::string chain_of(wire::Event::Reader event);

}  // namespace daybook::detail
