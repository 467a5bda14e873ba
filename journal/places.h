#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>

namespace daybook {

// Where Daybook keeps what cannot or need not be beside the results: `$DAYBOOK_STATE`, else `$XDG_STATE_HOME/daybook`, else
// `~/.local/state/daybook`. Absolute; need not be there. An empty variable counts as none, and so does an XDG_STATE_HOME
// that is not absolute. InvalidError if there is neither variable nor home.
[[nodiscard]] std::filesystem::path state_folder();

// The folder for the journal of a run whose file goes to `results_folder` (empty: this folder): that one where it is on a
// local disk, also if it is not there yet; on a network share, where LMDB cannot keep a journal safe, state_folder()/runs,
// which is made if it is missing. The run's RunInfo::results must then be absolute.
// StorageError if the state folder is on a network share, too, or cannot be made.
[[nodiscard]] std::filesystem::path journal_folder(const std::filesystem::path& results_folder);

// The first name for a run's journal in `folder` that nothing has: `{rid:09}-{Class}.daybook` (journal_name()), then
// `{rid:09}-{Class}.2.daybook`, and so on. Between asking and Journal::create() somebody else can take it: then that
// throws InvalidError, and one asks again.
[[nodiscard]] std::filesystem::path unused_journal_path(const std::filesystem::path& folder, std::int64_t rid,
                                                        std::string_view class_name);

}  // namespace daybook
