#pragma once

#include <filesystem>
#include <string_view>

#include "daybook/journal/event.h"

namespace daybook {

// The layout of a file that a run's own code wrote: no plan says what is in it.
inline constexpr std::string_view own_code_layout = "experiment";

// Appends a `materialized` event to a journal that nobody has open: which file was made of it, and how. False, and nothing
// is written, if one of the newest events says the same already.
// A writer that has the journal open appends the event by itself (Journal::append).
// BusyError: it is being written, or a Reader of this process has it open. StorageError: no room, read-only.
// UnsupportedError, CorruptError as recover().
bool append_materialized(const std::filesystem::path& journal, const Materialized& event);

}  // namespace daybook
