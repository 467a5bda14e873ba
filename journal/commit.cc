#include "daybook/journal/commit.h"

#include <array>
#include <cstring>
#include <vector>

#include "daybook/journal/codec.h"

namespace daybook::detail {

namespace {

std::array<std::byte, 8> little_endian(Sequence sequence) {
  std::array<std::byte, 8> bytes{};
  std::memcpy(bytes.data(), &sequence, sizeof sequence);
  return bytes;
}

}  // namespace

RecordView trusted_record(const std::byte* record) {
  RecordView view{};
  std::memcpy(&view.header, record, sizeof view.header);
  view.bytes = {record, record_bytes(view.header.message_words, view.header.payload_bytes)};
  view.message = view.bytes.subspan(sizeof view.header, std::size_t{view.header.message_words} * 8);
  view.payload = view.bytes.subspan(sizeof view.header + view.message.size(), view.header.payload_bytes);
  return view;
}

Commit::Commit(Store& store) : store_(store), transaction_(store.begin_write()) {}

void Commit::add(const RecordView& record) {
  transaction_.append(store_.databases().events, event_key(record.header.sequence), record.bytes);
  note(record);
}

void Commit::add(const RecordHeader& header, std::span<const std::byte> message,
                 std::span<const std::span<const std::byte>> payload) {
  std::vector<std::span<const std::byte>> pieces{std::as_bytes(std::span(&header, 1)), message};
  pieces.insert(pieces.end(), payload.begin(), payload.end());
  transaction_.append(store_.databases().events, event_key(header.sequence), pieces);
  RecordView view{};
  view.header = header;
  view.message = message;
  note(view);
}

void Commit::note(const RecordView& record) {
  with_message(record, [&](wire::Event::Reader event) {
    if (auto chain = chain_of(event); !chain.empty()) heads_.insert_or_assign(std::move(chain), record.header.sequence);
    if (event.isCheckpoint()) {
      const auto name = event.getCheckpoint();
      checkpoints_.insert_or_assign(head_key(Chain::dataset, {name.begin(), name.size()}).substr(1),
                                    record.header.sequence);
    }
    if (event.isRunEnded()) run_ended_ = true;
  });
}

void Commit::commit(const StoredState& state) {
  for (const auto& [chain, sequence] : heads_)
    transaction_.put(store_.databases().heads, as_key(chain), little_endian(sequence));
  for (const auto& [name, sequence] : checkpoints_) {
    transaction_.put(store_.databases().checkpoints, as_key(name), little_endian(sequence));
  }
  write_state(transaction_, store_.databases(), state);
  transaction_.commit();
}

}  // namespace daybook::detail
