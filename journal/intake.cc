#include "daybook/journal/intake.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "daybook/journal/crash_point.h"
#include "daybook/journal/error.h"

namespace daybook::detail {

namespace {

std::uint64_t header_checksum(const IntakeHeader& header) {
  return XXH3_64bits(&header, offsetof(IntakeHeader, checksum));
}

std::string quoted(const std::filesystem::path& path) { return "'" + path.string() + "'"; }

}  // namespace

Intake Intake::create(const std::filesystem::path& path, const Uuid& uuid, std::uint64_t capacity) {
  Intake intake;
  intake.path_ = path;
  intake.made_at_ = aside_name(path);
  intake.file_ = open_file(intake.made_at_, O_RDWR | O_CREAT | O_EXCL);
  // Room for the whole ring now: a full disk must never turn up as SIGBUS in the middle of an append.
  allocate(intake.file_.get(), intake_header_bytes + capacity, intake.made_at_);
  auto& header = intake.header_;
  header.magic = intake_magic;
  header.version = format_version;
  header.header_bytes = intake_header_bytes;
  header.capacity = capacity;
  header.id = random_bits();
  std::memcpy(header.uuid, uuid.data(), uuid.size());
  header.checksum = header_checksum(header);
  write_at(intake.file_.get(), 0, std::as_bytes(std::span(&header, 1)), intake.made_at_);
  sync_file(intake.file_.get(), intake.made_at_);
  intake.map(true);
  return intake;
}

Intake Intake::open(const std::filesystem::path& path) {
  Intake intake;
  intake.path_ = path;
  intake.file_ = open_file(path, O_RDONLY);
  auto& header = intake.header_;
  struct stat info {};
  if (::fstat(intake.file_.get(), &info) != 0) throw_errno("looking at " + quoted(path), errno);
  const auto size = static_cast<std::uint64_t>(info.st_size);
  const auto got = read_at(intake.file_.get(), 0, std::as_writable_bytes(std::span(&header, 1)), path);
  if (got != sizeof header || header.magic != intake_magic) {
    throw CorruptError(quoted(path) + " does not start like an intake: it is damaged");
  }
  if (header.version != format_version) {
    throw UnsupportedError(quoted(path) + " is of another format than this program's: use the Daybook that wrote it");
  }
  if (header.checksum != header_checksum(header)) throw CorruptError(quoted(path) + ": its header is damaged");
  if (header.header_bytes != intake_header_bytes || header.capacity == 0 ||
      header.capacity % intake_header_bytes != 0 || size < header.header_bytes ||
      header.capacity > size - header.header_bytes) {
    throw CorruptError(quoted(path) + " is cut short: " + std::to_string(size) + " bytes, its ring needs " +
                       std::to_string(header.capacity));
  }
  intake.map(false);
  return intake;
}

Intake::Intake(Intake&& other) noexcept
    : path_(std::move(other.path_)),
      made_at_(std::move(other.made_at_)),
      file_(std::move(other.file_)),
      header_(other.header_),
      ring_(std::exchange(other.ring_, nullptr)) {
  other.made_at_.clear();
}

Intake::~Intake() {
  if (ring_ != nullptr) ::munmap(ring_, 2 * header_.capacity);
  if (!made_at_.empty()) ::unlink(made_at_.c_str());
}

void Intake::publish() {
  if (::rename(made_at_.c_str(), path_.c_str()) != 0) throw_errno("renaming " + quoted(made_at_), errno);
  made_at_.clear();
}

void Intake::map(bool writable) {
  const auto capacity = header_.capacity;
  void* room = ::mmap(nullptr, 2 * capacity, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (room == MAP_FAILED) throw_errno("mapping " + quoted(path_), errno);
  ring_ = static_cast<std::byte*>(room);
  for (const std::uint64_t copy : {std::uint64_t{0}, capacity}) {
    void* placed = ::mmap(ring_ + copy, capacity, writable ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED | MAP_FIXED,
                          file_.get(), intake_header_bytes);
    if (placed == MAP_FAILED) throw_errno("mapping " + quoted(path_), errno);
  }
  // A forked child has no business here: without the mapping it cannot write into its parent's ring by accident.
  ::madvise(ring_, 2 * capacity, MADV_DONTFORK);
}

std::optional<RecordView> Intake::find_next(std::uint64_t position, Sequence sequence) const {
  const std::span<const std::byte> ring(at(position), header_.capacity);
  std::uint64_t frame = 0;
  std::memcpy(&frame, ring.data(), sizeof frame);
  const bool ignores_laps = is_planted("lap");
  if (frame != position && !ignores_laps) return std::nullopt;
  auto record = find_record(ring.subspan(intake_frame_bytes));
  if (!record || (record->header.sequence != sequence && !ignores_laps)) return std::nullopt;
  if (std::memcmp(record->header.uuid, header_.uuid, sizeof header_.uuid) != 0) return std::nullopt;
  return record;
}

// It reads what an append may be writing, and makes nothing of it.
__attribute__((no_sanitize("thread"))) void Intake::prepare(std::uint64_t position,
                                                            std::uint64_t bytes) const noexcept {
#ifdef MADV_POPULATE_WRITE
  constexpr std::uint64_t page = intake_header_bytes;
  bytes = std::min(bytes, header_.capacity);
  while (bytes != 0) {
    const auto begin = position % header_.capacity;
    const auto size = std::min(bytes, header_.capacity - begin);
    auto* const first = ring_ + begin / page * page;
    auto* const end = ring_ + begin + size;
    // Where the kernel cannot (before Linux 5.14), or the disk does not want to, the append finds out.
    if (::madvise(first, static_cast<std::size_t>(end - first), MADV_POPULATE_WRITE) != 0) return;
    // A virtual machine's host may have its own tables to fill.
    for (auto* at = first; at < end; at += page) static_cast<void>(*static_cast<volatile std::byte*>(at));
    position += size;
    bytes -= size;
  }
#else
  static_cast<void>(position + bytes);
#endif
}

void Intake::sync() { sync_data(file_.get(), path_); }

}  // namespace daybook::detail
