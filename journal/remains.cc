#include "daybook/journal/remains.h"

#include <xxhash.h>

#include <algorithm>
#include <cstring>

#include "daybook/journal/error.h"

namespace daybook::detail {
namespace {

constexpr std::uint64_t chunk_bytes = std::uint64_t{1} << 20;
constexpr std::uint64_t sector_bytes = 512;
constexpr Sequence most_events = Sequence{1} << 62;

std::optional<IntakeHeader> find_ring(const PageFile& file) {
  IntakeHeader header{};
  try {
    if (!file.read(0, std::as_writable_bytes(std::span(&header, 1)))) return std::nullopt;
  } catch (const StorageError&) {
    return std::nullopt;
  }
  if (header.magic != intake_magic || header.checksum != XXH3_64bits(&header, offsetof(IntakeHeader, checksum)) ||
      header.header_bytes != intake_header_bytes || header.capacity == 0 || header.capacity % intake_header_bytes != 0)
    return std::nullopt;
  return header;
}

// Where the first magic of a record may stand; empty if there is none.
std::optional<std::uint64_t> find_magic(std::span<const std::byte> bytes, std::uint64_t from) {
  static_assert((record_magic & 0xFFFFU) == (elided_magic & 0xFFFFU));
  while (from + sizeof record_magic <= bytes.size()) {
    const void* found = ::memmem(bytes.data() + from, bytes.size() - from, &record_magic, 2);
    if (found == nullptr) return std::nullopt;
    from = static_cast<std::uint64_t>(static_cast<const std::byte*>(found) - bytes.data());
    std::uint32_t magic = 0;
    if (from + sizeof magic > bytes.size()) return std::nullopt;
    std::memcpy(&magic, bytes.data() + from, sizeof magic);
    if (is_record_magic(magic)) return from;
    ++from;
  }
  return std::nullopt;
}

}  // namespace

Remains::Remains(const std::filesystem::path& file) : file_(file), size_(file_.size()), ring_(find_ring(file_)) {
  // Where the file was cut, or its header lies, the ring has no seam to go on at.
  if (ring_ && size_ >= intake_header_bytes && size_ - intake_header_bytes >= ring_->capacity)
    ring_end_ = intake_header_bytes + ring_->capacity;
}

std::uint64_t Remains::room(std::uint64_t offset) const {
  if (ring_end_ != 0 && offset >= intake_header_bytes && offset < ring_end_) return ring_->capacity;
  return size_ - std::min(offset, size_);
}

bool Remains::read(std::uint64_t offset, std::span<std::byte> into) const {
  if (into.size() > room(offset)) return false;
  if (ring_end_ != 0 && offset >= intake_header_bytes && offset < ring_end_ && into.size() > ring_end_ - offset) {
    const auto front = ring_end_ - offset;
    return read_straight(offset, into.first(front)) && read_straight(intake_header_bytes, into.subspan(front));
  }
  return read_straight(offset, into);
}

bool Remains::read_straight(std::uint64_t offset, std::span<std::byte> into) const {
  try {
    return file_.read(offset, into);
  } catch (const StorageError&) {
    // A bad spot: go around it as closely as the disk allows.
  }
  while (!into.empty()) {
    const auto step = std::min<std::uint64_t>(into.size(), sector_bytes - offset % sector_bytes);
    try {
      if (!file_.read(offset, into.first(step))) return false;
    } catch (const StorageError&) {
      std::fill_n(into.begin(), step, std::byte{});
      unreadable_ += step;
    }
    into = into.subspan(step);
    offset += step;
  }
  return true;
}

std::optional<RecordView> Remains::record_at(std::uint64_t offset, std::vector<std::byte>& into) const {
  RecordHeader header{};
  if (!read(offset, std::as_writable_bytes(std::span(&header, 1)))) return std::nullopt;
  if (!is_record_magic(header.magic) || header.message_words == 0 || header.message_words > max_message_words ||
      header.payload_bytes > max_record_payload || header.sequence == 0 || header.sequence > most_events)
    return std::nullopt;
  const auto bytes = record_bytes(header.message_words, header.payload_bytes);
  if (bytes > room(offset)) return std::nullopt;
  into.resize(bytes);
  if (!read(offset, into)) return std::nullopt;
  return find_record(into);
}

void Remains::scan(const Visitor& visit, const std::function<void(std::uint64_t)>& progress) const {
  // Bytes made to deceive can name a long record at every place, each of which has to be read to its end: no more of
  // that than a few times the file, then only records of a usual length.
  std::uint64_t patience = 16 * size_ + (std::uint64_t{64} << 20);
  constexpr std::uint64_t usual = std::uint64_t{1} << 16;
  constexpr std::size_t magic_bytes = sizeof record_magic;
  std::vector<std::byte> chunk, bytes;
  std::uint64_t next = 0;  // what is before belongs to a record that was found
  for (std::uint64_t start = 0; start < size_; start += chunk_bytes) {
    if (progress) progress(start);
    chunk.resize(std::min<std::uint64_t>(chunk_bytes + magic_bytes - 1, size_ - start));
    if (!read_straight(start, chunk)) return;  // cut at this moment
    std::uint64_t at = next > start ? next - start : 0;
    while (const auto found = find_magic(chunk, at)) {
      at = *found;
      const auto offset = start + at;
      RecordHeader header{};
      std::uint64_t length = 0;
      if (read(offset, std::as_writable_bytes(std::span(&header, 1))))
        length = record_bytes(std::min<std::uint64_t>(header.message_words, max_message_words),
                              std::min(header.payload_bytes, max_record_payload));
      const bool affordable = length <= usual || length <= patience;
      if (const auto record = affordable ? record_at(offset, bytes) : std::nullopt) {
        visit(*record, offset);
        at += record->bytes.size();
      } else {
        if (affordable && length <= room(offset)) patience -= std::min(patience, length);
        ++at;
      }
    }
    next = std::max(next, start + at);
  }
}

}  // namespace daybook::detail
