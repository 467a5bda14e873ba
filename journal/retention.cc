#include "daybook/journal/retention.h"

#define XXH_INLINE_ALL  // the hash of a short key is several times faster inline
#include <xxhash.h>

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include "daybook/journal/commit.h"
#include "daybook/journal/error.h"

namespace daybook::detail {

namespace {

using Bytes = std::span<const std::byte>;

// So many values are dropped by one transaction: a value of a million appended rows goes in steps, between which
// commits of new events come through.
constexpr int most_dropped = 8192;

void put_big_endian(std::byte* to, std::uint64_t number) {
  const auto bytes = event_key(number);
  std::copy(bytes.begin(), bytes.end(), to);
}

// Key of `payloads`.
using PayloadKey = std::array<std::byte, 24>;

struct ChainHash {
  explicit ChainHash(std::string_view chain) {
    const auto hash = XXH3_128bits(chain.data(), chain.size());
    XXH128_canonicalFromHash(&canonical, hash);
  }
  [[nodiscard]] std::uint64_t half() const { return half_of(std::as_bytes(std::span(canonical.digest))); }
  static std::uint64_t half_of(Bytes key) {
    std::uint64_t half = 0;
    std::memcpy(&half, key.data(), sizeof half);
    return half;
  }
  [[nodiscard]] PayloadKey key(Sequence sequence) const {
    PayloadKey key{};
    std::memcpy(key.data(), canonical.digest, sizeof canonical.digest);
    put_big_endian(key.data() + sizeof canonical.digest, sequence);
    return key;
  }
  XXH128_canonical_t canonical{};
};

// Key and value of `superseded`.
using SupersededKey = std::array<std::byte, 16>;

SupersededKey superseded_key(Sequence pin, Sequence sequence) {
  SupersededKey key{};
  put_big_endian(key.data(), pin);
  put_big_endian(key.data() + 8, sequence);
  return key;
}

template <class... Numbers>
auto little_endian(Numbers... numbers) {
  const std::array<std::uint64_t, sizeof...(Numbers)> all{numbers...};
  std::array<std::byte, sizeof all> bytes{};
  std::memcpy(bytes.data(), all.data(), sizeof all);
  return bytes;
}

std::uint64_t number_at(Bytes bytes, std::size_t index) {
  std::uint64_t number = 0;
  if (bytes.size() >= (index + 1) * sizeof number) std::memcpy(&number, bytes.data() + index * 8, sizeof number);
  return number;
}

// The record under `sequence`, whole: nothing is dropped from one that is damaged, nor given a new checksum.
std::optional<RecordView> intact(const WriteTransaction& transaction, MDB_dbi events, Sequence sequence) {
  const auto stored = transaction.find(events, event_key(sequence));
  if (!stored) return std::nullopt;
  auto record = find_record(*stored);
  if (!record || record->header.sequence != sequence || record->is_elided()) return std::nullopt;
  return record;
}

}  // namespace

std::uint64_t droppable_bytes(const RecordView& record, wire::Event::Reader event) {
  const auto total = event.getParts().size() * max_record_payload + padded(record.header.payload_bytes);
  if (total < least_tracked || record.is_elided() || !elidable_value(event)) return 0;
  const auto kept = kept_bytes(event);
  return kept > max_record_payload || total < kept + least_tracked ? 0 : total - kept;
}

struct Retention::Superseded {
  explicit Superseded(const WriteTransaction::Entry& entry)
      : pin(sequence_of(entry.key.first(8))),
        sequence(sequence_of(entry.key.subspan(8))),
        bytes(number_at(entry.value, 0)),
        by(number_at(entry.value, 1)) {}
  // Empty if the first entry from there on belongs to another pin.
  static std::optional<Superseded> find_first(const WriteTransaction& transaction, MDB_dbi database, Sequence pin) {
    const auto entry = transaction.find_from(database, superseded_key(pin, 0));
    if (!entry || entry->key.size() != SupersededKey{}.size()) return std::nullopt;
    const Superseded found(*entry);
    return found.pin == pin ? std::optional(found) : std::nullopt;
  }
  Sequence pin, sequence;
  std::uint64_t bytes;
  Sequence by;
};

Retention::Retention(const Store& store, std::uint64_t budget) : databases_(store.databases()), budget_(budget) {}

void Retention::abandoned() {
  loaded_ = false;
  chains_.clear();
  checkpoints_.clear();
  added_ = 0;
}

void Retention::load(const WriteTransaction& transaction) {
  if (loaded_) return;
  // One entry a chain is looked at: its last possible key leads to the next chain's first.
  std::vector<std::byte> from;
  while (const auto entry = transaction.find_from(databases_.payloads, from)) {
    if (entry->key.size() != PayloadKey{}.size()) break;
    chains_.insert(ChainHash::half_of(entry->key));
    from.assign(entry->key.begin(), entry->key.end());
    std::fill(from.begin() + 16, from.end(), std::byte{0xFF});
  }
  std::vector<std::byte> name;
  while (const auto entry = transaction.find_from(databases_.checkpoints, name)) {
    checkpoints_.insert(number_at(entry->value, 0));
    name.assign(entry->key.begin(), entry->key.end());
    name.push_back(std::byte{0});  // the next possible name
  }
  loaded_ = true;
}

void Retention::pass(WriteTransaction& transaction, const RecordView& record, wire::Event::Reader event,
                     std::string_view chain) {
  const bool whole = event.isSet() || event.isReplace() || event.isRemove() || event.isArchived();
  if (!whole && !event.isMutate() && !event.isMutateItem() && !event.isAppend()) return;
  const auto sequence = record.header.sequence;
  if (whole && event.getPrevious() != 0) {
    load(transaction);
    if (!chains_.empty()) supersede(transaction, chain, sequence);
  }
  if (const auto bytes = droppable_bytes(record, event); bytes != 0) {
    load(transaction);
    const ChainHash hash(chain);
    transaction.put(databases_.payloads, hash.key(sequence), little_endian(bytes));
    chains_.insert(hash.half());
  }
}

void Retention::pass_whole(WriteTransaction& transaction, Sequence sequence, std::string_view dataset) {
  load(transaction);
  if (!chains_.empty()) supersede(transaction, head_key(Chain::dataset, dataset), sequence);
}

void Retention::supersede(WriteTransaction& transaction, std::string_view chain, Sequence by) {
  const ChainHash hash(chain);
  if (!chains_.contains(hash.half())) return;
  const auto first = hash.key(0);
  while (const auto entry = transaction.find_from(databases_.payloads, first)) {
    if (entry->key.size() != first.size() || !std::equal(first.begin(), first.begin() + 16, entry->key.begin())) break;
    const auto sequence = sequence_of(entry->key.subspan(16));
    if (sequence >= by) break;
    const auto bytes = number_at(entry->value, 0);
    transaction.erase(databases_.payloads, hash.key(sequence));
    put_superseded(transaction, sequence, bytes, by);
  }
}

void Retention::put_superseded(WriteTransaction& transaction, Sequence sequence, std::uint64_t bytes, Sequence by) {
  // The state as of a checkpoint needs what was live then: it came before, and what superseded it after.
  const auto checkpoint = checkpoints_.lower_bound(sequence);
  const auto pin = checkpoint != checkpoints_.end() && *checkpoint < by ? *checkpoint : 0;
  transaction.put(databases_.superseded, superseded_key(pin, sequence), little_endian(bytes, by));
  if (pin == 0) added_ += bytes;
}

void Retention::pass_checkpoint(WriteTransaction& transaction, Sequence sequence, Sequence released) {
  load(transaction);
  checkpoints_.insert(sequence);
  if (released == 0) return;
  checkpoints_.erase(released);
  while (const auto entry = Superseded::find_first(transaction, databases_.superseded, released)) {
    transaction.erase(databases_.superseded, superseded_key(released, entry->sequence));
    put_superseded(transaction, entry->sequence, entry->bytes, entry->by);
  }
}

void Retention::enforce(WriteTransaction& transaction, StoredState& state) {
  state.superseded += added_;
  for (int dropped = 0; dropped < most_dropped && is_behind(state); ++dropped) {
    const auto oldest = Superseded::find_first(transaction, databases_.superseded, 0);
    if (!oldest) {
      state.superseded = 0;  // there is nothing: the sum was wrong
      return;
    }
    elide(transaction, oldest->sequence);
    transaction.erase(databases_.superseded, superseded_key(0, oldest->sequence));
    state.superseded -= std::min(state.superseded, oldest->bytes);
  }
}

bool Retention::is_live(const WriteTransaction& transaction, std::string_view chain, Sequence sequence) const {
  const auto head = transaction.find(databases_.heads, as_key(chain));
  if (!head) return true;
  const auto newest = number_at(*head, 0);
  const auto stored = transaction.find(databases_.events, event_key(newest));
  RecordView record{};
  if (!stored || stored->size() < sizeof record.header) return true;
  std::memcpy(&record.header, stored->data(), sizeof record.header);
  if (record_bytes(record.header.message_words, record.header.payload_bytes) > stored->size()) return true;
  record = trusted_record(stored->data());
  bool live = true;
  try {
    with_message(record, [&](wire::Event::Reader event) {
      live = (event.getBase() == 0 ? newest : event.getBase()) <= sequence;
    });
  } catch (const CorruptError&) {
    return true;  // a damaged record is for `verify` to tell of; what may hang on it stays
  }
  return live;
}

void Retention::elide(WriteTransaction& transaction, Sequence sequence) {
  const auto record = intact(transaction, databases_.events, sequence);
  if (!record) return;
  std::string chain;
  std::uint64_t kept = 0;
  std::vector<Sequence> parts;
  with_message(*record, [&](wire::Event::Reader event) {
    chain = chain_of(event);
    kept = kept_bytes(event);
    for (const auto part : event.getParts()) parts.push_back(part);
  });
  // The index says that it is superseded. It can be rebuilt and a live value cannot: so it is asked for, once more,
  // where the truth is.
  if (is_live(transaction, chain, sequence)) return;

  std::vector<std::pair<Sequence, std::vector<std::byte>>> shorter;
  std::vector<std::byte> tail;  // of the parts and the record's own payload, joined
  for (const auto part : parts) {
    const auto piece = intact(transaction, databases_.events, part);
    if (!piece) return;
    tail.insert(tail.end(), piece->payload.begin(), piece->payload.end());
    if (tail.size() > kept) tail.erase(tail.begin(), tail.end() - static_cast<std::ptrdiff_t>(kept));
    shorter.emplace_back(part, elided_record(*piece, {}));
  }
  const auto own = record->bytes.subspan(sizeof(RecordHeader) + record->message.size());
  tail.insert(tail.end(), own.begin(), own.end());
  if (tail.size() < kept) return;
  shorter.emplace_back(sequence, elided_record(*record, std::span(tail).last(kept)));
  for (const auto& [number, bytes] : shorter) {
    // Taken out and put in again: written over it would keep its pages where this very transaction has made them.
    transaction.erase(databases_.events, event_key(number));
    transaction.put(databases_.events, event_key(number), bytes);
  }
}

}  // namespace daybook::detail
