#pragma once

#include <optional>
#include <span>
#include <string>
#include <unordered_map>

#include "daybook/journal/batch_heads.h"
#include "daybook/journal/record.h"
#include "daybook/journal/retention.h"
#include "daybook/journal/store.h"

namespace daybook::detail {

// One durable LMDB transaction holding a batch of records: what the committer does every interval, and what recovery
// does once with what the intake still held.
class Commit {
 public:
  Commit(Store& store, Retention& retention);
  Commit(const Commit&) = delete;
  Commit& operator=(const Commit&) = delete;
  ~Commit();  // abandons what commit() was not reached for
  // Records come in the order of their sequence numbers. The bytes are copied.
  void add(const RecordView& record);
  // A record whose payload still stands in pieces, and whose checksum is not known yet.
  void add(const RecordHeader& header, std::span<const std::byte> message,
           std::span<const std::span<const std::byte>> payload, std::uint64_t* first_hash);
  // Writes heads and state, drops what retention wants dropped, and commits. Durable when it returns; `state` is then
  // what the journal says.
  void commit(StoredState& state);
  // A runEnded record was among them.
  [[nodiscard]] bool run_ended() const { return run_ended_; }

 private:
  void note(const RecordView& record);
  [[nodiscard]] Sequence find_checkpoint(const std::string& key) const;
  Store& store_;
  Retention& retention_;
  WriteTransaction transaction_;
  BatchHeads heads_;
  std::unordered_map<std::string, Sequence> checkpoints_;
  bool run_ended_ = false;
  bool committed_ = false;
};

// A record that this process made itself, looked at without checking its checksum.
RecordView trusted_record(const std::byte* record);

}  // namespace daybook::detail
