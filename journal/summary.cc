// What can be said of a journal from outside, without recovering it.
#include "daybook/journal/error.h"
#include "daybook/journal/files.h"
#include "daybook/journal/reader.h"
#include "daybook/journal/recovery.h"
#include "daybook/journal/store.h"

namespace daybook {

Summary summarize(const std::filesystem::path& dir) {
  Summary summary;
  summary.path = dir.has_filename() ? dir : dir.parent_path();
  detail::StoredState state;
  summary.live = false;
  {
    const auto store = detail::Store::open(summary.path, detail::Store::Access::read);
    const auto snapshot = store->begin_read();
    summary.info = detail::read_info(snapshot);
    summary.salvaged = detail::read_salvage(snapshot);
    state = detail::read_state(snapshot);
  }
  summary.phase = state.phase;
  summary.last = state.last;
  summary.live = detail::WriterLock::is_held(summary.path / "data.mdb");
  const auto intake_path = summary.path / "intake";
  std::error_code error;
  if (!summary.live && std::filesystem::exists(intake_path, error)) {
    // What recovery will bring back counts as what the run holds.
    const auto intake = detail::Intake::open(intake_path);
    if (intake.id() == state.intake_id) summary.last = detail::scan_intake(intake, state, [](const auto&) {}).last;
  }
  for (const auto& entry : std::filesystem::directory_iterator(summary.path, error)) {
    const auto size = entry.file_size(error);
    if (!error) summary.disk_bytes += size;
  }
  return summary;
}

std::vector<int> dead_readers(const std::filesystem::path& dir) {
  // Where nobody has it open, the next who opens it starts a new table of readers.
  if (!detail::WriterLock::is_held(dir / "data.mdb")) return {};
  return detail::Store::open(dir, detail::Store::Access::read)->dead_readers();
}

bool looks_like_journal(const std::filesystem::path& dir) {
  std::error_code error;
  return !dir.filename().string().starts_with('.') && std::filesystem::is_directory(dir, error) &&
         std::filesystem::is_regular_file(dir / "data.mdb", error);
}

}  // namespace daybook
