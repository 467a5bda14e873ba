#pragma once

// Reading single events and following chains in a snapshot: what Reader and Linker share.

#include <functional>
#include <optional>
#include <span>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "daybook/journal/codec.h"
#include "daybook/journal/store.h"

namespace daybook::detail {

// CorruptError naming the journal and the sequence number if it is missing or not intact.
RecordView record_at(const ReadTransaction& transaction, Sequence sequence);

// Parts of a snapshot's split values whose checksums have been found good: a large value is read more than once (for its
// metadata, its type, its elements), and its bytes need to be checked once.
using CheckedParts = std::unordered_map<Sequence, std::span<const std::byte>>;
Event event_at(const ReadTransaction& transaction, Sequence sequence, CheckedParts& parts);
Event event_at(const ReadTransaction& transaction, Sequence sequence);
// For records found by a cursor under this key.
RecordView check_stored(const ReadTransaction& transaction, Sequence sequence, std::span<const std::byte> stored);
Event decode_stored(const ReadTransaction& transaction, const RecordView& record, CheckedParts& parts);

// Header and message of a record, whose payload is neither touched nor checked: for passing over it.
RecordView peek(const ReadTransaction& transaction, Sequence sequence, std::span<const std::byte> stored);
RecordView peek(const ReadTransaction& transaction, Sequence sequence);

// A piece of a payload that has a record of its own, found where it should stand, its checksum not compared.
struct FoundPart {
  Sequence sequence;
  std::span<const std::byte> stored;   // the record
  std::span<const std::byte> payload;  // within it
};
// Like decode_stored(), but the parts of a split value are not checked: they are added to `found`. Not for a journal that
// salvage made.
Event decode_unchecked(const ReadTransaction& transaction, const RecordView& record, std::vector<FoundPart>& found);

// Of a chain's `heads` key.
std::optional<Sequence> find_head(const ReadTransaction& transaction, std::string_view head_key);

// Reads an event's message without decoding its values. Errors name the journal.
void read_message(const ReadTransaction& transaction, const RecordView& record,
                  const std::function<void(EventMessage)>& read);

// The links of an event.
struct Links {
  Sequence previous = 0, base = 0;
  std::uint32_t depth = 0;
  Nanoseconds time = 0;
};
Links links_of(const ReadTransaction& transaction, const RecordView& record);

}  // namespace daybook::detail
