#include "daybook/journal/commit.h"

#include <array>
#include <cstring>

#include "daybook/journal/codec.h"
#include "daybook/journal/number.h"

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

Commit::Commit(Store& store, Retention& retention)
    : store_(store), retention_(retention), transaction_(store.begin_write()) {}

Commit::~Commit() {
  if (!committed_) retention_.abandoned();
}

void Commit::add(const RecordView& record) {
  transaction_.append(store_.databases().events, event_key(record.header.sequence), record.bytes);
  note(record);
}

void Commit::add(const RecordHeader& header, std::span<const std::byte> message,
                 std::span<const std::span<const std::byte>> payload, std::uint64_t* first_hash) {
  auto sealed = header;
  const auto total = record_bytes(header.message_words, header.payload_bytes);
  auto* const to = transaction_.append(store_.databases().events, event_key(header.sequence), total).data();
  std::memcpy(to + sizeof sealed, message.data(), message.size());
  const auto hash = copy_and_hash(to + sizeof sealed + message.size(), payload, header.payload_bytes, first_hash);
  sealed.checksum = record_checksum(header, message, hash);
  std::memcpy(to, &sealed, sizeof sealed);
  RecordView view{};
  view.header = sealed;
  view.message = message;
  note(view);
}

void Commit::note(const RecordView& record) {
  const auto sequence = record.header.sequence;
  if (const auto number = glance(record.message)) {
    if (number->is_whole() && number->previous != 0) retention_.pass_whole(transaction_, sequence, number->key);
    heads_.pass(sequence, number->previous, Chain::dataset, number->key);
    return;
  }
  with_message(record, [&](wire::Event::Reader event) {
    if (const auto chain = chain_of(event); !chain.empty()) {
      retention_.pass(transaction_, record, event, chain);
      heads_.pass(sequence, event.getPrevious(), chain);
    }
    if (event.isCheckpoint()) {
      const auto name = event.getCheckpoint();
      auto key = head_key(Chain::dataset, {name.begin(), name.size()}).substr(1);
      retention_.pass_checkpoint(transaction_, sequence, find_checkpoint(key));
      checkpoints_.insert_or_assign(std::move(key), sequence);
    }
    if (event.isRunEnded()) run_ended_ = true;
  });
}

Sequence Commit::find_checkpoint(const std::string& key) const {
  if (const auto known = checkpoints_.find(key); known != checkpoints_.end()) return known->second;
  Sequence sequence = 0;
  const auto stored = transaction_.find(store_.databases().checkpoints, as_key(key));
  if (stored && stored->size() == sizeof sequence) std::memcpy(&sequence, stored->data(), sizeof sequence);
  return sequence;
}

void Commit::commit(StoredState& state) {
  heads_.write(transaction_, store_.databases().heads);
  for (const auto& [name, sequence] : checkpoints_) {
    transaction_.put(store_.databases().checkpoints, as_key(name), little_endian(sequence));
  }
  auto now = state;
  retention_.enforce(transaction_, now);
  write_state(transaction_, store_.databases(), now);
  transaction_.commit();
  committed_ = true;
  retention_.committed();
  state = now;
}

}  // namespace daybook::detail
