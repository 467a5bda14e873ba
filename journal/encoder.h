#pragma once

// Event → message and payload. codec.h is the other way.

#include <capnp/message.h>

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "daybook/journal/codec.h"

namespace daybook::detail {

// An event as message and payload pieces, before the journal gives it its place in the order. One per thread, used
// again and again, so that encoding small events allocates nothing.
class Encoder {
 public:
  Encoder();

  using Pieces = std::span<const std::span<const std::byte>>;

  // Starts anew with this event's kind, key and values. The pieces point into the event's values. `parts`: the payload's
  // first bytes stand in these events already.
  // InvalidError for what the format cannot say.
  void encode(const Event& event, std::span<const Sequence> parts = {});
  // Leaves out the first bytes of the payload.
  void drop_payload(std::uint64_t bytes);

  // For the fields that the journal fills in; until the next encode().
  wire::Event::Builder event() { return builder_->getRoot<wire::Event>(); }
  // The message as it is now; until the next encode().
  [[nodiscard]] std::span<const std::byte> message();
  [[nodiscard]] Pieces payload() const { return pieces_; }
  [[nodiscard]] std::uint64_t payload_bytes() const { return payload_bytes_; }

 private:
  void encode_whole(const Event& event, std::span<const Sequence> parts);
  void build(const Event& event, std::span<const Sequence> parts);
  template <class Group>
  void build_main(wire::Event::Builder root, Group to, const Value& value);
  void build_mutate(wire::Event::Builder root, const Mutate& body);
  void build_value(wire::Value::Builder to, const Value& value, unsigned depth);
  void build_attributes(capnp::List<wire::Attribute>::Builder to, std::span<const Attribute> attributes);
  void add_bytes(std::span<const std::byte> bytes);

  std::vector<capnp::word> scratch_;  // zero where not in use, as Cap'n Proto wants it
  std::optional<capnp::MallocMessageBuilder> builder_;
  std::vector<std::span<const std::byte>> pieces_;
  std::uint64_t payload_bytes_ = 0;
};

// A record's header, but for its checksum; and with it, for a record without payload.
RecordHeader open_header(Encoder& encoder, const Uuid& uuid, Sequence sequence);
RecordHeader sealed_header(Encoder& encoder, const Uuid& uuid, Sequence sequence);

void build_run_info(wire::RunInfo::Builder to, const RunInfo& info);

}  // namespace daybook::detail
