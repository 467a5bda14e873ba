#include "daybook/journal/payload.h"

#include <cstring>

namespace daybook::detail {

std::uint64_t payload_bytes(wire::Value::Reader value) {
  std::uint64_t bytes = padded(value.getBytes());
  for (const auto item : value.getItems()) bytes += payload_bytes(item);
  return bytes;
}

std::uint64_t payload_bytes(capnp::List<wire::Attribute>::Reader attributes) {
  std::uint64_t bytes = 0;
  for (const auto attribute : attributes) bytes += payload_bytes(attribute.getValue());
  return bytes;
}

std::uint64_t payload_bytes(wire::Event::Reader event) {
  if (event.isSetAttribute()) return payload_bytes(event.getSetAttribute().getValue());
  const auto value = elidable_value(event);
  return value ? payload_bytes(*value) + kept_bytes(event) : 0;
}

std::optional<wire::Value::Reader> elidable_value(wire::Event::Reader event) {
  switch (event.which()) {
    case wire::Event::SET:
      return event.getSet().getValue();
    case wire::Event::MUTATE:
      return event.getMutate().getValue();
    case wire::Event::MUTATE_ITEM:
      return event.getMutateItem().getValue();
    case wire::Event::REPLACE:
      return event.getReplace().getValue();
    case wire::Event::APPEND:
      return event.getAppend().getValue();
    case wire::Event::ARCHIVED:
      return event.getArchived().getValue();
    default:
      return std::nullopt;
  }
}

std::uint64_t kept_bytes(wire::Event::Reader event) {
  if (!event.isSet()) return 0;
  return payload_bytes(event.getSet().getMetadata()) + payload_bytes(event.getSet().getOptions());
}

std::vector<std::byte> elided_record(const RecordView& record, std::span<const std::byte> kept) {
  RecordHeader header = record.header;
  header.magic = elided_magic;
  header.payload_bytes = kept.size();
  header.checksum = record_checksum(header, record.message, payload_hash(kept));
  std::vector<std::byte> bytes(record_bytes(header.message_words, header.payload_bytes));
  auto* to = bytes.data();
  std::memcpy(to, &header, sizeof header);
  to += sizeof header;
  std::memcpy(to, record.message.data(), record.message.size());
  to += record.message.size();
  if (!kept.empty()) std::memcpy(to, kept.data(), kept.size());
  return bytes;
}

}  // namespace daybook::detail
