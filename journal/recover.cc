#include "daybook/journal/recover.h"

#include <cstring>

#include "daybook/journal/commit.h"
#include "daybook/journal/crash_point.h"
#include "daybook/journal/error.h"
#include "daybook/journal/foreign.h"
#include "daybook/journal/free_list.h"
#include "daybook/journal/recovery.h"
#include "daybook/journal/request_file.h"

namespace daybook::detail {

namespace {

// Commits in transactions of this size at most, as LMDB holds each in memory.
constexpr std::uint64_t batch_bytes = std::uint64_t{8} << 20;

void require_same_run(const Intake& intake, const std::filesystem::path& path, const RunInfo& info) {
  if (std::memcmp(intake.uuid(), info.uuid.data(), info.uuid.size()) != 0) {
    throw CorruptError("'" + (path / "intake").string() + "' belongs to another run than the data.mdb beside it: " +
                       "put the right files together again, or move the intake away to give up what it holds");
  }
}

// Moves what the intake still holds into LMDB. Each transaction takes its place in the intake along, so that dying in the
// middle and doing it again comes to the same.
StoredState drain(Store& store, const Intake& intake, StoredState state) {
  Retention retention(store, unlimited_history);  // keeps the books; how much may stay is for the next writer to say
  while (true) {
    StoredState next = state;
    bool more = false;
    try {
      Commit commit(store, retention);
      std::uint64_t bytes = 0;
      while (const auto record = intake.find_next(next.intake_position, next.last + 1)) {
        commit.add(*record);
        next.last = record->header.sequence;
        next.intake_position += framed(record->bytes.size());
        bytes += record->bytes.size();
        if (bytes >= batch_bytes) {
          more = true;
          break;
        }
      }
      if (commit.run_ended()) next.phase = Phase::finished;
      if (!more && next.phase == Phase::running) next.phase = Phase::crashed;
      crash_point("recover.before_commit");
      commit.commit(next);
      crash_point("recover.after_commit");
    } catch (const MapFull&) {
      crash_point("recover.before_growth");
      store.grow();
      continue;
    }
    state = next;
    if (!more) return state;
  }
}

}  // namespace

StoredState scan_intake(const Intake& intake, StoredState state, const std::function<void(const RecordView&)>& visit) {
  while (const auto record = intake.find_next(state.intake_position, state.last + 1)) {
    visit(*record);
    state.last = record->header.sequence;
    state.intake_position += framed(record->bytes.size());
  }
  return state;
}

OpenedForWriting open_for_writing(const std::filesystem::path& journal) {
  require_journal(journal);
  OpenedForWriting opened;
  opened.lock.emplace(journal / "data.mdb");
  require_sound_free_list(journal);
  opened.store = Store::open(journal, Store::Access::write);
  {
    const auto transaction = opened.store->begin_read();
    opened.info = read_info(transaction);
    opened.state = read_state(transaction);
  }
  const auto intake_path = journal / "intake";
  opened.recovery.committed = opened.recovery.last = opened.state.last;
  remove_abandoned(intake_path);
  // Of a time when somebody else wrote it, or nobody.
  std::error_code ignored;
  std::filesystem::remove(request_file(journal), ignored);
  remove_abandoned(request_file(journal));
  if (!std::filesystem::exists(intake_path)) return opened;

  opened.recovery.needed = true;
  {
    const auto intake = Intake::open(intake_path);
    require_same_run(intake, journal, opened.info);
    if (intake.id() != opened.state.intake_id) {
      throw CorruptError("'" + intake_path.string() +
                         "' is not the one that the data.mdb beside it goes with: put the right files " +
                         "together again, or move the intake away to give up what it holds");
    }
    opened.state = drain(*opened.store, intake, opened.state);
  }
  crash_point("recover.drained");
  remove_file(intake_path);
  crash_point("recover.removed");
  sync_directory(journal);
  crash_point("recover.synced");
  opened.recovery.last = opened.state.last;
  return opened;
}

}  // namespace daybook::detail

namespace daybook {

Recovery recover(const std::filesystem::path& dir) {
  detail::require_journal(dir);
  if (!std::filesystem::exists(dir / "intake") || detail::WriterLock::is_held(dir / "data.mdb")) return {};
  try {
    return detail::open_for_writing(dir).recovery;
  } catch (const BusyError&) {
    // Somebody else began to write or to recover it in this very moment: not ours to touch, then.
    if (detail::WriterLock::is_held(dir / "data.mdb")) return {};
    throw;
  }
}

RecoveryTurn::RecoveryTurn(const std::filesystem::path& dir) {
  const auto data = dir / "data.mdb";
  std::error_code error;
  if (!std::filesystem::exists(data, error)) detail::require_journal(dir);
  descriptor_ = detail::wait_for_recovery_lock(data).release();
}

RecoveryTurn::~RecoveryTurn() { const detail::FileDescriptor closed(descriptor_); }

bool remove_journal(const std::filesystem::path& dir, const std::function<bool()>& approve) {
  namespace fs = std::filesystem;
  std::error_code error;
  if (fs::is_symlink(dir, error))
    throw InvalidError("'" + dir.string() + "' is a link: remove the journal where it lies");
  const RecoveryTurn turn(dir);
  const detail::WriterLock lock(dir / "data.mdb");
  if (!approve()) return false;
  const fs::path path = dir.has_filename() ? dir : dir.parent_path();
  const fs::path aside = detail::aside_name(path);
  detail::rename_new(path, aside);
  detail::sync_directory(path.parent_path());
  fs::remove_all(aside, error);
  if (error) throw_errno("removing '" + aside.string() + "', which was journal '" + path.string() + "'", error.value());
  detail::sync_directory(path.parent_path());
  return true;
}

}  // namespace daybook
