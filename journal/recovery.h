#pragma once

#include <filesystem>
#include <memory>
#include <optional>

#include "daybook/journal/files.h"
#include "daybook/journal/intake.h"
#include "daybook/journal/recover.h"
#include "daybook/journal/store.h"

namespace daybook::detail {

// A journal in a clean state, locked for us: no intake, everything in LMDB.
struct OpenedForWriting {
  std::optional<WriterLock> lock;
  std::shared_ptr<Store> store;
  RunInfo info;
  StoredState state;
  Recovery recovery;
};
OpenedForWriting open_for_writing(const std::filesystem::path& journal);

// Calls `visit` with every intact record in an intake that follows `state`, in order. Returns how the state is then.
StoredState scan_intake(const Intake& intake, StoredState state, const std::function<void(const RecordView&)>& visit);

}  // namespace daybook::detail
