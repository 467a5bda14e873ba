#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "daybook/journal/reader.h"
#include "daybook/materializer/layout.h"

namespace daybook {

// Where a run's file belongs: RunInfo::results, or {rid}-{Class}.h5 beside the journal.
[[nodiscard]] std::filesystem::path results_file(const std::filesystem::path& journal, const RunInfo& info);

// The layout that the run's journal brings along; the default one if it brings none. A text that is no layout, or needs
// a plug-in that is not there, gives a layout that fails, so that the reason gets into report and file
// (MaterializeOptions::OnLayoutFailure).
[[nodiscard]] Layout run_layout(const RunInfo& info, const TransformRegistry& registry);

// What stands at a place where a run's file could be.
enum class ResultsState : std::uint8_t {
  missing,
  current,  // the run's own file, as of the newest event; or another's that holds the very same
  older,    // the run's own, as of an earlier event
  newer,    // the run's own, as of an event that this journal does not have: it is an older copy
  foreign,  // anything else: made by somebody else, not readable, no file
};
// Looks at a file's own word for it, and compares it with a replay if it gives none.
[[nodiscard]] ResultsState results_state(const Reader& reader, const std::filesystem::path& file, const Layout& layout);
// The same without a look into the events: of one that gives no word it says `foreign`. `newest`: the newest event.
[[nodiscard]] ResultsState results_state(const RunInfo& info, Sequence newest, bool complete,
                                         const std::filesystem::path& file);

// A file of the whole run that the journal knows of: a `materialized` event behind the run's last one says so.
struct RecordedFile {
  std::filesystem::path file;  // absolute; empty: none was made, and none is wanted
  bool own_code = false;       // written by the run's own code: cannot be compared with the journal
};
// What the run's own code did about its file (own_code_layout, or no file at all), if that still holds: then nobody is to
// make one. A file that is not there any more, or is of another run, does not hold; one that went along with the journal
// into another folder does.
[[nodiscard]] std::optional<RecordedFile> find_own_file(const Reader& reader);
// The newest file elsewhere than results_file() that was made of the whole run, is still there and holds what `layout` gives
// of it: it is compared with a replay. Not one that is in a place where choose_results() puts what cannot go where it belongs.
[[nodiscard]] std::optional<std::filesystem::path> find_file_elsewhere(const Reader& reader, const Layout& layout);

// Where a run's file is, or is to be made.
struct ResultsPlace {
  std::filesystem::path file;
  ResultsState state = ResultsState::missing;
  std::string instead;  // why it is not where it belongs; empty if it is
};
using LookAt = std::function<ResultsState(const std::filesystem::path& file)>;
// The place where the file belongs; beside the journal if that folder does not exist (a share that is not mounted); with
// "-recovered" behind the name if something stands there that is not the run's own. InvalidError if something
// stands there, too.
[[nodiscard]] ResultsPlace choose_results(const std::filesystem::path& journal, const RunInfo& info,
                                          const LookAt& look_at);

}  // namespace daybook
