#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "daybook/journal/event.h"
#include "daybook/materializer/materialize.h"

namespace daybook {

// What became of one run, as the program says it.
struct Replayed {
  std::string out;     // for standard output: the file's path or JSON; ends with a line end, or is empty
  std::string err;     // for standard error, likewise
  bool file = false;   // there is a file; else the layout wants none
  bool whole = false;  // and it lacks nothing
};

struct ReplayStyle {
  bool json = false;
  // Tell the journal, too. Not without being asked: who reads a journal expects it to stay as it is, and one that is
  // damaged must not be written.
  bool record = false;
};

// Makes the file of one run. Throws as Reader and materialize() do.
Replayed replay_run(const std::string& journal, const std::filesystem::path& output, const MaterializeOptions& options,
                    const ReplayStyle& style);

// {rid}-{Class}.h5: one name in a folder, whatever the journal says its class is called.
std::string file_name(const RunInfo& info);
// That name in the journal's own folder; as seen from here if it is below.
std::filesystem::path beside(const std::filesystem::path& journal, const std::string& name);

}  // namespace daybook
