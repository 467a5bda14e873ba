#pragma once

// The memory-mapped ring file in front of LMDB. What has been copied into it survives the death of this process; what
// sync() returned for survives the machine's. schema/FORMAT.md, "Intake".

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>

#include "daybook/journal/files.h"
#include "daybook/journal/record.h"

namespace daybook::detail {

// Bytes of the ring a record takes.
constexpr std::uint64_t framed(std::uint64_t record_bytes) { return intake_frame_bytes + record_bytes; }

class Intake {
 public:
  // Makes `path` (aside, allocated, synced; publish() renames it in) for writing.
  static Intake create(const std::filesystem::path& path, const Uuid& uuid, std::uint64_t capacity);
  // Opens a dead writer's for reading. CorruptError if the header is damaged; UnsupportedError for a newer format.
  static Intake open(const std::filesystem::path& path);

  Intake(Intake&& other) noexcept;
  Intake& operator=(Intake&&) noexcept = delete;
  ~Intake();

  void publish();
  [[nodiscard]] std::uint64_t capacity() const { return header_.capacity; }
  [[nodiscard]] std::uint64_t id() const { return header_.id; }
  [[nodiscard]] const std::uint8_t* uuid() const { return header_.uuid; }

  [[nodiscard]] std::byte* ring() { return ring_; }
  // Where the bytes of `position` stand; capacity() bytes from there on are in one piece, because the ring is mapped
  // twice, one copy behind the other.
  [[nodiscard]] std::byte* at(std::uint64_t position) { return ring_ + position % header_.capacity; }
  [[nodiscard]] const std::byte* at(std::uint64_t position) const { return ring_ + position % header_.capacity; }

  // The record that follows at `position`, if one stands there whole and is the one with this sequence number.
  [[nodiscard]] std::optional<RecordView> find_next(std::uint64_t position, Sequence sequence) const;

  // Has the pages of these bytes there before an append comes to them, whose first touch of a page costs many times what
  // it does otherwise. Changes nothing that stands there, and waits for nobody; any thread may, at any time.
  void prepare(std::uint64_t position, std::uint64_t bytes) const noexcept;

  // Everything copied in so far is on the disk when it returns. StorageError if the disk refuses.
  void sync();
  void moved(const std::filesystem::path& to) { path_ = to; }  // its folder was renamed: for messages

 private:
  Intake() = default;
  void map(bool writable);

  std::filesystem::path path_;     // where it will be
  std::filesystem::path made_at_;  // where it is, until publish()
  FileDescriptor file_;
  IntakeHeader header_{};
  std::byte* ring_ = nullptr;
};

}  // namespace daybook::detail
