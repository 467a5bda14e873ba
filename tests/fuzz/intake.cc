// Recovery's way through an intake of any content: as a whole file, and as a ring behind a header that is right.
#include <xxhash.h>

#include <cstring>
#include <vector>

#include "daybook/journal/error.h"
#include "daybook/journal/intake.h"
#include "daybook/journal/recovery.h"
#include "fuzz/target.h"

using namespace daybook;
using detail::IntakeHeader;

namespace {

void recover_from(const std::filesystem::path& file) {
  try {
    const auto intake = detail::Intake::open(file);
    for (const std::uint64_t position : {std::uint64_t{0}, intake.capacity() - 8}) {
      detail::StoredState state;
      state.intake_position = position;
      const auto after = detail::scan_intake(intake, state, [&](const detail::RecordView& record) {
        fuzz::require(std::memcmp(record.header.uuid, intake.uuid(), sizeof record.header.uuid) == 0);
        state.last++;
        fuzz::require(record.header.sequence == state.last);
      });
      fuzz::require(after.last == state.last);
    }
  } catch (const CorruptError&) {
  } catch (const UnsupportedError&) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const fuzz::Workplace folder;
  const auto file = folder / "intake";
  const auto bytes = fuzz::bytes_of(data, size);
  fuzz::write(file, bytes);
  recover_from(file);
  // The ring alone, with its records' checksums made right along the way.
  if (size < sizeof(IntakeHeader)) return 0;
  IntakeHeader header{};
  std::memcpy(&header, data, sizeof header);
  header.magic = detail::intake_magic;
  header.version = detail::format_version;
  header.header_bytes = detail::intake_header_bytes;
  const auto ring = bytes.subspan(std::min<std::size_t>(size, detail::intake_header_bytes));
  header.capacity = (ring.size() / 4096 + 1) * 4096;
  header.checksum = XXH3_64bits(&header, offsetof(IntakeHeader, checksum));
  std::vector<std::byte> whole(detail::intake_header_bytes + header.capacity);
  std::memcpy(whole.data(), &header, sizeof header);
  if (!ring.empty()) std::memcpy(whole.data() + detail::intake_header_bytes, ring.data(), ring.size());
  std::uint64_t position = 0;
  for (Sequence sequence = 1; position + 64 <= header.capacity; ++sequence) {
    auto* at = whole.data() + detail::intake_header_bytes + position;
    detail::RecordHeader record{};
    std::memcpy(&record, at + 8, sizeof record);
    const auto length = detail::record_bytes(record.message_words, record.payload_bytes);
    if (record.magic != detail::record_magic || record.payload_bytes > header.capacity ||
        length > header.capacity - position - 8)
      break;
    std::memcpy(at, &position, sizeof position);
    record.sequence = sequence;
    std::memcpy(record.uuid, header.uuid, sizeof record.uuid);
    const auto rest = std::span<const std::byte>(at + 8 + sizeof record, length - sizeof record);
    const auto message = rest.first(std::size_t{record.message_words} * 8);
    record.checksum = detail::record_checksum(record, message, detail::payload_hash(rest.subspan(message.size())));
    std::memcpy(at + 8, &record, sizeof record);
    position += 8 + length;
  }
  fuzz::write(file, whole);
  recover_from(file);
  return 0;
}
