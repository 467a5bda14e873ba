#include "daybook/journal/journal.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstring>
#include <exception>
#include <optional>
#include <utility>

#include "daybook/journal/clock.h"
#include "daybook/journal/codec.h"
#include "daybook/journal/committer.h"
#include "daybook/journal/crash_point.h"
#include "daybook/journal/encoder.h"
#include "daybook/journal/error.h"
#include "daybook/journal/files.h"
#include "daybook/journal/keys.h"
#include "daybook/journal/linker.h"
#include "daybook/journal/record.h"
#include "daybook/journal/recovery.h"
#include "daybook/journal/request_file.h"
#include "daybook/journal/store.h"
#include "daybook/journal/version.h"

namespace daybook {

using detail::Encoder;

namespace {

constexpr std::uint64_t least_intake_bytes = std::uint64_t{64} << 10;

// One per thread: encoding into it allocates nothing once it has met the largest message.
Encoder& thread_encoder() {
  thread_local Encoder encoder;
  return encoder;
}

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
  const auto link = linker.link(started, begun != 0 ? begun : clock.wall(monotonic), monotonic, encoder.event());
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

class Journal::Impl {
 public:
  Impl(std::filesystem::path path, RunInfo info, const JournalOptions& options, std::optional<detail::WriterLock> lock,
       std::shared_ptr<detail::Store> store, detail::Intake intake, const detail::StoredState& state)
      : path_(std::move(path)),
        info_(std::move(info)),
        fork_generation_(detail::fork_generation()),
        lock_(std::move(lock)),
        store_(std::move(store)),
        linker_(store_, state),
        committer_(store_, std::move(intake), state, options, clock_) {
    committer_.start();
  }

  [[nodiscard]] bool is_ours() const { return fork_generation_ == detail::fork_generation(); }

  void check_usable() const {
    if (!is_ours()) {
      throw InvalidError("journal '" + path_.string() +
                         "' belongs to the process this one was forked from: make one of your own here");
    }
  }

  Sequence append(const Event& event) {
    check_usable();
    detail::check_appendable(event.body);
    auto& encoder = thread_encoder();
    encoder.encode(event);
    if (encoder.payload_bytes() > detail::max_record_payload) split(encoder, event);
    return append_encoded(encoder, event);
  }

  std::optional<Outline> outline(std::string_view key) {
    check_usable();
    const auto order = committer_.order();
    const auto* dataset = linker_.find(key);
    if (dataset == nullptr) return std::nullopt;
    return Outline{dataset->form, dataset->type, Shape(dataset->shape), dataset->items};
  }

  void sync() {
    check_usable();
    committer_.sync();
  }

  void commit() {
    check_usable();
    committer_.commit();
  }

  [[nodiscard]] std::uint64_t free_intake_bytes() const {
    check_usable();
    return committer_.free_bytes();
  }

  void close() {
    check_usable();
    if (closed_.exchange(true)) return;  // whatever happens below, this object has done what it can
    detail::crash_point("close.before");
    committer_.stop();
    detail::crash_point("close.committed");
    detail::remove_file(path_ / "intake");
    // Nobody will answer any more; who asked sees that the run is not live.
    std::error_code ignored;
    std::filesystem::remove(detail::request_file(path_), ignored);
    detail::crash_point("close.removed");
    detail::sync_directory(path_);
    detail::crash_point("close.synced");
    lock_.reset();
  }

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  [[nodiscard]] const RunInfo& info() const { return info_; }
  [[nodiscard]] JournalStatistics statistics() const {
    check_usable();
    return committer_.statistics();
  }

 private:
  // Journals the payload's front as `part` events of their own and encodes the event anew with the rest. Until the event
  // itself is there the parts mean nothing, so a crash in between leaves the dataset as it was.
  void split(Encoder& encoder, const Event& event) {
    std::vector<Sequence> parts;
    std::vector<std::byte> piece(detail::max_record_payload);
    Encoder part_encoder;
    std::uint64_t offset = 0;
    for (; encoder.payload_bytes() - offset > detail::max_record_payload; offset += detail::max_record_payload) {
      encoder.copy_payload(offset, piece);
      Event part;
      part.body = Part{piece};
      part.time = event.time;
      part.monotonic = event.monotonic;
      part_encoder.encode(part);
      parts.push_back(append_encoded(part_encoder, part));
    }
    encoder.encode(event, parts);
    encoder.drop_payload(offset);
  }

  Sequence append_encoded(Encoder& encoder, const Event& event) {
    const auto payload = encoder.payload();
    const auto hash = encoder.hash_payload();
    detail::RecordHeader header{};
    header.magic = detail::record_magic;
    header.message_words = static_cast<std::uint32_t>(encoder.message().size() / 8);
    header.payload_bytes = encoder.payload_bytes();
    std::memcpy(header.uuid, info_.uuid.data(), info_.uuid.size());
    const auto record_bytes = detail::record_bytes(header.message_words, header.payload_bytes);
    const bool direct = !committer_.fits_intake(record_bytes);

    auto order = committer_.order();
    if (direct) {
      committer_.begin_direct(order);
    } else {
      committer_.wait_for_room(order, record_bytes);
    }
    try {
      // From here on nobody else gets in. First everything that may be refused, then what changes our memory of the run.
      const auto monotonic = detail::Clock::monotonic();
      auto link = linker_.link(event, event.time != 0 ? event.time : clock_.wall(monotonic),
                               event.monotonic != 0 ? event.monotonic : monotonic, encoder.event());
      header.sequence = link.sequence;
      header.checksum = detail::record_checksum(header, encoder.message(), hash);
      if (direct) {
        committer_.commit_direct(order, header, encoder.message(), payload);
      } else {
        detail::crash_point("append.before");
        auto* to = committer_.place();
        std::memcpy(to, &header, sizeof header);
        to += sizeof header;
        std::memcpy(to, encoder.message().data(), encoder.message().size());
        to += encoder.message().size();
        for (const auto& piece : payload) {
          std::memcpy(to, piece.data(), piece.size());
          to += piece.size();
        }
        committer_.publish(order, record_bytes, header.sequence);
      }
      linker_.accept(link, event);
      return header.sequence;
    } catch (...) {
      if (direct && order.owns_lock()) committer_.abandon_direct(order);
      throw;
    }
  }

  const std::filesystem::path path_;
  const RunInfo info_;
  const std::uint64_t fork_generation_;
  std::optional<detail::WriterLock> lock_;
  std::shared_ptr<detail::Store> store_;
  detail::Clock clock_;
  detail::Linker linker_;
  detail::Committer committer_;
  std::atomic<bool> closed_ = false;
};

Journal::Journal(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Journal::Journal(Journal&&) noexcept = default;

Journal& Journal::operator=(Journal&& other) noexcept {
  std::swap(impl_, other.impl_);
  return *this;
}

Journal::~Journal() {
  if (!impl_) return;
  if (!impl_->is_ours()) {
    // The parent's thread, locks and descriptors are not here: touching them would disturb or hang.
    static_cast<void>(impl_.release());
    return;
  }
  try {
    impl_->close();
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

  return Journal(std::make_unique<Impl>(path, std::move(info), options, std::move(lock), std::move(store),
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
  return Journal(std::make_unique<Impl>(path, std::move(info), options, std::move(opened.lock), std::move(opened.store),
                                        std::move(intake), state));
}

Sequence Journal::append(const Event& event) { return impl_->append(event); }

namespace {

Event event_of(std::string_view key, EventBody body) {
  Event event;
  event.key = key;
  event.body = std::move(body);
  return event;
}

}  // namespace

Sequence Journal::set(std::string_view key, Value value, const SetOptions& options) {
  Set body;
  body.value = std::move(value);
  body.metadata = options.metadata;
  body.options = options.storage;
  body.broadcast = options.broadcast;
  body.persist = options.persist;
  body.archive = options.archive;
  return append(event_of(key, std::move(body)));
}

Sequence Journal::mutate(std::string_view key, const Region& region, Value value) {
  return append(event_of(key, Mutate{region, std::move(value)}));
}

Sequence Journal::mutate_item(std::string_view key, std::uint64_t index, Value value) {
  return append(event_of(key, MutateItem{index, std::move(value)}));
}

Sequence Journal::replace(std::string_view key, Value value) {
  return append(event_of(key, Replace{std::move(value)}));
}

Sequence Journal::append(std::string_view key, Value item) { return append(event_of(key, Append{std::move(item)})); }

Sequence Journal::remove(std::string_view key) { return append(event_of(key, Remove{})); }

Sequence Journal::set_attribute(std::string_view key, std::string_view name, Value value) {
  return append(event_of(key, SetAttribute{name, std::move(value)}));
}

Sequence Journal::remove_attribute(std::string_view key, std::string_view name) {
  return append(event_of(key, SetAttribute{name, Value(), true}));
}

Sequence Journal::archive(std::string_view key, Value value) {
  return append(event_of(key, Archived{std::move(value)}));
}

Sequence Journal::checkpoint(std::string_view name) { return append(event_of({}, Checkpoint{name})); }

Sequence Journal::stage(std::string_view stage, double run_time) {
  return append(event_of({}, StageChanged{stage, run_time}));
}

std::optional<Outline> Journal::outline(std::string_view key) const { return impl_->outline(key); }
void Journal::sync() { impl_->sync(); }
void Journal::commit() { impl_->commit(); }
std::uint64_t Journal::free_intake_bytes() const { return impl_->free_intake_bytes(); }

void Journal::finish(std::string_view how) {
  detail::crash_point("finish.before");
  append(event_of({}, RunEnded{how}));
  detail::crash_point("finish.ended");
  close();
}

void Journal::close() { impl_->close(); }

const std::filesystem::path& Journal::path() const { return impl_->path(); }
const RunInfo& Journal::info() const { return impl_->info(); }
JournalStatistics Journal::statistics() const { return impl_->statistics(); }

}  // namespace daybook
