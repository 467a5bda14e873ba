// Traces of any content: what the decoder accepts, the journal can encode, and reads back as it was.
#include "tools/trace.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "daybook/journal/codec.h"
#include "daybook/journal/encoder.h"
#include "daybook/journal/error.h"
#include "fuzz/target.h"

using namespace daybook;

namespace {

void encode(const Event& event) {
  detail::Encoder encoder;
  encoder.encode(event);
  if (encoder.payload_bytes() > detail::max_record_payload) return;
  auto header = detail::open_header(encoder, {}, 1);
  const auto message = encoder.message();
  std::vector<std::byte> bytes(detail::record_bytes(header.message_words, header.payload_bytes));
  std::copy(message.begin(), message.end(), bytes.begin() + sizeof header);
  const auto hash =
      detail::copy_and_hash(bytes.data() + sizeof header + message.size(), encoder.payload(), header.payload_bytes);
  header.checksum = detail::record_checksum(header, message, hash);
  std::memcpy(bytes.data(), &header, sizeof header);
  const auto record = detail::find_record(bytes);
  fuzz::require(record.has_value());
  const Event again = detail::decode(*record, [](Sequence) { return std::span<const std::byte>(); });
  fuzz::require(again.body.index() == event.body.index() && again.key == event.key);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    TraceDecoder decoder("trace");
    for (std::size_t at = 0; at < text.size();) {
      const auto end = std::min(text.find('\n', at), text.size());
      for (const Event& event : decoder.decode(text.substr(at, end - at)).events) encode(event);
      at = end + 1;
    }
  } catch (const InvalidError&) {
  } catch (const UnsupportedError&) {
  }
  return 0;
}
