#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "daybook/materializer/materialize.h"
#include "tools/replay_run.h"

namespace daybook {

struct ManyRuns {
  std::vector<std::string> named;  // journals, and folders with journals in and below them
  std::filesystem::path out_dir;   // empty: each file beside its journal
  std::size_t processes = 1;
  ReplayStyle style;
};

// Makes the files of many runs, each in a worker process; says what became of each, and a summary at the end. One that
// fails stops no other. Returns the program's exit code.
int replay_many(const ManyRuns& runs, const MaterializeOptions& options);

}  // namespace daybook
