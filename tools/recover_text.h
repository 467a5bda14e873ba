#pragma once

#include <string>

#include "daybook/materializer/recover_run.h"

namespace daybook {

// What became of a run, for standard output: one line, without its end.
std::string recover_line(const RecoverReport& report, bool dry_run);
std::string recover_json(const RecoverReport& report, bool dry_run);
// The rest, a line each, for standard error.
std::string recover_remarks(const RecoverReport& report);

// `text` as one word for a shell.
std::string shell_quoted(const std::string& text);
// "daybook COMMAND PATH" to type into a shell.
std::string to_type(const std::string& command, const std::string& path);
// What to do about a damaged journal.
std::string salvage_hint(const std::string& journal);

const char* outcome_name(Recovered outcome);

}  // namespace daybook
