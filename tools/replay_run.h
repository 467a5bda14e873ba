#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "daybook/journal/event.h"
#include "daybook/materializer/materialize.h"
#include "tools/json_object.h"

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
  // Tell the journal, too. A damaged one must not be written, so that it is verified first; one that is too large for that
  // in passing is told only if that is asked for.
  enum class Record : std::uint8_t { automatic, always, never } record = Record::automatic;
  // What the run's own layout may be made of, if that is wanted in place of the one in the options.
  std::shared_ptr<const TransformRegistry> run_layout = {};
};

// Makes the file of one run; in the run's own layout an empty `output` is where its file belongs. Throws as Reader and materialize() do.
Replayed replay_run(const std::string& journal, const std::filesystem::path& output, const MaterializeOptions& options,
                    const ReplayStyle& style);

// How the program tells of a file that was made; `first` stands in front of the JSON object's members.
Replayed describe_file(const std::string& journal, const MaterializeReport& report, const ReplayStyle& style,
                       JsonObject first = {});

// {rid}-{Class}.h5: one name in a folder, whatever the journal says its class is called.
std::string file_name(const RunInfo& info);
// That name in the journal's own folder; as seen from here if it is below.
std::filesystem::path beside(const std::filesystem::path& journal, const std::string& name);

}  // namespace daybook
