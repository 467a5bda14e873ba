#pragma once

// Events whose value is one number: their messages are put together word by word, as the schema lays them out, where the
// record is to stand. codec.h reads them, as it reads all others; encoder.h makes all others.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>
#include <vector>

#include "daybook/journal/dataset.h"
#include "daybook/journal/keys.h"
#include "daybook/journal/linker.h"
#include "daybook/journal/record.h"

namespace daybook::detail {

// Whether elements of this type can stand in an event's message.
inline bool is_plain(const Type& type) {
  return type.is_number() && type.size() <= 8 && type.order() == ByteOrder::little;
}
inline bool is_of(const Type& type, PlainNumber number) {
  return type.kind() == number.kind && type.size() == number.size && type.order() == ByteOrder::little;
}

// The first number of these bytes, of a type that is plain.
inline PlainNumber plain_number(const Type& type, std::span<const std::byte> bytes) {
  PlainNumber number;
  number.kind = type.kind();
  number.size = static_cast<std::uint8_t>(type.size());
  std::memcpy(&number.bits, bytes.data(), number.size);
  return number;
}

// The number that this value is, if it is one that can stand in a message.
inline std::optional<PlainNumber> plain_number(const Value& value) {
  if (value.form() != Form::scalar || !is_plain(value.type())) return std::nullopt;
  return plain_number(value.type(), value.bytes());
}

// Whether it changes one element, to a number that can stand in its message.
bool is_one_number(const Region& region, const Value& value);

inline NumberChange number_mutate(const Region& region, const Value& value) {
  return {NumberChange::What::mutate, plain_number(value.type(), value.bytes()), 0, 0, region.start};
}

Value number_value(PlainNumber number);

// A name's text as a message holds it. InvalidError beyond what a message can hold.
std::vector<std::uint64_t> key_words(std::string_view key);

std::size_t number_message_words(const DatasetChain& dataset, const NumberChange& change);
// Writes the whole record to `to`, where record_bytes(number_message_words(), 0) bytes are free, on an 8-byte border.
// `words`: those.
void write_number_record(std::byte* to, const Uuid& uuid, const Link& link, const NumberChange& change,
                         std::size_t words);

// A number's event, read without a reader of messages, which costs ten times as much; empty for what is not one, or not laid
// out as write_number_record() does. Reads inside `message` only, whatever it holds.
struct NumberGlance {
  NumberChange::What what;
  Nanoseconds time = 0;
  std::int64_t monotonic = 0;
  Sequence previous = 0;
  Sequence base = 0;  // 0: the event itself
  std::uint32_t depth = 0;
  std::uint8_t flags = 0;    // of set
  std::uint64_t detail = 0;  // as Link has it
  std::uint64_t bits = 0;
  std::uint8_t kind = 0, size = 0;  // of the number
  std::string_view key;
  std::span<const std::byte> start;  // of mutate

  // A set or replace: of what came before nothing is needed any more.
  [[nodiscard]] bool is_whole() const { return what == NumberChange::What::set || what == NumberChange::What::replace; }
};
std::optional<NumberGlance> glance(std::span<const std::byte> message);

// The type of the number that a look at this record's message found; empty where the record is not what such a message
// stands in. InvalidError for a type that there is not.
std::optional<Type> type_of(const RecordView& record, const NumberGlance& found);

// The event of a record that find_record accepted, if it is one of a number and laid out like that. Its key points into the
// record. InvalidError for a type that there is not.
std::optional<Event> number_event(const RecordView& record);

}  // namespace daybook::detail
