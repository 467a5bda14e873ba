#pragma once

#include <string>
#include <vector>

#include "daybook/materializer/materialize.h"

namespace CLI {
class App;
}

namespace daybook {

// The options with which replay and verify say which file of a run is meant.
struct Choice {
  std::string at, layout;
  std::vector<std::string> only, exclude;

  // Must outlive `command`.
  void add_to(CLI::App& command);
  // Reads the layout file. InvalidError as load_layout() and parse_at().
  [[nodiscard]] MaterializeOptions materialize_options() const;
};

// --at alone, for commands that show a run as of a moment. `at` must outlive `command`.
void add_at_option(CLI::App& command, std::string& at);

}  // namespace daybook
