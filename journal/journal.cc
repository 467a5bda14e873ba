#include "daybook/journal/journal.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <exception>
#include <optional>
#include <utility>

#include "daybook/journal/clock.h"
#include "daybook/journal/crash_point.h"
#include "daybook/journal/encoder.h"
#include "daybook/journal/error.h"
#include "daybook/journal/files.h"
#include "daybook/journal/linker.h"
#include "daybook/journal/record.h"
#include "daybook/journal/recovery.h"
#include "daybook/journal/store.h"
#include "daybook/journal/version.h"
#include "daybook/journal/writer.h"

namespace daybook {

using detail::Encoder;

namespace {

constexpr std::uint64_t least_intake_bytes = std::uint64_t{64} << 10;

Uuid random_uuid() {
  Uuid uuid;
  const std::array<std::uint64_t, 2> bits{detail::random_bits(), detail::random_bits()};
  std::memcpy(uuid.data(), bits.data(), uuid.size());
  uuid[6] = static_cast<std::uint8_t>((uuid[6] & 0x0FU) | 0x40U);  // RFC 4122: version 4, variant 1
  uuid[8] = static_cast<std::uint8_t>((uuid[8] & 0x3FU) | 0x80U);
  return uuid;
}

RunInfo complete(RunInfo info) {
  if (info.uuid == Uuid{}) info.uuid = random_uuid();
  if (info.start_time == 0) {
    info.start_time = std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
  }
  info.host = detail::host_name();
  info.boot_id = detail::boot_id();
  info.pid = ::getpid();
  info.daybook_version = detail::version;
  return info;
}

// Seconds since the epoch as nanoseconds, which a double's product with 10^9 would not give exactly. 0, which means "now",
// for what is no time that 64 bits can hold.
Nanoseconds nanoseconds(double seconds) {
  constexpr double furthest = 9.2e9;
  if (!(std::abs(seconds) < furthest)) return 0;
  const auto whole = std::floor(seconds);
  return static_cast<Nanoseconds>(whole) * 1'000'000'000 + std::llround((seconds - whole) * 1e9);
}

// Of the event a run begins with.
std::vector<std::byte> first_record(const RunInfo& info) {
  Event started;
  started.body = RunStarted{info};
  Encoder encoder;
  encoder.encode(started);
  detail::Linker linker(nullptr, detail::StoredState());
  const detail::Clock clock;
  const auto monotonic = detail::Clock::monotonic();
  // A run that is recorded after the fact began when it began, and its events follow from there.
  const auto begun = nanoseconds(info.start_time);
  const auto link = linker.link(started, begun != 0 ? begun : clock.wall(monotonic), monotonic);
  fill(link, encoder.event());
  const auto header = detail::sealed_header(encoder, info.uuid, link.sequence);
  const auto head = std::as_bytes(std::span(&header, 1));
  const auto message = encoder.message();
  std::vector<std::byte> record(head.begin(), head.end());
  record.insert(record.end(), message.begin(), message.end());
  return record;
}

JournalOptions checked(JournalOptions options) {
  if (options.intake_bytes < least_intake_bytes) throw InvalidError("an intake needs at least 65536 bytes");
  options.intake_bytes = (options.intake_bytes + detail::intake_header_bytes - 1) / detail::intake_header_bytes *
                         detail::intake_header_bytes;
  if (options.commit_interval.count() < 0 || options.full_timeout.count() < 0)
    throw InvalidError("a time to wait cannot be negative");
  return options;
}

std::filesystem::path folder_of(const std::filesystem::path& path) {
  const auto parent = path.parent_path();
  return parent.empty() ? std::filesystem::path(".") : parent;
}

std::filesystem::path without_slash(const std::filesystem::path& dir) {
  return dir.has_filename() ? dir : dir.parent_path();
}

void refuse_network(const std::filesystem::path& folder) {
  if (const auto network = detail::network_file_system(folder); !network.empty()) {
    throw StorageError(
        "'" + folder.string() + "' is on a network share (" + network +
        "), where LMDB cannot keep a journal safe: put the journal on a local disk, the HDF5 file may go to the share");
  }
}

}  // namespace

Journal::Journal(std::unique_ptr<detail::Writer> writer) : writer_(std::move(writer)) {}
Journal::Journal(Journal&&) noexcept = default;

Journal& Journal::operator=(Journal&& other) noexcept {
  std::swap(writer_, other.writer_);
  return *this;
}

Journal::~Journal() {
  if (!writer_) return;
  if (!writer_->is_ours()) {
    // The parent's thread, locks and descriptors are not here: touching them would disturb or hang.
    static_cast<void>(writer_.release());
    return;
  }
  try {
    writer_->close();
  } catch (const std::exception&) {
    // Abandoned, not lost: what could not be committed stands in the intake, and the next open recovers it.
  }
}

Journal Journal::create(const std::filesystem::path& dir, const RunInfo& given, const JournalOptions& wanted) {
  namespace fs = std::filesystem;
  const auto options = checked(wanted);
  const auto path = without_slash(dir);
  const auto folder = folder_of(path);
  if (!fs::is_directory(folder))
    throw StorageError("cannot make journal '" + path.string() + "': there is no folder '" + folder.string() + "'");
  if (fs::exists(fs::symlink_status(path)))
    throw InvalidError("'" + path.string() + "' exists already: choose another name or move it away");
  refuse_network(folder);
  auto info = complete(given);

  detail::remove_abandoned(path);
  const auto aside = detail::aside_name(path);
  std::error_code error;
  if (!fs::create_directory(aside, error)) throw_errno("making folder '" + aside.string() + "'", error.value());
  struct Litter {
    const fs::path& path;
    bool keep = false;
    ~Litter() {
      std::error_code ignored;
      if (!keep) fs::remove_all(path, ignored);
    }
  } litter{aside};

  detail::crash_point("create.folder");
  auto intake = detail::Intake::create(aside / "intake", info.uuid, options.intake_bytes);
  intake.publish();
  detail::crash_point("create.intake");
  detail::StoredState state;
  state.intake_id = intake.id();
  // In the commit that makes the journal: whenever it is there, it begins as a run does.
  state.last = 1;
  auto store = detail::Store::create(aside, info, state, first_record(info));
  std::optional<detail::WriterLock> lock(std::in_place, aside / "data.mdb");
  detail::crash_point("create.store");
  detail::sync_directory(aside);
  detail::crash_point("create.synced");
  detail::rename_new(aside, path);
  detail::crash_point("create.renamed");
  litter.keep = true;
  detail::sync_directory(folder);
  detail::crash_point("create.done");
  store->moved(path);
  intake.moved(path / "intake");

  return Journal(std::make_unique<detail::Writer>(path, std::move(info), options, std::move(lock), std::move(store),
                                                  std::move(intake), state));
}

Journal Journal::open(const std::filesystem::path& dir, const JournalOptions& wanted) {
  const auto options = checked(wanted);
  const auto path = without_slash(dir);
  refuse_network(path);
  detail::crash_point("open.before");
  auto opened = detail::open_for_writing(path);
  detail::crash_point("open.clean");
  if (opened.store->databases().detours != 0) {
    throw InvalidError("'" + path.string() +
                       "' was salvaged: it shows what is left of a run and takes no more of its events");
  }
  auto info = opened.info;
  auto intake = detail::Intake::create(path / "intake", info.uuid, options.intake_bytes);
  auto state = opened.state;
  // The state names the new intake before it is there: a crash between the two leaves a journal without an intake,
  // which is a clean one.
  detail::crash_point("open.intake");
  state.intake_id = intake.id();
  state.intake_position = 0;
  if (state.phase == Phase::crashed) state.phase = Phase::running;
  {
    auto transaction = opened.store->begin_write();
    detail::write_state(transaction, opened.store->databases(), state);
    transaction.commit();
  }
  detail::crash_point("open.state");
  intake.publish();
  detail::crash_point("open.published");
  detail::sync_directory(path);
  detail::crash_point("open.synced");
  return Journal(std::make_unique<detail::Writer>(path, std::move(info), options, std::move(opened.lock),
                                                  std::move(opened.store), std::move(intake), state));
}

std::optional<Outline> Journal::outline(std::string_view key) const { return writer_->outline(key); }
void Journal::sync() { writer_->sync(); }
void Journal::commit() { writer_->commit(); }
std::uint64_t Journal::free_intake_bytes() const { return writer_->free_intake_bytes(); }

void Journal::finish(std::string_view how) {
  detail::crash_point("finish.before");
  writer_->append({.body = RunEnded{how}, .key = {}, .storage = nullptr});
  detail::crash_point("finish.ended");
  close();
}

void Journal::close() { writer_->close(); }

const std::filesystem::path& Journal::path() const { return writer_->path(); }
const RunInfo& Journal::info() const { return writer_->info(); }
JournalStatistics Journal::statistics() const { return writer_->statistics(); }

}  // namespace daybook
