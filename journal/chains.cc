#include "daybook/journal/chains.h"

#include <algorithm>
#include <cstring>

#include "daybook/journal/error.h"
#include "daybook/journal/number.h"

namespace daybook::detail {

namespace {

[[noreturn]] void damaged(const ReadTransaction& transaction, Sequence sequence, const std::string& why) {
  throw CorruptError("'" + (transaction.path() / "data.mdb").string() + "': event " + std::to_string(sequence) + " " +
                     why + ": run 'daybook verify'");
}

}  // namespace

RecordView check_stored(const ReadTransaction& transaction, Sequence sequence, std::span<const std::byte> stored) {
  std::string why;
  auto record = find_record(stored, &why);
  if (!record) damaged(transaction, sequence, "is damaged (" + why + ")");
  if (record->header.sequence != sequence) {
    damaged(transaction, sequence,
            "is damaged (the record says it is event " + std::to_string(record->header.sequence) + ")");
  }
  return *record;
}

namespace {

// The record that stands for an event which salvage did not find.
std::optional<RecordView> find_lost(const ReadTransaction& transaction, Sequence sequence) {
  if (transaction.databases().detours == 0) return std::nullopt;
  const auto stored = transaction.find_before(transaction.databases().events, event_key(sequence));
  auto record = stored ? find_record(*stored) : std::nullopt;
  if (!record) return std::nullopt;
  Sequence up_to = 0;
  read_message(transaction, *record, [&](EventMessage event) { up_to = event.isLost() ? event.getLost() : 0; });
  return up_to >= sequence ? record : std::nullopt;
}

bool is_lost(const ReadTransaction& transaction, const RecordView& record) {
  bool lost = false;
  if (transaction.databases().detours != 0)
    read_message(transaction, record, [&](EventMessage event) { lost = event.isLost(); });
  return lost;
}

// Thrown on the way to a value that is not whole.
struct PartLost {};

Event without_its_value(const ReadTransaction& transaction, const RecordView& record) {
  Event event;
  event.sequence = record.header.sequence;
  event.body = Lost{event.sequence};
  read_message(transaction, record, [&](EventMessage message) {
    const auto text = message.getKey();
    const auto key = std::make_shared<std::string>(text.begin(), text.size());
    event.key = *key;
    event.storage = key;
    event.time = message.getTime();
    event.monotonic = message.getMonotonic();
    event.previous = message.getPrevious();
    event.base = message.getBase() == 0 ? event.sequence : message.getBase();
    event.depth = message.getDepth();
  });
  return event;
}

}  // namespace

RecordView record_at(const ReadTransaction& transaction, Sequence sequence) {
  const auto stored = transaction.find(transaction.databases().events, event_key(sequence));
  if (!stored) {
    if (auto lost = find_lost(transaction, sequence)) return *lost;
    damaged(transaction, sequence, "is missing");
  }
  return check_stored(transaction, sequence, *stored);
}

RecordView peek(const ReadTransaction& transaction, Sequence sequence, std::span<const std::byte> stored) {
  RecordView record{};
  if (stored.size() >= sizeof record.header) std::memcpy(&record.header, stored.data(), sizeof record.header);
  const auto& header = record.header;
  if (!is_record_magic(header.magic) || header.message_words == 0 ||
      header.message_words > (stored.size() - sizeof header) / sizeof(std::uint64_t)) {
    return check_stored(transaction, sequence, stored);  // says what is wrong
  }
  record.bytes = stored;
  record.message = stored.subspan(sizeof header, std::size_t{header.message_words} * 8);
  return record;
}

RecordView peek(const ReadTransaction& transaction, Sequence sequence) {
  const auto stored = transaction.find(transaction.databases().events, event_key(sequence));
  if (!stored) damaged(transaction, sequence, "is missing");
  return peek(transaction, sequence, *stored);
}

Event decode_stored(const ReadTransaction& transaction, const RecordView& record, CheckedParts& parts) {
  try {
    return decode(record, [&](Sequence part) {
      auto found = parts.find(part);
      if (found != parts.end()) return found->second;
      const auto held = record_at(transaction, part);
      if (is_lost(transaction, held) || (held.is_elided() && transaction.databases().detours != 0)) throw PartLost{};
      return parts.emplace(part, held.payload).first->second;
    });
  } catch (const PartLost&) {
    return without_its_value(transaction, record);
  } catch (CorruptError& e) {
    e.add_context("'" + (transaction.path() / "data.mdb").string() + "'");
    throw;
  }
}

Event decode_unchecked(const ReadTransaction& transaction, const RecordView& record, std::vector<FoundPart>& found) {
  try {
    return decode(record, [&](Sequence part) {
      const auto held = peek(transaction, part);
      const auto payload = held.bytes.subspan(sizeof held.header + held.message.size());
      if (held.header.sequence != part || held.header.payload_bytes > payload.size())
        check_stored(transaction, part, held.bytes);  // says what is wrong
      found.push_back(
          {part, held.bytes, payload.first(std::min<std::size_t>(held.header.payload_bytes, payload.size()))});
      return found.back().payload;
    });
  } catch (CorruptError& e) {
    e.add_context("'" + (transaction.path() / "data.mdb").string() + "'");
    throw;
  }
}

Event event_at(const ReadTransaction& transaction, Sequence sequence, CheckedParts& parts) {
  return decode_stored(transaction, record_at(transaction, sequence), parts);
}

Event event_at(const ReadTransaction& transaction, Sequence sequence) {
  CheckedParts parts;
  return event_at(transaction, sequence, parts);
}

std::optional<Sequence> find_head(const ReadTransaction& transaction, std::string_view head_key) {
  const auto stored = transaction.find(transaction.databases().heads, head_key);
  if (!stored) return std::nullopt;
  Sequence sequence = 0;
  if (stored->size() != sizeof sequence) {
    throw CorruptError("'" + (transaction.path() / "data.mdb").string() +
                       "': a head is not 8 bytes long: run 'daybook verify'");
  }
  std::memcpy(&sequence, stored->data(), sizeof sequence);
  return sequence;
}

void read_message(const ReadTransaction& transaction, const RecordView& record,
                  const std::function<void(EventMessage)>& read) {
  try {
    with_message(record, read);
  } catch (CorruptError& e) {
    e.add_context("'" + (transaction.path() / "data.mdb").string() + "'");
    throw;
  }
}

Links links_of(const ReadTransaction& transaction, const RecordView& record) {
  if (const auto number = glance(record.message)) {
    const auto base = number->base == 0 ? record.header.sequence : number->base;
    return {number->previous, base, number->depth, number->time};
  }
  Links links;
  read_message(transaction, record, [&](EventMessage event) {
    const auto base = event.getBase();
    links = {event.getPrevious(), base == 0 ? record.header.sequence : base, event.getDepth(), event.getTime()};
  });
  return links;
}

}  // namespace daybook::detail
