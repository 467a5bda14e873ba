// Decoding of records: as they come, and with a checksum that is right, which no fuzzer would ever guess.
#include <cstring>
#include <vector>

#include "daybook/journal/codec.h"
#include "daybook/journal/error.h"
#include "daybook/journal/record.h"
#include "daybook/materializer/replay.h"
#include "fuzz/target.h"
#include "tools/event_text.h"

using namespace daybook;
using detail::RecordHeader;

namespace {

// What a reader does with an event: everything, or a CorruptError; for a file an InvalidError, too.
void use(const detail::RecordView& record, std::span<const std::byte> part) {
  try {
    detail::with_message(record, [](detail::EventMessage event) { static_cast<void>(detail::chain_of(event)); });
    const Event event = detail::decode(record, [&](Sequence) { return part; });
    static_cast<void>(event_text(event));
    static_cast<void>(event_json(event, true));
    const Value* value = nullptr;
    if (const auto* set = std::get_if<Set>(&event.body)) value = &set->value;
    if (const auto* replace = std::get_if<Replace>(&event.body)) value = &replace->value;
    if (value == nullptr) return;
    fuzz::require(value->owned() == value->owned());
    static_cast<void>(to_stored(*value));
  } catch (const CorruptError&) {
  } catch (const InvalidError&) {
  } catch (const UnsupportedError&) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = fuzz::bytes_of(data, size);
  if (const auto record = detail::find_record(bytes)) use(*record, {});
  if (size < sizeof(RecordHeader) + 8) return 0;
  RecordHeader header{};
  std::memcpy(&header, data, sizeof header);
  const auto body = bytes.subspan(sizeof header);
  header.magic = detail::record_magic;
  header.message_words = static_cast<std::uint32_t>(1 + header.message_words % (body.size() / 8));
  header.payload_bytes = body.size() - std::size_t{header.message_words} * 8;
  std::vector<std::byte> whole(detail::record_bytes(header.message_words, header.payload_bytes));
  std::memcpy(whole.data() + sizeof header, body.data(), body.size());
  const auto all = std::span<const std::byte>(whole);
  const auto message = all.subspan(sizeof header, std::size_t{header.message_words} * 8);
  header.checksum =
      detail::record_checksum(header, message, detail::payload_hash(all.subspan(sizeof header + message.size())));
  std::memcpy(whole.data(), &header, sizeof header);
  const auto record = detail::find_record(whole);
  fuzz::require(record.has_value());
  use(*record, body);
  return 0;
}
